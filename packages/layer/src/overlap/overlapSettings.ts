import { expectBoolean, expectOneOf, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';
import { CostModel, type BackwardCut, type ChunkContext, type ChunkCut } from '@scmoe/scheduler';

import { splitModes, type SplitMode } from '../split/SplitAxis.js';
import type { ObservationScheduleOptions } from './ObservationSchedule.js';
import type { OverlapMode, OverlapOptions } from './OverlapOptions.js';

/** Options that a controller takes as they are. */
type AsGiven = Pick<OverlapOptions, 'world' | 'experts' | 'onStep' | 'piecesOf'>;
type WithDefault = Required<Pick<OverlapOptions, 'placeGradients' | 'leastSplitTokens' | 'observes'>>;

/** What the options of a controller come to: checked, and with their defaults. */
export interface OverlapSettings extends AsGiven, WithDefault {
  mode: OverlapMode;
  /** Numbers of parts that were given, and those of the backward pass. */
  fixed: Partial<ChunkCut>;
  fixedBackward: Partial<BackwardCut>;
  /** Absent where stages never run on halves. */
  split: SplitMode | undefined;
  /** What plans are chosen from. */
  context: ChunkContext;
  schedule: ObservationScheduleOptions;
  costs: CostModel;
  /** What times depend on. */
  key: { machine: string; shape: string };
}

/** @throws ArgumentError for an option out of range, or a split where nothing overlaps */
export function overlapSettings({
  mode = 'auto',
  chunks = 1,
  expertChunks = mode === 'auto' ? 'auto' : 1,
  backwardChunks = chunks,
  backwardExpertChunks = expertChunks,
  backwardApart = true,
  placeGradients = 'auto',
  split = 'off',
  leastSplitTokens = 128,
  expertsPerRank = 1,
  observes = true,
  warmupSteps = 2,
  measuredSteps = 5,
  refreshSteps = 200,
  costs = new CostModel({ warmupSteps: 0 }),
  machine = 'unknown',
  shape = 'unknown',
  ...asGiven
}: OverlapOptions = {}): OverlapSettings {
  const isSlot = typeof mode === 'number' && Number.isInteger(mode) && mode >= 0;
  expectThat(mode === 'auto' || mode === 'off' || isSlot, 'overlap', "'auto', 'off' or a slot >= 0", mode);
  for (const [name, number] of Object.entries({ chunks, expertChunks, backwardChunks, backwardExpertChunks })) {
    if (number !== 'auto') expectPositiveInteger(name, number);
  }
  expectOneOf('split', split, ['off', ...splitModes]);
  expectThat(mode !== 'off' || split === 'off' || split === 'auto', 'split', "'off' where overlap is off", split);
  expectOneOf('placeGradients', placeGradients, ['auto', 'on', 'off']);
  expectThat(
    placeGradients !== 'on' || (observes && mode !== 'off'),
    'placeGradients',
    "'auto' or 'off' where overlap is off, or steps are not observed",
    placeGradients,
  );
  expectPositiveInteger('leastSplitTokens', leastSplitTokens);
  expectPositiveInteger('expertsPerRank', expertsPerRank);
  expectWholeNumber('warmupSteps', warmupSteps);
  expectPositiveInteger('measuredSteps', measuredSteps);
  expectWholeNumber('refreshSteps', refreshSteps);
  expectBoolean('observes', observes);
  const { onStep } = asGiven;
  expectThat(observes || onStep === undefined, 'onStep', 'none where steps are not observed', onStep);

  const fixed = {
    ...(chunks !== 'auto' && { chunks }),
    ...(expertChunks !== 'auto' && { expertChunks }),
    ...(split !== 'auto' && { halves: split === 'off' ? 1 : 2 }),
  };
  const fixedBackward = {
    ...(backwardApart && backwardChunks !== 'auto' && { chunks: backwardChunks }),
    ...(backwardApart && backwardExpertChunks !== 'auto' && { expertChunks: backwardExpertChunks }),
  };
  const isApart = backwardApart && observes && mode === 'auto';
  return {
    ...asGiven,
    ...{ mode, fixed, fixedBackward, placeGradients, leastSplitTokens, observes, costs },
    split: split === 'off' ? undefined : split,
    context: { expertsPerRank, fixed, ...(isApart && { ownBackward: fixedBackward }) },
    schedule: { warmupSteps, measuredSteps, refreshSteps },
    key: { machine, shape },
  };
}
