// What it costs to save beside training: npm run torture:saving, on a machine that does nothing else, with the packages built
//   --steps <n>       steps of each run (300)
//   --save-every <n>  (20)
//   --width <n>       of the model (384)
//   --threads <n>     (the machine's cores)
// It trains the same twice, without saving and with it, and compares steps by where they are between two checkpoints.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Gpt } from '@scmoe/models';
import { AdamW, useBackend } from '@scmoe/tensor';
import { openCheckpointWriter, randomTokenBatches, train } from '@scmoe/trainer';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '300' },
    'save-every': { type: 'string', default: '20' },
    width: { type: 'string', default: '384' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const [steps, saveEvery, dModel] = [values.steps, values['save-every'], values.width].map(Number);
await useBackend('scmoe', { threads: Number(values.threads) });
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

/** Entry i is the time from the end of step i + 1 to that of the next, in milliseconds, what is saved after it included. */
async function timesOf(writer) {
  const ends = [];
  const save = async (step) => {
    const state = optimizer.state();
    const about = { step, config: {}, dataFingerprint: '', dataDescription: {} };
    const { name, stepCount } = optimizer;
    await writer.save({ ...about, parameters: model.variables, optimizer: { name, stepCount, state } });
    for (const tensor of Object.values(state)) tensor.dispose();
  };
  await train({
    ...{ model: trainable, optimizer, drawBatch, steps, learningRate: () => 1e-4 },
    onStep: () => void ends.push(performance.now()),
    ...(writer && { save, saveEvery }),
  });
  return ends.slice(1).map((end, i) => end - ends[i]);
}

const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];
const plain = await timesOf(undefined);
const base = mkdtempSync(join(tmpdir(), 'scmoe-saving-'));
const writer = openCheckpointWriter(join(base, 'checkpoints'), { keep: 2 });
const times = await timesOf(writer);
await writer.close();
rmSync(base, { recursive: true, force: true });

// The first checkpoint takes its memory: it is left out.
const behind = (distance) => times.filter((_, i) => i + 1 >= 2 * saveEvery && (i + 1 - distance) % saveEvery === 0);
const far = times.filter((_, i) => (i + 1) % saveEvery > saveEvery / 2);
// The first half pays for memory, caches and compiled code.
const rows = { 'without saving': plain.slice(plain.length >> 1), 'the step that saves': behind(0) };
Object.assign(rows, { 'one behind it': behind(1), 'two behind it': behind(2), 'far from it': far });
const megabytes = Math.round((3 * 4 * model.numParameters()) / 1e6);
console.log(`${megabytes} MB in a checkpoint, ${values.threads} threads, load ${loadavg()[0].toFixed(1)}`);
console.table(
  Object.entries(rows).map(([what, all]) => ({
    what,
    'median, ms': Number(median(all).toFixed(1)),
    'of the median without': Number((median(all) / median(rows['without saving'])).toFixed(2)),
    'longest, ms': Number(Math.max(...all).toFixed(1)),
  })),
);
