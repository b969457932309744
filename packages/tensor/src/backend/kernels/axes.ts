import * as tf from '@tensorflow/tfjs';

/**
 * Axes counted from the first dimension. Undefined for what TF.js's parser lets through and no kernel of ours is for: a
 * text, an axis that comes twice.
 *
 * @throws Error where an axis is outside of the shape
 */
export function axesOf(axis: number | number[], shape: number[]): number[] | undefined {
  const axes = tf.util.parseAxisParam(axis, shape);
  return axes.every((own) => typeof own === 'number') && new Set(axes).size === axes.length ? axes : undefined;
}

/** The same for one axis: of several, the first, as TF.js takes it. Undefined where there is none. */
export function axisOf(axis: number | number[], shape: number[]): number | undefined {
  return typeof axis === 'number' || Array.isArray(axis) ? axesOf(axis, shape)?.[0] : undefined;
}
