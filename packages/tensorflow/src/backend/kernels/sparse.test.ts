import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { compileStep } from '../../compile/compileStep.js';
import { tensorFlowProblem } from '../../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../../testing/useTensorFlow.js';

describeUnless(tensorFlowProblem(), 'counts and places on TensorFlow', () => {
  beforeAll(useTensorFlow);

  it('are TF.js’ own, also in a compiled step', () => {
    const step = compileStep((indices: tf.Tensor1D, weights: tf.Tensor1D) => [
      tf.bincount(indices, weights, 5),
      tf.denseBincount(indices.reshape<tf.Tensor2D>([1, 4]), weights.reshape<tf.Tensor2D>([1, 4]), 5, true),
      tf.diag(weights.greater(1)),
      tf.searchSorted(tf.tensor2d([[1, 2, 3, 4]]), weights.reshape<tf.Tensor2D>([1, 4]), 'right'),
      tf.sparseToDense(tf.tensor1d([4, 2], 'int32'), tf.slice(weights, 0, 2), [5], -1),
      tf.scatterND(tf.tensor1d([4, 2], 'int32'), weights.slice(0, 2), [5]),
      tf.prelu(indices.sub(2), tf.scalar(3, 'int32')),
      tf.sign(weights.sub(2).div(weights.sub(2))),
    ]);
    const inputs = [tf.tensor1d([0, 3, 3, 1], 'int32'), tf.tensor1d([0.5, 1, 2, 3])] as const;
    for (let call = 0; call < 2; call++) {
      const results = step(...inputs);
      expect(results.map((result) => Array.from(result.dataSync()))).toEqual([
        [0.5, 3, 0, 3, 0],
        [1, 1, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
        [0, 1, 2, 3],
        [-1, -1, 1, -1, 0.5],
        [0, 0, 1, 0, 0.5],
        [-6, 1, 1, -3],
        // 0 / 0 has no sign.
        [1, 1, 0, 1],
      ]);
      tf.dispose(results);
    }
    tf.dispose([...inputs]);
    step.dispose();
  });

  it('are refused with TF.js’ words where an axis is not there', () => {
    expect(() => tf.tensor1d([1, 2]).expandDims(-3)).toThrow('ExpandDims: axis: expected one from -2 to 1, got -3');
    const x = tf.zeros([2, 2, 2]);
    expect(() => tf.gather(x, tf.tensor3d([1, 0, 1], [1, 1, 3], 'int32'), 2, 3)).toThrow('must be less than or equal');
    x.dispose();
  });

  it('keep tangents of numbers beyond the precision of float32', () => {
    const values = Float32Array.of(-608065414878194.3, 1.5, 1786759246171617);
    const tangents = tf.tidy(() => tf.tan(tf.tensor1d(values)).dataSync());
    values.forEach((value, i) => expect(tangents[i]!).toBeCloseTo(Math.tan(value), 4));
  });
});
