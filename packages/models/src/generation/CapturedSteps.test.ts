import { jest } from '@jest/globals';
import { LocalDispatcher } from '@scmoe/layer';
import { describeUnless } from '@scmoe/testing';
import { findAddon, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { hybrid } from '../testing/gptRanks.js';
import type { SequencePredictor } from './SequencePredictor.js';

const config: GptConfig = {
  vocabSize: 40,
  numLayers: 2,
  dModel: 32,
  numHeads: 2,
  sequenceLength: 64,
  moe: { kind: 'scmoe', numExperts: 4 },
};
const llama = { norm: 'rms', activation: 'swiglu', positionEncoding: 'rotary', tiedEmbeddings: false } as const;

const bits = (scores: tf.Tensor) => [...new Int32Array(scores.dataSync().slice().buffer)];

/** Scores of some steps in which texts of different lengths go on together, one of which joins later and one leaves. */
function scoresOf(model: SequencePredictor, eachStep?: (step: number) => void): number[][] {
  const caches = [0, 1, 2].map(() => model.createCache());
  const prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9]];
  for (const [i, ids] of prompts.entries()) model.advance([{ ids, cache: caches[i]!, wantsScores: false }]);
  const all: number[][] = [];
  for (let step = 0; step < 12; step++) {
    eachStep?.(step);
    const present = step < 4 ? [0, 1] : step < 8 ? [0, 1, 2] : [2, 1];
    const parts = present.map((i) => ({ ids: [(3 * step + i) % 40], cache: caches[i]!, wantsScores: true }));
    const scores = model.advance(parts)!;
    all.push(bits(scores));
    scores.dispose();
  }
  for (const cache of caches) cache.dispose();
  return all;
}

/** What a model predicts with steps as they are: those of a dispatcher are not captured. */
const asItIs = (model: Gpt) => model.predictor({ dispatcher: new LocalDispatcher() });

describeUnless(findAddon().problem, 'captured steps of generation', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  it.each<[string, Partial<GptConfig>]>([
    ['of a model with learned positions', {}],
    ['of a model with a rotation, SwiGLU and grouped heads', { ...llama, numKvHeads: 1 }],
    ['of a model with a scaled rotation', { ...llama, ropeScaling: { type: 'linear', factor: 2 } }],
    ['of a dense model', { ...llama, moe: undefined }],
    ['of top-2 experts beside a shared one', { moe: { kind: 'shared', numExperts: 4 } }],
    [
      'of a model with latent attention',
      { ...llama, latent: { kvLoraRank: 8, qkNopeHeadDim: 8, qkRopeHeadDim: 4, vHeadDim: 8 } },
    ],
    ['of a model with gated delta networks', { ...llama, ...hybrid, attentionBias: false }],
    ['of DGMoE', { moe: { kind: 'dgmoe', numExperts: 4 } }],
    ['of a model whose attention has a window', { ...llama, window: 4 }],
    ['of a model with attention sinks', { ...llama, numKvHeads: 1, window: 4, attentionSinks: true }],
  ])('%s give the scores of steps as they are, bit for bit, and call nothing of TF.js', (_, changes) => {
    const model = new Gpt({ ...config, ...changes }, { seed: 3 });
    const expected = scoresOf(asItIs(model));
    const runKernel = jest.spyOn(tf.engine(), 'runKernel');
    const calls: number[] = [];
    const scores = scoresOf(model.predictor(), () => calls.push(runKernel.mock.calls.length));
    runKernel.mockRestore();
    expect(scores).toEqual(expected);
    // The third step with two texts is the first that is made of its kernels alone.
    expect(calls[3]! - calls[2]!).toBe(0);
    expect(calls[1]! - calls[0]!).toBeGreaterThan(0);
    model.dispose();
  });

  it('follow the parameters, whether they change in place or get new tensors', () => {
    const model = new Gpt(config, { seed: 3 });
    const change = (step: number) => {
      if (step !== 3 && step !== 6) return;
      const head = model.variables['normFinal.weight']!;
      tf.tidy(() => head.assign(tf.mul(head, 1.5)));
    };
    expect(scoresOf(model.predictor(), change)).toEqual(
      // The same changes once more, from where they began.
      (() => {
        const same = new Gpt(config, { seed: 3 });
        const expected = scoresOf(asItIs(same), (step) => {
          if (step !== 3 && step !== 6) return;
          const head = same.variables['normFinal.weight']!;
          tf.tidy(() => head.assign(tf.mul(head, 1.5)));
        });
        same.dispose();
        return expected;
      })(),
    );
    model.dispose();
  });

  it('leave no tensor behind', () => {
    const { numTensors } = tf.memory();
    const model = new Gpt(config, { seed: 3 });
    scoresOf(model.predictor());
    model.dispose();
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
