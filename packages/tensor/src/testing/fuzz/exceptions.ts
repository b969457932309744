import { hasWindows } from '../../backend/kernels/resizeGradient.js';
import type { Call } from './Call.js';
import { elements } from './Draw.js';

/** Arguments of single kernels that are not drawn: those for which the reference does not end. */
const leftOut: Record<string, (call: Call) => boolean> = {
  ResizeNearestNeighborGrad: ({ operands: { images, dy }, attributes }) =>
    !hasWindows({ images: images!, dy: dy! }, Boolean(attributes['alignCorners'])),
};

/** Calls that are made on no backend; infinite attributes are for the functions of `tf`, which look at them first. */
export function isLeftOut(call: Call): boolean {
  const isInfinite = !call.name.startsWith('tf.') && Object.values(call.attributes).flat(2).includes(Infinity);
  return isInfinite || (leftOut[call.name]?.(call) ?? false);
}

/** Where we give another result than tfjs-backend-cpu 4.22.0, and mean to. */
const known: Record<string, (call: Call) => boolean> = {
  // An axis from the end: its shape then holds an undefined. Ours sums.
  Cumsum: ({ attributes }) => (attributes['axis'] as number) < 0,
  // A dimension that is dropped beside steps of more than one: it reads with too few coordinates. Ours takes what is asked for.
  StridedSlice: ({ attributes: { shrinkAxisMask, strides } }) =>
    shrinkAxisMask !== 0 && [strides].flat().some((stride) => stride !== 1),
  // What is not to be sorted may be: ours always is.
  TopK: ({ attributes }) => !attributes['sorted'],
  // It takes matrix i modulo how many there are, whatever the shapes say: right for one matrix, or for none that repeats.
  BatchMatMul: ({ operands }) => {
    const [a, b] = [operands['a']!, operands['b']!].map(({ shape }) => shape.slice(0, -2));
    const counts = [elements(a!), elements(b!)];
    return a!.join() !== b!.join() && (counts.includes(0) || !counts.includes(1));
  },
};
for (const name of ['_FusedMatMul', 'tf.matMul', 'tf.fused.matMul']) known[name] = known['BatchMatMul']!;
known['tf.cumsum'] = known['Cumsum']!;
known['tf.topk'] = known['TopK']!;
known['tf.stridedSlice'] = known['StridedSlice']!;

export function isKnown(call: Call): boolean {
  return known[call.name]?.(call) ?? false;
}
