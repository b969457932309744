import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { readSafetensors, toFloat32, type StoredTensor } from '@scmoe/tensor';
import { referenceCheckpoint, referenceGguf, temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { GptConfig } from '../../gpt/GptConfig.js';
import { Gpt } from '../../gpt/Gpt.js';
import { generationTokens } from '../config/generationTokens.js';
import { isPretrainedFolder } from '../description/isPretrainedFolder.js';
import { loadPretrained, readPretrainedConfig, savePretrained } from '../pretrained.js';
import { PretrainedError } from '../PretrainedError.js';

const families = [
  ['mixtral'],
  ['qwen2_moe'],
  ['qwen3'],
  ['qwen3_moe'],
  ['olmo2'],
  ['olmoe'],
  ['granitemoeshared'],
  ['glm4_moe'],
  ['minimax_m2'],
  ['gpt_oss-mxfp4'],
];

const folder = temporaryFolderForEach();

/** Half precision keeps 11 bits, and below 2^-14 steps of 2^-24. */
const roundingOf = (value: number) => Math.max(Math.abs(value) * 2 ** -11, 2 ** -25);

async function tensorsOf(path: string): Promise<Record<string, StoredTensor>> {
  return (await readSafetensors(path)).tensors;
}

/** The file of a checkpoint with its numbers in float32. */
function floatsOf(name: string): string {
  return name.endsWith('-mxfp4') ? 'dequantised.safetensors' : 'model.safetensors';
}

/** A copy of a file with some of its bytes changed. */
function changed(name: string, change: (bytes: Buffer) => Buffer | void): string {
  const bytes = readFileSync(referenceGguf(name));
  const path = join(folder.path, 'changed.gguf');
  writeFileSync(path, change(bytes) ?? bytes);
  return path;
}

describe('a file of GGUF', () => {
  it.each(families)('of %s is the model of the checkpoint that it was made from, in half precision', async (name) => {
    const model = await loadPretrained(referenceGguf(name), { as: Gpt });
    expect(withoutTraining(model.config)).toEqual(
      withoutTraining(await readPretrainedConfig(referenceCheckpoint(name), { as: Gpt })),
    );
    await savePretrained(model, folder.path);
    const saved = await tensorsOf(join(folder.path, 'model.safetensors'));
    const original = await tensorsOf(join(referenceCheckpoint(name), floatsOf(name)));
    expect(Object.keys(saved).sort()).toEqual(Object.keys(original).sort());
    for (const [key, tensor] of Object.entries(original)) {
      const values = toFloat32(saved[key]!);
      const wrong = toFloat32(tensor).findIndex((value, i) => !(Math.abs(value - values[i]!) <= roundingOf(value)));
      expect([key, saved[key]!.shape, wrong]).toEqual([key, tensor.shape, -1]);
    }
    model.dispose();
  });

  it('gives the numbers that gguf-py decodes from every type, to the bit', async () => {
    const path = referenceGguf('types');
    const model = await loadPretrained(path, { as: Gpt });
    await savePretrained(model, folder.path);
    const decoded = await tensorsOf(join(dirname(path), 'decoded.safetensors'));
    expect(await tensorsOf(join(folder.path, 'model.safetensors'))).toEqual(decoded);
    expect(generationTokens(model)).toEqual({ bos: 1, eos: [2] });
    model.dispose();
  });

  it('is read for one rank with its experts alone', async () => {
    const whole = await loadPretrained(referenceGguf('types'), { as: Gpt });
    const part = await loadPretrained(referenceGguf('types'), { as: Gpt, experts: { rank: 1, size: 3 } });
    for (const name of ['gate', 'up', 'down'].map((each) => `block0.experts.${each}`)) {
      const own = tf.tidy(() => tf.slice(whole.variables[name]!, [1], [1]).dataSync());
      expect(part.variables[name]!.dataSync()).toEqual(own);
    }
    whole.dispose();
    part.dispose();
  });

  it('is a model of transformers to those who ask', async () => {
    expect(await isPretrainedFolder(referenceGguf('types'))).toBe(true);
    const { numLayers, moe } = await readPretrainedConfig<Gpt>(referenceGguf('types'), { as: Gpt });
    expect([numLayers, moe?.numExperts]).toEqual([2, 3]);
  });

  it.each([
    [
      'of an unknown architecture',
      (b: Buffer) => replaceText(b, 'llama', 'plamo'),
      /general\.architecture: expected one of llama, .*, got "plamo"/,
    ],
    [
      'with a key that nobody knows',
      (b: Buffer) => replaceText(b, 'llama.vocab_size', 'llama.vocab_tint'),
      /unknown options, which may change what the model computes: llama\.vocab_tint = 40/,
    ],
    [
      'with numbers of a type that is not read',
      (b: Buffer) => void b.writeUInt32LE(12, b.indexOf('output.weight') + 'output.weight'.length + 4 + 16),
      /'output\.weight': expected numbers of type F32 \(0\), .*MXFP4 \(39\), got 12/,
    ],
    [
      'with a tensor that nobody knows',
      (b: Buffer) => replaceText(b, 'blk.1.ffn_norm.weight', 'blk.1.ffn_form.weight'),
      /the tensor 'blk\.1\.ffn_form\.weight' is not known/,
    ],
    [
      'that was cut short',
      (b: Buffer) => b.subarray(0, -2000),
      /the file ends within 'output_norm\.weight'|the file ends within/,
    ],
    ['that is none', () => Buffer.from('PK\x03\x04 no such thing'), /changed\.gguf: /],
  ])('%s is refused', async (_, change, message) => {
    const path = changed('types', change);
    const before = tf.memory().numTensors;
    const error: unknown = await loadPretrained(path, { as: Gpt }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PretrainedError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(path);
    expect(tf.memory().numTensors).toBe(before);
  });
});

function replaceText(bytes: Buffer, from: string, to: string): void {
  const at = bytes.indexOf(from);
  expect([at > 0, to.length]).toEqual([true, from.length]);
  // The architecture begins its keys as well; only its name is changed.
  bytes.write(to, at);
}

/** A configuration without what a file of GGUF says nothing of: how much a loss weighs. */
function withoutTraining(config: GptConfig): GptConfig {
  const { moe, ...rest } = config;
  return moe ? { ...rest, moe: { ...moe, loadBalanceCoefficient: 0 } } : rest;
}
