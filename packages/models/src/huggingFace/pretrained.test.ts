import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ArgumentError } from '@scmoe/errors';
import { readSafetensors, writeSafetensors } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import {
  gpt2,
  type Json,
  llamaLike,
  logitsOf,
  mixtral,
  pretrainedFolderForEach,
  qwen2Moe,
  qwen3Moe,
} from '../testing/pretrainedFolder.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { PretrainedError } from './PretrainedError.js';

const { folder, at, readConfig, changeConfig, save } = pretrainedFolderForEach();

beforeAll(() => tf.setBackend(availableBackends()[0]!));

const llama3 = { type: 'llama3', factor: 8, originalLength: 4, lowFrequencyFactor: 1, highFrequencyFactor: 4 } as const;

describe('a saved model', () => {
  it.each<[string, string, GptConfig]>([
    ['GPT-2', 'gpt2', gpt2],
    [
      'GPT-2 in pairs, exact GELU, a head of its own',
      'gpt2',
      { ...gpt2, placement: 'pairs', activation: 'gelu', tiedEmbeddings: false },
    ],
    ['LLaMA, tied', 'llama', { ...llamaLike, tiedEmbeddings: true }],
    ['LLaMA with biases in attention', 'llama', { ...llamaLike, attentionBias: true }],
    ['LLaMA with scaled angles', 'llama', { ...llamaLike, ropeScaling: llama3 }],
    ['LLaMA with heads of another size, of which a part turns', 'llama', { ...llamaLike, headSize: 6, ropeSize: 4 }],
    ['Mistral with a window', 'mistral', { ...llamaLike, window: 3 }],
    ['Qwen3 with a window in a layer', 'qwen3', { ...llamaLike, qkNorm: 'perHead', window: 2, windowLayers: [1] }],
    ['OLMo 2', 'olmo2', { ...llamaLike, qkNorm: 'whole', normPlacement: 'after' }],
    ['Qwen3-MoE with a dense layer and windows', 'qwen3_moe', { ...qwen3Moe, window: 4 }],
    ['FlexOlmo', 'flex_olmo', { ...mixtral, qkNorm: 'whole', normPlacement: 'after' }],
    ['Qwen2', 'qwen2', { ...llamaLike, attentionBias: 'qkv' }],
    ['Mixtral', 'mixtral', { ...mixtral, ropeTheta: 5000, normEpsilon: 1e-4 }],
    ['Qwen2-MoE with a dense block', 'qwen2_moe', qwen2Moe],
    [
      'Qwen2-MoE in pairs, without biases',
      'qwen2_moe',
      { ...qwen2Moe, placement: 'pairs', attentionBias: false, moe: { ...qwen2Moe.moe!, topK: 2 } },
    ],
  ])('computes the same when it is loaded: %s', async (_, type, config) => {
    const model = new Gpt(config, { seed: 1 });
    await savePretrained(model, folder.path);
    expect(readConfig()['model_type']).toBe(type);
    const again = await loadPretrained(folder.path, { as: Gpt });
    expect(logitsOf(again)).toEqual(logitsOf(model));
    expect(again.numParameters()).toBe(model.numParameters());
    model.dispose();
    again.dispose();
  });

  it('is of the family that is asked for, where that has all that it has', async () => {
    await save({ ...llamaLike }, { modelType: 'mistral' });
    expect(readConfig()['architectures']).toEqual(['MistralForCausalLM']);
    (await loadPretrained(folder.path, { as: Gpt })).dispose();
    await expect(save(gpt2, { modelType: 'mistral' })).rejects.toThrow(
      /has. mistral: attentionBias: expected false, got true/,
    );
    await expect(save(gpt2, { modelType: 'gpt3' })).rejects.toThrow(/modelType: expected one of gpt2, llama, .*"gpt3"/);
  });

  it('takes half the space in bfloat16, and is loaded from it', async () => {
    await save(mixtral, { dtype: 'bfloat16' });
    expect(readConfig()['dtype']).toBe('bfloat16');
    const { tensors } = await readSafetensors(at('model.safetensors'));
    expect(new Set(Object.values(tensors).map(({ dtype }) => dtype))).toEqual(new Set(['BF16']));
    const [model, exact] = [await loadPretrained(folder.path, { as: Gpt }), new Gpt(mixtral, { seed: 1 })];
    const [rounded, expected] = [logitsOf(model), logitsOf(exact)];
    rounded.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(0.01));
    model.dispose();
    exact.dispose();
  });

  it("trains with what transformers' Mixtral jitters: the input of the experts as well", async () => {
    await save({ ...mixtral, moe: { kind: 'standard', numExperts: 1, topK: 1, normalizeWeights: true } });
    changeConfig({ router_jitter_noise: 0.5 });
    const model = await loadPretrained(folder.path, { as: Gpt });
    expect(model.config.moe).toMatchObject({ jitter: 0.5, jitterExperts: true });
    // The weight of a single expert is 1 whatever the router reads: what differs comes from the expert.
    const logits = (options: object) => tf.tidy(() => model.forward(ids, options).logits.dataSync<'float32'>().slice());
    const ids = tf.tensor2d([[1, 2, 3]], undefined, 'int32');
    const [quiet, training, again] = [{}, ...[1, 1].map((dropoutSeed) => ({ training: true, dropoutSeed }))].map(
      logits,
    );
    expect(training).not.toEqual(quiet);
    expect(again).toEqual(training);
    await savePretrained(model, at('again'), { modelType: 'mixtral' });
    const written = JSON.parse(readFileSync(join(at('again'), 'config.json'), 'utf8')) as Json;
    expect(written['router_jitter_noise']).toBe(0.5);
    tf.dispose(ids);
    model.dispose();
  });

  it('is loaded by ranks that share the experts out, each with its own', async () => {
    const config: GptConfig = { ...mixtral, moe: { kind: 'top2', numExperts: 4 } };
    await save(config);
    const [whole, half] = [
      new Gpt(config, { seed: 1 }),
      await loadPretrained(folder.path, { as: Gpt, experts: { rank: 1, size: 2 } }),
    ];
    const expected = tf.tidy(() => whole.variables['block1.experts.up']!.slice([2], [2]).dataSync());
    expect(half.variables['block1.experts.up']!.dataSync()).toEqual(expected);
    await expect(savePretrained(half, folder.path)).rejects.toThrow(
      /'block0.experts.gate' has shape \(2, 8, 12\), exp/,
    );
    whole.dispose();
    half.dispose();
  });

  it.each<[string, GptConfig, RegExp]>([
    [
      'ScMoE',
      { ...gpt2, moe: { kind: 'scmoe', numExperts: 2 } },
      /gpt2, llama, [^.]*: moe.kind: expected dense, got "scmoe". mixtral, /,
    ],
    [
      'a capacity',
      { ...mixtral, moe: { kind: 'top2', numExperts: 3, capacityFactor: 1 } },
      /mixtral, [^.]*: moe.capacityFactor: expected 0/,
    ],
    [
      'bounded logits',
      { ...mixtral, moe: { kind: 'top2', numExperts: 3, logitSoftCap: 30 } },
      /mixtral, [^.]*: moe.logitSoftCap: expected 0, got 30/,
    ],
    [
      'experts in some blocks',
      { ...mixtral, moe: { kind: 'top2', numExperts: 3, blocks: [1] } },
      /mixtral, [^.]*: moe.blocks: expected experts in ev/,
    ],
    [
      'a correction bias',
      { ...mixtral, moe: { kind: 'top2', numExperts: 3, correctionBias: true } },
      /mixtral, [^.]*: moe.correctionBias: expected false, got true/,
    ],
    [
      'another mix',
      { ...qwen2Moe, moe: { ...qwen2Moe.moe!, mix: 'add' } },
      /qwen2_moe: moe.mix: expected cg1, got "add"/,
    ],
    ['silu', { ...gpt2, activation: 'silu' }, /gpt2: activation: expected gelu or gelu_tanh, got "silu"/],
  ])('has to have a public format: not %s', async (_, config, message) => {
    const model = new Gpt(config, { seed: 1 });
    const saved = savePretrained(model, folder.path);
    await expect(saved).rejects.toThrow(ArgumentError);
    await expect(saved).rejects.toThrow(message);
    model.dispose();
  });
});

describe('a configuration', () => {
  const cases: [string, GptConfig, Json, RegExp][] = [
    ['of an unknown model', gpt2, { model_type: 'gpt9' }, /model_type: expected one of gpt2, .*, vit, got "gpt9"/],
    ['without a type', gpt2, { model_type: undefined }, /model_type: expected one of .*, got null/],
    [
      'of a classifier',
      gpt2,
      { architectures: ['GPT2ForSequenceClassification'] },
      /architectures: expected GPT2LMHeadModel/,
    ],
    [
      'with an option from the future',
      gpt2,
      { attn_output_gate: true, x: 0 },
      /unknown options, .*: attn_output_gate = true, x = 0\. Known are/,
    ],
    ['without a size', gpt2, { n_embd: undefined }, /config.json: n_embd: expected an integer, got null/],
    ['with a text for a size', mixtral, { hidden_size: '8' }, /hidden_size: expected an integer, got "8"/],
    [
      'with an unknown activation',
      gpt2,
      { activation_function: 'relu' },
      /activation_function: expected one of gelu_new, .*, got "relu"/,
    ],
    ['with another activation', mixtral, { hidden_act: 'gelu' }, /hidden_act: expected "silu", got "gelu"/],
    [
      'with cross-attention',
      gpt2,
      { add_cross_attention: true },
      /add_cross_attention: only false is supported, got true/,
    ],
    ['with scaled attention', gpt2, { scale_attn_by_inverse_layer_idx: true }, /inverse_layer_idx: only false is supp/],
    [
      'with a window that is none',
      mixtral,
      { sliding_window: 0 },
      /sliding_window: expected an integer of at least 1, got 0/,
    ],
    [
      'with a sliding window in use',
      qwen2Moe,
      { use_sliding_window: true },
      /use_sliding_window: only false is supported/,
    ],
    [
      'with sliding layers',
      qwen2Moe,
      { layer_types: ['sliding_attention'] },
      /layer_types: only "full_attention" is supp/,
    ],
    [
      'with angles of an unknown scaling',
      mixtral,
      { rope_parameters: { rope_type: 'longrope', short_factor: [1] } },
      /rope_parameters: only rope_type "default", "linear", "llama3", "yarn" are supported, got {"rope_type":"longrope"/,
    ],
    [
      'with an unknown setting of scaled angles',
      mixtral,
      { rope_parameters: { rope_type: 'yarn', factor: 4, betaFast: 3 } },
      /rope_parameters: expected no betaFast for rope_type "yarn"/,
    ],
    [
      'with a text for a setting of scaled angles',
      mixtral,
      { rope_parameters: { rope_type: 'yarn', factor: '4' } },
      /rope_parameters: expected a number for each setting/,
    ],
    [
      'with angles that are scaled by nothing, as of old',
      mixtral,
      { rope_parameters: null, rope_scaling: { type: 'linear' } },
      /rope_scaling: expected a factor/,
    ],
    [
      'with half a pair that turns',
      mixtral,
      { rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.75 } },
      /rope.size: expected an even number up to the head size 4, got 3/,
    ],
    [
      'with heads of another size than those of the tensors',
      mixtral,
      { head_dim: 16 },
      /'model.layers.0.self_attn.q_proj.weight' has shape \(8, 8\), expected \(32, 8\)/,
    ],
    ['with two numbers of experts', qwen3Moe, { num_experts: 4 }, /num_experts: expected num_local_experts = 3, got 4/],
    [
      'that is quantised in an unknown way',
      mixtral,
      { quantization_config: { bits: 4 } },
      /quantization_config: quant_method: expected one of fp8, mxfp4, got null/,
    ],
    [
      'with a choice of no experts',
      mixtral,
      { num_experts_per_tok: 9 },
      /topK: expected at most numExperts = 3, got 9/,
    ],
  ];
  it.each(cases)('%s is refused', async (_, config, change, message) => {
    await save(config);
    changeConfig(change);
    const error: unknown = await loadPretrained(folder.path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
  });

  it('may have options that change nothing', async () => {
    await save(qwen2Moe);
    changeConfig({ sliding_window: 4, future_note: 'x', gate_bias: false, torch_dtype: 'float32', _name_or_path: 'a' });
    await expect(loadPretrained(folder.path)).rejects.toThrow(/: future_note = "x"\. /);
    const model = await loadPretrained(folder.path, { as: Gpt, ignoreOptions: ['future_note'] });
    model.dispose();
  });

  it('may be one of before transformers 5, with rope_theta beside the other options', async () => {
    await save({ ...mixtral, ropeTheta: 5000 });
    const { rope_parameters: _, ...old } = readConfig();
    writeFileSync(at('config.json'), JSON.stringify({ ...old, rope_scaling: null }));
    const model = await loadPretrained(folder.path, { as: Gpt });
    expect(model.config.ropeTheta).toBe(5000);
    model.dispose();
  });
});

describe('tensors', () => {
  it('that are missing or unexpected are named', async () => {
    await save(gpt2);
    const { tensors } = await readSafetensors(at('model.safetensors'));
    const { 'transformer.h.1.ln_1.bias': moved, ...rest } = tensors;
    await writeSafetensors(at('model.safetensors'), { ...rest, 'transformer.h.2.ln_1.bias': moved! });
    const loaded = loadPretrained(folder.path, { as: Gpt });
    await expect(loaded).rejects.toThrow(PretrainedError);
    await expect(loaded).rejects.toThrow(
      /'transformer.h.1.ln_1.bias' is missing; 'transformer.h.2.ln_1.bias' is not expected/,
    );
  });

  it('of a bare GPT-2 of old are loaded, without the prefix and with masks', async () => {
    const model = new Gpt(gpt2, { seed: 1 });
    await savePretrained(model, folder.path);
    const { tensors } = await readSafetensors(at('model.safetensors'));
    const bare = Object.fromEntries(
      Object.entries(tensors).map(([name, value]) => [name.replace('transformer.', ''), value]),
    );
    const mask = { dtype: 'F32' as const, shape: [1], data: Float32Array.of(1) };
    await writeSafetensors(at('model.safetensors'), { ...bare, 'h.0.attn.bias': mask, 'h.1.attn.bias': mask });
    const again = await loadPretrained(folder.path, { as: Gpt });
    expect(logitsOf(again)).toEqual(logitsOf(model));
    model.dispose();
    again.dispose();
  });
});
