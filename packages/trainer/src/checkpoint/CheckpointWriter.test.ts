import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { AdamW } from '@scmoe/tensor';
import { fromSource, temporaryFolderForEach } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { randomTokenBatches } from '../data/tokenBatches.js';
import { bigramModel } from '../testing/bigramModel.js';
import { train } from '../train/train.js';
import type { CheckpointContent } from './CheckpointContent.js';
import { openCheckpointWriter, type WriterProgram } from './CheckpointWriter.js';
import { loadCheckpoint } from './loadCheckpoint.js';
import { saveCheckpoint } from './saveCheckpoint.js';

const folder = temporaryFolderForEach();
const inThread: WriterProgram = { file: join(import.meta.dirname, 'checkpointWorker.ts'), execArgv: fromSource };

function content(step: number, w: tf.Tensor = tf.fill([2, 3], step)): CheckpointContent {
  return {
    step,
    config: { kind: 'small' },
    dataFingerprint: 'abc',
    dataDescription: { tokenizer: 'ä' },
    parameters: { w, mask: tf.tensor1d([true, false, true], 'bool'), empty: tf.zeros([0, 2]) },
    optimizer: { name: 'AdamW', stepCount: step, state: { 'm.w': tf.ones([2, 3]), 'v.w': tf.zeros([2, 3]) } },
  };
}
const bytesIn = (path: string) =>
  ['model.safetensors', 'optimizer.safetensors', 'data.json'].map((name) =>
    readFileSync(join(path, name)).toString('hex'),
  );

describe.each([
  ['in a thread', inThread],
  ['without one', undefined],
  ['whose thread can not start', { file: '/no/such/program.js' }],
])('a writer %s', (_, program) => {
  const open = (options = {}) => openCheckpointWriter(join(folder.path, 'run'), options, program);

  it('saves what there was when it was told, to the byte as saveCheckpoint does', async () => {
    const writer = open();
    const w = tf.variable(tf.fill([2, 3], 1.5));
    const expected = await saveCheckpoint(join(folder.path, 'direct'), content(7, w));
    await writer.save(content(7, w));
    w.assign(tf.fill([2, 3], -1));
    w.dispose();
    await writer.finish();
    await writer.close();
    const path = join(folder.path, 'run', 'step-000007');
    expect(bytesIn(path)).toEqual(bytesIn(expected));
    expect((await loadCheckpoint(path)).index).toMatchObject({ step: 7, config: { kind: 'small' } });
  });

  it('writes one after the other and says of each when it is whole', async () => {
    const whole: [number, boolean][] = [];
    const onSaved = ({ step, path }: { step: number; path: string }) =>
      void whole.push([step, readdirSync(path).includes('checkpoint.json')]);
    const writer = open({ keep: 2, onSaved });
    for (const step of [1, 2, 3]) await writer.save(content(step));
    await writer.close();
    expect(whole).toEqual([1, 2, 3].map((step) => [step, true]));
    expect(readdirSync(join(folder.path, 'run')).sort()).toEqual(['step-000002', 'step-000003']);
    expect((await loadCheckpoint(join(folder.path, 'run', 'step-000003'))).parameters['w']!.data[0]).toBe(3);
  });

  it('says at the next step, at the next checkpoint and in the end what could not be written', async () => {
    const writer = open();
    await writer.save(content(1));
    await writer.finish();
    writer.check();
    rmSync(join(folder.path, 'run'), { recursive: true });
    writeFileSync(join(folder.path, 'run'), 'in the way');
    await writer.save(content(2));
    await writer.close();
    const error = new UserError(
      `Can't save checkpoint ${join(folder.path, 'run', 'step-000002')}: there is a file in the way (EEXIST). There is no earlier checkpoint.`,
    );
    expect(() => writer.check()).toThrow(error.message);
    await expect(writer.save(content(3))).rejects.toThrow(error.message);
    await expect(writer.finish()).rejects.toThrow(error.message);
  });

  it('clears what a process has left that was killed in between, and never lists it', async () => {
    const run = join(folder.path, 'run');
    await saveCheckpoint(run, content(1));
    mkdirSync(join(run, '.step-000002.tmp'));
    writeFileSync(join(run, '.step-000002.tmp', 'model.safetensors'), 'half');
    const writer = open();
    await writer.save(content(2));
    await writer.close();
    expect(readdirSync(run).sort()).toEqual(['step-000001', 'step-000002']);
  });
});

describe.each(['save', 'finish', 'close'] as const)('a thread that rests beside training', (wait) => {
  it(`is told to hurry when somebody waits for it in ${wait}()`, async () => {
    const file = join(folder.path, 'rests.mjs');
    // It answers when it is told so, and not before.
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads';
       parentPort.on('message', ({ hurry }) => {
         if (hurry) Atomics.wait(hurry, 0, 0);
         parentPort.postMessage({ path: hurry ? 'beside' : 'alone' });
       });`,
    );
    const whole: string[] = [];
    const writer = openCheckpointWriter(folder.path, { onSaved: ({ path }) => void whole.push(path) }, { file });
    await writer.save(content(1));
    await (wait === 'save' ? writer.save(content(2), { beside: false }) : writer[wait]());
    expect(whole[0]).toBe('beside');
    await writer.close();
    expect(whole).toEqual(wait === 'save' ? ['beside', 'alone'] : ['beside']);
  });
});

it('a run that saves beside itself computes what one does that saves nothing', async () => {
  const sequence = { ids: Uint16Array.from({ length: 200 }, (_, i) => (i * i) % 6), numBytes: 200 };
  const go = async (
    save?: (step: number, model: ReturnType<typeof bigramModel>, optimizer: AdamW) => Promise<void>,
  ) => {
    const [model, optimizer] = [bigramModel(6), new AdamW()];
    await train({
      model,
      optimizer,
      drawBatch: randomTokenBatches(sequence, { batchSize: 4, sequenceLength: 10, seed: 1 }),
      learningRate: () => 0.1,
      steps: 6,
      ...(save && { save: (step) => save(step, model, optimizer), saveEvery: 1 }),
    });
    return content(6, Object.values(model.variables)[0]!.clone());
  };
  const writer = openCheckpointWriter(join(folder.path, 'beside'), {}, inThread);
  const saving = await go(async (step, model, optimizer) => {
    const { name, stepCount } = optimizer;
    await writer.save({
      ...content(step, Object.values(model.variables)[0]),
      optimizer: { name, stepCount, state: optimizer.state() },
    });
  }).finally(() => writer.close());
  const plain = await go();
  expect(saving.parameters['w']!.dataSync()).toEqual(plain.parameters['w']!.dataSync());
  const last = await loadCheckpoint(join(folder.path, 'beside', 'step-000006'));
  expect(last.parameters['w']!.data).toEqual(plain.parameters['w']!.dataSync());
});
