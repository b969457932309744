import * as tf from '@tensorflow/tfjs';

import { hasEnd } from '../../backend/endlessCalls.js';
import { isSize } from '../../backend/kernels/transform.js';
import type { Call } from './Call.js';
import { elements } from './Draw.js';

/**
 * Calls that are made on no backend: those that don't end on `cpu`, and infinite attributes, but for
 * the functions of `tf`, which look at them first; and what `cpu` gets wrong for which there are no other words.
 */
export function isLeftOut(call: Call): boolean {
  // It counts places in a window by the height where it should by the width.
  const [, height, width] = [call.attributes['filterSize']].flat();
  if (call.name === 'MaxPool3DGrad' && height !== width) return true;
  const isInfinite = !call.name.startsWith('tf.') && Object.values(call.attributes).flat(2).includes(Infinity);
  return isInfinite || !hasEnd(call.name, call.operands, call.attributes);
}

/** Where tfjs-backend-cpu 4.22.0 gives a wrong result: the call of the same meaning that it gets right. */
const otherWords: Record<string, (call: Call) => Call> = {
  // An axis from the end: its shape then holds an undefined.
  Cumsum: (call) => {
    const axis = call.attributes['axis'] as number;
    const rank = call.operands['x']!.shape.length;
    return axis < 0 && Number.isInteger(axis)
      ? { ...call, attributes: { ...call.attributes, axis: axis + rank } }
      : call;
  },
  StridedSlice: (call) => (call.attributes['shrinkAxisMask'] === 0 ? call : { ...call, run: sliceThenDrop }),
  // Its values are right, and height and width of its shape exchanged.
  ResizeBilinearGrad: (call) => {
    const { shape } = call.operands['images']!;
    return shape.length !== 4
      ? call
      : { ...call, run: (tensors, given) => tf.reshape(call.run(tensors, given) as tf.Tensor, shape) };
  },
  // It looks for the gradient of each picture after the first where that picture is in `images`, which has another size.
  ResizeNearestNeighborGrad: (call) => {
    const operands = [call.operands['images']!, call.operands['dy']!];
    // What is odd is that kernel's on our backend, too.
    const isOdd = operands.some(({ shape, dtype }) => dtype !== 'float32' || shape.length !== 4 || shape.includes(0));
    const [counts, channels] = [0, 3].map((axis) => new Set(operands.map(({ shape }) => shape[axis])));
    return isOdd || counts!.size > 1 || channels!.size > 1 ? call : { ...call, run: pictureByPicture(call.run) };
  },
  // It leaves every picture but the first of a batch empty (findings/tfjs-transform-batch.sh).
  Transform: (call) => {
    const operands = [call.operands['image']!, call.operands['transforms']!];
    const [[batch = 0, ...size], [rows, ...width]] = operands.map(({ shape }) => shape) as [number[], number[]];
    const isOdd = operands.some(({ dtype, shape }) => dtype !== 'float32' || shape.includes(0));
    if (isOdd || !isSize(call.attributes['outputShape'])) return call;
    if (size.length !== 3 || batch < 2 || width.join() !== '8' || (rows !== 1 && rows !== batch)) return call;
    const run: Call['run'] = ({ image, transforms }, given) => {
      const all = rows === 1 ? new Array<tf.Tensor>(batch).fill(transforms!) : tf.split(transforms!, batch);
      const pictures = tf.split(image!, batch);
      return tf.concat(pictures.map((one, i) => call.run({ image: one, transforms: all[i]! }, given) as tf.Tensor));
    };
    return { ...call, run };
  },
  // What is not to be sorted may be: ours always is.
  TopK: (call) => ({ ...call, attributes: { ...call.attributes, sorted: true } }),
  // It takes matrix i modulo how many there are, whatever the shapes say: right for one matrix, or for none that repeats.
  BatchMatMul: (call) => {
    const [a, b] = [call.operands['a']!.shape.slice(0, -2), call.operands['b']!.shape.slice(0, -2)];
    const counts = [elements(a), elements(b)];
    // Products of whole numbers are that kernel's on our backend, too.
    if (!['a', 'b'].every((name) => call.operands[name]!.dtype === 'float32')) return call;
    if (a.join() === b.join() || (counts.includes(1) && !counts.includes(0))) return call;
    return { ...call, run: (tensors, given) => call.run(repeatMatrices(tensors), given) };
  },
};
for (const name of ['_FusedMatMul', 'tf.matMul']) otherWords[name] = otherWords['BatchMatMul']!;
// It flattens the batch before it compares, and refuses what does not fit then.
otherWords['tf.fused.matMul'] = (call) => {
  const counts = [call.operands['a']!, call.operands['b']!].map(({ shape }) => elements(shape.slice(0, -2)));
  return counts.includes(0) && counts.includes(1) ? otherWords['BatchMatMul']!(call) : call;
};
otherWords['tf.cumsum'] = otherWords['Cumsum']!;
otherWords['tf.topk'] = otherWords['TopK']!;
otherWords['tf.stridedSlice'] = otherWords['StridedSlice']!;

/** What `cpu` is asked, for what our backend is asked by `call`. */
export function referenceOf(call: Call): Call {
  return otherWords[call.name]?.(call) ?? call;
}

function pictureByPicture(run: Call['run']): Call['run'] {
  return (tensors, given) => {
    const [images, dy] = [tensors['images']!, tensors['dy']!].map((all) => tf.split(all, all.shape[0]));
    return tf.concat(images!.map((picture, i) => run({ images: picture, dy: dy![i]! }, given) as tf.Tensor));
  };
}

/** Beside steps of more than one it reads as if a dropped dimension had been the last one: dropped by a reshape. */
function sliceThenDrop({ x }: Record<string, tf.Tensor>, attributes: Call['attributes']): tf.Tensor {
  const masks = ['beginMask', 'endMask', 'ellipsisMask', 'newAxisMask', 'shrinkAxisMask'].map(
    (name) => attributes[name] as number,
  );
  const { begin, end, strides } = attributes as Record<string, number[]>;
  const [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] = masks;
  const info = tf.slice_util.sliceInfo(
    ...([x!.shape, begin!, end!, strides!] as const),
    ...([beginMask!, endMask!, ellipsisMask!, newAxisMask!, shrinkAxisMask!] as const),
  );
  // An end before the first element counts from the last one unless the mask says that there is none.
  const toTheEnd = info.end.reduce((mask, last, d) => (last < 0 ? mask | (1 << d) : mask), 0);
  return tf.reshape(tf.stridedSlice(x!, info.begin, info.end, info.strides, 0, toTheEnd), info.finalShape);
}

function repeatMatrices(tensors: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const [a, b] = [tensors['a']!, tensors['b']!];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const repeat = (x: tf.Tensor) => {
    const shape = [...batch, ...x.shape.slice(-2)];
    // broadcastTo makes one of none.
    return elements(shape) === 0 ? tf.zeros(shape, x.dtype) : tf.broadcastTo(x, shape);
  };
  return { ...tensors, a: repeat(a), b: repeat(b) };
}
