import type { Communicator } from '@scmoe/comm';
import { median, type OperatorGraph, type StageCosts } from '@scmoe/scheduler';

import { exchangeTimes } from './exchangeTimes.js';
import { gatherCosts } from './gatherCosts.js';
import type { StepEvent } from './StepRecorder.js';
import { operatorCosts } from './stageTimes.js';

/** Whose times are wanted. */
export interface ObservedStage {
  /** Its number in the model. */
  stage: number;
  /** Its operators, in one part. */
  graph: OperatorGraph;
  /** The ranks, which all call it; without, the times are this one's. */
  world: Communicator | undefined;
}

/**
 * What a stage's operators took in training steps, forward and backward: medians over the steps, all parts of an operator
 * together; of a computation on the slowest rank, of an exchange from when the last rank was there. A collective: all ranks call
 * it.
 *
 * @param steps what `onStep` of an `OverlapController` was told of each step
 */
export async function observedCosts(
  steps: readonly (readonly StepEvent[])[],
  { stage, graph, world }: ObservedStage,
): Promise<StageCosts> {
  const of = async (phase: 'forward' | 'backward') => {
    const times = steps.map((events) => operatorCosts(events, stage, phase, graph));
    const own = Object.fromEntries(graph.names.map((name) => [name, median(times.map((step) => step[name]!))]));
    const all = await gatherCosts(world, graph, own);
    const exchanges = world && world.size > 1 ? await exchangeTimes(world, steps, { stage, phase, graph }) : undefined;
    return { ...all, ...exchanges };
  };
  return { forward: await of('forward'), backward: await of('backward') };
}
