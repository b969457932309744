import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Gpt, loadPretrained, savePretrained, type GptConfig } from '@scmoe/models';
import { AdamW, RandomStream } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import { findCheckpoint, loadCheckpoint, restoreOptimizer } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import {
  convertExperts,
  convertLines,
  openLanguageModel,
  openStoredExperts,
  startBackend,
  type ConvertOptions,
} from '../index.js';
import { gptOf, saveModel, settings } from '../testing/savedModel.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const domains = () => [at('first.txt'), at('second.txt')];
const dense = { kind: 'dense' } as const;

/** Every letter is a token. */
const letters = 'abcdefgh';
const tokenizer = {
  version: '1.0',
  pre_tokenizer: { type: 'Split', pattern: { Regex: '.' }, behavior: 'Isolated', invert: false },
  model: { type: 'WordLevel', vocab: Object.fromEntries([...letters].map((c, i) => [c, i])), unk_token: 'a' },
};

beforeAll(async () => {
  await startBackend({ threads: 1 });
  const random = new RandomStream({ seed: 1 });
  const write = (name: string, of: string) =>
    writeFileSync(at(name), Array.from({ length: 1600 }, () => of[random.int(of.length)]).join(''));
  write('first.txt', 'abcd');
  write('second.txt', 'efgh');
  // Norms and biases away from their start, so that everything counts.
  await saveModel(at('run'), {
    ...dense,
    change: (variables) =>
      tf.tidy(() =>
        Object.values(variables).forEach((variable, i) =>
          variable.assign(tf.add(tf.mul(variable, 2), tf.randomNormal(variable.shape, 0, 0.1, 'float32', i + 1))),
        ),
      ),
  });
});

const ids = Int32Array.from({ length: 64 }, (_, i) => (i * 7) % 8);

/** The logits of a model, which is disposed. */
function logitsOf(model: Gpt): Float32Array {
  const length = Math.min(32, model.config.sequenceLength);
  const logits = tf.tidy(() =>
    model
      .forward(tf.tensor2d(ids.subarray(0, length), [1, length], 'int32'))
      .logits.dataSync<'float32'>()
      .slice(),
  );
  model.dispose();
  return logits;
}

function expectSameLogits(actual: Float32Array, expected: Float32Array): void {
  const largest = Math.max(...expected.map(Math.abs));
  expect(actual).toHaveLength(expected.length);
  // Float32 sums in another order.
  actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4 * largest));
}

async function denseLogits(): Promise<Float32Array> {
  const { parameters } = await loadCheckpoint(await findCheckpoint(at('run')));
  const model = gptOf({ ...settings, ...dense });
  tf.tidy(() => {
    for (const [name, { data, shape }] of Object.entries(parameters))
      model.variables[name]!.assign(tf.tensor(data as Float32Array, [...shape]));
  });
  return logitsOf(model);
}

async function convertedLogits(run: string): Promise<Float32Array> {
  return logitsOf((await openLanguageModel(await openStoredExperts(run)))!.model);
}

/** All files below a folder, with what is in them. */
function contentOf(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    names.map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return [file, readFileSync(file).toString('base64')];
    }),
  );
}

describe('convertExperts', () => {
  it('makes a run of copies that starts as the dense model, which stays as it is', async () => {
    const [before, expected] = [contentOf(at('run')), await denseLogits()];
    const report = await convertExperts({ model: at('run'), out: at('copies'), text: at('first.txt'), batches: 1 });
    expect(contentOf(at('run'))).toEqual(before);
    expect(report).toMatchObject({
      kind: 'scmoe',
      numExperts: 8,
      placement: 'pairs',
      expertWidth: 24,
      sharedWidth: 24,
    });
    expect(report.losses[0]!.converted).toBeCloseTo(report.losses[0]!.dense, 4);
    expect(report.parameters.converted).toBeGreaterThan(report.parameters.dense);
    expectSameLogits(await convertedLogits(at('copies')), expected);
    const lines = convertLines(report).join('\n');
    expect(lines).toMatch(
      /scmoe: 8 experts of 24 of the MLP's 24 channels each \(copies\), beside a shared one of 24, top-1/,
    );
    expect(lines).toMatch(/optimizer: begins anew, at step 0[^]*saved: .*copies.checkpoints.step-000000/);
    expect(JSON.parse(readFileSync(join(at('copies'), 'convert.json'), 'utf8'))).toMatchObject({ method: 'copies' });
  });

  it('is the start of a run, whose settings are the old ones but for the experts, and whose optimizer is new', async () => {
    const moe = { kind: 'top2', numExperts: 4 } as const;
    await convertExperts({ model: at('run'), out: at('start'), moe, placement: 'every', batches: 1 });
    const checkpoint = await loadCheckpoint(await findCheckpoint(at('start')));
    const { topK: _, ...rest } = settings;
    expect(checkpoint.index.config).toEqual({ ...rest, kind: 'top2', numExperts: 4, placement: 'every' });
    expect(checkpoint.index).toMatchObject({ step: 0, optimizer: { name: 'AdamW', stepCount: 0 } });
    const optimizer = new AdamW();
    const model = gptOf(checkpoint.index.config);
    restoreOptimizer(optimizer, model.variables, checkpoint);
    expect([optimizer.stepCount, optimizer.state()]).toEqual([0, {}]);
    model.dispose();
    optimizer.dispose();
  });

  it('cuts the MLPs into the channels of each domain; all of them are the dense model', async () => {
    const options = { model: at('run'), domains: domains(), batches: 2 };
    const whole = await convertExperts({ ...options, width: 1, out: at('whole') });
    expect(whole).toMatchObject({ method: 'channels', kind: 'shared', numExperts: 2, sharedWidth: 23, expertWidth: 1 });
    expectSameLogits(await convertedLogits(at('whole')), await denseLogits());
    const half = await convertExperts({ ...options, out: at('half') });
    expect(half.sharedWidth + half.expertWidth).toBe(12);
    expect(half.parameters.converted).toBeLessThan(half.parameters.dense);
    // The texts have no letter in common: routers learn whose token it is.
    for (const { before, after } of Object.values(half.routers!)) expect(after).toBeLessThan(0.7 * before);
    expect(half.losses.map(({ text }) => text)).toEqual(domains());
    const apart = await convertExperts({ ...options, sharedWidth: 0 });
    expect(apart).toMatchObject({ kind: 'standard', sharedWidth: 0, expertWidth: 12 });
  });

  const size = { vocabSize: 8, numLayers: 2, dModel: 8, numHeads: 2, sequenceLength: 16, ffnHidden: 12 };
  const llamaLike = {
    ...size,
    ...({ positionEncoding: 'rotary', norm: 'rms', activation: 'swiglu', attentionBias: false } as const),
    ...({ tiedEmbeddings: false, placement: 'every' } as const),
  };
  const families: [string, GptConfig, ConvertOptions['format'], string][] = [
    ['gpt2', { ...size, activation: 'gelu_tanh', placement: 'every' }, 'run', 'no model type'],
    ['llama', llamaLike, 'run', 'no model type'],
    ['qwen2', { ...llamaLike, attentionBias: 'qkv' }, 'run', 'no model type'],
    ['llama', llamaLike, 'transformers', 'mixtral'],
    ['qwen3', { ...llamaLike, qkNorm: 'perHead' }, 'transformers', 'qwen3_moe'],
  ];
  it.each(families)(
    'starts from a public folder of %s, and is the same model (%#)',
    async (modelType, config, format, as) => {
      const [from, out] = [at(`public ${modelType}`), at(`${modelType} to ${format}`)];
      const model = new Gpt(config, { seed: 1 });
      await savePretrained(model, from, { modelType });
      const expected = logitsOf(model);
      writeFileSync(join(from, 'tokenizer.json'), JSON.stringify(tokenizer));
      const before = contentOf(from);
      await convertExperts({ model: from, out, format, moe: { kind: 'top2', numExperts: 4 }, text: at('first.txt') });
      expect(contentOf(from)).toEqual(before);
      if (format === 'run') return expectSameLogits(await convertedLogits(out), expected);
      expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toMatchObject({ model_type: as });
      expect(existsSync(join(out, 'tokenizer.json'))).toBe(true);
      return expectSameLogits(logitsOf(await loadPretrained(out, { as: Gpt })), expected);
    },
  );

  it.each<[Partial<ConvertOptions>, RegExp]>([
    [{ method: 'luck' as 'copies' }, /method: expected one of copies, channels, got luck/],
    [{ format: 'paper' as 'run' }, /format: expected one of run, transformers, got paper/],
    [{ method: 'channels' }, /domains: expected a text for each of at least 2 experts, got 0/],
    [{ width: 0.5 }, /width: expected none for copies, got 0.5/],
    [{ domains: ['a', 'b'], noise: 1 }, /noise: expected none for channels, got 1/],
    [{ domains: ['a', 'b'], width: 2 }, /width: expected a share of the MLP's width, up to 1, got 2/],
    [{ domains: ['a', 'b'], moe: { numExperts: 3 } }, /numExperts: expected 2, one for each domain, got 3/],
    [{ moe: { kind: 'dgmoe' } }, /moe.kind: expected one that can start as the dense model/],
    [{ reinitialize: 3 }, /reinitialize: expected a share from 0 to 1, got 3/],
    [{ format: 'transformers' }, /no public format has what this model has/],
    [{ text: 'nowhere.txt' }, /Can't read data .*nowhere.txt/],
  ])('says what is wrong, and writes nothing: %j', async (change, message) => {
    const out = at('wrong');
    await expect(convertExperts({ model: at('run'), out, batches: 1, ...change })).rejects.toThrow(message);
    expect(readdirSync(folder.path).filter((name) => name.startsWith('wrong'))).toEqual([]);
  });

  it('refuses a model with experts, one that is not there, and a folder that is', async () => {
    await saveModel(at('experts'), { steps: 1 });
    await expect(convertExperts({ model: at('experts') })).rejects.toThrow(
      /expected a dense model, got one with experts/,
    );
    await expect(convertExperts({ model: at('nowhere') })).rejects.toThrow(/There is no checkpoint/);
    await expect(convertExperts({ model: at('run'), out: at('run') })).rejects.toThrow(
      /expected a folder that does not/,
    );
    const domain = { model: at('run'), domains: domains(), batches: 1, sharedWidth: 20 };
    await expect(convertExperts(domain)).rejects.toThrow(
      /sharedWidth: expected a whole number up to \d+, the channels/,
    );
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await convertExperts({ model: at('run'), domains: domains(), batches: 1 });
    expect(tf.memory().numTensors).toBe(before);
  });
});
