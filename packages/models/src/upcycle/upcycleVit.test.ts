// Registers the native backend.
import '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { MoeConfig, Placement } from '../stages/resolveStages.js';
import { Vit } from '../vit/Vit.js';
import type { VitConfig } from '../vit/VitConfig.js';
import { upcycle } from './upcycle.js';

const small: VitConfig = {
  imageSize: 8,
  patchSize: 4,
  numClasses: 5,
  numLayers: 4,
  dModel: 16,
  numHeads: 2,
  ffnHidden: 24,
  placement: 'every',
};

/** A dense model with weights, biases and norms far from their start, so that everything counts. */
function denseModel(change: Partial<VitConfig> = {}): Vit {
  const model = new Vit({ ...small, ...change }, { seed: 3 });
  tf.tidy(() =>
    Object.values(model.variables).forEach((variable, i) =>
      variable.assign(tf.add(tf.mul(variable, 3), tf.randomNormal(variable.shape, 0, 0.1, 'float32', i + 1))),
    ),
  );
  return model;
}

const logitsOf = (model: Vit) =>
  tf.tidy(() =>
    model
      .forward(tf.randomNormal([3, 8, 8, 3], 0, 1, 'float32', 1))
      .logits.dataSync<'float32'>()
      .slice(),
  );

describe('an upcycled Vit', () => {
  beforeAll(() => tf.setBackend(availableBackends()[0]!));

  it.each<[string, MoeConfig, Placement, Partial<VitConfig>]>([
    ['top-2', { kind: 'top2', numExperts: 4 }, 'every', {}],
    ['top-1, normalised, in pairs', { kind: 'top1', numExperts: 4, normalizeWeights: true }, 'pairs', {}],
    ['shared, cg2', { kind: 'shared', numExperts: 4, mix: 'cg2' }, 'every', { pooling: 'mean' }],
    ['scmoe in pairs', { kind: 'scmoe', numExperts: 4 }, 'pairs', {}],
    ['scmoe behind convolutions', { kind: 'scmoe', numExperts: 4 }, 'pairs', { stem: 'convolutions' }],
    ['experts in the last block', { kind: 'top2', numExperts: 4, blocks: [3] }, 'every', {}],
  ])('starts as the dense one: %s', (_, moe, placement, change) => {
    const dense = denseModel(change);
    const model = upcycle(dense, moe, { seed: 1, placement });
    expect(model.numExperts).toBe(4);
    const [expected, got] = [logitsOf(dense), logitsOf(model)];
    const largest = Math.max(...expected.map(Math.abs));
    // Float32 sums in another order.
    got.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4 * largest));
    model.dispose();
    dense.dispose();
  });

  it('can be one of two ranks, with its share of the experts', () => {
    const dense = denseModel();
    const moe: MoeConfig = { kind: 'top2', numExperts: 4 };
    const whole = upcycle(dense, moe, { seed: 1 });
    const parts = [0, 1].map((rank) => upcycle(dense, moe, { seed: 1, experts: { rank, size: 2 } }));
    for (const [name, variable] of Object.entries(whole.variables)) {
      const own = parts.map((part) => [...part.variables[name]!.dataSync()]);
      const all = [...variable.dataSync()];
      expect(name.includes('.experts.') ? own.flat() : own[0]).toEqual(all);
      if (!name.includes('.experts.')) expect(own[1]).toEqual(all);
    }
    tf.dispose([whole, dense, ...parts].map(({ variables, buffers }) => [variables, buffers]));
  });
});
