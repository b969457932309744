import { truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ArgumentError, UserError } from '@scmoe/errors';
import { fromSource, temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { ImageSplit } from '../ImageSplit.js';
import { shapesImages } from '../shapes/shapesImages.js';
import type { WorkerProgram } from '../builtProgram.js';
import { BatchWorkers } from './BatchWorkers.js';
import { type HostImageBatch, type ImageBatches, imageBatches, type ImageBatchOptions } from './imageBatches.js';
import { sequentialImageBatches } from './sequentialImageBatches.js';

const folder = dirname(fileURLToPath(import.meta.url));
const program: WorkerProgram = { file: join(folder, 'batchWorker.ts'), execArgv: fromSource };
const images = shapesImages({ seed: 1, size: 8, count: 20, testCount: 11 });
const options: ImageBatchOptions = {
  batchSize: 4,
  seed: 5,
  numClasses: 8,
  augmentation: { padding: 1, flip: 0.5, randAugment: {}, erase: { probability: 0.5 } },
  mixing: { mixup: 0.8, cutmix: 1 },
  labelSmoothing: 0.1,
  workers: 0,
};
const plain: ImageBatchOptions = { batchSize: 4, seed: 5, numClasses: 8, workers: 0 };
const temporary = temporaryFolder();

const opened: ImageBatches[] = [];
const openBatches = (
  changes: Partial<ImageBatchOptions> = {},
  { split = images.train, base = options, threads = program } = {},
) => {
  const batches = imageBatches(split, { ...base, ...changes }, threads);
  opened.push(batches);
  return batches;
};
afterEach(() => Promise.all(opened.splice(0).map((batches) => batches.dispose())));

describe('imageBatches', () => {
  it('go through all pictures in each epoch, each time in another order', () => {
    const batches = openBatches({}, { base: plain });
    expect(batches.batchesPerEpoch).toBe(5);
    const epoch = (n: number) => [0, 1, 2, 3, 4].flatMap((i) => picturesOf(batches.drawHostBatch(5 * n + i), 4));
    const [first, second] = [epoch(0), epoch(1)];
    expect(new Set(first).size).toBe(20);
    expect([...second].sort()).toEqual([...first].sort());
    expect(second).not.toEqual(first);
  });

  it('hold the same rows whatever their size', () => {
    const augmented = { ...plain, augmentation: options.augmentation };
    const [small, large] = [openBatches({}, { base: augmented }), openBatches({ batchSize: 12 }, { base: augmented })];
    const rows = [0, 1, 2].flatMap((i) => picturesOf(small.drawHostBatch(3 + i), 4));
    expect(picturesOf(large.drawHostBatch(1), 12)).toEqual(rows);
  });

  it('are a function of their number: a resumed run sees what it would have seen', () => {
    const [run, resumed] = [openBatches(), openBatches()];
    for (let i = 0; i < 7; i++) run.drawHostBatch(i);
    expect(resumed.drawHostBatch(7)).toEqual(run.drawHostBatch(7));
    expect(resumed.drawHostBatch(2)).toEqual(openBatches().drawHostBatch(2));
    expect(openBatches({ seed: 6 }).drawHostBatch(7)).not.toEqual(run.drawHostBatch(7));
  });

  it('are normalised as asked, with the class of each picture', () => {
    const batches = openBatches({ preprocessing: { resample: 'bilinear', rescaleFactor: 1 / 255 } }, { base: plain });
    const { pixels, labels, targets } = batches.drawHostBatch(0);
    const levels = pixels.map((value) => Math.round(value * 255));
    for (const [row, label] of labels.entries()) {
      const own = [...levels.subarray(row * 192, row * 192 + 192)].join();
      const found = Array.from({ length: 20 }, (_, i) => i).find((i) => images.train.read([i]).join() === own)!;
      expect(images.train.labels[found]).toBe(label);
      expect(targets[row * 8 + label]).toBe(1);
    }
  });

  it('come as tensors that hold the same', () => {
    const batches = openBatches();
    const numTensors = tf.memory().numTensors;
    const { pixels, labels, targets } = batches.drawBatch(3);
    const host = batches.drawHostBatch(3);
    expect([pixels.shape, labels.shape, targets.shape]).toEqual([[4, 8, 8, 3], [4], [4, 8]]);
    expect(labels.dtype).toBe('int32');
    expect(pixels.dataSync()).toEqual(host.pixels);
    expect(targets.dataSync()).toEqual(host.targets);
    tf.dispose([pixels, labels, targets]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('mix each picture with the next one of its batch', () => {
    const mixed = openBatches({ augmentation: {}, mixing: { mixup: 1 }, labelSmoothing: 0 });
    const alone = openBatches({ augmentation: {}, mixing: undefined, labelSmoothing: 0 });
    const [got, parts] = [mixed.drawHostBatch(0), alone.drawHostBatch(0)];
    for (let row = 0; row < 4; row++) {
      const [own, next] = [row, (row + 1) % 4].map((i) => parts.pixels.subarray(i * 192, i * 192 + 192));
      const sameClass = got.labels[row] === got.labels[(row + 1) % 4];
      const weight = sameClass ? undefined : got.targets[row * 8 + got.labels[row]!]!;
      if (weight === undefined) continue;
      // Weights are float32 in the targets and float64 in the mix.
      got.pixels.subarray(row * 192, row * 192 + 192).forEach((value, i) => {
        expect(value).toBeCloseTo(weight * own![i]! + (1 - weight) * next![i]!, 5);
      });
    }
  });

  it.each<[Partial<ImageBatchOptions>, string]>([
    [{ batchSize: 0 }, 'batchSize: expected a positive integer, got 0'],
    [{ batchSize: 1 }, 'batchSize: expected at least 2 pictures to mix, got 1'],
    [{ numClasses: 7 }, 'numClasses: expected more than 7, the largest class there is, got 7'],
    [{ size: { height: 11, width: 8 } }, 'size: expected at most 10 x 10, what the pictures have with padding'],
    [{ labelSmoothing: 2 }, 'labelSmoothing: expected a number from 0 to 1, got 2'],
    [{ shuffle: true } as Partial<ImageBatchOptions>, 'imageBatches: unknown option shuffle = true'],
  ])('refuse %j', (changes, message) => {
    expect(() => openBatches(changes)).toThrow(ArgumentError);
    expect(() => openBatches(changes)).toThrow(message);
  });
});

describe('threads', () => {
  it.each([1, 3])('make the same batches, bit for bit, with %d of them', (workers) => {
    const [here, there] = [openBatches(), openBatches({ workers })];
    // In order, jumps ahead and back, and the same again.
    for (const index of [0, 1, 2, 3, 9, 2, 3, 3, 0])
      expect(there.drawHostBatch(index)).toEqual(here.drawHostBatch(index));
  });

  it('make ahead what is asked for next, and no more than that', () => {
    const wanted: number[] = [];
    const settings = {
      source: images.train.source,
      size: images.size,
      batchSize: 4,
      normalization: { resample: 'bilinear' },
    } as const;
    const workers = new BatchWorkers(settings, { workers: 1, prefetch: 2, program });
    const planOf = (index: number) => {
      wanted.push(index);
      return {
        indices: [0, 1, 2, 3],
        plans: Array.from({ length: 4 }, () => ({
          crop: { top: 0, left: 0, ...images.size },
          flip: false,
          operations: [],
        })),
        mixes: [],
      };
    };
    workers.want([0, 2, 4], planOf);
    expect(wanted).toEqual([0, 2, 4]);
    workers.want([0, 2, 4], planOf);
    expect(wanted).toEqual([0, 2, 4]);
    expect([...workers.take(0)!]).toEqual([...images.train.read([0, 1, 2, 3])]);
    workers.want([2, 4, 6], planOf);
    expect(wanted).toEqual([0, 2, 4, 6]);
    expect(workers.take(5)).toBeUndefined();
    return workers.dispose();
  });

  it('hand on what goes wrong in them, with the name of the file', () => {
    const path = join(temporary.path, 'gone.images');
    writeFileSync(path, new Uint8Array(20 * 192));
    const split = new ImageSplit({ ...images.train.source, pixels: { path, offset: 0 } }, images.train.labels);
    const batches = openBatches({ workers: 1, prefetch: 0 }, { split });
    batches.drawHostBatch(0);
    truncateSync(path, 100);
    const draw = () => batches.drawHostBatch(1);
    expect(draw).toThrow(UserError);
    expect(draw).toThrow(/The image cache .*gone\.images became shorter: expected \d+ bytes, got 100\./);
    unlinkSync(path);
    expect(() => openBatches({ workers: 1 }, { split }).drawHostBatch(1)).toThrow(
      /Can't read the image cache .*gone\.images: it does not exist \(ENOENT\)\./,
    );
  });

  it('are not needed where they die or hang: the batch is made here', () => {
    const dying: WorkerProgram = { file: join(temporary.path, 'dying.mjs') };
    writeFileSync(dying.file, 'process.exit(3);');
    const hanging: WorkerProgram = { file: join(temporary.path, 'hanging.mjs') };
    writeFileSync(hanging.file, 'setInterval(() => {}, 1000);');
    const expected = openBatches().drawHostBatch(0);
    for (const threads of [dying, hanging]) {
      const batches = openBatches({ workers: 2 }, { threads: { ...threads, stallMs: 200 } });
      expect(batches.drawHostBatch(0)).toEqual(expected);
      expect(batches.drawHostBatch(0)).toEqual(expected);
    }
  });

  it('end when the batches are disposed of', async () => {
    const batches = openBatches({ workers: 2 });
    batches.drawHostBatch(0);
    await batches.dispose();
    expect(() => batches.drawHostBatch(1)).toThrow('batches: expected that they are not disposed of');
  });
});

describe('sequentialImageBatches', () => {
  const labelsOf = (changes: object) =>
    Array.from(sequentialImageBatches(images.test!, { batchSize: 4, ...changes }), ({ batch, weight }) => {
      const labels = [...batch.labels.dataSync()];
      tf.dispose(batch);
      return [weight, labels] as const;
    });

  it('hold each picture once, the last batch what is left', () => {
    expect(labelsOf({})).toEqual([
      [4, [0, 1, 2, 3]],
      [4, [4, 5, 6, 7]],
      [3, [0, 1, 2]],
    ]);
  });

  it('are spread over the split where there may be few', () => {
    expect(labelsOf({ maxBatches: 1 })).toEqual([[4, [0, 2, 5, 0]]]);
  });

  it('take the middle of larger pictures', () => {
    const [first] = sequentialImageBatches(images.test!, { batchSize: 11, size: { height: 4, width: 4 } });
    const { batch } = first!;
    const level = images.test!.read([0])[(2 * 8 + 2) * 3]!;
    expect(batch.pixels.dataSync()[0]).toBeCloseTo(level / 127.5 - 1, 6);
    tf.dispose(batch);
  });
});

function picturesOf({ pixels }: HostImageBatch, count: number): string[] {
  const length = pixels.length / count;
  return Array.from({ length: count }, (_, i) => [...pixels.subarray(i * length, (i + 1) * length)].join());
}
