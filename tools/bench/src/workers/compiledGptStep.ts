// One process that trains the benchmark's GPT in compiled steps on backend tensorflow and answers `run N` with one JSON line.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { registerBackend } from '@scmoe/tensorflow';

import { GptTraining } from '../suites/compiled/GptTraining.js';

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'gpu' },
    precision: { type: 'string', default: 'float32' },
    d: { type: 'string', default: '256' },
    layers: { type: 'string', default: '8' },
    heads: { type: 'string', default: '8' },
    sequence: { type: 'string', default: '256' },
    batch: { type: 'string', default: '8' },
    experts: { type: 'string', default: '8' },
    vocab: { type: 'string', default: '256' },
  },
});

/** The calls after which the next that is compared with a new recording is the 32nd. */
const warmUp = 17;

const started = performance.now();
const { version } = registerBackend(options.device === 'cpu' ? { gpu: 'none' } : {});
const [dModel, numLayers, numHeads] = [options.d, options.layers, options.heads].map(Number) as [
  number,
  number,
  number,
];
const [batch, sequenceLength, numExperts] = [options.batch, options.sequence, options.experts].map(Number) as [
  number,
  number,
  number,
];
const config = {
  ...{ vocabSize: Number(options.vocab), numLayers, dModel, numHeads, sequenceLength },
  moe: { kind: 'scmoe', numExperts, topK: 1 },
} as const;
const precision = options.precision as 'float32' | 'bf16';
const way = { name: '', backend: 'tensorflow', compiled: true, precision } as const;
const training = await GptTraining.start({ name: '', batch, config }, way);
await training.run(2);
const firstStepSeconds = (performance.now() - started) / 1000;
await training.run(warmUp - 2);
const parameters = training.numParameters;
console.log(JSON.stringify({ ready: true, version: `TensorFlow ${version}`, firstStepSeconds, parameters }));
for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command !== 'run') break;
  const begin = performance.now();
  await training.run(Number(count));
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    JSON.stringify({ seconds, loss: training.losses.at(-1), peakBytes: process.resourceUsage().maxRSS * 1024 }),
  );
}
process.exit(0);
