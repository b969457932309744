import { createHash, type Hash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

import {
  arrayTypes,
  elementCount,
  maxHeaderBytes,
  parseSafetensorsHeader,
  SafetensorsError,
} from './safetensorsHeader.js';
import type { StoredTensor } from './storedTensor.js';

const bytesPerRead = 2 ** 26;

/**
 * Reads a safetensors file into host memory, tensor by tensor.
 *
 * @param sha256 the checksum that the whole file must have, as `writeSafetensors` returned it.
 * @throws SafetensorsError where the file is malformed, truncated or not the one with this checksum; the system's error
 *   where it can't be read.
 */
export async function readSafetensors(
  path: string,
  { sha256 }: { sha256?: string } = {},
): Promise<{ tensors: Record<string, StoredTensor>; metadata: Record<string, string> }> {
  const file = await open(path, 'r');
  try {
    const hash = sha256 === undefined ? undefined : createHash('sha256');
    const { size } = await file.stat();
    const headerBytes = await readHeaderLength(file, size, hash);
    const start = 8 + headerBytes;
    const header = await read(file, new Uint8Array(headerBytes), 8, hash);
    const { entries, metadata } = parseSafetensorsHeader(header, size - start);

    const tensors: [string, StoredTensor][] = [];
    for (const { name, dtype, shape, begin } of entries) {
      const data = new arrayTypes[dtype](elementCount(shape));
      await read(file, new Uint8Array(data.buffer), start + begin, hash);
      tensors.push([name, { dtype, shape, data }]);
    }
    const got = hash?.digest('hex');
    if (got !== sha256) throw new SafetensorsError(`the file's sha256 is ${got}, expected ${sha256}`);
    return { tensors: Object.fromEntries(tensors), metadata };
  } catch (error) {
    if (error instanceof SafetensorsError) {
      throw new SafetensorsError(`${path}: ${error.message}`, { cause: error.cause });
    }
    throw error;
  } finally {
    await file.close();
  }
}

async function readHeaderLength(file: FileHandle, size: number, hash: Hash | undefined): Promise<number> {
  if (size < 8) throw new SafetensorsError(`the file has ${size} bytes, too few for a safetensors file`);
  const bytes = await read(file, new Uint8Array(8), 0, hash);
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
  hash: Hash | undefined,
): Promise<Bytes> {
  for (let done = 0; done < target.length;) {
    const length = Math.min(bytesPerRead, target.length - done);
    const { bytesRead } = await file.read(target, done, length, position + done);
    if (bytesRead === 0) throw new SafetensorsError(`the file ends at byte ${position + done}`);
    hash?.update(target.subarray(done, done + bytesRead));
    done += bytesRead;
  }
  return target;
}
