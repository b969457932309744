import { findAddon, loadAddon } from '../addon/loadAddon.js';

/** An open file as memory, of which the system reads what is asked for. */
export interface MappedFile {
  /** Bytes of the file, which stay as long as anybody has them. What is written there the file never has. */
  bytes(begin: number, count: number): Uint8Array;
  /** Lets go of the file itself. */
  close(): void;
}

/**
 * Bytes of a buffer that serves many tensors: the garbage collector comes by whenever some new ones of many bytes have been made,
 * though mapped bytes are none that it could free. No version of Node has buffers that are too long for it.
 */
const windowBytes = 2 ** 30;

/**
 * Maps an open file, where the native addon is there and the system can.
 *
 * @param size bytes that it has to have: a file that is shorter by now is not mapped, for its end is no memory that could be read
 * @returns undefined where it can't be mapped: reading it says what is wrong with it, if anything is
 */
export function mapFile(descriptor: number, size: number): MappedFile | undefined {
  if (process.platform === 'win32' || size === 0 || !findAddon().addon) return undefined;
  const { mapFile: open, mappedBytes, unmapFile } = loadAddon();
  let map: number;
  try {
    map = open({ descriptor, bytes: size });
  } catch {
    return undefined;
  }
  const windows = new Map<number, ArrayBuffer>();
  const bytes = (begin: number, count: number): Uint8Array => {
    const first = Math.floor(begin / windowBytes) * windowBytes;
    const last = Math.min(first + windowBytes, size);
    if (begin + count > last) return new Uint8Array(mappedBytes({ map, begin, bytes: count }));
    const window = windows.get(first) ?? mappedBytes({ map, begin: first, bytes: last - first });
    windows.set(first, window);
    return new Uint8Array(window, begin - first, count);
  };
  const close = () => {
    windows.clear();
    unmapFile({ map });
  };
  return { bytes, close };
}
