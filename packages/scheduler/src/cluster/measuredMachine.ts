import {
  ArgumentError,
  expectNonNegative,
  expectPositiveInteger,
  expectRecord,
  expectWholeNumber,
} from '@scmoe/errors';

import type { ChunkOverhead } from '../costs/chunkCosts.js';
import { checkCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import { layerGraph, type LayerKind } from '../graph/layerGraphs.js';
import type { Direction, Machine } from './Machine.js';

/** Times of one layer, taken while it ran sequentially. */
export interface MeasuredLayer {
  readonly layer: LayerKind;
  readonly topK: number;
  readonly forward: OperatorCosts;
  readonly backward: OperatorCosts;
  /** What a training step took for each pair besides forward and backward. */
  readonly updateMs: number;
}

/** Times of layers on one machine: plain data, which `scmoe simulate --costs` reads as JSON. */
export interface MeasuredCosts {
  readonly format: 'scmoe-measured-costs';
  /** What was measured, where. */
  readonly title: string;
  /** Block pairs of the model. */
  readonly pairs: number;
  /** Tokens on a rank in a step. */
  readonly tokensPerRank: number;
  /** What each chunk of a layer costs on top of its share of the work. */
  readonly chunkOverhead: ChunkOverhead;
  readonly layers: readonly MeasuredLayer[];
}

/** Checks what may come from a file. @throws ArgumentError where it is not that, or a cost is missing, unknown or no time */
export function checkMeasuredCosts(content: MeasuredCosts): void {
  const { format, pairs, tokensPerRank, chunkOverhead, layers } = (content as Partial<MeasuredCosts> | null) ?? {};
  if (format !== 'scmoe-measured-costs' || !Array.isArray(layers)) {
    throw new ArgumentError(
      `not measured costs: expected format "scmoe-measured-costs", got ${JSON.stringify(format)}`,
    );
  }
  expectPositiveInteger('pairs', pairs!);
  expectWholeNumber('tokensPerRank', tokensPerRank!);
  expectRecord('chunkOverhead', chunkOverhead);
  expectNonNegative('chunkOverhead.computeMs', chunkOverhead.computeMs);
  expectNonNegative('chunkOverhead.communicationMs', chunkOverhead.communicationMs);
  for (const each of layers as readonly MeasuredLayer[]) {
    expectRecord('layer', each);
    const { layer, topK, forward, backward, updateMs } = each;
    const graph = layerGraph(layer);
    expectPositiveInteger(`topK of ${layer}`, topK);
    for (const [direction, costs] of Object.entries({ forward, backward })) {
      named(`${layer} top-${topK}, ${direction}`, () => checkCosts(graph, costs));
    }
    expectNonNegative(`updateMs of ${layer}`, updateMs);
  }
}

/** Says whose costs an error is about. */
function named(what: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof ArgumentError ? new ArgumentError(`${what}: ${error.message}`) : error;
  }
}

/**
 * A machine that was measured: every layer has the times that it had there, so that what is predicted is what other plans
 * would make of them.
 *
 * @throws ArgumentError as `checkMeasuredCosts`; in `costs` and `updateMs` for a layer that was not measured
 */
export function measuredMachine(measured: MeasuredCosts): Machine {
  checkMeasuredCosts(measured);
  const find = (layer: LayerKind, topK: number): MeasuredLayer => {
    const found = measured.layers.find((one) => one.layer === layer && one.topK === topK);
    if (found) return found;
    const known = measured.layers.map((one) => `${one.layer} top-${one.topK}`).join(', ');
    throw new ArgumentError(`${measured.title}: ${layer} top-${topK} was not measured; there are ${known}`);
  };
  return {
    interference: 0,
    chunkOverhead: measured.chunkOverhead,
    updateMs: (layer, topK) => find(layer, topK).updateMs,
    costs: (layer: LayerKind, topK: number, direction: Direction) => find(layer, topK)[direction],
  };
}
