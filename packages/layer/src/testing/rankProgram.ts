// One rank of the tests of expert parallelism, in a process of its own: sends the outcomes of all cases.
import { init, type CommError, type Communicator } from '@scmoe/comm';
import { useBackend } from '@scmoe/tensor';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { resolveMoeLayer } from '../tfLayers/moeLayerOptions.js';
import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import { overlapped } from '../plan/overlapped.js';
import { sendResult } from '@scmoe/testing';
import { overlappedPlan } from './overlappedPlan.js';
import { runRandomPlans, type RandomPlansReport } from './randomPlans.js';
import {
  comparedBackends,
  divisorsOf,
  expertChunkCases,
  layerCases,
  rankCases,
  runCase,
  runLayerCase,
  type Choices,
  type LayerCase,
  type RankOutcome,
} from './rankCases.js';
import type { RunPairOptions } from '../stages/pair/runPair.js';

/** What a rank sends: outcomes by backend and case, those of the plans, and how disagreements ended. */
export interface RankReport {
  cases: Record<string, Record<string, RankOutcome>>;
  plans: Record<string, RankOutcome>;
  /** Outcomes of the pairs with more experts, by case and then by chunks and chunks of the experts: `2 x 4`. */
  expertChunks: Record<string, Record<string, RankOutcome>>;
  /** The same of passes whose backward pass has parts of its own: `1 x 1, backward 2 x 4`. */
  apart: Record<string, Record<string, RankOutcome>>;
  failures: Record<string, { code?: string; message: string }>;
  /** A few plans drawn at random; `npm run torture:plans` runs many. */
  randomPlans: RandomPlansReport;
}

type Execution = Pick<RunPairOptions, 'chunks'> & { plan: ReturnType<typeof overlapped> };

const plans: Record<string, Execution> = {
  sequential: { plan: sequentialPlan },
  'slot 0': { plan: overlappedPlan(0) },
  'slot 1': { plan: overlappedPlan(1) },
  'slot 2': { plan: overlappedPlan(2) },
  'slot 3': { plan: overlappedPlan(3) },
  'slot 1 in 2 chunks': { plan: overlapped(1), chunks: 2 },
  'slot 0 in 3 chunks': { plan: overlapped(0), chunks: 3 },
  // More than there are tokens or slots.
  'slot 0 in 16 chunks': { plan: overlapped(0), chunks: 16 },
};

function planOutcomes(communicator: Communicator): Record<string, RankOutcome> {
  const { rank, size } = communicator;
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 4 });
  const outcomes: Record<string, RankOutcome> = {};
  for (const [layer, config] of Object.entries(layerCases)) {
    for (const [name, options] of Object.entries(plans)) {
      if (options.chunks && layer.startsWith('DGMoE')) continue;
      outcomes[`${layer}, ${name}`] = runLayerCase(
        config,
        { from: rank, to: rank + 1, experts: { rank, size } },
        { ...options, dispatcher },
        communicator,
      );
    }
  }
  return outcomes;
}

function expertChunkOutcomes(communicator: Communicator): RankReport['expertChunks'] {
  const { rank, size } = communicator;
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
  const place = { from: rank, to: rank + 1, experts: { rank, size } };
  const cuts = [1, 2].flatMap((chunks) => divisorsOf(8 / size).map((expertChunks) => ({ chunks, expertChunks })));
  const outcomes = (config: LayerCase) =>
    cuts.map(({ chunks, expertChunks }) => {
      const options = { plan: overlapped(1), chunks, expertChunks, dispatcher };
      return [`${chunks} x ${expertChunks}`, runLayerCase(config, place, options, communicator)];
    });
  const cases = Object.entries(expertChunkCases);
  return Object.fromEntries(cases.map(([name, config]) => [name, Object.fromEntries(outcomes(config))]));
}

function apartOutcomes(communicator: Communicator): RankReport['apart'] {
  const { rank, size } = communicator;
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
  const place = { from: rank, to: rank + 1, experts: { rank, size } };
  const cuts = [1, 2].flatMap((chunks) => [1, 8 / size].map((expertChunks) => ({ chunks, expertChunks })));
  const pairs = cuts.flatMap((forward) =>
    cuts.filter((cut) => cut !== forward).map((backward) => ({ forward, backward })),
  );
  const nameOf = (cut: (typeof cuts)[number]) => `${cut.chunks} x ${cut.expertChunks}`;
  const outcomes = (config: LayerCase) =>
    pairs.map(({ forward, backward }, i) => {
      const parts = { ...forward, backwardChunks: backward.chunks, backwardExpertChunks: backward.expertChunks };
      // Some with an observer, and with what is kept computed again.
      const how = { ...(i % 2 === 0 && { observer }), recompute: i % 3 === 0 };
      const options = { plan: overlapped(i % 4), ...parts, ...how, dispatcher };
      return [`${nameOf(forward)}, backward ${nameOf(backward)}`, runLayerCase(config, place, options, communicator)];
    });
  const cases = Object.entries(expertChunkCases);
  return Object.fromEntries(cases.map(([name, config]) => [name, Object.fromEntries(outcomes(config))]));
}

const observer = { begin: () => undefined, end: () => undefined };

/** Each in a group of its own, which is of no use after it. */
async function failureOf(world: Communicator, capacityFactor: number, tokens: number, { leaves = false } = {}) {
  const communicator = await world.split(0);
  if (!communicator) throw new Error('no group');
  if (leaves) {
    await communicator.close();
    return { code: 'none', message: '' };
  }
  const { rank, size } = communicator;
  const config = resolveMoeLayer({ numExperts: 8, expertHidden: 6, capacityFactor }, 1);
  const ofOneRank = Array.from({ length: tokens }, (): [number, number] => [0, 1]);
  const choices: Choices = Array.from({ length: size }, () => ofOneRank);
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
  try {
    runCase({ config, choices }, { from: rank, to: rank + 1, experts: { rank, size } }, dispatcher);
    throw new Error('nothing failed');
  } catch (error) {
    const { code, message } = error as CommError;
    return { code, message };
  } finally {
    await communicator.close();
  }
}

async function main(): Promise<void> {
  const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
  const { rank, size } = world;
  const cases: RankReport['cases'] = {};
  for (const backend of comparedBackends(size)) {
    if (backend === 'cpu') await tf.setBackend('cpu');
    else await useBackend('auto', { threads: 1 });
    cases[backend] = {};
    for (const [name, { config, choices, masks, as }] of Object.entries(rankCases(size))) {
      const dispatcher = new ExpertParallelDispatcher({ communicator: world, numExperts: config.numExperts, as });
      const place = { from: rank, to: rank + 1, experts: { rank, size } };
      try {
        cases[backend][name] = runCase(
          { config, choices: choices(size), masks: masks?.(size) },
          place,
          dispatcher,
          world,
        );
      } catch (error) {
        throw new Error(`${name} on ${backend}`, { cause: error });
      }
    }
  }
  await useBackend('auto', { threads: 1 });
  const report: RankReport = {
    cases,
    plans: planOutcomes(world),
    expertChunks: expertChunkOutcomes(world),
    apart: apartOutcomes(world),
    randomPlans: runRandomPlans(world, { trials: 20, seed: 17 }),
    failures: {
      'another capacity on rank 0': await failureOf(world, 1, rank === 0 ? 16 : 8),
      'no capacity on rank 0': await failureOf(world, rank === 0 ? 0 : 1, 8),
      'rank 0 has left': await failureOf(world, 1, 8, { leaves: rank === 0 }),
    },
  };
  await world.close();
  await sendResult(report);
}

await main();
