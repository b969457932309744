import { UserError } from '@scmoe/errors';
import { OverlapController, type TensorSchedule, unitsOfPieces } from '@scmoe/layer';
import { type RankGroups } from '@scmoe/trainer';

import type { OverlapOptions } from '../options/overlapOptions.js';
import type { RunSettings } from '../options/Settings.js';
import { describeMachine, openCosts, saveCosts } from './costCache.js';
import { expectBackwardParts } from './expectBackwardParts.js';
import { expectSplit } from './expectSplit.js';
import { TraceFile } from './TraceFile.js';

/** What says how the stages of a run execute, and keeps what was seen of it. */
export interface Overlap {
  controller: OverlapController;
  /** Every rank calls it when the run is over. */
  close(): Promise<void>;
}

/** What the overlap of a run depends on besides its options. */
interface OverlapContext {
  /** The program, for the title of the trace. */
  name: string;
  settings: RunSettings;
  groups: RankGroups | undefined;
  /** 0 where the model has none. */
  numExperts: number;
  /** Whether steps are recorded, so that nobody can measure within one. */
  isRecorded?: boolean;
  /** How the tokens of a tensor-parallel group come to their experts. */
  schedule?: TensorSchedule | readonly TensorSchedule[];
}

/**
 * Opens what decides how the stages execute, and what is written down of it.
 *
 * @returns undefined where there is nothing to decide: no tokens travel and no trace is wanted
 * @throws UserError for options that can't work together, and for a trace that can't be written
 */
export async function openOverlap(
  {
    overlap,
    chunks,
    expertChunks,
    backwardChunks,
    backwardExpertChunks,
    placeGradients,
    split,
    trace,
    traceSteps,
  }: OverlapOptions,
  { name, settings, groups, numExperts, isRecorded = false, schedule = 's1' }: OverlapContext,
): Promise<Overlap | undefined> {
  for (const [flag, number] of [
    ['--chunks', chunks],
    ['--expert-chunks', expertChunks],
    ['--backward-chunks', backwardChunks],
    ['--backward-expert-chunks', backwardExpertChunks],
  ] as const) {
    if (settings.kind === 'dgmoe' && typeof number === 'number' && number > 1)
      throw new UserError(`${flag}: expected 1 with --kind dgmoe, got ${number}.`, { exitCode: 2 });
  }
  expectSplit({ split, overlap }, settings);
  const isSliced = groups?.tensor !== undefined;
  if (isSliced && split !== 'off' && split !== 'auto')
    throw new UserError(`--split: expected off or auto with --tensor-parallel above 1, got ${split}.`, { exitCode: 2 });
  if (placeGradients === 'on' && (overlap === 'off' || isRecorded)) {
    const against = isRecorded
      ? 'compiled steps, which are recorded once (--no-compile has others)'
      : '--overlap off, by which nothing is measured';
    throw new UserError(`--place-gradients: expected auto or off with ${against}, got on.`, { exitCode: 2 });
  }
  const travels = groups !== undefined && numExperts > 0;
  // Over NCCL the place of a number in a buffer decides the order of its sum, and measured times must not decide that.
  const isRepeatable = groups !== undefined && (groups.world.engine !== 'nccl' || groups.world.size <= 2);
  // Unequal shares can't be cut into parts of as many experts on each rank.
  const numShares = travels ? groups.experts.size / groups.expertShards : 1;
  const isEven = travels && numExperts % numShares === 0;
  const expertsPerRank = isEven ? numExperts / numShares : 1;
  const backwardApart = expectBackwardParts(
    { chunks, expertChunks, backwardChunks, backwardExpertChunks, split },
    { settings, isRecorded, schedule: isSliced ? schedule : undefined },
  );
  for (const [flag, number] of [
    ['--expert-chunks', expertChunks],
    ['--backward-expert-chunks', backwardExpertChunks],
  ] as const) {
    if (!travels || typeof number !== 'number' || expertsPerRank % number === 0) continue;
    const expected = isEven
      ? `a divisor of the ${expertsPerRank} experts of a rank`
      : `1 where ranks have unequal shares of the experts (${numExperts} over ${numShares} ranks)`;
    throw new UserError(`${flag}: expected ${expected}, got ${number}.`, { exitCode: 2 });
  }
  if (!travels && trace === undefined) return undefined;
  const rank = groups?.world.rank ?? 0;
  const traceFile = trace === undefined ? undefined : await TraceFile.open(trace, { numSteps: traceSteps, rank });
  const costs = await openCosts();
  // Where all stages have their tokens travel between the same ranks.
  const isBase = [schedule].flat().every((one) => one === 'base');
  const { threads, size } = { threads: process.env['OMP_NUM_THREADS'] ?? '', size: groups?.experts.size ?? 1 };
  const controller = new OverlapController({
    mode: travels ? overlap : 'off',
    chunks,
    expertChunks: overlap === 'auto' || expertChunks !== 'auto' ? expertChunks : 1,
    ...(backwardApart && { backwardChunks, backwardExpertChunks }),
    backwardApart,
    placeGradients: !travels || (placeGradients === 'auto' && !isRepeatable) ? 'off' : placeGradients,
    split: isSliced ? 'off' : split,
    expertsPerRank,
    observes: !isRecorded,
    costs,
    machine: describeMachine([
      `threads ${threads}`,
      settings.precision,
      `${size} ranks`,
      groups?.world.engine ?? 'self',
      ...(groups?.tensor ? [`slices ${groups.tensor.size} x ${groups.expertShards}`, [schedule].flat().join(' ')] : []),
    ]),
    shape: JSON.stringify({ ...settings, seed: 0, steps: 0, minutes: 0, elapsedSeconds: 0, lr: 0, minLr: 0, data: '' }),
    piecesOf: groups?.tensor && ((stage) => (scheduleOf(schedule, stage) === 's2-fused' ? numPieces(groups) : 1)),
    ...(groups && { world: groups.world, experts: (isBase && groups.peers) || groups.experts }),
    ...(traceFile && { onStep: (events) => traceFile.add(events) }),
  });
  return {
    controller,
    close: async () => {
      if (travels && overlap === 'auto' && rank === 0 && !isRecorded) await saveCosts(costs);
      const title = [name, settings.kind, `last ${traceSteps} steps`].filter((part) => part !== undefined).join(', ');
      await traceFile?.write(groups?.world, title);
    },
  };
}

function scheduleOf(schedule: TensorSchedule | readonly TensorSchedule[], stage: number): TensorSchedule | undefined {
  return typeof schedule === 'string' ? schedule : schedule[stage];
}

/** Pieces in which rows come back with schedule `s2-fused`. */
function numPieces({ experts, tensor, expertShards: shards }: RankGroups): number {
  return unitsOfPieces(experts, { groupSize: tensor?.size ?? 1, shards }).numUnits;
}
