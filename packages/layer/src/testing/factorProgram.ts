// One rank of the tests of tensor and expert-sharding parallelism, in a process of its own: sends the outcomes of the quick cases in
// those factorisations that FACTORS names, or all cases in all of them.
import { factorRank, init, splitRanks, closeRanks, type Communicator } from '@scmoe/comm';
import { sendResult } from '@scmoe/testing';
import { useBackend } from '@scmoe/tensor';

import { dispatchOver } from '../tensorParallel/dispatchOver.js';
import { factorCases, factorisations, nameOf, quickCases, type Factors } from './factorCases.js';
import { runLayerCase, type LayerCase, type RankOutcome } from './rankCases.js';

/** What was done over a group of ranks, in its order: the operation and the bytes that this rank handed over. */
export type Collectives = { operation: string; bytes: number }[];

/** What a rank made of a layer. */
export interface FactorOutcome extends RankOutcome {
  /** Collectives of the tensor-parallel group, and of the ranks that tokens travel between. */
  tensor: Collectives;
  experts: Collectives;
  /** Whether a backward pass in parts of its own gave the same bits as the same parts forward; of the first case alone. */
  isSameApart?: boolean;
}

/** Outcomes by factorisation and case. */
export type FactorReport = Record<string, Record<string, FactorOutcome>>;

function numExpertsOf(layer: LayerCase): number {
  const config = 'pair' in layer ? layer.pair : 'block' in layer ? layer.block : layer.longcat;
  return config.numExperts!;
}

function collectivesOf(group: Communicator | undefined, run: () => void): Collectives {
  const before = group?.flightRecord().entries.at(-1)?.sequence ?? -1;
  run();
  const entries = group?.flightRecord().entries ?? [];
  return entries.filter(({ sequence }) => sequence > before).map(({ operation, bytes }) => ({ operation, bytes }));
}

async function outcomesOf(world: Communicator, factors: Factors): Promise<Record<string, FactorOutcome>> {
  const ranks = await splitRanks(await world.split(0).then((all) => all!), { ...factors, peers: true });
  const { tensor: slice, experts, data } = factorRank(world, factors);
  const outcomes: Record<string, FactorOutcome> = {};
  for (const [name, layer] of Object.entries(factorCases)) {
    if (wanted && !quickCases.includes(name)) continue;
    const pass = dispatchOver(ranks, { numExperts: numExpertsOf(layer), schedule: factors.schedule });
    const place = { from: data.rank, to: data.rank + 1, experts, tensor: slice };
    let outcome: RankOutcome | undefined;
    let ofTensor: Collectives = [];
    const travelled = collectivesOf(factors.schedule === 'base' ? ranks.peers : ranks.experts, () => {
      ofTensor = collectivesOf(ranks.tensor, () => {
        // An observer is told of each step, and what passes is handed through for it.
        outcome = runLayerCase(layer, place, { ...pass, observer });
      });
    });
    outcomes[name] = { ...outcome!, tensor: ofTensor, experts: travelled };
    if (Object.keys(outcomes).length > 1 || factors.schedule.startsWith('s2')) continue;
    const valuesOf = (parts: object) => JSON.stringify(runLayerCase(layer, place, { ...pass, ...parts }).values);
    outcomes[name].isSameApart = valuesOf({ backwardChunks: 2 }) === valuesOf({ chunks: 2 });
  }
  await closeRanks(ranks);
  return outcomes;
}

const observer = { begin: () => undefined, end: () => undefined };
const wanted = process.env['FACTORS']?.split(';');
await useBackend('auto', { threads: 1 });
const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const report: FactorReport = {};
for (const factors of factorisations(world.size)) {
  const name = nameOf(factors);
  if (!wanted || wanted.includes(name)) report[name] = await outcomesOf(world, factors);
}
await world.close();
await sendResult(report);
