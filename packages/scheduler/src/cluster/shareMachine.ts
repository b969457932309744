import { expectBetween, expectNonNegative } from '@scmoe/errors';

import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import type { OperatorKind } from '../graph/OperatorNode.js';
import type { Direction, Machine } from './Machine.js';

/** What is known of a machine whose communication share alone was published. */
export interface ShareMachineOptions {
  /** T_a2a / (T_a2a + T_moe) of the standard top-2 layer, run sequentially, forward. */
  readonly communicationShare: number;
  /** Times relative to an MLP, which is the unit. Default 0.5. */
  readonly attention?: number;
  /** Gate, encode and decode together. Default 3.5. */
  readonly routing?: number;
  /** Gradient of a computation relative to the computation. Default 2: by the input and by the weights. */
  readonly backward?: number;
  /** Optimizer and averaging of gradients for each pair, in training. Default 8. */
  readonly update?: number;
}

/**
 * A machine of which no more is known than the share of communication. Everything is in units of an MLP; an expert takes
 * as long as an MLP for each choice, routing takes the same for one choice and for two, an exchange as long in either
 * direction. The defaults of routing and update were fitted to the paper's figures (docs/scaling.md).
 *
 * @throws ArgumentError for a share outside of 0 to 0.99 or times below zero
 */
export function shareMachine({
  communicationShare,
  attention = 0.5,
  routing = 3.5,
  backward = 2,
  update = 8,
}: ShareMachineOptions): Machine {
  expectBetween('communicationShare', communicationShare, 0, 0.99);
  for (const [what, value] of Object.entries({ attention, routing, backward, update })) expectNonNegative(what, value);
  const exchangePerChoice = ((communicationShare / (1 - communicationShare)) * (2 + routing)) / 4;
  return {
    updateMs: () => update,
    interference: 0,
    chunkOverhead: { computeMs: 0, communicationMs: 0 },
    costs: (stage: StageKind, topK: number, direction: Direction): OperatorCosts => {
      const forward: Record<OperatorKind, number> = {
        attention,
        mlp: 1,
        sharedExpert: 1,
        gate: routing / 7,
        encode: (3 * routing) / 7,
        expert: topK,
        decode: (3 * routing) / 7,
        join: 0,
        output: 0,
        dispatch: exchangePerChoice * topK,
        combine: exchangePerChoice * topK,
      };
      const graph = stageGraph(stage);
      return Object.fromEntries(
        graph.operators.map(({ name, kind }) => [
          name,
          forward[kind] * (direction === 'backward' && !graph.isExchange(name) ? backward : 1),
        ]),
      );
    },
  };
}
