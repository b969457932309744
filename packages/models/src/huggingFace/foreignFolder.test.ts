import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { readSafetensors, writeSafetensors } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { generationTokens } from './config/generationTokens.js';
import {
  gpt2,
  type Json,
  llamaLike,
  logitsOf,
  mixtral,
  pretrainedFolderForEach,
  qwen2Moe,
} from '../testing/pretrainedFolder.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { PretrainedError } from './PretrainedError.js';

const { folder, at, readConfig, changeConfig, save } = pretrainedFolderForEach();

beforeAll(() => tf.setBackend(availableBackends()[0]!));

describe('a folder that others wrote', () => {
  const families: [string, GptConfig][] = [
    ['gpt2', { ...gpt2, tiedEmbeddings: false }],
    ['llama', llamaLike],
    ['mixtral', mixtral],
    ['qwen2_moe', qwen2Moe],
  ];
  const file = () => at('model.safetensors');
  const embeddingOf = (type: string) => (type === 'gpt2' ? 'transformer.wte.weight' : 'model.embed_tokens.weight');

  async function loaded(): Promise<{ values: Float32Array; isTied: boolean | undefined }> {
    const model = await loadPretrained(folder.path, { as: Gpt });
    const found = { values: logitsOf(model), isTied: model.config.tiedEmbeddings };
    model.dispose();
    return found;
  }

  it.each(families)(
    '%s: a head that differs from the embedding counts, though config.json ties them',
    async (type, config) => {
      const model = new Gpt(config, { seed: 1 });
      await savePretrained(model, folder.path, { modelType: type });
      changeConfig({ tie_word_embeddings: true });
      const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      const { values, isTied } = await loaded();
      const warnings = warn.mock.calls.map(([warning]) => String(warning));
      warn.mockRestore();
      expect(values).toEqual(logitsOf(model));
      expect(isTied).toBe(false);
      expect(warnings.join()).toMatch(/config.json ties embedding and head, but .* and 'lm_head.weight' differ/);
      model.dispose();
    },
  );

  it('may have layers that predict further tokens, which are left out with a warning', async () => {
    const model = new Gpt(llamaLike, { seed: 1 });
    await savePretrained(model, folder.path, { modelType: 'llama' });
    const { tensors } = await readSafetensors(file());
    const further = { 'model.layers.2.eh_proj.weight': tensors['lm_head.weight']! };
    await writeSafetensors(file(), { ...tensors, ...further });
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { values } = await loaded();
    const warnings = warn.mock.calls.map(([warning]) => String(warning));
    warn.mockRestore();
    expect(values).toEqual(logitsOf(model));
    expect(warnings).toEqual([
      `${folder.path}: 1 tensors of layers that predict further tokens are left out, 'model.layers.2.eh_proj.weight' for one.`,
    ]);
    model.dispose();
  });

  it.each(families)('%s: tied, with either half alone, or both alike', async (type, config) => {
    const model = new Gpt({ ...config, tiedEmbeddings: true }, { seed: 1 });
    await savePretrained(model, folder.path, { modelType: type });
    const { [embeddingOf(type)]: embedding, ...others } = (await readSafetensors(file())).tensors;
    for (const tensors of [
      { ...others, 'lm_head.weight': embedding! },
      { ...others, [embeddingOf(type)]: embedding!, 'lm_head.weight': embedding! },
    ]) {
      await writeSafetensors(file(), tensors);
      expect(await loaded()).toEqual({ values: logitsOf(model), isTied: true });
    }
    model.dispose();
  });

  it.each([
    ['mixtral', mixtral, ['w1', 'w3', 'w2'], (name: string) => name.replace('block_sparse_moe', 'mlp')],
    ['qwen2_moe', qwen2Moe, ['gate_proj', 'up_proj', 'down_proj'], (name: string) => name],
  ] as const)('%s: experts may be fused, as transformers 5 has them in memory', async (type, config, names, rename) => {
    const model = new Gpt(config, { seed: 1 });
    await savePretrained(model, folder.path, { modelType: type });
    const { tensors } = await readSafetensors(file());
    await writeSafetensors(file(), fused(tensors, names, rename));
    expect((await loaded()).values).toEqual(logitsOf(model));
    model.dispose();
  });

  it('keeps the ids that begin, end and fill texts', async () => {
    await save(llamaLike, { modelType: 'llama' });
    changeConfig({ bos_token_id: 1, eos_token_id: 2, pad_token_id: 0 });
    const generation = (content: object) => writeFileSync(at('generation_config.json'), JSON.stringify(content));
    for (const [eos, ids] of [
      [4, [4]],
      [
        [2, 3],
        [2, 3],
      ],
      [{ text: 5, turn: 6 }, [5, 6]],
    ] as const) {
      generation({ eos_token_id: eos });
      const model = await loadPretrained(folder.path, { as: Gpt });
      expect(generationTokens(model)).toEqual({ bos: 1, eos: ids, pad: 0 });
      await savePretrained(model, at('again'), { modelType: 'llama' });
      const written = ['config.json', 'generation_config.json'].map(
        (name) => JSON.parse(readFileSync(join(at('again'), name), 'utf8')) as Json,
      );
      for (const json of written) expect(json).toMatchObject({ bos_token_id: 1, eos_token_id: eos, pad_token_id: 0 });
      model.dispose();
    }
    generation({ eos_token_id: 'the end' });
    await expect(loadPretrained(folder.path)).rejects.toThrow(/eos_token_id: expected an id, .*, got "the end"/);
  });

  it.each([
    [
      'num_hidden_layers',
      1e8,
      /num_hidden_layers: expected an integer from 1 to \d+, the number of tensors, got 100000000$/,
    ],
    ['num_hidden_layers', 1e300, /num_hidden_layers: expected an integer, got 1e\+300$/],
    ['num_hidden_layers', -1, /num_hidden_layers: expected an integer from 1 to \d+, the number of tensors, got -1$/],
    [
      'num_local_experts',
      1e9,
      /num_local_experts: expected an integer from 1 to \d+, the number of tensors, got 1000000000$/,
    ],
    [
      'vocab_size',
      1e15,
      /config.json: vocab_size 1000000000000000, .*: expected the parameters to take at most [\d.]+ .iB, the memory of this machine, got 56.8 PiB$/,
    ],
    ['vocab_size', 12, /'model.embed_tokens.weight' has shape \(11, 8\), expected \(12, 8\)/],
    ['vocab_size', 0, /config.json: vocab_size: expected an integer of at least 1, got 0$/],
    ['num_attention_heads', 0, /config.json: num_attention_heads: expected an integer of at least 1, got 0$/],
    ['num_attention_heads', -2, /config.json: num_attention_heads: expected an integer of at least 1, got -2$/],
    ['num_key_value_heads', 2 ** 40, /config.json: numKvHeads: expected a divisor of numHeads = 2, got 1099511627776$/],
    ['rms_norm_eps', -1, /config.json: rms_norm_eps: expected a number > 0, got -1$/],
    ['rope_theta', -1, /config.json: rope_theta: expected a number > 0, got -1$/],
    ['router_aux_loss_coef', -1, /config.json: .*oadBalanceCoefficient: expected a number >= 0, got -1$/],
    ['num_experts_per_tok', 1e15, /config.json: topK: expected at most numExperts = 3, got 1000000000000000$/],
  ])('names an option of any size before it makes anything: %s = %d', async (key, value, message) => {
    await save(mixtral, { modelType: 'mixtral' });
    const { head_dim: _, ...config } = readConfig();
    writeFileSync(at('config.json'), JSON.stringify({ ...config, [key]: value }));
    const error: unknown = await loadPretrained(folder.path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PretrainedError);
    expect((error as Error).message).toMatch(message);
  });

  it('may have a configuration with a byte-order mark, and null for what has a default', async () => {
    await save(llamaLike, { modelType: 'llama' });
    const config = {
      ...readConfig(),
      rms_norm_eps: null,
      num_key_value_heads: null,
      rope_scaling: null,
      mlp_bias: null,
    };
    writeFileSync(at('config.json'), `\ufeff${JSON.stringify(config)}`);
    (await loadPretrained(folder.path, { as: Gpt })).dispose();
    writeFileSync(at('config.json'), `{"model_type": ${'['.repeat(1e5)}${']'.repeat(1e5)}}`);
    await expect(loadPretrained(folder.path)).rejects.toThrow(/config.json is not valid JSON: /);
  });
});

type Tensors = Awaited<ReturnType<typeof readSafetensors>>['tensors'];

/** Experts that are saved one by one, as `gate_up_proj` (experts, 2 width, model) and `down_proj` (experts, model, width). */
function fused(
  tensors: Tensors,
  [gate, up, down]: readonly [string, string, string],
  rename: (name: string) => string,
): Tensors {
  const result: Tensors = {};
  const experts: Record<string, Record<string, Tensors[string]>[]> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const [, block, expert, part] = /^(.*\.experts)\.(\d+)\.(\w+)\.weight$/.exec(name) ?? [];
    if (part === undefined) result[rename(name)] = tensor;
    else ((experts[block!] ??= [])[Number(expert)] ??= {})[part] = tensor;
  }
  const stack = (parts: Tensors[string][], shape: number[]) => ({
    dtype: 'F32' as const,
    shape,
    data: Float32Array.from(parts.flatMap(({ data }) => Array.from(data as Float32Array))),
  });
  for (const [block, list] of Object.entries(experts)) {
    const [width, dModel] = list[0]![gate]!.shape as [number, number];
    const pairs = list.flatMap((expert) => [expert[gate]!, expert[up]!]);
    result[rename(`${block}.gate_up_proj`)] = stack(pairs, [list.length, 2 * width, dModel]);
    const downs = list.map((expert) => expert[down]!);
    result[rename(`${block}.down_proj`)] = stack(downs, [list.length, dModel, width]);
  }
  return result;
}
