import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { AdamW, Muon } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { itOnSmallDisk, temporaryFolderForEach, withSmallDisk } from '@scmoe/testing';
import { randomTokenBatches } from '../data/tokenBatches.js';
import { bigramModel } from '../testing/bigramModel.js';
import { train } from '../train/train.js';
import { findCheckpoint, findLatestCheckpoint } from './findCheckpoint.js';
import { listCheckpoints } from './listCheckpoints.js';
import { loadCheckpoint } from './loadCheckpoint.js';
import { restoreOptimizer } from './restoreOptimizer.js';
import { restoreVariables } from './restoreVariables.js';
import type { CheckpointContent } from './CheckpointContent.js';
import { saveCheckpoint } from './saveCheckpoint.js';
import { SnapshotMemory } from './snapshot.js';

const folder = temporaryFolderForEach();
const vocabSize = 6;
const sequence = { ids: Uint16Array.from({ length: 200 }, (_, i) => (i * i) % vocabSize), numBytes: 200 };

function content(
  step: number,
  parameters: Record<string, tf.Tensor> = { w: tf.fill([2, 3], step) },
): CheckpointContent {
  return {
    step,
    config: { lr: 0.1, kind: 'bigram' },
    dataFingerprint: 'abc',
    dataDescription: { tokenizer: { kind: 'character', characters: 'abc' } },
    parameters,
    optimizer: { name: 'AdamW', stepCount: step, state: { 'm.w': tf.ones([2, 3]), 'v.w': tf.zeros([2, 3]) } },
  };
}

function bits(tensors: Record<string, tf.Tensor>): Record<string, string> {
  const hex = (tensor: tf.Tensor) => {
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, hex(tensor)]));
}

describe('a checkpoint', () => {
  it('gives back everything that was saved', async () => {
    const path = await saveCheckpoint(folder.path, content(123));
    expect(path).toBe(join(folder.path, 'step-000123'));
    const { index, dataDescription, parameters, optimizerState } = await loadCheckpoint(path);
    expect(index).toMatchObject({ step: 123, config: { lr: 0.1, kind: 'bigram' }, dataFingerprint: 'abc' });
    expect(dataDescription).toEqual({ tokenizer: { kind: 'character', characters: 'abc' } });
    expect(parameters['w']).toMatchObject({ shape: [2, 3], data: new Float32Array(6).fill(123) });
    expect(Object.keys(optimizerState).sort()).toEqual(['m.w', 'v.w']);
  });

  const roundedAdamW = class extends AdamW {
    constructor() {
      super({ moments: 'bfloat16', seed: 2 });
    }
  };
  it.each([AdamW, Muon, roundedAdamW])(
    'resumes bit for bit: 10 steps and 10 more are 20 steps, %p',
    async (Optimizer) => {
      const shape = { batchSize: 4, sequenceLength: 10, seed: 1 };
      const start = () => ({ model: bigramModel(vocabSize, { noise: 0.5 }), optimizer: new Optimizer() });
      const go = ({ model, optimizer }: ReturnType<typeof start>, startStep: number, steps: number) =>
        train({
          model,
          optimizer,
          drawBatch: randomTokenBatches(sequence, shape),
          learningRate: (step) => 0.1 / (step + 1),
          accumulate: 2,
          seed: 5,
          startStep,
          steps,
        });

      const straight = start();
      await go(straight, 0, 20);

      const first = start();
      await go(first, 0, 10);
      const path = await saveCheckpoint(folder.path, {
        ...content(10, first.model.variables),
        optimizer: {
          ...{ name: first.optimizer.name, stepCount: first.optimizer.stepCount, state: first.optimizer.state() },
          ...('bfloat16Slots' in first.optimizer && { bfloat16Slots: first.optimizer.bfloat16Slots }),
        },
      });
      const second = start();
      const checkpoint = await loadCheckpoint(path);
      restoreVariables(second.model.variables, checkpoint.parameters);
      restoreOptimizer(second.optimizer, second.model.variables, checkpoint);
      await go(second, checkpoint.index.step, 20);

      expect(bits(second.model.variables)).toEqual(bits(straight.model.variables));
      expect(bits(second.optimizer.state())).toEqual(bits(straight.optimizer.state()));
      expect(second.optimizer.stepCount).toBe(20);
    },
  );

  it('holds moments of bfloat16 in two bytes each, however it is written', async () => {
    const optimizer = new AdamW({ moments: 'bfloat16' });
    const w = tf.variable(tf.ones([4, 8]));
    optimizer.step({ w }, { w: tf.fill([4, 8], 0.3) }, { learningRate: 0.1 });
    // Of ranks that hold parts rank 0 has the whole in float32.
    const state = { ...optimizer.state(), 'm.w': tf.mul(optimizer.state()['m.w']!, 1) };
    const { name, stepCount, bfloat16Slots } = optimizer;
    const saved = { ...content(7, { w }), optimizer: { name, stepCount, bfloat16Slots, state } };
    const file = await readFile(join(await saveCheckpoint(folder.path, saved), 'optimizer.safetensors'));
    const { files } = await new SnapshotMemory().take(saved);
    expect(Buffer.concat(files['optimizer.safetensors']!)).toEqual(file);
    const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString()) as Record<
      string,
      unknown
    >;
    expect(header['v.w']).toMatchObject({ dtype: 'BF16', shape: [4, 8] });
    expect(file.length).toBe(8 + Number(file.readBigUInt64LE()) + 2 * 32 * 2);
  });

  it('is kept while it is among the newest', async () => {
    for (const step of [1, 2, 10]) await saveCheckpoint(folder.path, content(step), { keep: 2 });
    expect(await steps()).toEqual([2, 10]);
  });

  it('is kept besides while its validation loss is among the lowest, of equal ones the newer', async () => {
    const losses: Record<number, number | undefined> = { 1: 3, 2: 1, 3: undefined, 4: 2, 5: 1, 6: NaN, 7: 5 };
    for (const [step, validationLoss] of Object.entries(losses)) {
      await saveCheckpoint(folder.path, { ...content(Number(step)), validationLoss }, { keep: 1, keepBest: 2 });
    }
    expect(await steps()).toEqual([2, 5, 7]);
    await saveCheckpoint(folder.path, { ...content(8), validationLoss: 1 }, { keep: 1, keepBest: 2 });
    expect(await steps()).toEqual([5, 8]);
  });

  it('is kept besides when its step is a multiple', async () => {
    for (const step of [2, 4, 5, 6, 8, 11]) await saveCheckpoint(folder.path, content(step), { keep: 1, keepEvery: 4 });
    expect(await steps()).toEqual([4, 8, 11]);
  });

  it('is kept whatever else is asked for when it is the newest', async () => {
    await saveCheckpoint(folder.path, { ...content(4), validationLoss: 1 }, { keep: 1, keepBest: 1, keepEvery: 4 });
    await saveCheckpoint(folder.path, { ...content(5), validationLoss: 9 }, { keep: 1, keepBest: 1, keepEvery: 4 });
    expect(await steps()).toEqual([4, 5]);
    // None before it goes on account of the whole: 0 keeps all.
    for (const step of [6, 7]) await saveCheckpoint(folder.path, content(step), { keepBest: 1, keepEvery: 100 });
    expect(await steps()).toEqual([4, 5, 6, 7]);
  });

  const steps = async () => (await listCheckpoints(folder.path)).map(({ step }) => step);

  it('replaces one of the same step', async () => {
    await saveCheckpoint(folder.path, content(1));
    const path = await saveCheckpoint(folder.path, content(1, { other: tf.zeros([1]) }));
    expect(Object.keys((await loadCheckpoint(path)).parameters)).toEqual(['other']);
  });

  it('clears what an interrupted save left, and never lists it', async () => {
    mkdirSync(join(folder.path, '.step-000005.tmp'));
    mkdirSync(join(folder.path, 'step-000007'));
    expect(await listCheckpoints(folder.path)).toEqual([]);
    await saveCheckpoint(folder.path, content(6));
    expect(readdirSync(folder.path).sort()).toEqual(['step-000006', 'step-000007']);
  });
});

describe('a damaged checkpoint', () => {
  const damages: [string, (path: string) => Promise<void> | void, RegExp][] = [
    [
      'a flipped bit',
      (path) => flip(join(path, 'model.safetensors'), -1),
      /model.safetensors has SHA-256 \w+, expected/,
    ],
    [
      'a flipped bit in the optimizer',
      (path) => flip(join(path, 'optimizer.safetensors'), -3),
      /optimizer.safetensors has SHA-256/,
    ],
    [
      'a truncated file',
      (path) => truncate(join(path, 'model.safetensors')),
      /model.safetensors has \d+ bytes, expected \d+/,
    ],
    ['a missing file', (path) => rm(join(path, 'model.safetensors')), /model.safetensors is missing/],
    ['a missing index', (path) => rm(join(path, 'checkpoint.json')), /checkpoint.json: it does not exist/],
    ['an index cut short', (path) => truncate(join(path, 'checkpoint.json')), /checkpoint.json is damaged/],
    [
      'an edited index',
      (path) => edit(path, (text) => text.replace('0.1', '0.2')),
      /checkpoint.json is damaged: expected checksum/,
    ],
    [
      'an index of another program',
      (path) => edit(path, () => '{"a": 1}'),
      /of another program: expected "format": "scmoe-checkpoint", got null/,
    ],
    [
      'another version',
      (path) => edit(path, (text) => text.replace('"version": 2', '"version": 9')),
      /another version: expected 2, got 9/,
    ],
    ['no object at all', (path) => edit(path, () => 'null'), /of another program/],
    [
      'a folder of another step',
      async (path) => {
        const other = await saveCheckpoint(folder.path, content(2));
        await rm(path, { recursive: true });
        await rename(other, path);
      },
      /step-000001 is of another step: expected 1, got 2/,
    ],
  ];

  it.each(damages)('is an error: %s', async (_, damage, message) => {
    const path = await saveCheckpoint(folder.path, content(1));
    await damage(path);
    const error: unknown = await loadCheckpoint(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });

  it('names the one before it, and is passed over only when that is asked for', async () => {
    const whole = await saveCheckpoint(folder.path, content(1));
    const damaged = await saveCheckpoint(folder.path, content(2));
    flip(join(damaged, 'model.safetensors'), -1);
    await expect(loadCheckpoint(damaged)).rejects.toThrow(`The checkpoint before it is ${whole}`);
    const problems: string[] = [];
    const { index } = await loadCheckpoint(damaged, { fallback: ({ message }) => problems.push(message) });
    expect(index.step).toBe(1);
    expect(problems).toEqual([expect.stringContaining('step-000002 is damaged')]);
  });
});

describe('a checkpoint of another model', () => {
  it('is refused with the names that do not fit, and changes nothing', async () => {
    const path = await saveCheckpoint(folder.path, content(1, { a: tf.ones([2]), b: tf.ones([2]) }));
    const { parameters } = await loadCheckpoint(path);
    const variables = { a: tf.variable(tf.zeros([3])), c: tf.variable(tf.zeros([1])) };
    expect(() => restoreVariables(variables, parameters)).toThrow(
      'The checkpoint is of another model. missing: c; unexpected: b; a: expected float32 (3), got float32 (2).',
    );
    expect(Array.from(variables.a.dataSync())).toEqual([0, 0, 0]);
  });

  it('is refused for the optimizer too', async () => {
    const checkpoint = await loadCheckpoint(await saveCheckpoint(folder.path, content(1)));
    expect(() => restoreOptimizer(new AdamW(), { w: tf.variable(tf.zeros([4])) }, checkpoint)).toThrow(
      "The checkpoint's optimizer does not fit the model: m.w: expected (4), got (2, 3).",
    );
    const [w, b] = [tf.variable(tf.zeros([2, 3])), tf.variable(tf.zeros([4]))];
    expect(() => restoreOptimizer(new AdamW(), { w, b }, checkpoint)).toThrow('b: expected a state, got nothing.');
    expect(() => restoreOptimizer(new AdamW(), {}, checkpoint)).toThrow('m.w: expected no such state, got (2, 3).');
    expect(() => restoreOptimizer(new Muon(), { w }, checkpoint)).toThrow(
      'The checkpoint is of another optimizer: expected Muon, got AdamW.',
    );
  });
});

describe('finding checkpoints', () => {
  it('takes a checkpoint, its folder, or a run, and the newest run', async () => {
    const run = join(folder.path, 'lm-1');
    await saveCheckpoint(join(run, 'checkpoints'), content(1));
    const newest = await saveCheckpoint(join(run, 'checkpoints'), content(2));
    for (const path of [run, join(run, 'checkpoints'), newest]) expect(await findCheckpoint(path)).toBe(newest);
    await saveCheckpoint(join(run, 'checkpoints'), content(9));
    const tenth = await saveCheckpoint(join(run, 'checkpoints'), content(1_000_010));
    expect(await findCheckpoint(run)).toBe(tenth);
    const later = await saveCheckpoint(join(folder.path, 'lm-0', 'checkpoints'), content(1));
    expect(await findLatestCheckpoint(folder.path)).toBe(later);
    const [own] = Object.keys(content(1).config);
    expect(await findLatestCheckpoint(folder.path, { ownSetting: own! })).toBe(later);
    const another = findLatestCheckpoint(folder.path, { ownSetting: 'of another program' });
    await expect(another).rejects.toThrow('There is no run yet under');
  });

  it('takes one whose index was deleted for a damaged one, not for an absent one', async () => {
    const whole = await saveCheckpoint(folder.path, content(1));
    const damaged = await saveCheckpoint(folder.path, content(2));
    await rm(join(damaged, 'checkpoint.json'));
    const found = await findCheckpoint(folder.path);
    expect(found).toBe(damaged);
    await expect(loadCheckpoint(found)).rejects.toThrow(
      `Can't read checkpoint ${damaged}: checkpoint.json: it does not exist (ENOENT). The checkpoint before it is ${whole}`,
    );
    const problems: string[] = [];
    const { index } = await loadCheckpoint(found, { fallback: ({ message }) => problems.push(message) });
    expect([index.step, problems]).toEqual([1, [expect.stringContaining('step-000002: checkpoint.json')]]);
  });

  it('says what is missing', async () => {
    await expect(findCheckpoint(join(folder.path, 'no'))).rejects.toThrow('it does not exist');
    await expect(findCheckpoint(folder.path)).rejects.toThrow('holds no checkpoint');
    await expect(findLatestCheckpoint(folder.path)).rejects.toThrow('There is no run yet under');
  });
});

describe('a full disk', () => {
  const large = () => content(2, { w: tf.zeros([1000, 100]) });

  itOnSmallDisk('is a clear error, keeps the last checkpoint, and leaves nothing half-written', async () => {
    const disk = join(folder.path, 'disk');
    await withSmallDisk(disk, 256, async () => {
      const whole = await saveCheckpoint(disk, content(1));
      const error: unknown = await saveCheckpoint(disk, large()).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toBe(
        `Can't save checkpoint ${join(disk, 'step-000002')}: no space left on the disk (ENOSPC). The last complete checkpoint stays: ${whole}`,
      );
      expect(readdirSync(disk)).toEqual(['step-000001']);
      expect((await loadCheckpoint(whole)).index.step).toBe(1);
    });
  });

  itOnSmallDisk('is reported when there was no checkpoint before', async () => {
    const disk = join(folder.path, 'disk');
    await withSmallDisk(disk, 256, async () => {
      await expect(saveCheckpoint(disk, large())).rejects.toThrow('There is no earlier checkpoint.');
    });
  });
});

it('a checkpoint can be copied elsewhere', async () => {
  const path = await saveCheckpoint(folder.path, content(3));
  await cp(path, join(folder.path, 'copy'), { recursive: true });
  expect((await stat(join(folder.path, 'copy'))).isDirectory()).toBe(true);
  expect((await loadCheckpoint(join(folder.path, 'copy'))).index.step).toBe(3);
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  const offset = at < 0 ? bytes.length + at : at;
  bytes[offset]! ^= 1;
  writeFileSync(file, bytes);
}

function truncate(file: string): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length - 20));
}

function edit(path: string, change: (text: string) => string): void {
  const file = join(path, 'checkpoint.json');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}
