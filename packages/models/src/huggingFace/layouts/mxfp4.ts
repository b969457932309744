import type { ElementRange, StoredTensor } from '@scmoe/tensor';

import type { PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder } from '../folder/viewFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { e2m1 } from './e2m1.js';
import { rangeOfMatrices, transposeInto } from './matrices.js';

const perBlock = 32;

/**
 * Shows a folder whose experts are 4-bit floats in blocks of 32 with a scale (`quant_method` "mxfp4", as gpt-oss is published)
 * as one with float32 numbers, made of those experts that are asked for: `X` (E, in, out) of `X_blocks` (E, out, in / 32, 16), two
 * codes in a byte, the low half first, and `X_scales` (E, out, in / 32), exponents of 2 with a bias of 127.
 *
 * @throws PretrainedError for blocks and scales that do not fit each other
 */
export function decodedMxfp4(folder: PretrainedFolder): PretrainedFolder {
  const tensors = tensorsOf(folder);
  for (const [name, { dtype, shape }] of folder.tensors) {
    if (!name.endsWith('_blocks') || dtype !== 'U8') continue;
    const whole = name.slice(0, -'_blocks'.length);
    const scales = `${whole}_scales`;
    const found = folder.tensors.get(scales);
    const expected = shape.slice(0, -1);
    if (
      shape.length !== 4 ||
      shape[3] !== perBlock / 2 ||
      found?.dtype !== 'U8' ||
      found.shape.join() !== expected.join()
    )
      throw new PretrainedError(
        `${folder.path}: '${scales}': expected U8 (${expected.join(', ')}) beside blocks (experts, out, in / ${perBlock}, ${perBlock / 2}) of (${shape.join(', ')}), got ${found ? `${found.dtype} (${found.shape.join(', ')})` : 'none'}`,
      );
    const [experts, rows, blocks] = shape as [number, number, number];
    const matrix = { rows, columns: blocks * perBlock };
    const readMatrix = async (expert: number, target: Float32Array) => {
      const range = (size: number) => ({ begin: expert * rows * blocks * size, count: rows * blocks * size });
      const codes = (await folder.read(name, range(perBlock / 2))).data as Uint8Array;
      const exponents = (await folder.read(scales, range(1))).data as Uint8Array;
      transposeInto(target, decode(codes, exponents), matrix);
    };
    tensors.delete(name);
    tensors.delete(scales);
    const read = (elements?: ElementRange): Promise<StoredTensor> =>
      rangeOfMatrices([experts, matrix.columns, rows], elements, readMatrix);
    tensors.set(whole, { dtype: 'F32', shape: [experts, matrix.columns, rows], made: 'matrices', read });
  }
  return viewFolder(folder, tensors);
}

function decode(codes: Uint8Array, exponents: Uint8Array): Float32Array {
  const values = new Float32Array(2 * codes.length);
  for (let block = 0, at = 0; block < exponents.length; block++) {
    const scale = 2 ** (exponents[block]! - 127);
    for (let i = 0; i < perBlock / 2; i++) {
      const pair = codes[block * (perBlock / 2) + i]!;
      values[at++] = e2m1[pair & 15]! * scale;
      values[at++] = e2m1[pair >>> 4]! * scale;
    }
  }
  return values;
}
