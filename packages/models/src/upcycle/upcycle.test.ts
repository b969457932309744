import { ArgumentError } from '@scmoe/errors';
import { valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig, GptMoeConfig } from '../gpt/GptConfig.js';
import type { Placement } from '../stages/resolveStages.js';
import { availableBackends } from '@scmoe/testing';
import { upcycle } from './upcycle.js';

const small: GptConfig = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };
const ids = (seed: number) => tf.randomUniform<tf.Rank.R2>([3, 12], 0, 17, 'int32', seed);

/** A dense model with weights, biases and norms far from their start, so that everything counts. */
function denseModel(change: Partial<GptConfig> = {}): Gpt {
  const model = new Gpt({ ...small, ...change }, { seed: 3 });
  tf.tidy(() =>
    Object.values(model.variables).forEach((variable, i) =>
      variable.assign(tf.add(tf.mul(variable, 3), tf.randomNormal(variable.shape, 0, 0.1, 'float32', i + 1))),
    ),
  );
  return model;
}

function logitsOf(model: Gpt): Float32Array {
  return tf.tidy(() => model.forward(ids(1)).logits.dataSync<'float32'>().slice());
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

const kinds: [string, GptMoeConfig][] = [
  ['top-2', { kind: 'top2', numExperts: 4 }],
  [
    'top-3 with sigmoid scores, scaled',
    { kind: 'standard', numExperts: 4, topK: 3, scoreFunction: 'sigmoid', routedScalingFactor: 2.5 },
  ],
  ['top-1, normalised', { kind: 'top1', numExperts: 4, normalizeWeights: true }],
  ['top-1, raw weights', { kind: 'top1', numExperts: 4 }],
  [
    'top-2, raw sigmoid weights',
    { kind: 'standard', numExperts: 4, topK: 2, normalizeWeights: false, scoreFunction: 'sigmoid' },
  ],
  ['shared, add', { kind: 'shared', numExperts: 4, mix: 'add' }],
  ['shared, cg1', { kind: 'shared', numExperts: 4, mix: 'cg1' }],
  ['shared top-2, cg2', { kind: 'shared', numExperts: 4, topK: 2, mix: 'cg2' }],
  ['scmoe, add', { kind: 'scmoe', numExperts: 4, mix: 'add' }],
  ['scmoe, cg1', { kind: 'scmoe', numExperts: 4, mix: 'cg1' }],
  ['scmoe, cg2, shared norm', { kind: 'scmoe', numExperts: 4, mix: 'cg2', shortcutNorm: 'shared' }],
  ['top-2 in the last block', { kind: 'top2', numExperts: 4, blocks: [3] }],
];
const arrangements: [Placement, Placement][] = [
  ['every', 'every'],
  ['every', 'pairs'],
  ['pairs', 'every'],
];

/** Largest differences of the logits, in units of the largest, and of the cross-entropies. */
function differences(moe: GptMoeConfig, from: Placement, to: Placement): { logits: number; crossEntropy: number } {
  const [batch, dense] = [{ ids: ids(1), targets: ids(2) }, denseModel({ placement: from })];
  const model = upcycle(dense, moe, { seed: 1, placement: to });
  const [expected, actual] = [logitsOf(dense), logitsOf(model)];
  const [before, after] = [dense, model].map((of) => tf.tidy(() => of.loss(batch).crossEntropy.dataSync()[0]!));
  tf.dispose(batch);
  model.dispose();
  dense.dispose();
  return {
    logits: largestDifference(actual, expected) / Math.max(...expected.map(Math.abs)),
    crossEntropy: Math.abs(after! - before!),
  };
}

describe.each(availableBackends())('an upcycled model on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each(kinds)('starts as the dense one: %s', (_, moe) => {
    const { logits, crossEntropy } = differences(moe, 'pairs', 'pairs');
    // Float32 sums in another order; raw weights are equal to 1e-4 of themselves, on a part of every block's output.
    expect(logits).toBeLessThan(1e-4);
    expect(crossEntropy).toBeLessThan(2e-5);
  });
});

describe('upcycle', () => {
  beforeAll(() => tf.setBackend(availableBackends()[0]!));

  it.each(arrangements)('takes %s over to %s', (from, to) => {
    for (const kind of ['top2', 'shared', 'scmoe'] as const) {
      const { logits, crossEntropy } = differences({ kind, numExperts: 4 }, from, to);
      expect(logits).toBeLessThan(1e-4);
      expect(crossEntropy).toBeLessThan(2e-5);
    }
  });

  it('copies the MLP into every expert and draws the routers by the seed', () => {
    const dense = denseModel({ placement: 'every', activation: 'swiglu', norm: 'rms' });
    const [one, other] = [1, 2].map((seed) => upcycle(dense, { kind: 'top2', numExperts: 3 }, { seed }));
    const mlp = dense.variables['block2.mlp.down']!;
    const experts = one!.variables['block2.experts.down']!;
    for (let e = 0; e < 3; e++) {
      expect(tf.tidy(() => experts.slice([e], [1]).dataSync())).toEqual(mlp.dataSync());
    }
    const router = (model: Gpt) => model.variables['block2.router.weight']!.dataSync();
    expect(router(one!)).not.toEqual(router(other!));
    expect(one!.config).toEqual({ ...dense.config, placement: 'every', moe: { kind: 'top2', numExperts: 3 } });
    [one!, other!, dense].forEach((model) => model.dispose());
  });

  it('spreads tokens over experts even where scores have to be alike', () => {
    const dense = denseModel();
    const model = upcycle(dense, { kind: 'top1', numExperts: 4 }, { seed: 1 });
    const loads = tf.tidy(() => model.forward(ids(1)).routings.map(({ load }) => Array.from(load.dataSync())));
    for (const load of loads) expect(load.filter((count) => count > 0).length).toBeGreaterThan(2);
    model.dispose();
    dense.dispose();
  });

  it('gives what can learn: router and routed experts get gradients, in ScMoE as well', () => {
    const dense = denseModel();
    const model = upcycle(dense, { kind: 'scmoe', numExperts: 4, loadBalanceCoefficient: 0 }, { seed: 1 });
    tf.tidy(() => {
      const { grads } = valueAndGrads(() => model.loss({ ids: ids(1), targets: ids(2) }).loss, model.variables);
      // While the routed output is zero only its last weights have a gradient; with the first step all have.
      for (const name of ['block0.experts.w2', 'block1.shared.w1', 'block1.mix.weight']) {
        expect([name, tf.max(tf.abs(grads[name]!)).dataSync()[0]! > 0]).toEqual([name, true]);
      }
    });
    model.dispose();
    dense.dispose();
  });

  it('leaves nothing but the new variables', () => {
    const dense = denseModel();
    const before = tf.memory().numTensors;
    const model = upcycle(dense, { kind: 'shared', numExperts: 4 }, { seed: 1 });
    expect(tf.memory().numTensors - before).toBe(Object.keys(model.variables).length);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
    dense.dispose();
  });

  it.each<[string, GptMoeConfig, RegExp]>([
    [
      'dgmoe',
      { kind: 'dgmoe', numExperts: 4 },
      /moe.kind: expected one that can start as the dense model, got 'dgmoe'/,
    ],
    ['a norm behind the experts', { kind: 'shared', numExperts: 4, postNorm: true }, /moe.postNorm: expected false/],
    [
      'smaller experts',
      { kind: 'top2', numExperts: 4, expertHidden: 12 },
      /moe.expertHidden: expected the MLP's 24, got 12/,
    ],
    ['a smaller shared expert', { kind: 'shared', numExperts: 4, sharedHidden: 12 }, /moe.sharedHidden: expected the/],
    ['FarSkip connectivity', { kind: 'farskip', numExperts: 4 }, /^connectivity: expected regular/],
    ['zero experts', { kind: 'top2', numExperts: 4, numZeroExperts: 1 }, /moe.numZeroExperts: expected 0/],
    [
      'raw weights of a cosine gate',
      { kind: 'top1', numExperts: 4, logits: 'cosine' },
      /normalizeWeights: expected true/,
    ],
  ])('refuses %s', (_, moe, message) => {
    const dense = denseModel();
    expect(() => upcycle(dense, moe, { seed: 1 })).toThrow(ArgumentError);
    expect(() => upcycle(dense, moe, { seed: 1 })).toThrow(message);
    dense.dispose();
  });

  it('refuses a model that has experts', () => {
    const model = new Gpt({ ...small, moe: { kind: 'top2', numExperts: 4 } }, { seed: 1 });
    expect(() => upcycle(model, { kind: 'top1', numExperts: 2 }, { seed: 1 })).toThrow(
      /upcycle: expected a dense model, got "standard"/,
    );
    model.dispose();
  });
});
