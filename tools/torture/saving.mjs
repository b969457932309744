// What it costs to save beside training: npm run torture:saving, on a machine that does nothing else, with the packages built
//   --steps <n>       steps of each of both runs (300)
//   --save-every <n>  (20)
//   --width <n>       of the model: 384 is about 130 MB of parameters and moments
//   --threads <n>     (the machine's cores)
// It trains twice the same, without saving and with it, and compares steps by where they are between two checkpoints.
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
const base = mkdtempSync(join(tmpdir(), 'scmoe-saving-'));
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

/** Times from one step's end to the next one's, in milliseconds: what follows step n is in the time of step n + 1. */
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

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const round = (ms) => Math.round(ms * 10) / 10;
await timesOf(undefined); // Memory, caches and compiled code.
const plain = median(await timesOf(undefined));
const writer = openCheckpointWriter(join(base, 'checkpoints'), { keep: 2 });
const times = await timesOf(writer);
await writer.close();
// Entry i is the time between the ends of steps i + 1 and i + 2: step i + 1 is saved in it where that is a multiple. The
// first checkpoint takes its memory, and is left out.
const at = (distance) => times.filter((_, i) => i + 1 >= 2 * saveEvery && (i + 1 - distance) % saveEvery === 0);
const rows = { 'without saving': [plain], 'step that saves': at(0), 'one behind it': at(1), 'two behind it': at(2) };
const far = times.filter((_, i) => (i + 1) % saveEvery > saveEvery / 2);
const mb = (3 * 4 * model.numParameters()) / 1e6;
console.log(`${Math.round(mb)} MB in a checkpoint, ${values.threads} threads, load ${loadavg()[0].toFixed(1)}`);
console.table(
  Object.entries({ ...rows, 'far from it': far }).map(([what, all]) => {
    const [ms, worst] = [median(all), Math.max(...all)];
    return { what, ms: round(ms), 'of the median': round((10 * ms) / plain) / 10, 'longest, ms': round(worst) };
  }),
);
rmSync(base, { recursive: true, force: true });
