import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import { backendName } from './kernel.js';
import { flatWalk } from './kernels/walk.js';
import type { ScmoeBackend } from './ScmoeBackend.js';
import { noteSquares } from './sumsOfSquares.js';

/** Whether a kernel may write over a tensor whose only handle the caller has, see `ScmoeBackend`; not on other backends. */
export function mayWriteOver(tensor: tf.Tensor): boolean {
  return tf.getBackend() === backendName && (tf.backend() as ScmoeBackend).mayWriteOver(tensor);
}

/** Adds a float32 tensor to another one of its shape that `mayWriteOver` allows. */
export function addInPlace(to: tf.Tensor, from: tf.Tensor): void {
  const backend = tf.backend() as ScmoeBackend;
  const out = backend.floats(to);
  loadAddon().binaryAdd({ a: out, b: backend.floats(from), out, walk: flatWalk(to.size) });
  noteSquares(to.dataId, undefined);
}

/** Multiplies a float32 tensor that `mayWriteOver` allows by a scalar. */
export function scaleInPlace(tensor: tf.Tensor, factor: tf.Tensor): void {
  const backend = tf.backend() as ScmoeBackend;
  const gradient = backend.floats(tensor);
  loadAddon().scaleGradient({ count: tensor.size, factor: backend.floats(factor), gradient });
  noteSquares(tensor.dataId, undefined);
}
