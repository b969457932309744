import { util, type TensorInfo } from '@tensorflow/tfjs';

/** Number of elements. */
export function elements(tensor: TensorInfo): number {
  return util.sizeFromShape(tensor.shape);
}

/** Number of rows of length `shape.at(-1)`; 0 where that is 0. */
export function rowsOf(tensor: TensorInfo): number {
  const width = tensor.shape.at(-1) ?? 1;
  return width === 0 ? 0 : elements(tensor) / width;
}
