import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { resolveRouter, routeTokens, routingStatistics } from './index.js';

describe('routingStatistics', () => {
  beforeAll(() => useBackend('auto'));

  const one = (numExperts: number) =>
    routeTokens(tf.ones([8, 1]), { weight: tf.tensor2d([[50, ...new Array<number>(numExperts - 1).fill(0)]]) },
      resolveRouter({ numExperts, capacityFactor: 1 })); // prettier-ignore

  it('counts what was dropped, over several layers', async () => {
    expect(await routingStatistics([one(2), one(2)])).toEqual({
      load: [16, 0],
      droppedShare: 0.5,
      entropy: 0,
      maxOverMean: 2,
    });
  });

  it('counts choices of zero-computation experts apart, and none of them as dropped', async () => {
    const weight = tf.tensor2d([[1, 0, 2, 0], [0, 1, 2, 0]]); // prettier-ignore
    const router = resolveRouter({ numExperts: 2, numZeroExperts: 2, topK: 2 });
    const routing = routeTokens(tf.eye(2), { weight }, router);
    expect(await routingStatistics(routing)).toEqual({
      load: [1, 1],
      droppedShare: 0,
      entropy: 1,
      maxOverMean: 1,
      zeroExpertShare: 0.5,
    });
  });

  it('calls a layer without tokens even', async () => {
    const router = resolveRouter({ numExperts: 2, numZeroExperts: 1 });
    const routing = routeTokens(tf.zeros([0, 1]), { weight: tf.ones([1, 3]) }, router);
    expect(await routingStatistics(routing)).toEqual({
      load: [0, 0],
      droppedShare: 0,
      entropy: 1,
      maxOverMean: 1,
      zeroExpertShare: 0,
    });
  });

  it('refuses layers with different numbers of experts', async () => {
    await expect(routingStatistics([one(2), one(3)])).rejects.toThrow('all layers must have 2 experts, got 3');
  });
});
