// What it costs to save beside training: npm run torture:saving, on a machine that does nothing else, with the packages built
//   --saves <n>      checkpoints (8)
//   --every <n>      steps behind each, and as many without one (20)
//   --width <n>      of the model (384)
//   --threads <n>    (the machine's cores)
//   --folder <path>  where the checkpoints lie meanwhile (the folder of temporary files)
// Steps behind a checkpoint and steps without one take turns, and are compared with the ones before and after them: whatever else the
// machine does is in both.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Gpt } from '@scmoe/models';
import { AdamW, useBackend } from '@scmoe/tensor';
import { openCheckpointWriter, randomTokenBatches, train } from '@scmoe/trainer';

import { backgroundTime } from './backgroundTime.mjs';

const { values } = parseArgs({
  options: {
    saves: { type: 'string', default: '8' },
    every: { type: 'string', default: '20' },
    width: { type: 'string', default: '384' },
    threads: { type: 'string', default: String(availableParallelism()) },
    folder: { type: 'string', default: tmpdir() },
  },
});
const [saves, every, dModel, threads] = [values.saves, values.every, values.width, values.threads].map(Number);
await useBackend('scmoe', { threads });
const ids = Uint16Array.from({ length: 100_000 }, (_, i) => (i * i) % 251);
const moe = { kind: 'scmoe', numExperts: 8 };
const model = new Gpt({ vocabSize: 256, numLayers: 4, dModel, numHeads: 4, sequenceLength: 128, moe }, { seed: 1 });
const optimizer = new AdamW();
const drawBatch = randomTokenBatches({ ids, numBytes: ids.length }, { batchSize: 4, sequenceLength: 128, seed: 1 });
const trainable = {
  variables: model.variables,
  loss: (batch) => {
    const { loss, crossEntropy } = model.loss(batch, { training: true });
    return { loss, metrics: { crossEntropy } };
  },
};
const base = mkdtempSync(join(values.folder, 'scmoe-saving-'));
let wholeAt;
const onSaved = () => void (wholeAt = performance.now());
const writer = openCheckpointWriter(join(base, 'checkpoints'), { keep: 2, onSaved });
let step = 0;

/** Trains some steps. @returns of each the time since the end of the one before it, of the first since `began`, in milliseconds */
async function timesOf(count, began = performance.now()) {
  const ends = [began];
  const onStep = () => void ends.push(performance.now());
  const options = { model: trainable, optimizer, drawBatch, learningRate: () => 1e-4 };
  ({ step } = await train({ ...options, startStep: step, steps: step + count, onStep }));
  return ends.slice(1).map((end, i) => end - ends[i]);
}

/** Saves, and trains behind it. The first of the times holds what saving takes of the run. */
async function behindCheckpoint() {
  const [began, background] = [performance.now(), backgroundTime()];
  const state = optimizer.state();
  const about = { step, config: {}, dataFingerprint: '', dataDescription: {} };
  const { name, stepCount } = optimizer;
  await writer.save({ ...about, parameters: model.variables, optimizer: { name, stepCount, state } });
  for (const tensor of Object.values(state)) tensor.dispose();
  const copyMs = performance.now() - began;
  const times = await timesOf(every, began);
  // Not even the last of it is beside the steps that follow.
  await writer.finish();
  return { times, copyMs, wholeMs: wholeAt - began, backgroundMs: backgroundTime() - background };
}

const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];
const rounded = (value, digits = 0) => Number(value.toFixed(digits));
await timesOf(every);
// The first checkpoint takes its memory, and the thread starts.
await behindCheckpoint();
const [plain, saved] = [[await timesOf(every)], []];
while (saved.length < saves) {
  saved.push(await behindCheckpoint());
  plain.push(await timesOf(every));
}
await writer.close();
rmSync(base, { recursive: true, force: true });

// What a step takes without saving, just before and after each checkpoint.
const usual = saved.map((_, i) => median([...plain[i], ...plain[i + 1]]));
const places = { 'the step that saves': 0, 'one behind it': 1, 'two behind it': 2, 'three behind it': 3 };
const rows = Object.entries(places).map(([what, at]) => [what, saved.map(({ times }) => times[at])]);
rows.push(['all of them, on average', saved.map(({ times }) => times.reduce((a, b) => a + b) / every)]);
const megabytes = Math.round((3 * 4 * model.numParameters()) / 1e6);
console.log(
  `${megabytes} MB in a checkpoint, ${threads} threads, ${saves} checkpoints, load ${loadavg()[0].toFixed(1)}`,
);
console.table([
  { step: 'without saving', 'median, ms': rounded(median(plain.flat()), 1) },
  ...rows.map(([step, times]) => {
    const ratios = times.map((time, i) => time / usual[i]);
    const shown = { 'median, ms': rounded(median(times), 1), 'of those around it': rounded(median(ratios), 2) };
    return { step, ...shown, 'the longest': rounded(Math.max(...ratios), 2) };
  }),
]);
const of = (name) => rounded(median(saved.map((one) => one[name])));
console.log(
  `The copy took ${of('copyMs')} ms, the thread ${of('backgroundMs')} ms of a core; whole after ${of('wholeMs')} ms`,
);
