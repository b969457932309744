import type { ParameterSpecs } from '@scmoe/layer';
import { AdamW, isWeight } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { hybrid } from '../testing/gptRanks.js';
import { Gpt, gptSpecs, isHiddenMatrix, longcatFlashSpecs, resolveGpt, resolveVit, vitSpecs } from '../index.js';

const gpt = { vocabSize: 11, numLayers: 2, dModel: 8, numHeads: 2, sequenceLength: 8 };
const moe = { kind: 'scmoe', numExperts: 4, mix: 'cg2', postNorm: true } as const;

/** Models that have, together, every parameter that there is. */
const models: Record<string, ParameterSpecs> = {
  'a GPT': gptSpecs(resolveGpt({ ...gpt, tiedEmbeddings: false, moe: { ...moe, noisy: true, correctionBias: true } })),
  'a GPT with cosine routers': gptSpecs(resolveGpt({ ...gpt, moe: { ...moe, logits: 'cosine' } })),
  'a GPT with SwiGLU and its biases': gptSpecs(
    resolveGpt({ ...gpt, norm: 'rms', activation: 'swiglu', ffnBias: true, moe }),
  ),
  'a GPT with gated delta networks': gptSpecs(resolveGpt({ ...gpt, ...hybrid })),
  'a dense ViT': vitSpecs(
    resolveVit({ imageSize: 4, patchSize: 2, numClasses: 3, numLayers: 2, dModel: 8, numHeads: 2 }),
  ),
  'LongCat-Flash': longcatFlashSpecs({
    ...{ vocabSize: 11, numLayers: 1, dModel: 8, numHeads: 2, sequenceLength: 8, ffnHidden: 16, attentionBias: true },
    latent: { qLoraRank: 4, kvLoraRank: 4, qkNopeHeadDim: 4, qkRopeHeadDim: 2, vHeadDim: 4 },
    moe: { numExperts: 4, topK: 2, expertHidden: 8 },
  }),
};

const trained = Object.entries(models).map(([name, specs]): [string, ParameterSpecs] => [
  name,
  Object.fromEntries(Object.entries(specs).filter(([, { buffer }]) => !buffer)),
]);

describe.each(trained)('of %s', (_, specs) => {
  it('what starts as a vector of one value does not decay, stacked over experts or not; all else does', () => {
    for (const [name, { shape, initial }] of Object.entries(specs)) {
      const stacked = name.includes('experts.');
      // The noise of a router is the one matrix that starts at zero.
      const isVector = shape.length - Number(stacked) < 2;
      expect([name, isWeight(name, tf.zeros(shape))]).toEqual([name, !isVector]);
      if (!isVector && !name.endsWith('router.noise'))
        expect([name, initial]).toEqual([name, expect.stringMatching(/normal|residual/)]);
    }
  });

  it('Muon moves the matrices of attentions, MLPs and experts, and no other', () => {
    const weights = Object.entries(specs).filter(([name, { shape }]) => isWeight(name, tf.zeros(shape)));
    for (const [name, { shape }] of weights) {
      const expected = /(^patch|attn\d?|mlp\d?|experts|shared)\.(?!conv$)\w+$/.test(name);
      expect([name, isHiddenMatrix(name, tf.zeros(shape))]).toEqual([name, expected]);
      if (!expected) expect(name).toMatch(/^(embedding|positions|head\.weight)$|\.(router|mix)\.|\.conv$/);
    }
  });
});

it("a step without gradient decays no bias and no norm, not even the experts'", () => {
  const model = new Gpt({ ...gpt, moe }, { seed: 1 });
  const variables = Object.entries(model.variables);
  tf.tidy(() => variables.forEach(([, variable]) => variable.assign(tf.ones(variable.shape))));
  const gradients = Object.fromEntries(variables.map(([name, { shape }]) => [name, tf.zeros(shape)]));
  new AdamW({ weightDecay: 0.1 }).step(model.variables, gradients, { learningRate: 1 });
  const decayed = variables
    .filter(([, variable]) => Math.abs(variable.dataSync()[0]! - 1) > 1e-6)
    .map(([name]) => name);
  expect(decayed.filter((name) => /(\.b[12qkvo]?|bias)$|norm/i.test(name))).toEqual([]);
  expect(decayed).toEqual(
    expect.arrayContaining(['embedding', 'block0.attn1.wq', 'block0.experts.w1', 'block0.router.weight']),
  );
  model.dispose();
});
