import { readFileSync } from 'node:fs';

import { Gpt } from '@scmoe/models';
import { AdamW, clipScale, cosineSchedule, globalNorm, RandomStream, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { table } from '../table.js';

const kinds = ['dense', 'top2', 'shared', 'scmoe'] as const;
const sequenceLength = 64;
const batchSize = 12;
const steps = 2000;

/** nanoGPT's vocabulary: every character of the text, sorted. */
function encodeCharacters(text: string): { ids: Int32Array; vocabSize: number } {
  const characters = [...new Set(text)].sort();
  const index = new Map(characters.map((character, i) => [character, i]));
  return { ids: Int32Array.from(text, (character) => index.get(character)!), vocabSize: characters.length };
}

function windows(ids: Int32Array, starts: readonly number[]) {
  const rows = (shift: number) =>
    tf.tensor2d(
      Int32Array.from(starts.flatMap((start) => [...ids.subarray(start + shift, start + shift + sequenceLength)])),
      [starts.length, sequenceLength],
      'int32',
    );
  return { ids: rows(0), targets: rows(1) };
}

async function validationLoss(model: Gpt, ids: Int32Array): Promise<number> {
  let sum = 0;
  let count = 0;
  const starts: number[] = [];
  for (let start = 0; start + sequenceLength + 1 <= ids.length; start += sequenceLength) starts.push(start);
  for (let i = 0; i < starts.length; i += 64) {
    const chunk = starts.slice(i, i + 64);
    const loss = tf.tidy(() => model.loss(windows(ids, chunk)).crossEntropy);
    sum += (await loss.data())[0]! * chunk.length;
    count += chunk.length;
    loss.dispose();
  }
  return sum / count;
}

function trainOnce(kind: (typeof kinds)[number], seed: number, train: Int32Array, vocabSize: number): Gpt {
  const model = new Gpt(
    { vocabSize, numLayers: 4, dModel: 128, numHeads: 4, sequenceLength, moe: { kind, numExperts: 4 } },
    { seed },
  );
  const schedule = cosineSchedule({ peak: 1e-3, minimum: 1e-4, warmupSteps: 100, totalSteps: steps });
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.99, weightDecay: 0.1 });
  const random = new RandomStream({ seed, stream: 7 });
  for (let step = 0; step < steps; step++) {
    tf.tidy(() => {
      const starts = Array.from({ length: batchSize }, () => random.int(train.length - sequenceLength));
      const batch = windows(train, starts);
      const { grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
      const gradScale = clipScale(globalNorm(Object.values(grads)), 1);
      optimizer.step(model.variables, grads, { learningRate: schedule(step), gradScale });
    });
  }
  optimizer.dispose();
  return model;
}

/** nanoGPT's CPU character settings on a text (tinyshakespeare): validation loss of each kind, mean of the seeds. */
export async function learningSuite({
  path,
  seeds = 3,
  threads = 2,
}: {
  path: string;
  seeds?: number;
  threads?: number;
}): Promise<string> {
  await useBackend('auto', { threads });
  const { ids, vocabSize } = encodeCharacters(readFileSync(path, 'utf8'));
  const boundary = Math.floor(ids.length * 0.9);
  const train = ids.subarray(0, boundary);
  const validation = ids.subarray(boundary);
  const rows: string[][] = [];
  for (const kind of kinds) {
    const losses: number[] = [];
    const begin = performance.now();
    for (let seed = 1; seed <= seeds; seed++) {
      const model = trainOnce(kind, seed, train, vocabSize);
      losses.push(await validationLoss(model, validation));
      model.dispose();
    }
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / seeds;
    const deviation = Math.sqrt(losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / Math.max(1, seeds - 1));
    const seconds = (performance.now() - begin) / 1000 / seeds;
    rows.push([
      kind,
      mean.toFixed(3),
      deviation.toFixed(3),
      losses.map((loss) => loss.toFixed(3)).join(' '),
      `${seconds.toFixed(0)} s`,
    ]);
    console.log(rows.at(-1)!.join('  '));
  }
  return table(['kind', 'validation loss', 'deviation', 'each seed', 'time a run'], rows);
}
