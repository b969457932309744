// A rank's program: a step with every loss of a router, over the step, where each rank has one micro-batch of two. Sends the
// steps of this rank by the name of the loss, each twice.
import { init } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import { sendResult } from '@scmoe/testing';

import { createRankGroups } from '../parallel/RankGroups.js';
import { routerLossNames, routerLossStep } from './routerLossStep.js';

await useBackend('auto', { threads: 1 });
const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const groups = await createRankGroups(world, { expertParallel: 1 });
const step = (name: (typeof routerLossNames)[number]) =>
  routerLossStep(name, { accumulate: world.size, perBatch: 2, groups, lossesOver: 'step' });
const steps: Record<string, unknown> = {};
for (const name of routerLossNames) steps[name] = [await step(name), await step(name)];
await Promise.all([groups.experts.close(), groups.replicas.close()]);
await world.close();
await sendResult(steps);
