import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ArgumentError } from '@scmoe/errors';
import { readSafetensors, toTensor, useBackend, valueAndGrads } from '@scmoe/tensor';
import { referenceAdapter, referenceCheckpoint, relativeError, temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { factorNames } from '../../adapters/AdapterPlan.js';
import { LanguageModel } from '../../languageModel/LanguageModel.js';
import { loadPretrained } from '../pretrained.js';
import { joinColumns } from '../tensors/columns.js';
import { loadAdapter, saveAdapter } from './adapters.js';
import { fromFused, fromLinear, type Factors } from './factors.js';

/** Tolerances as of whole checkpoints, in units of a tensor's largest magnitude. */
const tolerance = 1e-4;

const baseOf = {
  'qwen3_moe-fused': 'qwen3_moe',
  'qwen3_moe-down': 'qwen3_moe',
  'mixtral-doubled': 'mixtral',
  'mixtral-each': 'mixtral',
  'deepseek_v3-router': 'deepseek_v3',
  'qwen2_moe-shared': 'qwen2_moe',
  'gpt_oss-fused': 'gpt_oss',
};
type Name = keyof typeof baseOf;

const adapterPath = (name: Name) => referenceAdapter(name);
const open = (name: Name) => loadPretrained(referenceCheckpoint(baseOf[name]), { as: LanguageModel });

async function withAdapter(name: Name, folder = adapterPath(name)): Promise<LanguageModel<object>> {
  const model = await open(name);
  await loadAdapter(model, folder);
  return model;
}

async function tensorsOf(path: string): Promise<Record<string, tf.Tensor>> {
  const { tensors } = await readSafetensors(path);
  return Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, toTensor(tensor)]));
}

const referenceOf = (name: Name) => tensorsOf(join(adapterPath(name), 'reference.safetensors'));

function expectLogits(model: LanguageModel<object>, reference: Record<string, tf.Tensor>) {
  const { logits } = model.forward(reference['input.ids'] as tf.Tensor2D);
  expect(relativeError(logits, reference['output.logits']!)).toBeLessThan(tolerance);
}

function gradientsOf(model: LanguageModel<object>, ids: tf.Tensor2D): Record<string, tf.Tensor> {
  const next = tf.slice(ids, [0, 1], [-1, -1]);
  const targets: tf.Tensor2D = tf.concat([next, tf.fill([ids.shape[0], 1], -100, 'int32')], 1);
  return valueAndGrads(() => model.loss({ ids, targets }).crossEntropy, model.variables).grads;
}

describe('an adapter of PEFT', () => {
  beforeAll(() => useBackend('auto'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());
  const temporary = temporaryFolderForEach();

  it.each(Object.keys(baseOf) as Name[])('gives the logits of PEFT: %s', async (name) => {
    // What PEFT makes of single experts has another factor with rslora alone, which this one has not.
    expectLogits(await withAdapter(name), await referenceOf(name));
  });

  it.each(['qwen3_moe-fused', 'gpt_oss-fused', 'mixtral-doubled', 'deepseek_v3-router', 'qwen2_moe-shared'] as const)(
    'gives the gradients of PEFT: %s',
    async (name) => {
      const model = await withAdapter(name);
      const reference = await referenceOf(name);
      const grads = gradientsOf(model, reference['input.ids'] as tf.Tensor2D);
      const paths = matricesByPath(model);
      const expected = new Set(Object.keys(reference).filter((key) => key.startsWith('gradient.')));
      for (const [path, ours] of Object.entries(paths)) {
        const key = (which: string) => `gradient.base_model.model.${path}.lora_${which}.weight`;
        const [a, b] = [reference[key('A')]!, reference[key('B')]!];
        const isStack = grads[factorNames(ours[0]!).a]!.rank === 3;
        const theirs: Factors = isStack ? fromFused(a, b, grads[factorNames(ours[0]!).a]!.shape[0]) : fromLinear(a, b);
        // One A of gate and up: its gradient is the sum of ours.
        const ofA = tf.addN(ours.map((matrix) => grads[factorNames(matrix).a]!));
        const bs = ours.map((matrix) => grads[factorNames(matrix).b]!);
        // Columns of gate and up take turns in gpt-oss.
        const ofB = joinColumns(bs, name === 'gpt_oss-fused' && ours.length > 1 ? bs[0]!.shape.at(-1)! : 1);
        for (const [which, found, wanted] of [
          ['A', ofA, theirs.a],
          ['B', ofB, theirs.b],
        ] as const) {
          const error = relativeError(found, wanted);
          expect([path, which, error < tolerance ? 'same' : error]).toEqual([path, which, 'same']);
          expected.delete(key(which));
        }
      }
      expect([...expected]).toEqual([]);
    },
  );

  it('is saved as it was read, for single experts', async () => {
    await saveAdapter(await withAdapter('mixtral-each'), temporary.path, { layout: 'perExpert', base: 'mixtral' });
    const [written, read] = await Promise.all(
      [temporary.path, adapterPath('mixtral-each')].map((path) =>
        readSafetensors(join(path, 'adapter_model.safetensors')),
      ),
    );
    expect(written!.tensors).toEqual(read!.tensors);
    const config = JSON.parse(readFileSync(join(temporary.path, 'adapter_config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ r: 2, lora_alpha: 6, target_modules: ['q_proj', 'w1', 'w2', 'w3'] });
  });

  it.each([
    ['mixtral-each', 'fused'],
    ['mixtral-doubled', 'perExpert'],
    ['qwen2_moe-shared', 'fused'],
    ['gpt_oss-fused', 'fused'],
  ] as const)('computes the same after it was saved: %s, %s', async (name, layout) => {
    await saveAdapter(await withAdapter(name), temporary.path, { layout });
    expectLogits(await withAdapter(name, temporary.path), await referenceOf(name));
  });

  it.each(['qwen3_moe-fused', 'deepseek_v3-router', 'qwen2_moe-shared', 'gpt_oss-fused'] as const)(
    'computes the same once it is merged: %s',
    async (name) => {
      const model = await withAdapter(name);
      model.mergeAdapter();
      expect(model.adapter).toBeUndefined();
      expectLogits(model, await referenceOf(name));
    },
  );

  it('has no place for single experts of a family that publishes none', async () => {
    const model = await withAdapter('gpt_oss-fused');
    await expect(saveAdapter(model, temporary.path, { layout: 'perExpert' })).rejects.toThrow(ArgumentError);
  });

  it('is cut to the experts that a rank holds', async () => {
    const whole = await withAdapter('qwen3_moe-fused');
    const path = referenceCheckpoint('qwen3_moe');
    const part = await loadPretrained(path, { as: LanguageModel, experts: { rank: 1, size: 2 } });
    await loadAdapter(part, adapterPath('qwen3_moe-fused'));
    const name = 'block0.experts.down.loraB';
    const [all, own] = [whole.variables[name]!, part.variables[name]!];
    expect(Array.from(own.dataSync())).toEqual(Array.from(tf.slice(all, [4], [4]).dataSync()));
  });

  describe('refuses', () => {
    const changed = (name: Name, change: object) => {
      cpSync(adapterPath(name), temporary.path, { recursive: true });
      const file = join(temporary.path, 'adapter_config.json');
      writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...change }));
      return temporary.path;
    };

    it.each([
      [{ use_dora: true }, 'use_dora: expected one of [false], got true'],
      [{ bias: 'all' }, 'bias: expected one of ["none"], got "all"'],
      [{ modules_to_save: ['lm_head'] }, 'modules_to_save: expected one of [null], got ["lm_head"]'],
      [
        { init_lora_weights: 'pissa' },
        'init_lora_weights: expected one of [true,false,"gaussian","orthogonal","eva"], got "pissa"',
      ],
      [{ peft_type: 'IA3' }, 'peft_type: expected one of ["LORA"], got "IA3"'],
      [{ lora_alpha: '6' }, 'lora_alpha: expected a number of at least 0, got "6"'],
    ])('%j', async (change, message) => {
      await expect(withAdapter('qwen3_moe-down', changed('qwen3_moe-down', change))).rejects.toThrow(message);
    });

    it('an adapter for another base, naming every tensor that is left', async () => {
      const model = await open('deepseek_v3-router');
      await expect(loadAdapter(model, adapterPath('qwen3_moe-down'))).rejects.toThrow(
        /adapter_model\.safetensors: the model has no use for .*'base_model\.model\.model\.layers\.0\.self_attn\.v_proj\.lora_A\.weight'.* The adapter is for the base model 'qwen3_moe'/,
      );
      expect(model.adapter).toBeUndefined();
    });

    it('an adapter of other sizes', async () => {
      await expect(loadAdapter(await open('qwen2_moe-shared'), adapterPath('mixtral-doubled'))).rejects.toThrow(
        /expected matrices for 16 inputs and 24 outputs of 6 experts.*The adapter is for another base model, 'mixtral'/,
      );
    });
  });
});

/** The matrices of the model by the path of PEFT's module, as the names of the families say. */
function matricesByPath(model: LanguageModel<object>): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  const theirs: Readonly<Record<string, string>> = {
    'attn.wq': 'self_attn.q_proj',
    'attn.wk': 'self_attn.k_proj',
    'attn.wv': 'self_attn.v_proj',
    'attn.wo': 'self_attn.o_proj',
    'attn.wqDown': 'self_attn.q_a_proj',
    'attn.wqUp': 'self_attn.q_b_proj',
    'attn.wkvDown': 'self_attn.kv_a_proj_with_mqa',
    'attn.wkvUp': 'self_attn.kv_b_proj',
    'router.weight': 'mlp.gate',
    'shared.gate': 'mlp.shared_expert.gate_proj',
    'shared.up': 'mlp.shared_expert.up_proj',
    'shared.down': 'mlp.shared_expert.down_proj',
    'mix.weight': 'mlp.shared_expert_gate',
    'mlp.gate': 'mlp.gate_proj',
    'experts.gate': 'mlp.experts.base_layer',
    'experts.up': 'mlp.experts.base_layer',
    'experts.down': 'mlp.experts',
  };
  for (const matrix of Object.keys(model.adapter!.matrices)) {
    const [, layer, rest] = /^block(\d+)\.(.*)$/.exec(matrix)!;
    (found[`model.layers.${layer}.${theirs[rest!]}`] ??= []).push(matrix);
  }
  return found;
}
