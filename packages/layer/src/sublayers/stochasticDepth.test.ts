// Registers the native backend.
import '@scmoe/tensor';
import { valueAndGrads } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { initializePair } from '../stages/pair/pairSpecs.js';
import { resolvePair } from '../stages/pair/PairConfig.js';
import { runPair } from '../stages/pair/runPair.js';
import { dropSamples } from './stochasticDepth.js';

describe.each(availableBackends())('dropSamples on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  const rate = 0.25;
  const factorsOf = (seed: number, stream = 3) =>
    tf.tidy(() => [...dropSamples(tf.ones([1000, 2, 1]), { rate, seed, stream }).dataSync()]);

  it('drops whole samples, the share that it was told, and scales the others up', () => {
    const factors = factorsOf(1);
    for (let i = 0; i < factors.length; i += 2) expect(factors[i]).toBe(factors[i + 1]);
    expect(new Set(factors)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]));
    const dropped = factors.filter((factor) => factor === 0).length / factors.length;
    // Four deviations of a binomial distribution of 1000.
    expect(Math.abs(dropped - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / 1000));
  });

  it('chooses by seed, stream and place in the batch alone', () => {
    expect(factorsOf(1)).toEqual(factorsOf(1));
    expect(factorsOf(1)).not.toEqual(factorsOf(2));
    expect(factorsOf(1)).not.toEqual(factorsOf(1, 4));
    tf.tidy(() => {
      const wide = dropSamples(tf.ones([1000, 1, 3]), { rate, seed: 1, stream: 3 });
      expect([...tf.slice(wide, [0, 0, 0], [-1, 1, 1]).dataSync()]).toEqual(factorsOf(1).filter((_, i) => i % 2 === 0));
    });
  });

  it('gives its input the gradient of those that stay', () => {
    tf.tidy(() => {
      const x = tf.variable(tf.randomNormal([1000, 2, 1], 0, 1, 'float32', 1));
      const { grads } = valueAndGrads(() => tf.sum<tf.Scalar>(dropSamples(x, { rate, seed: 1, stream: 3 })), { x });
      expect([...grads.x!.dataSync()]).toEqual(factorsOf(1));
    });
  });
});

describe('a pair with stochastic depth', () => {
  beforeAll(() => tf.setBackend(availableBackends()[0]!));

  it.each(['dense', 'scmoe'] as const)('goes without what each of its branches adds: %s', (kind) => {
    tf.tidy(() => {
      const config = { dModel: 8, numHeads: 2, kind, ...(kind !== 'dense' && { numExperts: 2 }) };
      const parameters = initializePair(config, { seed: 1, standardDeviation: 0.3 });
      const x = tf.randomNormal<tf.Rank.R3>([64, 3, 8], 0, 1, 'float32', 2);
      const run = (rates?: number[]) => {
        const stochasticDepth = rates && { rates, firstStream: 100 };
        return runPair(x, parameters, resolvePair(config), { dropout: { seed: 5, firstStream: 1, stochasticDepth } }).y;
      };
      const unchanged = (y: tf.Tensor) => tf.sum(tf.equal(tf.max(tf.abs(tf.sub(y, x)), [1, 2]), 0)).dataSync()[0]!;
      expect(run([0, 0, 0, 0]).dataSync()).toEqual(run().dataSync());
      for (const place of [0, 1, 2, 3]) {
        // All other branches are left out nearly always: what has changed is what this one adds.
        const almostSure = 1 - 1e-7;
        const rates = [0, 1, 2, 3].map((other) => (other === place ? 0.5 : almostSure));
        const count = unchanged(run(rates));
        expect(count).toBeGreaterThan(16);
        expect(count).toBeLessThan(48);
      }
    });
  });
});
