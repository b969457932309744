import { readFileSync, writeFileSync } from 'node:fs';

import { jest } from '@jest/globals';
import { readSafetensors, writeSafetensors } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../../gpt/Gpt.js';
import type { GptConfig } from '../../gpt/GptConfig.js';
import { hybrid } from '../../testing/gptRanks.js';
import { llamaLike, logitsOf, pretrainedFolderForEach, type Json } from '../../testing/pretrainedFolder.js';
import { generationTokens } from '../config/generationTokens.js';
import { loadAdapter, saveAdapter } from '../adapters/adapters.js';
import { createLanguageModel } from '../description/createLanguageModel.js';
import { describePretrained } from '../description/describePretrained.js';
import { loadPretrained, savePretrained } from '../pretrained.js';

const { folder, at, readConfig, changeConfig, save } = pretrainedFolderForEach();
beforeAll(() => tf.setBackend(availableBackends()[0]!));

const config: GptConfig = {
  ...llamaLike,
  ...hybrid,
  numKvHeads: 1,
  headSize: 8,
  ropeSize: 2,
  ffnHidden: 4,
  moe: { kind: 'shared', mix: 'cg1', numExperts: 3, topK: 2, normalizeWeights: true, expertHidden: 4, sharedHidden: 5 },
};
const asText = { modelType: 'qwen3_5_moe_text' };

/** Loads with what is warned of. */
async function loaded(): Promise<{ model: Gpt; warnings: string[] }> {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    const model = await loadPretrained(folder.path, { as: Gpt });
    return { model, warnings: warn.mock.calls.map(([warning]) => String(warning)) };
  } finally {
    warn.mockRestore();
  }
}

/** Adds tensors of other parts under their names, and gives the others new ones. */
async function changeTensors(more: readonly string[], rename: (name: string) => string = (name) => name) {
  const { tensors } = await readSafetensors(at('model.safetensors'));
  const changed: typeof tensors = {};
  for (const [name, tensor] of Object.entries(tensors)) changed[rename(name)] = tensor;
  for (const name of more) changed[name] = { dtype: 'F32', shape: [2], data: new Float32Array(2) };
  await writeSafetensors(at('model.safetensors'), changed);
}

/** The folder of a model of text as that of one of text and images. */
async function withImages(): Promise<void> {
  const { model_type: _, architectures: __, ...text } = readConfig();
  const outer: Json = {
    model_type: 'qwen3_5_moe',
    architectures: ['Qwen3_5MoeForConditionalGeneration'],
    image_token_id: 7,
    vision_config: { depth: 1 },
    text_config: { ...text, model_type: 'qwen3_5_moe_text', eos_token_id: 9 },
  };
  writeFileSync(at('config.json'), JSON.stringify(outer));
  await changeTensors(['model.visual.patch_embed.proj.weight', 'mtp.fc.weight', 'mtp.norm.weight'], (name) =>
    name.replace(/^model\./, 'model.language_model.'),
  );
}

describe('Qwen3.5 with images', () => {
  it('is read as the model of its text, and says what is left out', async () => {
    await save(config, asText);
    const text = (await loaded()).model;
    await withImages();
    const { model, warnings } = await loaded();
    expect(logitsOf(model)).toEqual(logitsOf(text));
    expect(generationTokens(model).eos).toEqual([9]);
    expect(warnings).toEqual([
      expect.stringMatching(/the part that sees images is left out \(1 tensors, the first is 'model\.visual\./),
      expect.stringMatching(
        /the prediction of further tokens is left out \(2 tensors, the first is 'mtp\.fc\.weight'\)/,
      ),
    ]);
    await savePretrained(model, at('again'));
    expect(JSON.parse(readFileSync(at('again/config.json'), 'utf8'))).toMatchObject({
      model_type: 'qwen3_5_moe_text',
      architectures: ['Qwen3_5MoeForCausalLM'],
    });
    await expect(savePretrained(model, at('again'), { modelType: 'qwen3_5_moe' })).rejects.toThrow(
      'vision_config: expected a part that sees images, got a model of text',
    );
    for (const each of [text, model]) each.dispose();
  });

  it('names an option of its text that is not known', async () => {
    await save(config, asText);
    await withImages();
    changeConfig({ text_config: { ...(readConfig()['text_config'] as Json), attn_output_gate: false } });
    await expect(loaded()).rejects.toThrow(
      /config\.json: text_config: attn_output_gate: only true is supported, got false/,
    );
    changeConfig({ text_config: { ...(readConfig()['text_config'] as Json), attn_output_gate: true, own: 3 } });
    await expect(loaded()).rejects.toThrow(/config\.json: text_config: unknown options, .*: own = 3/);
  });
});

describe('a folder with gated delta networks', () => {
  it.each(['qwen3_next', 'qwen3_5_moe_text'])('gives the model that was saved as %s', async (modelType) => {
    const model = new Gpt(config, { seed: 1 });
    await savePretrained(model, folder.path, { modelType });
    const again = (await loaded()).model;
    expect(logitsOf(again)).toEqual(logitsOf(model));
    expect(again.config).toEqual(expect.objectContaining({ deltaLayers: [0], gatedDelta: config.gatedDelta }));
    for (const each of [model, again]) each.dispose();
  });

  it.each(['qwen3_next', 'qwen3_5_moe_text'])(
    'is fine-tuned by adapters, which PEFT finds by its modules: %s',
    async (modelType) => {
      await save(config, { modelType });
      const base = (await loaded()).model;
      const description = await describePretrained(folder.path, { lora: { rank: 2 } });
      const parameters = { ...base.variables, ...base.buffers };
      const tuned = createLanguageModel(description, { parameters }) as Gpt;
      // B starts at zero: moved, it shows in what the model computes.
      const ofAdapter = Object.values(tuned.variables);
      tf.tidy(() => ofAdapter.forEach((each) => each.assign(tf.add(each, tf.randomNormal(each.shape, 0, 0.3)))));
      await saveAdapter(tuned, at('adapter'));
      const { tensors } = await readSafetensors(at('adapter/adapter_model.safetensors'));
      const module = modelType === 'qwen3_next' ? 'in_proj_qkvz' : 'in_proj_qkv';
      expect(Object.keys(tensors)).toContain(`base_model.model.model.layers.0.linear_attn.${module}.lora_A.weight`);
      expect(Object.keys(tensors).filter((name) => name.includes('conv1d'))).toEqual([]);
      await loadAdapter(base, at('adapter'));
      const [expected, found] = [logitsOf(tuned), logitsOf(base)];
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
      for (const each of [base, tuned]) each.dispose();
    },
  );

  it('has attention in every fourth layer, or as often as it says, where no list names them', async () => {
    await save(config, { modelType: 'qwen3_next' });
    changeConfig({ layer_types: null, full_attention_interval: 2 });
    expect((await loaded()).model.config.deltaLayers).toEqual([0]);
    changeConfig({ full_attention_interval: null });
    // Both layers are linear then: the second's tensors are missing.
    await expect(loaded()).rejects.toThrow(/'model\.layers\.1\.linear_attn\.in_proj_qkvz\.weight' is missing/);
  });

  it('may say how positions of images are laid out, which no text has', async () => {
    await save(config, asText);
    const { rope_parameters: rope } = readConfig();
    changeConfig({ rope_parameters: { ...(rope as Json), mrope_section: [1, 0, 0], mrope_interleaved: true } });
    expect((await loaded()).model.config.ropeSize).toBe(2);
  });

  it('is refused where its layers are of another kind', async () => {
    await save(config, { modelType: 'qwen3_next' });
    changeConfig({ layer_types: ['linear_attention', 'sliding_attention'] });
    await expect(loaded()).rejects.toThrow(
      /layer_types: expected 2 of "full_attention", "linear_attention", got \["linear_attention","sliding_attention"\]/,
    );
  });
});

describe('a model with gated delta networks', () => {
  it.each([
    ['the window', { window: 4 }, 'qwen3_next', 'window: expected none, got 4'],
    ['layers', { deltaLayers: [0, 1] }, 'qwen3_next', 'deltaLayers: expected at least one block with attention'],
    [
      'weights',
      { moe: { ...config.moe!, normalizeWeights: false } },
      'qwen3_5_moe_text',
      'moe.normalizeWeights: expected true',
    ],
    ['norms', { moe: { ...config.moe!, kind: 'standard' } }, 'qwen3_moe', 'norm: expected rms, got "zeroCentredRms"'],
    [
      'attention',
      { norm: 'rms', qkNorm: 'none', outputGate: false, moe: undefined },
      'llama',
      'gatedDelta: expected none',
    ],
  ])('is not saved as a family that has other %s', async (_, change, modelType, message) => {
    await expect(save({ ...config, ...change } as GptConfig, { modelType })).rejects.toThrow(message);
  });

  it('is refused where blocks that shall have one are not there', () => {
    const make = (change: Partial<GptConfig>) => () => new Gpt({ ...config, ...change }, { seed: 1 });
    expect(make({ deltaLayers: [2] })).toThrow('deltaLayers: expected blocks from 0 to 1, got 2');
    expect(make({ gatedDelta: undefined })).toThrow('deltaLayers: expected none without a gated delta network');
    expect(make({ deltaLayers: undefined })).toThrow('rope: expected none with a gated delta network');
  });
});
