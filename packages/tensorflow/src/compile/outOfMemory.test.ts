import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { tensorFlowProblem } from '../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../testing/useTensorFlow.js';
import { compileStep } from './compileStep.js';

describeUnless(tensorFlowProblem(), 'a compiled step', () => {
  let tensorFlow: TensorFlowBinding;
  beforeAll(async () => {
    tensorFlow = await useTensorFlow();
  });
  afterEach(() => tf.disposeVariables());

  it.each([true, false])('says that there is no memory, and leaves all as it was: compiled %s', (compile) => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const column = tf.ones([2 ** 21, 1]);
    const step = compileStep(
      (x: tf.Tensor, { large }: { large: boolean }) =>
        tf.tidy(() => {
          w.assign(tf.add(w, 1));
          return large ? tf.sum(tf.exp(tf.matMul(x, tf.sin(x), false, true)), 0) : tf.sum(w);
        }),
      { compile, eagerFirst: false },
    );
    step(column, { large: false }).dispose();
    const before = [tensorFlow.liveTensors(), tf.memory().numTensors];
    for (let i = 0; i < 3; i++) {
      expect(() => step(column, { large: true })).toThrow(/memory|OOM|allocat/i);
      expect(Array.from(w.dataSync())).toEqual([2, 3]);
    }
    expect(tensorFlow.liveTensors() - before[0]!).toBeLessThanOrEqual(2);
    expect(step(column, { large: false }).dataSync()).toEqual(Float32Array.of(7));
    step.dispose();
  });
});
