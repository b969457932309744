import { open, type FileHandle } from 'node:fs/promises';

import { lazilyMapped, type ElementRange, type MappedNumbers } from './lazilyMapped.js';
import {
  arrayTypes,
  elementCount,
  maxHeaderBytes,
  parseSafetensorsHeader,
  SafetensorsError,
  type SafetensorsEntry,
} from './safetensorsHeader.js';
import type { StoredTensor } from './storedTensor.js';

/** A safetensors file whose header was read and checked. Close it. */
export interface SafetensorsFile {
  readonly path: string;
  /** Names, types and shapes of its tensors, in the order in which they lie in the file. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Record<string, string>;
  /**
   * Reads one tensor, or of its elements those of a range: a tensor of one axis.
   *
   * @param memory gives a buffer of at least so many bytes to read into, whose beginning the result is then; fresh memory by
   *   default
   * @throws SafetensorsError where there is none of this name, or no such elements, or the file was cut short since.
   */
  read(name: string, elements?: ElementRange, memory?: ReadMemory): Promise<StoredTensor>;
  /**
   * The elements of one tensor, or those of a range, as they lie in the file, of which nothing is read before they are asked
   * for: a mapped file, see `mapFile`. They outlive `close`. Who shortens the file meanwhile ends this process.
   *
   * @returns undefined where they are no whole numbers of float32 or bf16 in memory, or the file can't be mapped
   * @throws SafetensorsError as `read`
   */
  map(name: string, elements?: ElementRange): MappedNumbers | undefined;
  /** Lets the file go. */
  close(): Promise<void>;
}

/** Where a tensor is read to: a buffer of at least so many bytes. */
export type ReadMemory = (bytes: number) => ArrayBuffer;

type OnBytes = (bytes: Uint8Array) => void;

const bytesPerRead = 2 ** 26;

/**
 * Opens a safetensors file to read its tensors one at a time: of a large one, no more is in memory than is asked for.
 *
 * @param onBytes sees all bytes read, in the order in which they are.
 * @throws SafetensorsError where the file is malformed or truncated; the system's error where it can't be read.
 */
export async function openSafetensors(
  path: string,
  { onBytes = () => undefined }: { onBytes?: OnBytes } = {},
): Promise<SafetensorsFile> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const headerBytes = await readHeaderLength(file, size, onBytes);
    const start = 8 + headerBytes;
    const header = await read(file, new Uint8Array(headerBytes), 8, onBytes);
    const { entries, metadata } = parseSafetensorsHeader(header, size - start);
    const byName = new Map(entries.map((entry) => [entry.name, entry]));
    const rangeOf = (name: string, elements: ElementRange | undefined) => {
      const entry = byName.get(name);
      if (!entry) throw new SafetensorsError(`there is no tensor '${name}'`);
      const total = elementCount(entry.shape);
      const range = elements ?? { begin: 0, count: total };
      if (!(range.begin >= 0 && range.count >= 0 && range.begin + range.count <= total))
        throw new SafetensorsError(
          `'${name}' has ${total} elements, none from ${range.begin} to ${range.begin + range.count - 1}`,
        );
      return { entry, range };
    };
    const mapped = lazilyMapped(file, size);
    return {
      path,
      entries,
      metadata,
      close: async () => {
        mapped.close();
        await file.close();
      },
      map: (name, elements) => {
        try {
          const { entry, range } = rangeOf(name, elements);
          return mapped.numbers(entry.dtype, start + entry.begin, range);
        } catch (error) {
          throw named(path, error);
        }
      },
      read: (name, elements, memory) =>
        namingFile(path, async () => {
          const { entry, range } = rangeOf(name, elements);
          const { dtype, shape, begin } = entry;
          const of = arrayTypes[dtype];
          const bytes = range.count * of.BYTES_PER_ELEMENT;
          const data = memory ? new of(memory(bytes), 0, range.count) : new of(range.count);
          const first = start + begin + range.begin * data.BYTES_PER_ELEMENT;
          await read(file, new Uint8Array(data.buffer, 0, bytes), first, onBytes);
          return { dtype, shape: elements ? [range.count] : shape, data };
        }),
    };
  } catch (error) {
    await file.close();
    throw named(path, error);
  }
}

async function namingFile<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw named(path, error);
  }
}

function named(path: string, error: unknown): unknown {
  if (!(error instanceof SafetensorsError)) return error;
  return new SafetensorsError(`${path}: ${error.message}`, { cause: error.cause });
}

async function readHeaderLength(file: FileHandle, size: number, onBytes: OnBytes): Promise<number> {
  if (size < 8) throw new SafetensorsError(`the file has ${size} bytes, too few for a safetensors file`);
  const bytes = await read(file, new Uint8Array(8), 0, onBytes);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  if (length > BigInt(Math.min(maxHeaderBytes, size - 8))) {
    throw new SafetensorsError(
      `the header would be ${length} bytes long, but the file has ${size - 8} after its length (limit ${maxHeaderBytes}): no safetensors file, or truncated`,
    );
  }
  return Number(length);
}

/** Fills `target` from the file; a single system call reads less than 2 GiB. */
async function read<Bytes extends Uint8Array>(
  file: FileHandle,
  target: Bytes,
  position: number,
  onBytes: OnBytes,
): Promise<Bytes> {
  for (let done = 0; done < target.length;) {
    const length = Math.min(bytesPerRead, target.length - done);
    const { bytesRead } = await file.read(target, done, length, position + done);
    if (bytesRead === 0) throw new SafetensorsError(`the file ends at byte ${position + done}`);
    onBytes(target.subarray(done, done + bytesRead));
    done += bytesRead;
  }
  return target;
}
