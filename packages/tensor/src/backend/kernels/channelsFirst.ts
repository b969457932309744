import type * as tf from '@tensorflow/tfjs';

import type { ScmoeBackend } from '../ScmoeBackend.js';
import { isNumeric } from './dtypes.js';
import { transposed } from './transposed.js';

type Padding = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;

interface Attributes {
  pad: Padding;
  dataFormat?: 'NHWC' | 'NCHW';
}

const toLast = [0, 2, 3, 1];
const toFirst = [0, 3, 1, 2];

export const isChannelsFirst = ({ dataFormat }: Attributes): boolean => dataFormat === 'NCHW';

/** A shape (batch, channels, height, width) with the channels last. */
export const lastShape = (shape: readonly number[]): number[] => toLast.map((d) => shape[d]!);

/** What says the same of pictures with the channels last. */
export function lastAttributes<Given extends Attributes>(attributes: Given): Given {
  const { pad } = attributes;
  const ofLast = Array.isArray(pad) ? (toLast.map((d) => pad[d]) as tf.backend_util.ExplicitPadding) : pad;
  return { ...attributes, pad: ofLast, dataFormat: 'NHWC' };
}

/** Runs a kernel on pictures turned to channels last; undefined where one of them is none, or where it gives nothing. */
export function onLast(
  backend: ScmoeBackend,
  pictures: readonly tf.TensorInfo[],
  run: (...turned: tf.TensorInfo[]) => tf.TensorInfo | undefined,
): tf.TensorInfo | undefined {
  if (pictures.some((each) => !isNumeric(each) || each.shape.length !== 4)) return undefined;
  const turned = pictures.map((each) => (isNumeric(each) ? transposed(backend, each, toLast) : each));
  const result = run(...turned);
  for (const { dataId } of turned) backend.disposeData(dataId);
  return result;
}

/** Pictures with the channels first for those with the channels last, which nothing else has. */
export function firstOf(backend: ScmoeBackend, pictures: tf.TensorInfo | undefined): tf.TensorInfo | undefined {
  if (!pictures || !isNumeric(pictures)) return pictures;
  const out = transposed(backend, pictures, toFirst);
  backend.disposeData(pictures.dataId);
  return out;
}
