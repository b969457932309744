import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ArgumentError } from '@scmoe/errors';
import { readSafetensors, writeSafetensors } from '@scmoe/tensor';
import { availableBackends, temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Vit } from '../vit/Vit.js';
import type { VitConfig } from '../vit/VitConfig.js';
import { loadPretrained, readPretrainedConfig, savePretrained } from './pretrained.js';
import { PretrainedError } from './PretrainedError.js';

const folder = temporaryFolderForEach();
const at = (name: string) => join(folder.path, name);
const config: VitConfig = {
  imageSize: 8,
  patchSize: 4,
  numClasses: 3,
  numLayers: 2,
  dModel: 8,
  numHeads: 2,
  ffnHidden: 12,
  placement: 'every',
};

type Json = Record<string, unknown>;
const readConfig = () => JSON.parse(readFileSync(at('config.json'), 'utf8')) as Json;
const changeConfig = (change: Json) => writeFileSync(at('config.json'), JSON.stringify({ ...readConfig(), ...change }));

async function save(change: Partial<VitConfig> = {}): Promise<void> {
  const model = new Vit({ ...config, ...change }, { seed: 1 });
  try {
    await savePretrained(model, folder.path);
  } finally {
    model.dispose();
  }
}

function logits(model: Vit): Float32Array {
  return tf.tidy(() => {
    const pixels = tf.randomNormal<tf.Rank.R4>([2, 8, 8, model.config.numChannels ?? 3], 0, 1, 'float32', 3);
    return model.forward(pixels).logits.dataSync<'float32'>().slice();
  });
}

beforeAll(() => tf.setBackend(availableBackends()[0]!));

describe('a saved ViT', () => {
  it('is loaded for images of another size, with the same patches at the corners of a larger square', async () => {
    await save();
    const model = await loadPretrained(folder.path, { as: Vit, imageSize: 16 });
    expect(model.config).toEqual({ ...(await readPretrainedConfig(folder.path, { as: Vit })), imageSize: 16 });
    expect(model.variables['positions']!.shape).toEqual([17, 8]);
    const pixels = tf.randomNormal<tf.Rank.R4>([2, 16, 16, 3], 0, 1, 'float32', 3);
    expect(model.forward(pixels).logits.shape).toEqual([2, 3]);
    await expect(loadPretrained(folder.path, { as: Vit, imageSize: 10 })).rejects.toThrow(
      /^imageSize: expected a multiple of patchSize = 4, got 10$/,
    );
    model.dispose();
  });

  it.each<[string, Partial<VitConfig>]>([
    ['each block for itself', {}],
    ['in pairs', { placement: 'pairs' }],
    ['tanh-GELU, one channel', { activation: 'gelu_tanh', numChannels: 1, normEpsilon: 1e-6 }],
  ])('computes the same when it is loaded: %s', async (_, change) => {
    const model = new Vit({ ...config, ...change }, { seed: 1 });
    await savePretrained(model, folder.path);
    const again = await loadPretrained(folder.path, { as: Vit });
    expect(logits(again)).toEqual(logits(model));
    expect(again.numParameters()).toBe(model.numParameters());
    model.dispose();
    again.dispose();
  });

  it('keeps the names of its classes, in order', async () => {
    const classNames = ['zebra', 'ape', 'cat'];
    await save({ classNames });
    expect(readConfig()['label2id']).toEqual({ zebra: 0, ape: 1, cat: 2 });
    const model = await loadPretrained(folder.path, { as: Vit });
    expect(model.config.classNames).toEqual(classNames);
    model.dispose();
  });

  it.each([
    [['tench, Tinca tinca', 'a "b"', 'up/down']],
    [['two\nlines', '\u001b[31m\u0000', '\u2028']],
    [['__proto__', 'constructor', '']],
    [['2', '1', '0']],
  ])('keeps names of classes of any characters: %j', async (classNames) => {
    await save({ classNames });
    expect(Object.entries(readConfig()['label2id'] as Json).sort(([, a], [, b]) => Number(a) - Number(b))).toEqual(
      classNames.map((name, i) => [name, i]),
    );
    const model = await loadPretrained(folder.path, { as: Vit });
    expect(model.config.classNames).toEqual(classNames);
    model.dispose();
  });

  it.each<[string, Partial<VitConfig>, RegExp]>([
    ['experts', { moe: { kind: 'scmoe', numExperts: 2 } }, /vit: moe.kind: expected dense, got "scmoe"/],
    ['the mean of the patches', { pooling: 'mean' }, /vit: pooling: expected class, got "mean"/],
    ['convolutions', { stem: 'convolutions' }, /vit: stem: expected patches, got "convolutions"/],
    ['RMSNorm', { norm: 'rms' }, /vit: norm: expected layer, got "rms"/],
    ['SwiGLU', { activation: 'swiglu' }, /vit: activation: expected gelu, gelu_tanh or silu, got "swiglu"/],
    ['no biases', { attentionBias: false }, /vit: attentionBias: expected true, got false/],
    ['grouped keys', { numKvHeads: 1 }, /vit: numKvHeads: expected numHeads = 2, got 1/],
  ])('has to have what the format has: not %s', async (_, change, message) => {
    const saved = save(change);
    await expect(saved).rejects.toThrow(ArgumentError);
    await expect(saved).rejects.toThrow(message);
  });
});

describe('a checkpoint', () => {
  it('gives all but the classifier to a model of other classes', async () => {
    await save({ classNames: ['a', 'b', 'c'] });
    const [old, fresh] = [
      await loadPretrained(folder.path, { as: Vit }),
      await loadPretrained(folder.path, { as: Vit, newHead: { numClasses: 5, seed: 2 } }),
    ];
    expect(fresh.config.numClasses).toBe(5);
    expect(fresh.config.classNames).toBeUndefined();
    expect(fresh.variables['head.weight']!.shape).toEqual([8, 5]);
    for (const name of Object.keys(old.variables).filter((name) => !name.startsWith('head.')))
      expect([name, fresh.variables[name]!.dataSync()]).toEqual([name, old.variables[name]!.dataSync()]);
    old.dispose();
    fresh.dispose();
  });

  it('of the bare backbone, which has a pooler and no classifier, needs a new head', async () => {
    await save();
    const { tensors } = await readSafetensors(at('model.safetensors'));
    const bare = Object.entries(tensors).filter(([name]) => !name.startsWith('classifier'));
    const pooler = { dtype: 'F32' as const, shape: [8], data: new Float32Array(8) };
    await writeSafetensors(at('model.safetensors'), {
      ...Object.fromEntries(bare.map(([name, tensor]) => [name.replace('vit.', ''), tensor])),
      'pooler.dense.bias': pooler,
    });
    changeConfig({ architectures: ['ViTModel'], id2label: undefined, label2id: undefined });
    await expect(loadPretrained(folder.path, { as: Vit })).rejects.toThrow(
      /'classifier.weight' is missing; 'classifier.bias' is/,
    );
    const before = tf.memory().numTensors;
    const model = await loadPretrained(folder.path, { as: Vit, newHead: { numClasses: 3, seed: 1 } });
    expect(tf.memory().numTensors - before).toBe(Object.keys(model.variables).length);
    const whole = new Vit({ ...config, normEpsilon: 1e-5 }, { seed: 1 });
    expect(logits(model)).toEqual(logits(whole));
    model.dispose();
    whole.dispose();
  });

  it.each<[string, Json, RegExp]>([
    ['of another model', { model_type: 'deit' }, /model_type: expected one of vit, got "deit"/],
    ['of another task', { architectures: ['ViTForMaskedImageModeling'] }, /architectures: expected ViTForImageClass/],
    ['without biases that are there', { qkv_bias: false }, /qkv_bias is false, but there is '.*key.bias'/],
    [
      'with images that are no squares',
      { image_size: [8, 16] },
      /image_size: expected an integer, or two that are equal, got \[8,16\]/,
    ],
    ['with an unknown activation', { hidden_act: 'relu' }, /hidden_act: expected one of gelu, .*, got "relu"/],
    ['with a gap between its classes', { id2label: { 0: 'a', 2: 'b' } }, /id2label: expected a name for each class/],
    ['with another number of one', { id2label: { 0: 'a', 1e9: 'b' } }, /id2label: expected a name for each class/],
    ['with a class that has no number', { id2label: { '': 'a' } }, /id2label: expected a name for each class/],
    ['with a text for its classes', { id2label: 'ab' }, /id2label: expected a name for each class, .*, got "ab"$/],
    ['with no classes', { id2label: {} }, /id2label: expected a name for each class/],
    ['with an option from the future', { use_mask_token: true }, /unknown options, .*: use_mask_token = true/],
    [
      'with other sizes than its tensors',
      { hidden_size: 4 },
      /'vit.embeddings.cls_token' has shape \(1, 1, 8\), expected/,
    ],
  ])('%s is refused', async (_, change, message) => {
    await save();
    changeConfig(change);
    const loaded = loadPretrained(folder.path, { as: Vit });
    await expect(loaded).rejects.toThrow(PretrainedError);
    await expect(loaded).rejects.toThrow(message);
  });
});

describe('a ViT that others wrote', () => {
  const file = () => at('model.safetensors');
  const expectSame = async (model: Vit) => {
    const loaded = await loadPretrained(folder.path, { as: Vit });
    expect(logits(loaded)).toEqual(logits(model));
    loaded.dispose();
  };

  it('may give rows and columns of images and patches, where they are equal', async () => {
    const model = new Vit(config, { seed: 1 });
    await savePretrained(model, folder.path);
    changeConfig({ image_size: [8, 8], patch_size: [4, 4] });
    await expectSame(model);
    changeConfig({ image_size: [8, 16] });
    await expect(loadPretrained(folder.path, { as: Vit })).rejects.toThrow(
      /image_size: expected an integer, or two that are equal, got \[8,16\]$/,
    );
    model.dispose();
  });

  it('may have the names of the modules in memory, as transformers 5 saves them', async () => {
    const model = new Vit(config, { seed: 1 });
    await savePretrained(model, folder.path);
    const { tensors } = await readSafetensors(file());
    const inMemory = (name: string) =>
      name
        .replace('vit.encoder.layer.', 'vit.layers.')
        .replace(/attention\.attention\.(q|k|v)(uery|ey|alue)/, 'attention.$1_proj')
        .replace('attention.output.dense', 'attention.o_proj')
        .replace('intermediate.dense', 'mlp.fc1')
        .replace(/(\d)\.output\.dense/, '$1.mlp.fc2');
    await writeSafetensors(file(), Object.fromEntries(Object.entries(tensors).map(([name, t]) => [inMemory(name), t])));
    await expectSame(model);
    model.dispose();
  });

  it('may have no biases of queries, keys and values, which are zeros then', async () => {
    const model = new Vit(config, { seed: 1 });
    for (const [name, variable] of Object.entries(model.variables)) {
      if (/attn\.b[qkv]$/.test(name)) tf.tidy(() => variable.assign(tf.zerosLike(variable)));
    }
    await savePretrained(model, folder.path);
    const { tensors } = await readSafetensors(file());
    const isBias = (name: string) => /attention\.attention\.\w+\.bias$/.test(name);
    await writeSafetensors(file(), Object.fromEntries(Object.entries(tensors).filter(([name]) => !isBias(name))));
    await expect(loadPretrained(folder.path, { as: Vit })).rejects.toThrow(/query.bias' is missing/);
    changeConfig({ qkv_bias: false });
    await expectSame(model);
    model.dispose();
  });
});
