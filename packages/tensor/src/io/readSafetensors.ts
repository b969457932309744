import { createHash } from 'node:crypto';

import { openSafetensors } from './openSafetensors.js';
import { SafetensorsError } from './safetensorsHeader.js';
import type { StoredTensor } from './storedTensor.js';

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
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  const file = await openSafetensors(path, { onBytes: (bytes) => hash?.update(bytes) });
  try {
    const tensors: [string, StoredTensor][] = [];
    for (const { name } of file.entries) tensors.push([name, await file.read(name)]);
    const got = hash?.digest('hex');
    if (got !== sha256) throw new SafetensorsError(`${path}: the file's sha256 is ${got}, expected ${sha256}`);
    return { tensors: Object.fromEntries(tensors), metadata: file.metadata };
  } finally {
    await file.close();
  }
}
