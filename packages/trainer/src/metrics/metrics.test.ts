import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { crc32c } from '@aws-crypto/crc32c';
import * as tf from '@tensorflow/tfjs';

import { decodeEvent, type EventMessage } from './eventMessage.js';
import { histogram } from './histogram.js';
import { openMetricsFile, readMetricsFile } from './metricsFile.js';
import { summaryFileWriter } from './summaryFileWriter.js';
import { tensorBoard } from './tensorBoard.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'metrics-'))));
afterEach(() => rm(folder, { recursive: true }));

describe('metrics.jsonl', () => {
  it('keeps one JSON object a line', () => {
    const path = join(folder, 'metrics.jsonl');
    const file = openMetricsFile(path);
    file.append({ step: 1, loss: 2.5 });
    file.append({ step: 2, loss: 2 });
    expect(readMetricsFile(path)).toEqual([
      { step: 1, loss: 2.5 },
      { step: 2, loss: 2 },
    ]);
  });

  it('is split at its own line ends alone, by readers that know more of them too', () => {
    const path = join(folder, 'metrics.jsonl');
    const note = 'a\u2028b\u2029c\u0085d\ne';
    openMetricsFile(path).append({ step: 1, loss: NaN, note });
    const text = readFileSync(path, 'utf8');
    expect(text.split(/[\n\v\f\r\u0085\u2028\u2029]/)).toEqual([expect.stringMatching(/^\{.*\}$/), '']);
    expect(readMetricsFile(path)).toEqual([{ step: 1, loss: null, note }]);
  });

  it('drops what a resumed run will do again, and a line that was cut off', async () => {
    const path = join(folder, 'metrics.jsonl');
    const file = openMetricsFile(path);
    for (const step of [1, 2, 3]) file.append({ step });
    await appendFile(path, '{"step": 4, "lo');
    openMetricsFile(path, { startStep: 2 }).append({ step: 3, loss: 1 });
    expect(readMetricsFile(path)).toEqual([{ step: 1 }, { step: 2 }, { step: 3, loss: 1 }]);
  });
});

describe('TensorBoard event files', () => {
  it('hold framed, checksummed events', async () => {
    const before = Date.now() / 1000;
    const writer = summaryFileWriter(folder);
    writer.scalar('loss', 2.5, 7, 'mean over the batch');
    writer.scalar('loss', tf.scalar(2), 9_007_199_254);
    writer.histogram('weights', tf.tensor1d([0, 1, 2, 3]), 7, 2);
    writer.restartAt(3);
    writer.flush();
    const [version, first, second, weights, restart] = await readEvents(folder);
    expect(version!.fileVersion).toBe('brain.Event:2');
    expect(version!.wallTime).toBeGreaterThanOrEqual(before - 0.001);
    expect(version!.wallTime).toBeLessThanOrEqual(Date.now() / 1000);
    expect(first).toMatchObject({ step: 7, summary: { value: [{ tag: 'loss', simpleValue: 2.5 }] } });
    expect(second).toMatchObject({ step: 9_007_199_254, summary: { value: [{ tag: 'loss', simpleValue: 2 }] } });
    const value = weights!.summary!.value[0]!;
    expect(value.metadata?.pluginData?.pluginName).toBe('histograms');
    expect(value.tensor!.doubleVal).toEqual([0, 1.5, 2, 1.5, 3, 2]);
    expect(restart).toMatchObject({ step: 3, sessionLog: { status: 1 } });
  });

  it('are written when the queue is full', async () => {
    const writer = summaryFileWriter(folder, 2);
    writer.scalar('a', 1, 1);
    expect(await readEvents(folder)).toHaveLength(1);
    writer.scalar('a', 1, 2);
    expect(await readEvents(folder)).toHaveLength(3);
  });

  it('come from LayersModel.fit by a callback: training and validation apart', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    model.compile({ loss: 'meanSquaredError', optimizer: 'sgd' });
    const x = tf.ones([8, 2]);
    const y = tf.ones([8, 1]);
    const callbacks = tensorBoard(folder, { updateFreq: 'batch', histogramFreq: 1 });
    await model.fit(x, y, { epochs: 2, batchSize: 4, verbose: 0, validationSplit: 0.5, callbacks });
    const train = tags(await readEvents(join(folder, 'train')));
    expect(train).toEqual(expect.arrayContaining(['batch_loss', 'epoch_loss', model.weights[0]!.name]));
    expect(tags(await readEvents(join(folder, 'val')))).toEqual(['epoch_loss', 'epoch_loss']);
  });
});

describe('histogram', () => {
  it('counts every value once', () => {
    expect(histogram([1, 2, 2, 5], 2)).toEqual([
      [1, 3, 3],
      [3, 5, 1],
    ]);
    expect(histogram([4, 4])).toEqual([[3.5, 4.5, 2]]);
    expect(histogram([])).toEqual([]);
  });
});

function tags(events: EventMessage[]): string[] {
  return events.flatMap((event) => event.summary?.value.map(({ tag }) => tag) ?? []);
}

/** Reads the only event file of a folder and checks its framing. */
async function readEvents(folder: string): Promise<EventMessage[]> {
  const [name] = await readdir(folder);
  const bytes = await readFile(join(folder, name!));
  const events: EventMessage[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(offset));
    expect(bytes.readUInt32LE(offset + 8)).toBe(masked(bytes.subarray(offset, offset + 8)));
    const data = bytes.subarray(offset + 12, offset + 12 + length);
    expect(bytes.readUInt32LE(offset + 12 + length)).toBe(masked(data));
    events.push(decodeEvent(data));
    offset += 16 + length;
  }
  return events;
}

function masked(data: Uint8Array): number {
  const sum = crc32c(data);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}
