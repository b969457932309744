import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { longcatCost } from '@scmoe/layer';
import {
  AdamW,
  readSafetensors,
  useBackend,
  valueAndGrads,
  writeSafetensors,
  type WritableTensor,
} from '@scmoe/tensor';
import { temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { useModel } from '../testing/useModel.js';
import { LongcatFlash } from './LongcatFlash.js';
import { resolveLongcatFlash, type LongcatFlashConfig } from './LongcatFlashConfig.js';
import { loadPretrained, savePretrained } from '../huggingFace/pretrained.js';

const small: LongcatFlashConfig = {
  vocabSize: 17,
  numLayers: 2,
  dModel: 12,
  numHeads: 2,
  latent: { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 4, qkRopeHeadDim: 2, vHeadDim: 4 },
  ffnHidden: 20,
  sequenceLength: 16,
  moe: { numExperts: 4, numZeroExperts: 2, topK: 2, routedScalingFactor: 1.5, expertHidden: 10 },
};
const ids = (batch: number, length: number, seed = 1) =>
  tf.randomUniform<tf.Rank.R2>([batch, length], 0, 17, 'int32', seed);

const withModel = <T>(config: LongcatFlashConfig, use: (model: LongcatFlash) => T): T =>
  useModel(new LongcatFlash(config, { seed: 4 }), use);

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

describe('LongcatFlash', () => {
  it('starts from a loss near that of guessing, the same for the same seed', () => {
    const loss = () =>
      withModel(small, (model) => model.loss({ ids: ids(2, 12), targets: ids(2, 12, 2) }).crossEntropy.dataSync()[0]!);
    expect(loss()).toBeCloseTo(Math.log(17), 1);
    expect(loss()).toBe(loss());
  });

  it('gives every parameter a gradient, and the correction biases none', () => {
    withModel(small, (model) => {
      expect(Object.keys(model.buffers)).toEqual(['block0.router.correctionBias', 'block1.router.correctionBias']);
      const batch = { ids: ids(4, 12), targets: ids(4, 12, 2) };
      const { grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
      const none = Object.entries(grads).filter(([, g]) => tf.max(tf.abs(g)).dataSync()[0] === 0);
      expect(none.map(([name]) => name)).toEqual([]);
    });
  });

  it('sees no later token', () => {
    withModel(small, (model) => {
      const first = ids(1, 8);
      const changed = tf.concat([first.slice([0, 0], [-1, 7]), tf.sub(16, first.slice([0, 7], [-1, 1])).toInt()], 1);
      const before = (of: tf.Tensor2D) => [...model.forward(of).logits.slice([0, 0], [-1, 7]).dataSync()];
      expect(before(changed as tf.Tensor2D)).toEqual(before(first));
    });
  });

  it('goes on from a cache of latents, which is what a pass over all tokens gives', () => {
    withModel(small, (model) => {
      const all = ids(2, 9);
      const whole = model.forward(all).logits;
      const first = model.forward(all.slice([0, 0], [-1, 6]), { keepCache: true });
      const rest = model.forward(all.slice([0, 6], [-1, 3]), { past: first.cache, keepCache: true });
      const difference = tf.max(tf.abs(tf.sub(tf.concat([first.logits, rest.logits], 1), whole)));
      expect(difference.dataSync()[0]).toBeLessThan(1e-5);
      const cached = rest.cache!.stages.flatMap((stage) => Object.values(stage) as { latents: tf.Tensor }[]);
      expect(cached.map(({ latents }) => latents.shape)).toEqual(Array(4).fill([2, 9, 5 + 2]));
    });
  });

  it('learns a sequence by heart, while the biases move towards an even load', () => {
    const model = new LongcatFlash({ ...small, dropout: 0.05 }, { seed: 4 });
    const optimizer = new AdamW();
    const text = tf.tensor2d([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3]], undefined, 'int32');
    const batch = { ids: text.slice([0, 0], [-1, 9]), targets: text.slice([0, 1], [-1, 9]) } as const;
    for (let step = 0; step < 60; step++) {
      tf.tidy(() => {
        const { grads } = valueAndGrads(
          () => model.loss(batch, { training: true, dropoutSeed: step }).loss,
          model.variables,
        );
        optimizer.step(model.variables, grads, { learningRate: 1e-2 });
        model.updateCorrectionBias(model.routerLoads(model.forward(batch.ids).routings), { updateRate: 1e-2 });
      });
    }
    expect(tf.tidy(() => model.loss(batch).loss.dataSync()[0])).toBeLessThan(0.2);
    const biases = Object.values(model.buffers).map((bias) => bias.dataSync());
    expect(biases.every((bias) => bias.some((value) => value !== 0))).toBe(true);
    tf.dispose([text, batch.ids, batch.targets]);
    model.dispose();
  });

  it('leaves nothing behind but what it returns', async () => {
    const before = tf.memory().numTensors;
    const model = new LongcatFlash(small, { seed: 4 });
    await model.generate([1, 2, 3], { maxNewTokens: 20, temperature: 0 });
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('counts the parameters and operations of a token, choices of zero experts as of others', () => {
    withModel(small, (model) => {
      const { block } = resolveLongcatFlash(small);
      const ofExpert = 3 * 12 * 10;
      const size = Object.values(model.variables).reduce((sum, { size }) => sum + size, 0);
      expect(model.numParameters()).toBe(size);
      expect(model.numActiveParameters()).toBe(size - 2 * 2 * ofExpert);
      // The layers by their products: no norms, experts in the share that computes, scores and sums of padded heads.
      const { operators, total } = longcatCost(block, 16);
      const products = 2 * (total.forwardFlops + total.backwardFlops);
      const head = 3 * 2 * 16 * 12 * 17;
      const norms = 6 * 16 * (2 * (4 * 12 + 2 * (6 + 5)) + 12);
      const { expert } = operators;
      const experts = 2 * (expert!.forwardFlops + expert!.backwardFlops) * (6 / 4 - 1);
      // Ours counts five products of attention backward and heads of 6, PaLM's four and the mean of 6 and 4.
      const square = 2 * 2 * 16 * 16 * 2;
      const attention = square * (7 * 2 * 6 - 6 * (6 + 4));
      expect(model.flopsPerToken() * 16).toBeCloseTo(products + head + norms + experts - attention, 3);
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['no layer', { numLayers: 0 }, /^numLayers: expected a positive integer, got 0$/],
    ['no sizes of attention', { latent: undefined }, /^latent: expected the sizes of latent attention/],
    ['experts without width', { moe: { ...small.moe, expertHidden: 0 } }, /^moe.expertHidden: expected a positive/],
    ['more choices than experts', { moe: { ...small.moe, topK: 7 } }, /topK: expected at most/],
    ['experts that choose', { moe: { ...small.moe, routing: 'expertChoice' } }, /^moe.routing: expected tokenChoice/],
    ['an unknown option of the router', { moe: { ...small.moe, mix: 'add' } }, /unknown option mix/],
  ])('refuses %s', (_, change, message) => {
    expect(() => new LongcatFlash({ ...small, ...(change as object) }, { seed: 1 })).toThrow(message);
  });
});

describe('a LongCat-Flash in a folder', () => {
  const folder = temporaryFolderForEach();
  const file = () => join(folder.path, 'model.safetensors');
  const configPath = () => join(folder.path, 'config.json');

  async function save(config: LongcatFlashConfig = small): Promise<LongcatFlash> {
    const model = new LongcatFlash(config, { seed: 4 });
    await savePretrained(model, folder.path);
    return model;
  }

  async function changeTensors(change: (tensors: Record<string, WritableTensor>) => void): Promise<void> {
    const tensors = (await readSafetensors(file())).tensors as Record<string, WritableTensor>;
    change(tensors);
    await writeSafetensors(file(), tensors);
  }

  const changeConfig = (change: Record<string, unknown>) => {
    const config = JSON.parse(readFileSync(configPath(), 'utf8')) as object;
    writeFileSync(configPath(), JSON.stringify({ ...config, ...change }));
  };

  it.each<[string, Partial<LongcatFlashConfig>]>([
    ['as it is', {}],
    ['with biases', { attentionBias: true, normEpsilon: 1e-6 }],
    ['without zero experts', { moe: { ...small.moe, numZeroExperts: 0 } }],
  ])('is what it was: %s', async (_, change) => {
    const model = await save({ ...small, ...change });
    const again = await loadPretrained(folder.path, { as: LongcatFlash });
    expect(resolveLongcatFlash(again.config)).toEqual(resolveLongcatFlash(model.config));
    for (const [name, variable] of Object.entries({ ...model.variables, ...model.buffers })) {
      const found = again.variables[name] ?? again.buffers[name];
      expect([name, found!.dataSync()]).toEqual([name, variable.dataSync()]);
    }
    model.dispose();
    again.dispose();
  });

  it('needs neither weights of zero experts nor a bias that is never added, and minds neither', async () => {
    (await save()).dispose();
    await changeTensors((tensors) => {
      for (const name of Object.keys(tensors)) if (/experts\.[45]\./.test(name)) delete tensors[name];
      tensors['model.layers.0.mlp.router.classifier.bias'] = { dtype: 'F32', shape: [6], data: new Float32Array(6) };
      tensors['model.layers.1.mlp.experts.5.down_proj.weight'] = {
        dtype: 'F32',
        shape: [1],
        data: new Float32Array(1),
      };
      tensors['model.mtp.norm.weight'] = { dtype: 'F32', shape: [1], data: new Float32Array(1) };
    });
    changeConfig({ router_bias: true });
    (await loadPretrained(folder.path, { as: LongcatFlash })).dispose();
  });

  it('names tensors that are missing, unexpected or of another shape', async () => {
    (await save()).dispose();
    await changeTensors((tensors) => {
      delete tensors['model.layers.1.self_attn.0.kv_b_proj.weight'];
      tensors['model.layers.0.mlp.experts.6.up_proj.weight'] = { dtype: 'F32', shape: [1], data: new Float32Array(1) };
      tensors['lm_head.weight'] = { dtype: 'F32', shape: [1, 2], data: new Float32Array(2) };
    });
    const message = await loadPretrained(folder.path, { as: LongcatFlash }).then(
      () => 'loaded',
      (error: unknown) => (error as Error).message,
    );
    expect(message).toContain("'model.layers.1.self_attn.0.kv_b_proj.weight' is missing");
    expect(message).toContain("'model.layers.0.mlp.experts.6.up_proj.weight' is not expected");
    expect(message).toContain("'lm_head.weight' has shape (1, 2), expected (17, 12)");
  });

  it('may have its angles where older versions had them', async () => {
    (await save()).dispose();
    changeConfig({ rope_parameters: undefined, rope_theta: 500 });
    const model = await loadPretrained(folder.path, { as: LongcatFlash });
    expect(model.config.latent.ropeTheta).toBe(500);
    model.dispose();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'scaled angles',
      { rope_parameters: { rope_type: 'yarn', factor: 2 } },
      /rope_parameters: only rope_type "default"/,
    ],
    ['heads of another size', { head_dim: 8 }, /head_dim: only 2 is supported, got 8/],
    ['another number of hidden layers', { num_hidden_layers: 3 }, /num_hidden_layers: only 4 is supported, got 3/],
    ['weights that are normalised', { norm_topk_prob: true }, /norm_topk_prob: only false is supported, got true/],
    ['another activation', { hidden_act: 'gelu' }, /hidden_act: expected "silu", got "gelu"/],
    ['an option that nobody knows', { sliding: 3 }, /unknown options, .*: sliding = 3/],
  ])('is refused with %s', async (_, change, message) => {
    (await save()).dispose();
    changeConfig(change);
    await expect(loadPretrained(folder.path, { as: LongcatFlash })).rejects.toThrow(message);
  });

  it.each<[string, Partial<LongcatFlashConfig>, RegExp]>([
    ['normalised weights', { moe: { ...small.moe, normalizeWeights: true } }, /moe.normalizeWeights: expected false/],
    ['queries without a latent', { latent: { ...small.latent, qLoraRank: undefined } }, /latent.qLoraRank: expected/],
    ['latents that are not scaled', { latent: { ...small.latent, scaleLatents: false } }, /latent.scaleLatents/],
  ])('is not written with %s', async (_, change, message) => {
    const model = new LongcatFlash({ ...small, ...change }, { seed: 4 });
    await expect(savePretrained(model, folder.path)).rejects.toThrow(message);
    model.dispose();
  });
});
