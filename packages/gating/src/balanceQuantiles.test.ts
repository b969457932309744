import { availableBackends } from '@scmoe/testing';
import { randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import {
  balanceQuantiles,
  expectBiasRule,
  resolveRouter,
  routeTokens,
  routingStatistics,
  updateCorrectionBias,
  type ResolvedRouter,
} from './index.js';

/** The rule in plain numbers, by sorting. */
function quantilesOf(scores: readonly number[][], bias: ArrayLike<number>, topK: number): number[] {
  const descending = (values: number[]) => [...values].sort((a, b) => b - a);
  const thresholds = scores.map((row) => descending(row.map((score, e) => Math.fround(score + bias[e]!)))[topK]!);
  const place = Math.floor((scores.length * topK) / bias.length);
  return Array.from({ length: bias.length }, (_, e) => {
    return descending(scores.map((row, t) => Math.fround(row[e]! - thresholds[t]!)))[place]!;
  });
}

/** Tokens whose logits have an offset for each expert: the last ones are preferred by far. */
function skewed(numTokens: number, seed: number): tf.Tensor2D {
  return tf.concat([randomNormal([numTokens, 6], { seed }) as tf.Tensor2D, tf.ones([numTokens, 1])], 1);
}

function router(options: Partial<ResolvedRouter> = {}): ResolvedRouter {
  return resolveRouter({ numExperts: 8, topK: 2, correctionBias: true, ...options });
}

describe.each(availableBackends())('balanceQuantiles on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const weight = () =>
    tf.concat([randomNormal([6, 8], { seed: 2 }) as tf.Tensor2D, tf.tensor2d([[-3, -2, -1, 0, 0, 1, 2, 3]])]);

  it.each<[number, Partial<ResolvedRouter>]>([
    [64, {}],
    [61, { topK: 1 }],
    [37, { topK: 7, scoreFunction: 'sigmoid' }],
    [3, {}],
    [1, { topK: 3 }],
  ])('are what sorting gives, for %i tokens of %j', (numTokens, options) => {
    const correctionBias = randomNormal([8], { seed: 5, standardDeviation: 0.1 });
    const routing = routeTokens(skewed(numTokens, 1), { weight: weight(), correctionBias }, router(options));
    const expected = quantilesOf(routing.scores.arraySync(), correctionBias.dataSync(), routing.experts.shape[1]);
    const [count, ...quantiles] = [...balanceQuantiles(routing, correctionBias).dataSync()].reverse();
    expect(count).toBe(1);
    expect(quantiles.reverse()).toEqual(expected);
  });

  it('leave masked tokens out, and count no batch of padding alone', () => {
    const correctionBias = randomNormal([8], { seed: 5, standardDeviation: 0.1 });
    const parameters = { weight: weight(), correctionBias };
    const tokens = skewed(50, 1);
    const mask = tf.less<tf.Tensor1D>(tf.range(0, 50), 37);
    const whole = routeTokens(tokens, parameters, router(), { mask });
    const part = routeTokens(tf.slice(tokens, 0, 37), parameters, router());
    expect(balanceQuantiles(whole, correctionBias).dataSync()).toEqual(
      balanceQuantiles(part, correctionBias).dataSync(),
    );
    const padding = routeTokens(tokens, parameters, router(), { mask: tf.zeros([50], 'bool') });
    const nobody = routeTokens(tf.zeros([0, 7]), parameters, router());
    for (const routing of [padding, nobody])
      expect([...balanceQuantiles(routing, correctionBias).dataSync()]).toEqual(new Array(9).fill(0));
  });

  it.each<Partial<ResolvedRouter>>([{}, { scoreFunction: 'sigmoid' }, { topK: 1 }])(
    'even out the load of a router in a few steps: %j',
    async (options) => {
      const correctionBias = tf.variable(tf.zeros([8]));
      const route = (seed: number) =>
        routeTokens(skewed(512, seed), { weight: weight(), correctionBias }, router(options));
      const before = await routingStatistics(route(100));
      // Another batch in every step: what it finds holds for the next one.
      for (let step = 0; step < 8; step++)
        tf.tidy(() => {
          const quantiles = balanceQuantiles(route(step + 1), correctionBias);
          updateCorrectionBias(correctionBias, quantiles, { rule: 'quantile' });
        });
      const after = await routingStatistics(route(100));
      expect(before.maxOverMean).toBeGreaterThan(2.5);
      expect(after.maxOverMean).toBeLessThan(1.3);
      expect(Math.abs(tf.sum(correctionBias).dataSync()[0]!)).toBeLessThan(1e-5);
    },
  );

  it('of several batches are averaged, the bias keeps its share and has the mean 0', () => {
    const bias = tf.variable(tf.tensor1d([0.4, 0, -0.4]));
    const before = tf.memory().numTensors;
    // Of three batches: 0.1, 0.2 and 0.6 are their means.
    updateCorrectionBias(bias, [0.3, 0.6, 1.8, 3], { rule: 'quantile', decay: 0.75 });
    const moved = [0.75 * 0.4 - 0.25 * 0.1, -0.25 * 0.2, -0.75 * 0.4 - 0.25 * 0.6];
    const mean = moved.reduce((sum, x) => sum + x, 0) / 3;
    bias.dataSync().forEach((value, e) => expect(value).toBeCloseTo(moved[e]! - mean, 6));
    const kept = bias.dataSync().slice();
    updateCorrectionBias(bias, [0, 0, 0, 0], { rule: 'quantile' });
    expect(bias.dataSync()).toEqual(kept);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keep no tensor but their own', () => {
    const correctionBias = tf.zeros([8]);
    const routing = routeTokens(skewed(20, 1), { weight: weight(), correctionBias }, router());
    const before = tf.memory().numTensors;
    balanceQuantiles(routing, correctionBias);
    expect(tf.memory().numTensors).toBe(before + 1);
  });
});

it.each<[Partial<ResolvedRouter>, string]>([
  [{ numGroups: 2, topKGroups: 1 }, "numGroups: expected 1 with the bias rule 'quantile', got 2"],
  [{ numZeroExperts: 1 }, "numZeroExperts: expected 0 with the bias rule 'quantile', got 1"],
  [{ topK: 8 }, "topK: expected less than numExperts = 8 with the bias rule 'quantile', got 8"],
])('expectBiasRule refuses quantiles for %j', (options, message) => {
  expect(() => expectBiasRule('quantile', router(options))).toThrow(message);
  expect(() => expectBiasRule('sign', router(options))).not.toThrow();
  expect(() => expectBiasRule('quantile', router())).not.toThrow();
});

it('refuses another bias, sums of other experts and a decay that keeps all', () => {
  const routing = routeTokens(skewed(5, 1), { weight: tf.ones([7, 8]), correctionBias: tf.zeros([8]) }, router());
  expect(() => balanceQuantiles(routing, tf.zeros([7]))).toThrow(
    'bias: expected 8 numbers, as many as there are experts, got 7',
  );
  const bias = tf.variable(tf.zeros([2]));
  expect(() => updateCorrectionBias(bias, [1, 1], { rule: 'quantile' })).toThrow(
    'load: expected the 3 sums of balanceQuantiles, one more than the bias has, got 2',
  );
  expect(() => updateCorrectionBias(bias, [1, 1, 1], { rule: 'quantile', decay: 1 })).toThrow(
    'decay: expected a number from 0 to less than 1, got 1',
  );
  expect(() => updateCorrectionBias(bias, [1, 1, 1], { rule: 'quantile', numZeroExperts: 1 })).toThrow(
    "numZeroExperts: expected 0 with the rule 'quantile', got 1",
  );
});
