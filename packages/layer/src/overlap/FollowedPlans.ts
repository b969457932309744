import { expectThat } from '@scmoe/errors';
import {
  sequentialPlan,
  uncut,
  type BackwardCut,
  type ChunkCut,
  type OperatorGraph,
  type Plan,
  type PlanChoice,
} from '@scmoe/scheduler';

import type { Operator } from '../plan/Operator.js';
import { overlapped } from '../plan/overlapped.js';
import type { OverlapSettings } from './overlapSettings.js';
import { plannable, type PlannedStage } from './PlannedStage.js';
import type { PassCuts } from './StageCostBook.js';

type Settings = Pick<OverlapSettings, 'mode' | 'observes' | 'fixed' | 'fixedBackward'>;

/** What stages follow: the plan that was chosen for each, or given for all, and the parts of its passes. */
export class FollowedPlans {
  constructor(private readonly settings: Settings) {}

  /** The plan of a stage; null: the sequential one. */
  choiceOf({ plans, graph }: PlannedStage, training: boolean): PlanChoice {
    const { mode, observes, fixed } = this.settings;
    if (mode === 'auto' && !observes) return { slot: graph ? middleOf(graph) : 0, ...uncut, ...fixed };
    if (typeof mode === 'number') return { slot: mode, ...uncut, ...fixed };
    return (mode === 'auto' && plans?.[training ? 'training' : 'inference']) || null;
  }

  /** The number of parts in which the rows travel, as they were chosen, or given. */
  cutOf(choice: PlanChoice): ChunkCut {
    const { chunks, expertChunks, halves } = { ...uncut, ...this.settings.fixed, ...choice };
    return { chunks, expertChunks, halves };
  }

  /** The parts of the backward pass, where they are others: as they were chosen, or given. */
  backwardOf(choice: PlanChoice): BackwardCut | undefined {
    const forward = this.cutOf(choice);
    const { mode, fixedBackward } = this.settings;
    const isPlanned = mode === 'auto' && choice !== null;
    const { chunks, expertChunks, order } = { ...forward, ...(isPlanned ? choice.backward : fixedBackward) };
    if (chunks === forward.chunks && expertChunks === forward.expertChunks) return undefined;
    return { chunks, expertChunks, ...(order && { order }) };
  }

  /** The parts of both passes of a training step. */
  passCuts(stage: PlannedStage): PassCuts {
    const choice = this.choiceOf(stage, true);
    const forward = this.cutOf(choice);
    return { forward, backward: { ...forward, ...this.backwardOf(choice) } };
  }

  /** Orders a stage's operators, which it remembers as what can be planned of it. @throws ArgumentError for a slot that it lacks */
  planOf<Values>(stage: PlannedStage, operators: readonly Operator<Values>[], choice: PlanChoice): Plan {
    if (!('graph' in stage)) stage.graph = plannable(operators);
    const { mode, observes } = this.settings;
    if (stage.graph && typeof mode === 'number') {
      const { numSlots } = stage.graph;
      expectThat(
        mode < numSlots,
        'overlap',
        `'auto', 'off' or a slot that a stage has, 0 to ${numSlots - 1} here`,
        mode,
      );
    }
    if (!stage.graph || !choice) return sequentialPlan(operators);
    // The graph was not known when the choice was made.
    const slot = mode === 'auto' && !observes ? middleOf(stage.graph) : choice.slot;
    return overlapped(slot, choice)(operators);
  }
}

/** The slot with as much to do while tokens travel there as while they travel back. */
function middleOf({ numSlots }: OperatorGraph): number {
  return Math.floor((numSlots - 1) / 2);
}
