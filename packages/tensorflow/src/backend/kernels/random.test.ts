import { dropout, philox4x32, randomNormal, randomUniform, seedTensor } from '@scmoe/tensor';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { compileStep } from '../../compile/compileStep.js';
import { tensorFlowProblem } from '../../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../../testing/useTensorFlow.js';

const seed = 7 * 2 ** 32 + 3_000_000_019;
const stream = 2 ** 33 + 5;

describeUnless(tensorFlowProblem(), 'random numbers on TensorFlow', () => {
  /** What `make` gives on the host, for a seed. */
  const onHost = (make: () => tf.Tensor) => {
    void tf.setBackend('cpu');
    const values = make().dataSync<'float32'>();
    void tf.setBackend('tensorflow');
    return values;
  };
  beforeAll(useTensorFlow);

  it('are words of the Philox sequence', () => {
    const words = [0, 1, 2].flatMap((block) => Array.from(philox4x32(seed, stream, block)));
    const values = randomUniform([3, 3], { seed, stream }).dataSync();
    expect(Array.from(values)).toEqual(words.slice(0, 9).map((word) => (word >>> 8) / 2 ** 24));
  });

  it.each([0, 1, 4, 2 ** 35 + 3])('equal those of the host from element %d on', (offset) => {
    const options = { seed, stream, offset };
    const uniform = () => randomUniform([5, 201], options);
    expect(uniform().dataSync()).toEqual(onHost(uniform));
    const normal = () => randomNormal([5, 201], { ...options, mean: 1, standardDeviation: 2 });
    const [here, there] = [normal().dataSync(), onHost(normal)];
    // Rounded once from float64, in which logarithm and cosine may differ in their last bit.
    const differing = there.filter((value, i) => value !== here[i]);
    expect(differing.length).toBeLessThanOrEqual(2);
    there.forEach((value, i) => expect(Math.abs(value - here[i]!)).toBeLessThanOrEqual(2 ** -22 * Math.abs(value)));
  });

  it('are the same in a compiled step, whose seed is an argument', () => {
    const drop = (x: tf.Tensor, seed: tf.Tensor | number) => dropout(x, { rate: 0.3, seed, stream: 2 });
    const numbers = (seed: tf.Tensor | number) => ({
      uniform: randomUniform([33], { seed, stream }),
      normal: randomNormal([33], { seed, stream: 1 }),
      dropped: drop(tf.ones([33]), seed),
    });
    const compiled = compileStep((seed: tf.Tensor1D) => numbers(seed));
    for (const each of [1, seed, 2 ** 53 - 1]) {
      const given = seedTensor(each);
      const got = compiled(given);
      expect(got.uniform.dataSync()).toEqual(onHost(() => numbers(each).uniform));
      expect(got.dropped.dataSync()).toEqual(onHost(() => numbers(each).dropped));
      const normal = onHost(() => numbers(each).normal);
      got.normal.dataSync<'float32'>().forEach((value, i) => expect(value).toBeCloseTo(normal[i]!, 6));
      tf.dispose([got, given]);
    }
    compiled.dispose();
  });
});
