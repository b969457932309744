import { overlapped, splitAxes, type SplitAxis } from '@scmoe/layer';
import { useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../index.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { microBatch } from '../testing/gptRanks.js';
import { recomputeModes, type RecomputeMode } from './recompute.js';

const config: GptConfig = {
  vocabSize: 17,
  numLayers: 4,
  dModel: 16,
  numHeads: 2,
  sequenceLength: 12,
  ffnHidden: 24,
  dropout: 0.2,
  moe: { kind: 'scmoe', numExperts: 4, firstPosition: 'pos1', loadBalanceCoefficient: 0.1, zLossCoefficient: 0.01 },
};

function step(model: Gpt, { split, recompute }: { split?: SplitAxis; recompute?: RecomputeMode }) {
  const batch = microBatch(0);
  const overlap = { stage: () => ({ plan: overlapped(1), chunks: 1, ...(split && { split }) }) };
  const loss = () => model.loss(batch, { training: true, dropoutSeed: 7, overlap, recompute }).loss;
  const { value, grads } = valueAndGrads(loss, model.variables);
  const read = Object.entries(grads).map(([name, grad]) => [name, [...grad.dataSync()]] as const);
  const outcome = { value: value.dataSync()[0]!, grads: Object.fromEntries(read) };
  tf.dispose([value, grads, batch.ids, batch.targets]);
  return outcome;
}

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

it('a model on halves has the loss of the whole, router losses and dropout included, and its gradients', () => {
  const model = new Gpt(config, { seed: 4 });
  const before = tf.memory().numTensors;
  const whole = step(model, {});
  for (const split of splitAxes) {
    const halves = step(model, { split });
    expect(halves.value).toBe(whole.value);
    for (const [name, gradient] of Object.entries(whole.grads)) {
      const largest = Math.max(0.01, ...gradient.map(Math.abs));
      const difference = Math.max(...gradient.map((value, i) => Math.abs(value - halves.grads[name]![i]!)));
      expect([name, difference / largest]).toEqual([name, expect.closeTo(0, 4)]);
    }
    // What is computed once more for the backward pass is the same, bit for bit.
    for (const recompute of recomputeModes) expect(step(model, { split, recompute })).toEqual(halves);
  }
  expect(tf.memory().numTensors).toBe(before);
  model.dispose();
});
