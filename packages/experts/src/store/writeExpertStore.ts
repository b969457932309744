import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';

import { UserError } from '@scmoe/errors';
import { fileError, makeFolder } from '@scmoe/trainer';

import { expectAbsent } from '../stored/saveRun.js';
import { dataFile, formatHeader, headerFile, type ExpertStoreHeader, type PackedTensor } from './ExpertStoreHeader.js';

/** A page: what a disk reads at least, and what direct reads have to begin and end at. */
const alignment = 4096;
/** A cache line, and more than any vector register. */
const tensorAlignment = 64;

/** The stacked weights of a layer's experts, by their names. */
export type LayerExperts = Record<string, { shape: readonly number[]; data: Float32Array }>;

/** What is packed. */
export interface PackedModel extends Pick<ExpertStoreHeader, 'layers' | 'source'> {
  /** The weights of a layer: (N, ...) each, of the same shapes in all layers. */
  weightsOf: (layer: string) => LayerExperts | Promise<LayerExperts>;
}

/** What was written. */
export interface WrittenStore {
  header: ExpertStoreHeader;
  /** Bytes of all experts. */
  bytes: number;
}

/**
 * Writes all experts of a model so that each is one aligned read, its weights one behind the other. All is written beside the
 * folder, flushed and renamed: it is whole or absent.
 *
 * @param out a folder that does not exist yet
 * @throws UserError where the folder exists, layers differ in their experts, or it can't be written
 */
export async function writeExpertStore(out: string, model: PackedModel): Promise<WrittenStore> {
  await expectAbsent(out);
  const { layers, source } = model;
  const first = await model.weightsOf(layers[0]!);
  const { tensors, bytes } = layOut(first);
  const stride = Math.ceil(bytes / alignment) * alignment;
  const numExperts = Object.values(first)[0]!.shape[0]!;
  const temporary = `${resolve(out)}.tmp-${process.pid}`;
  try {
    await makeFolder(temporary);
    const sums: number[][] = [];
    await writeFlushed(join(temporary, dataFile), async (file) => {
      const expert = new Float32Array(stride / 4);
      const packed = new Uint8Array(expert.buffer);
      for (const [index, layer] of layers.entries()) {
        const weights = index === 0 ? first : await model.weightsOf(layer);
        expectLike(layer, weights, { tensors, numExperts });
        const row: number[] = [];
        for (let e = 0; e < numExperts; e++) {
          for (const { name, offset, shape } of tensors) {
            const size = sizeOf(shape);
            expert.set(weights[name]!.data.subarray(e * size, (e + 1) * size), offset / 4);
          }
          row.push(crc32(packed));
          await writeAll(file, packed);
        }
        sums.push(row);
      }
    });
    const header: ExpertStoreHeader = {
      ...{ format: 'scmoe-experts', version: 1, dtype: 'F32', layers, numExperts, tensors },
      ...{ stride, alignment, crc32: sums, source },
    };
    await writeFlushed(join(temporary, headerFile), (file) => file.writeFile(formatHeader(header)));
    await rename(temporary, out);
    return { header, bytes: stride * numExperts * layers.length };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof UserError ? error : fileError(`write ${out}`, error);
  }
}

function layOut(weights: LayerExperts): { tensors: PackedTensor[]; bytes: number } {
  let bytes = 0;
  const tensors = Object.entries(weights).map(
    ([
      name,
      {
        shape: [, ...shape],
      },
    ]) => {
      const offset = Math.ceil(bytes / tensorAlignment) * tensorAlignment;
      bytes = offset + 4 * sizeOf(shape);
      return { name, shape, offset };
    },
  );
  return { tensors, bytes };
}

/** An expert is as long as any other: else a cache slot would not do for it. */
function expectLike(
  layer: string,
  weights: LayerExperts,
  { tensors, numExperts }: { tensors: readonly PackedTensor[]; numExperts: number },
): void {
  const describe = (name: string, shape: readonly number[]) => `${name} (${shape.join(', ')})`;
  const expected = tensors.map(({ name, shape }) => describe(name, [numExperts, ...shape])).join('; ');
  const got = Object.entries(weights)
    .map(([name, { shape }]) => describe(name, shape))
    .join('; ');
  if (got !== expected)
    throw new UserError(`${layer}.experts: expected ${expected}, as in the first layer, got ${got}.`);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

async function writeFlushed(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A single system call writes less than 2 GiB, and may write less than it was given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(2 ** 26, bytes.length - done));
    done += bytesWritten;
  }
}
