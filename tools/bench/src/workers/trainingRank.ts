// One rank that trains the benchmark's GPT: answers `train <steps> <bucket bytes>` on standard input with one JSON line.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { init } from '@scmoe/comm';
import { ExpertParallelDispatcher, isExpertParameter } from '@scmoe/layer';
import { Gpt } from '@scmoe/models';
import { AdamW, RandomStream, useBackend } from '@scmoe/tensor';
import { createRankGroups, train } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    layers: { type: 'string', default: '8' },
    batch: { type: 'string', default: '4' },
  },
});
const sequenceLength = 256;
const vocabSize = 256;
const numExperts = 8;
const batchSize = Number(options.batch);

await useBackend('scmoe', { threads: Number(options.threads) });
const world = await init({ timeoutMs: 120_000 });
const groups = await createRankGroups(world);
const config = {
  vocabSize,
  numLayers: Number(options.layers),
  dModel: 256,
  numHeads: 8,
  sequenceLength,
  moe: { kind: 'scmoe', numExperts, topK: 1 } as const,
};
const gpt = new Gpt(config, { seed: 1, experts: { rank: groups.experts.rank, size: groups.experts.size } });
const dispatcher = new ExpertParallelDispatcher({ communicator: groups.experts, numExperts });
const optimizer = new AdamW();
const model = {
  variables: gpt.variables,
  loss: ({ ids, targets }: { ids: tf.Tensor; targets: tf.Tensor }) => {
    const batch = { ids: ids as tf.Tensor2D, targets: targets as tf.Tensor2D };
    return { loss: gpt.loss(batch, { training: true, dispatcher }).loss };
  },
};
const drawBatch = (index: number) => {
  const random = new RandomStream({ seed: 1, stream: index });
  const draw = () => Int32Array.from({ length: batchSize * sequenceLength }, () => random.int(vocabSize));
  const tensor = () => tf.tensor2d(draw(), [batchSize, sequenceLength], 'int32');
  return { ids: tensor(), targets: tensor() };
};

let step = 0;
async function run(steps: number, bucketBytes: number) {
  world.barrier().wait();
  const begin = performance.now();
  const end = step + steps;
  await train({
    model,
    optimizer,
    drawBatch,
    learningRate: () => 1e-4,
    startStep: step,
    steps: end,
    groups,
    isSharded: isExpertParameter,
    bucketBytes,
  });
  step = end;
  const seconds = (performance.now() - begin) / 1000;
  return { seconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`);
await run(1, 2 ** 22);
say({ version: 'ScMoE' });
for await (const line of createInterface({ input: process.stdin })) {
  const [, steps, bucketBytes] = line.split(' ').map(Number);
  say(await run(steps!, bucketBytes!));
}
process.exit(0);
