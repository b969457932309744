// What alarms cost: npm run torture:alarms. It trains two models from source, a tiny one and one that is like those that people
// train here, and counts the processor's time of the alarms and of all else, so that a busy machine changes little.
//   --steps <n>  counted, of each model (40)
import { parseArgs } from 'node:util';

import { Gpt } from '@scmoe/models';
import { AdamW, useBackend } from '@scmoe/tensor';
import { randomTokenBatches, train } from '@scmoe/trainer';

import { defaultAlarms } from '../../packages/run/src/options/alarmOptions.ts';
import { Alarms } from '../../packages/run/src/training/alarms/Alarms.ts';
import { RouterMonitor } from '../../packages/run/src/training/alarms/RouterMonitor.ts';

const { values } = parseArgs({ options: { steps: { type: 'string', default: '40' } } });
const warmUp = 10;
const steps = warmUp + Number(values.steps);
const ids = Uint16Array.from({ length: 100_000 }, (_, i) => (i * i) % 251);
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
await useBackend('scmoe', { threads: 1 });

async function costOf(what, { batchSize, numExperts, ...sizes }) {
  const moe = { kind: 'scmoe', numExperts };
  const model = new Gpt({ vocabSize: 256, ...sizes, moe }, { seed: 1 });
  const alarms = new Alarms(defaultAlarms, () => undefined);
  const monitor = new RouterMonitor(undefined);
  let [spent, began, step] = [0, 0, 0];
  const countSince = (before) => {
    if (step >= warmUp) spent += cpuMs() - before;
  };
  await train({
    model: {
      variables: model.variables,
      loss: (batch) => {
        const { loss, crossEntropy, routings } = model.loss(batch, { training: true });
        const before = cpuMs();
        monitor.add(routings);
        countSince(before);
        return { loss, metrics: { crossEntropy } };
      },
    },
    drawBatch: randomTokenBatches(
      { ids, numBytes: ids.length },
      { batchSize, sequenceLength: sizes.sequenceLength, seed: 1 },
    ),
    ...{ optimizer: new AdamW(), learningRate: () => 1e-4, steps },
    onStep: async (record) => {
      const before = cpuMs();
      alarms.step(record.step, record.loss, await monitor.take(undefined));
      countSince(before);
      step = record.step;
      if (step === warmUp) began = cpuMs();
    },
  });
  const perStep = (ms) => Number((ms / (steps - warmUp)).toFixed(2));
  const all = cpuMs() - began;
  return {
    model: what,
    'alarms, ms a step': perStep(spent),
    'all, ms a step': perStep(all),
    share: `${((100 * spent) / (all - spent)).toFixed(2)} %`,
  };
}

console.table([
  await costOf('tiny', { numLayers: 2, dModel: 32, numHeads: 2, sequenceLength: 32, batchSize: 2, numExperts: 4 }),
  await costOf('4 layers of 128, 8 experts', {
    ...{ numLayers: 4, dModel: 128, numHeads: 4, sequenceLength: 128, batchSize: 8, numExperts: 8 },
  }),
  await costOf('2 layers of 128, 64 experts', {
    ...{ numLayers: 2, dModel: 128, numHeads: 4, sequenceLength: 128, batchSize: 8, numExperts: 64 },
  }),
]);
