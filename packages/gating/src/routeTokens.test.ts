import { AdamW, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { loadBalanceLoss, resolveRouter, routeTokens, routingStatistics, type RouterConfig } from './index.js';

/** Routes by a linear gate. */
const routed = (x: tf.Tensor, weight: tf.Tensor, config: Partial<RouterConfig> = {}) =>
  routeTokens(x, { weight }, resolveRouter({ numExperts: weight.shape[1]!, ...config }));

const tokens = () => tf.add(tf.randomNormal<tf.Rank.R2>([96, 8], 0, 1, 'float32', 1), 0.7);
const weight = () => tf.randomNormal<tf.Rank.R2>([8, 4], 0, 0.8, 'float32', 2);

describe.each(['auto', 'cpu'])('routeTokens on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('sizes the buffer by capacity', () => {
    const { capacity, numRows, slots } = routed(tokens(), weight(), { topK: 2, capacityFactor: 1 });
    expect([capacity, numRows]).toEqual([48, 192]);
    expect(tf.max(slots).dataSync()[0]).toBeLessThan(192);
  });

  it('keeps every choice without a capacity', async () => {
    const routing = routed(tokens(), weight(), { topK: 2 });
    expect([routing.capacity, routing.numRows]).toEqual([0, 192]);
    expect(Array.from(routing.slots.dataSync()).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 192 }, (_, i) => i),
    );
    expect((await routingStatistics(routing)).droppedShare).toBe(0);
  });

  it('learns an even load from the auxiliary loss alone', async () => {
    const router = tf.variable(weight());
    const x = tokens();
    const optimizer = new AdamW({ weightDecay: 0 });
    const before = await routingStatistics(routed(x, router));
    const first = loadBalanceLoss(routed(x, router)).dataSync()[0]!;
    for (let step = 0; step < 60; step++) {
      tf.tidy(() => {
        const { grads } = valueAndGrads(() => loadBalanceLoss(routed(x, router)), { router });
        optimizer.step({ router }, grads, { learningRate: 0.05 });
      });
    }
    const after = await routingStatistics(routed(x, router));
    expect(loadBalanceLoss(routed(x, router)).dataSync()[0]!).toBeLessThan(first);
    expect(after.maxOverMean).toBeLessThan(before.maxOverMean);
    expect(after.entropy).toBeGreaterThan(before.entropy);
    optimizer.dispose();
    router.dispose();
  });

  it('has a balance loss of 1 for an even load and numExperts for one expert', () => {
    const even = routed(tf.eye(4), tf.mul(tf.eye(4), 50));
    expect(loadBalanceLoss(even).dataSync()[0]).toBeCloseTo(1, 5);
    const one = routed(tf.ones([4, 1]), tf.tensor2d([[50, 0, 0, 0]]));
    expect(loadBalanceLoss(one).dataSync()[0]).toBeCloseTo(4, 5);
  });

  it('counts what was dropped', async () => {
    const all = routed(tf.ones([8, 1]), tf.tensor2d([[50, 0]]), { capacityFactor: 1 });
    const statistics = await routingStatistics([all, all]);
    expect(statistics).toEqual({ load: [16, 0], droppedShare: 0.5, entropy: 0, maxOverMean: 2 });
  });

  it('names what does not fit', () => {
    expect(() => routed(tf.zeros([2, 3, 8]), weight())).toThrow('tokens: expected (tokens, d), got (2, 3, 8)');
    expect(() => routed(tokens(), tf.zeros([9, 4]))).toThrow('router parameter weight: expected (8, 4), got (9, 4)');
  });
});

it('refuses layers with different numbers of experts', async () => {
  const [a, b] = [routed(tf.ones([4, 1]), tf.ones([1, 2])), routed(tf.ones([4, 1]), tf.ones([1, 3]))];
  await expect(routingStatistics([a, b])).rejects.toThrow('all layers must have 2 experts, got 3');
});
