import type * as tf from '@tensorflow/tfjs';

import { runJavaScriptKernel } from '../javascriptKernel.js';
import { isFloat, sizeOf } from './dtypes.js';
import { standardKernel } from './standardKernel.js';

type Inputs = Record<'image' | 'transforms', tf.TensorInfo>; // (B, H, W, C) and (B, 8), or (1, 8) for all

/** Whether pictures get a size that there is: two whole numbers, or that of the image. */
export function isSize(given: unknown): boolean {
  if (given === undefined || given === null) return true;
  return Array.isArray(given) && given.length === 2 && given.every((length) => Number.isInteger(length) && length >= 0);
}

/** Picture by picture: the JavaScript kernel of TF.js 4.22 leaves all but the first of a batch empty. */
export const transform = standardKernel<Inputs>('Transform', (backend, { image, transforms }, attributes) => {
  const [batch = 0, ...size] = image.shape;
  const [rows, width] = transforms.shape;
  if (!isFloat(image) || !isFloat(transforms) || image.shape.length !== 4 || batch < 2) return undefined;
  if (width !== 8 || transforms.shape.length !== 2 || (rows !== 1 && rows !== batch)) return undefined;
  if (!isSize((attributes as { outputShape?: unknown }).outputShape)) return undefined;
  const pictures = Array.from({ length: batch }, (_, i) => {
    const inputs = {
      image: backend.view(image, i * sizeOf(size), [1, ...size]),
      transforms: backend.view(transforms, rows === 1 ? 0 : i * 8, [1, 8]),
    };
    const picture = runJavaScriptKernel('Transform', backend, inputs, attributes) as tf.TensorInfo;
    for (const { dataId } of Object.values(inputs)) backend.disposeData(dataId);
    return picture;
  });
  const [first] = pictures as [tf.TensorInfo];
  const out = backend.output([batch, ...first.shape.slice(1)]);
  pictures.forEach((picture, i) => {
    backend.floats(out).set(backend.floats(picture), i * sizeOf(first.shape));
    backend.disposeData(picture.dataId);
  });
  return out;
});
