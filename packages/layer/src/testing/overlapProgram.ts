// One rank of the test of plans that are chosen by measured times, in a process of its own.
import { init, type Communicator } from '@scmoe/comm';
import { CostModel, sequentialPlan, stageGraph } from '@scmoe/scheduler';
import { useBackend } from '@scmoe/tensor';
import { sendResult } from '@scmoe/testing';

import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import { ExpertLoad } from '../overlap/ExpertLoad.js';
import { OverlapController } from '../overlap/OverlapController.js';
import { overlapped } from '../plan/overlapped.js';
import type { OverlapOptions } from '../overlap/OverlapOptions.js';
import type { StageReport } from '../overlap/StageReport.js';
import { resolvePair } from '../stages/pair/PairConfig.js';
import { pairOperators } from '../stages/pair/pairOperators.js';
import { pairConfig, runLayerCase, type RankOutcome } from './rankCases.js';

export interface OverlapReport {
  /** Slot of the layer after each step; null is sequential. */
  slots: (number | null)[];
  /** The steps at which stepDone said that a plan has changed. */
  changes: number[];
  values: RankOutcome['values'][];
  report: StageReport[];
  /** Whether each step was observed. */
  observing: boolean[];
  /** How a pass that continues sequences runs at the end, with 1 to 8 tokens: its parts, and whether its plan is the sequential one. */
  decoding: { chunks: number; expertChunks: number; isSplit: boolean; isSequential: boolean }[];
}

/** Times by which `slot` of a pos2 pair is the best: backbone operators are long enough on either side of it alone. */
function costsFor(slot: number): CostModel {
  const costs = new CostModel({ warmupSteps: 0 });
  const window = ['mlp1', 'attention2', 'sharedExpert'];
  for (const direction of ['forward', 'backward'] as const) {
    for (const name of stageGraph('pos2').names) {
      const isExchange = name === 'dispatch' || name === 'combine';
      // Either exchange is as long as what is on its side.
      const beside = name === 'dispatch' ? slot : window.length - slot;
      const ms = isExchange ? 10 * beside : window.includes(name) ? 10 : 1;
      costs.record({ machine: 'test', shape: 'test', direction }, `0 ${name}`, ms);
    }
  }
  return costs;
}

/** Times of exchanges that are as long as the experts' work, and much longer than all else: half of it hides the other. */
function costsForParts(): CostModel {
  const costs = new CostModel({ warmupSteps: 0 });
  for (const direction of ['forward', 'backward'] as const) {
    for (const name of stageGraph('pos2').names) {
      const ms = ['dispatch', 'expert', 'combine'].includes(name) ? 1000 : 1;
      costs.record({ machine: 'test', shape: 'test', direction }, `0 ${name}`, ms);
    }
  }
  return costs;
}

/** A communicator that remembers so many collectives. */
function rememberingLast(world: Communicator, count: number): Communicator {
  const flightRecord = () => ({ ...world.flightRecord(), entries: world.flightRecord().entries.slice(-count) });
  return { flightRecord } as Partial<Communicator> as Communicator;
}

async function train(
  world: Communicator,
  options: OverlapOptions,
  steps: number,
  { microBatches = 1 } = {},
): Promise<OverlapReport> {
  const { rank, size } = world;
  const dispatcher = new ExpertParallelDispatcher({ communicator: world, numExperts: pairConfig.numExperts! });
  const shared = { machine: 'test', shape: 'test', world, experts: world };
  const overlap = new OverlapController({ ...shared, ...options });
  const slots: (number | null)[] = [];
  const changes: number[] = [];
  const values: RankOutcome['values'][] = [];
  const observing: boolean[] = [];
  for (let step = 0; step < steps; step++) {
    const place = { from: rank, to: rank + 1, experts: { rank, size } };
    for (let i = 0; i < microBatches; i++) {
      const execution = overlap.stage(0, { training: true, numTokens: 5 });
      if (i === 0) observing.push(execution.observer !== undefined);
      values.push(runLayerCase({ pair: pairConfig }, place, { ...execution, dispatcher }).values);
    }
    if (await overlap.stepDone()) changes.push(step);
    slots.push(overlap.report()[0]!.slot);
  }
  const operators = pairOperators({}, resolvePair(pairConfig));
  const decoding = [1, 2, 4, 8].map((numTokens) => {
    const { plan, chunks, expertChunks = 1, split } = overlap.stage(0, { continues: true, numTokens });
    const isSequential = JSON.stringify(plan(operators)) === JSON.stringify(sequentialPlan(operators));
    return { chunks, expertChunks, isSplit: split !== undefined, isSequential };
  });
  return { slots, changes, values, report: overlap.report(), observing, decoding };
}

/** Two sequences of each rank, whole and in halves of the batch, with and without a capacity. */
function halvesOfBatch(world: Communicator): Record<string, { whole: RankOutcome; halves: RankOutcome }> {
  const { rank, size } = world;
  const place = { from: 2 * rank, to: 2 * rank + 2, experts: { rank, size } };
  const dispatcher = new ExpertParallelDispatcher({ communicator: world, numExperts: pairConfig.numExperts! });
  const both = { chunks: 2, expertChunks: 2 };
  const cases = [0, 0.75].flatMap((capacityFactor) => [{}, both].map((parts) => ({ capacityFactor, parts })));
  const outcomes = cases.map(({ capacityFactor, parts }) => {
    const layer = { pair: { ...pairConfig, capacityFactor } };
    const run = (split?: 'batch') =>
      runLayerCase(layer, place, { plan: overlapped(1), ...parts, dispatcher, split }, world);
    return [`capacity ${capacityFactor}${parts === both ? ' in chunks' : ''}`, { whole: run(), halves: run('batch') }];
  });
  return Object.fromEntries(outcomes) as Record<string, { whole: RankOutcome; halves: RankOutcome }>;
}

/** A pair of which every rank's second expert goes first, and what the experts had to do. */
async function secondExpertFirst(world: Communicator): Promise<{ outcome: RankOutcome; shares: readonly number[] }> {
  const { rank, size } = world;
  const place = { from: rank, to: rank + 1, experts: { rank, size } };
  const dispatcher = new ExpertParallelDispatcher({ communicator: world, numExperts: pairConfig.numExperts! });
  const load = new ExpertLoad();
  const execution = { plan: overlapped(1, { order: [1, 0] }), expertChunks: 2, dispatcher };
  const outcome = runLayerCase({ pair: pairConfig }, place, {
    ...execution,
    onRouting: (routing) => load.add(routing),
  });
  return { outcome, shares: (await load.shares(world, 2))! };
}

await useBackend('auto', { threads: 1 });
const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
let observedSteps = 0;
/** Exchanges of each step whose transfer is known. */
const exchangesSeen: number[] = [];
const countExchanges: OverlapOptions['onStep'] = (events) =>
  void exchangesSeen.push(events.filter(({ step, transfer }) => step.action === 'start' && transfer).length);
const reports = {
  off: await train(world, { mode: 'off' }, 2),
  given: await train(world, { mode: 2 }, 2),
  observed: await train(world, { mode: 1, warmupSteps: 1, measuredSteps: 2, onStep: () => observedSteps++ }, 4),
  accumulated: await train(
    world,
    { mode: 1, warmupSteps: 1, measuredSteps: 2, experts: rememberingLast(world, 8), onStep: countExchanges },
    4,
    { microBatches: 3 },
  ),
  unseen: await train(world, { warmupSteps: 1, measuredSteps: 2, experts: rememberingLast(world, 2) }, 4),
  chunked: await train(world, { mode: 1, chunks: 2 }, 2),
  measured: await train(world, { warmupSteps: 1, measuredSteps: 2, refreshSteps: 3 }, 12),
  cut: await train(world, { costs: costsForParts(), expertsPerRank: 2, refreshSteps: 0, warmupSteps: 100 }, 2),
  apart: await train(
    world,
    {
      ...{ costs: costsForParts(), expertsPerRank: 2, expertChunks: 1, backwardExpertChunks: 'auto' },
      ...{ refreshSteps: 0, warmupSteps: 100 },
    },
    2,
  ),
  apartGiven: await train(world, { mode: 1, backwardExpertChunks: 2 }, 2),
  halves: await train(world, { mode: 1, split: 'auto' }, 1),
  halved: await train(
    world,
    { costs: costsForParts(), expertChunks: 1, split: 'auto', leastSplitTokens: 5, refreshSteps: 0, warmupSteps: 100 },
    2,
  ),
  tooSmall: await train(
    world,
    { costs: costsForParts(), expertChunks: 1, split: 'auto', leastSplitTokens: 6, refreshSteps: 0, warmupSteps: 100 },
    1,
  ),
  halvesOfBatch: halvesOfBatch(world),
  secondExpertFirst: await secondExpertFirst(world),
  // Each rank would choose another slot by what it remembers.
  remembered: await train(world, { costs: costsFor(world.rank === 0 ? 2 : 1), refreshSteps: 0, warmupSteps: 100 }, 3),
};
await world.close();
await sendResult({ ...reports, observedSteps, exchangesSeen });

export type OverlapReports = typeof reports & { observedSteps: number; exchangesSeen: number[] };
