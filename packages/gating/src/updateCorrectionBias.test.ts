import { availableBackends, expectOutput, itMatchesReference, type Reference } from '@scmoe/testing';
import { randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { resolveRouter, routeTokens, routingStatistics, updateCorrectionBias } from './index.js';

interface Config {
  numZeroExperts: number;
  topK: number;
  expectedTopK: number;
  updateRate: number;
}

describe.each(availableBackends())('updateCorrectionBias on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  itMatchesReference('matches the reference values', 'biasUpdate', (reference) => {
    const { tensors, config } = reference as Reference<Config>;
    const counts = tensors['buffer.counts']!;
    for (const [rule, output] of [
      ['sign', 'biasSign'],
      ['proportional', 'biasProportional'],
    ] as const) {
      for (const load of [counts, counts.dataSync<'int32'>()]) {
        const bias = tf.variable(tensors['buffer.bias']!);
        updateCorrectionBias(bias, load, { rule, ...config });
        expectOutput(reference as Reference, output, bias);
      }
    }
  });

  it('evens out the load of a router that prefers some experts', async () => {
    // Logits with an offset for each expert: without a bias the last two get most of the tokens.
    const tokens = tf.concat([randomNormal([64, 6], { seed: 1 }) as tf.Tensor2D, tf.ones([64, 1])], 1);
    const weight = tf.concat([randomNormal([6, 4], { seed: 2 }) as tf.Tensor2D, tf.tensor2d([[-3, -1, 1, 3]])], 0);
    const router = resolveRouter({ numExperts: 4, topK: 2, scoreFunction: 'sigmoid', correctionBias: true });
    for (const rule of ['sign', 'proportional'] as const) {
      const correctionBias = tf.variable(tf.zeros([4]));
      const route = () => routeTokens(tokens, { weight, correctionBias }, router);
      const before = await routingStatistics(route());
      for (let step = 0; step < 30; step++)
        tf.tidy(() => updateCorrectionBias(correctionBias, route().load, { rule, updateRate: 0.05, topK: 2 }));
      const after = await routingStatistics(route());
      expect(before.maxOverMean).toBeGreaterThan(1.7);
      expect(after.maxOverMean).toBeLessThan(before.maxOverMean - 0.3);
      expect(after.entropy).toBeGreaterThan(before.entropy);
    }
  });

  it('changes nothing where no token was routed, nor for zero-computation experts, and keeps no tensor', () => {
    const bias = tf.variable(tf.tensor1d([0.5, -0.5, 7]));
    const before = tf.memory().numTensors;
    for (const rule of ['sign', 'proportional'] as const)
      updateCorrectionBias(bias, [0, 0, 0], { rule, topK: 2, expectedTopK: 1, numZeroExperts: 1, updateRate: 1 });
    expect(Array.from(bias.dataSync())).toEqual([0.5, -0.5, 7]);
    updateCorrectionBias(bias, [1, 3, 9], { numZeroExperts: 1, updateRate: 1 });
    expect(Array.from(bias.dataSync())).toEqual([1.5, -1.5, 7]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[Parameters<typeof updateCorrectionBias>[2], number[], string]>([
    [{ rule: 'pid' as 'sign' }, [1, 1], 'rule: expected one of sign, proportional, quantile, got "pid"'],
    [{ updateRate: 0 }, [1, 1], 'updateRate: expected a number > 0, got 0'],
    [{ numZeroExperts: 2 }, [1, 1], 'numZeroExperts: expected less than the 2 experts of the bias, got 2'],
    [{}, [1, 1, 1], 'load: expected 2 numbers, as many as the bias has, got 3'],
    [{ rule: 'proportional' }, [1, 1], 'topK: expected a positive integer, got undefined'],
    [
      { rule: 'proportional', topK: 2, expectedTopK: 3 },
      [1, 1],
      'expectedTopK: expected a number > 0 and at most topK = 2, got 3',
    ],
  ])('refuses %j', (options, load, message) => {
    expect(() => updateCorrectionBias(tf.variable(tf.zeros([2])), load, options)).toThrow(message);
  });
});
