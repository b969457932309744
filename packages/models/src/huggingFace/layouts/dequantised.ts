import { toFloat32, type ElementRange, type StoredTensor } from '@scmoe/tensor';

import { ConfigReader } from '../config/ConfigReader.js';
import type { JsonObject, PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder, type ViewedTensor } from '../folder/viewFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { decodedMxfp4 } from './mxfp4.js';

const scaleSuffix = '_scale_inv';

/**
 * Shows a folder whose weights are 8-bit floats in scaled blocks (`quant_method` "fp8", as DeepSeek-V3 is published) as one
 * with float32 numbers, made of one weight at a time when it is read (of `quant_method` "mxfp4", see there): `X.weight` times the scale of its block in
 * `X.weight_scale_inv`, which is no inverse. Blocks have the size that the configuration says; those at the edges are smaller.
 *
 * @param source path of the configuration, for messages
 * @throws PretrainedError for another way of quantisation, and for scales that do not fit their weight
 */
export function dequantised(folder: PretrainedFolder, source: string): PretrainedFolder {
  const { quantization_config: given, ...config } = folder.config;
  if (given === undefined || given === null) return folder;
  if ((given as JsonObject)['quant_method'] === 'mxfp4') {
    expectMxfp4(given as JsonObject, source);
    return { ...decodedMxfp4(folder), config };
  }
  const [rows, columns] = blockOf(given as JsonObject, source);
  const tensors = tensorsOf(folder);
  for (const [name, { dtype, shape }] of folder.tensors) {
    const scales = `${name}${scaleSuffix}`;
    const found = folder.tensors.get(scales);
    if (dtype !== 'F8_E4M3' || !found) continue;
    const expected = [Math.ceil(shape[0]! / rows), Math.ceil(shape[1]! / columns)];
    if (shape.length !== 2 || found.shape.join() !== expected.join() || found.dtype !== 'F32') {
      throw new PretrainedError(
        `${folder.path}: '${scales}': expected F32 (${expected.join(', ')}) for blocks of ${rows} x ${columns} of (${shape.join(', ')}), got ${found.dtype} (${found.shape.join(', ')})`,
      );
    }
    tensors.delete(scales);
    const read = async (elements?: ElementRange): Promise<StoredTensor> => {
      const data = toFloat32(await folder.read(name));
      scaleBlocks(data, shape[1]!, toFloat32(await folder.read(scales)), [rows, columns]);
      if (!elements) return { dtype: 'F32', shape: [...shape], data };
      const { begin, count } = elements;
      return { dtype: 'F32', shape: [count], data: data.subarray(begin, begin + count) };
    };
    const whole: ViewedTensor = { dtype: 'F32', shape, made: 'whole', read };
    tensors.set(name, whole);
  }
  return { ...viewFolder(folder, tensors), config };
}

/** Multiplies a matrix of so many columns, in place, by one scale for each block. */
function scaleBlocks(
  data: Float32Array,
  width: number,
  scales: Float32Array,
  [rows, columns]: readonly [number, number],
): void {
  const perRow = Math.ceil(width / columns);
  for (let at = 0, row = 0; at < data.length; row++) {
    const first = Math.floor(row / rows) * perRow;
    for (let column = 0; column < width; column++, at++) {
      data[at]! *= scales[first + Math.floor(column / columns)]!;
    }
  }
}

/** @throws PretrainedError for settings of mxfp4 that are not known */
function expectMxfp4(quantization: JsonObject, source: string): void {
  const config = new ConfigReader(quantization, `${source}: quantization_config`);
  config.skip('quant_method', 'modules_to_not_convert', 'dequantize');
  config.expectNothingElse();
}

/** Size of a block. */
function blockOf(quantization: JsonObject, source: string): readonly [number, number] {
  const config = new ConfigReader(quantization, `${source}: quantization_config`);
  config.oneOf('quant_method', { fp8: true, mxfp4: true });
  config.oneOf('fmt', { e4m3: true }, 'e4m3');
  // How activations are rounded where products are made of 8-bit numbers, which they are not here; and what was left out.
  config.skip('activation_scheme', 'modules_to_not_convert', 'ignored_layers');
  const size = config.integers('weight_block_size', [128, 128]);
  if (size.length !== 2 || size.some((side) => side < 1)) config.fail('weight_block_size', 'expected two integers > 0');
  config.expectNothingElse();
  return size as [number, number];
}
