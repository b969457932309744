import {
  ArgumentError,
  expectNonNegative,
  expectPositiveInteger,
  expectRecord,
  expectThat,
  expectWholeNumber,
} from '@scmoe/errors';

import type { ChunkOverhead } from '../axes/ChunkAxis.js';
import { expectOverhead } from '../axes/passOverheads.js';
import { costsLikeHalves, type HalvedCosts } from '../costs/costsLikeHalves.js';
import { checkCosts, type OperatorCosts } from '../costs/OperatorCosts.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import type { Direction, Machine, PartOverheads } from './Machine.js';
import type { RunKind } from './RunKind.js';

/** Times of one stage, taken while it ran sequentially. */
export interface MeasuredStage {
  readonly stage: StageKind;
  readonly topK: number;
  readonly forward: OperatorCosts;
  readonly backward: OperatorCosts;
  /**
   * The same while it ran on two halves, both halves of each operator together, where that was measured. Other stages are taken
   * to differ from their whole as much.
   */
  readonly inHalves?: { readonly forward: OperatorCosts; readonly backward: OperatorCosts };
  /**
   * What passes took of which no gradient is taken, where they were measured: they keep nothing, and are quicker than `forward`. By
   * it inference is predicted, and else by `forward`.
   */
  readonly inference?: {
    readonly whole: OperatorCosts;
    readonly inHalves?: OperatorCosts;
    readonly parts?: PartOverheads | undefined;
  };
  /**
   * What its parts cost in a training step, where that was measured; and those of stages that send as many rows, which were not. Else
   * what is said of all stages.
   */
  readonly parts?: PartOverheads | undefined;
  /** What a training step took for each pair besides forward and backward. */
  readonly updateMs: number;
}

/** Times of stages on one machine: plain data, which `scmoe simulate --costs` reads as JSON. */
export interface MeasuredCosts extends PartOverheads {
  readonly format: 'scmoe-measured-costs';
  /** What was measured, where. */
  readonly title: string;
  /** Block pairs of the model. */
  readonly pairs: number;
  /** Tokens on a rank in a step. */
  readonly tokensPerRank: number;
  /** Experts that a rank holds. Default 1. */
  readonly expertsPerRank?: number;
  /** Share of the rows that each of them gets, as the router was observed to send them: sums to 1. Default even. */
  readonly expertShares?: readonly number[];
  /** Largest share by which steps that were measured beside these times differ from what is predicted from them. */
  readonly predictionError?: number;
  readonly stages: readonly MeasuredStage[];
}

/** Checks what may come from a file. @throws ArgumentError where it is not that, or a cost is missing, unknown or no time */
export function checkMeasuredCosts(content: MeasuredCosts): void {
  const { format, pairs, tokensPerRank, stages, ...optional } = (content as Partial<MeasuredCosts> | null) ?? {};
  const { expertsPerRank, expertShares, predictionError } = optional;
  if (format !== 'scmoe-measured-costs' || !Array.isArray(stages)) {
    throw new ArgumentError(
      `not measured costs: expected format "scmoe-measured-costs", got ${JSON.stringify(format)}`,
    );
  }
  expectPositiveInteger('pairs', pairs!);
  expectWholeNumber('tokensPerRank', tokensPerRank!);
  if (expertsPerRank !== undefined) expectPositiveInteger('expertsPerRank', expertsPerRank);
  if (expertShares !== undefined) checkShares(expertShares, expertsPerRank);
  if (predictionError !== undefined) expectNonNegative('predictionError', predictionError);
  checkParts(content);
  for (const each of stages as readonly MeasuredStage[]) {
    expectRecord('stage', each);
    const { stage, topK, forward, backward, updateMs, inHalves, inference, parts } = each;
    const graph = stageGraph(stage);
    expectPositiveInteger(`topK of ${stage}`, topK);
    if (inHalves !== undefined) expectRecord(`inHalves of ${stage}`, inHalves);
    if (inference !== undefined) expectRecord(`inference of ${stage}`, inference);
    const passes = {
      ...{ forward, backward },
      ...(inHalves && { 'forward in halves': inHalves.forward, 'backward in halves': inHalves.backward }),
      ...(inference && { inference: inference.whole }),
      ...(inference?.inHalves && { 'inference in halves': inference.inHalves }),
    };
    for (const [pass, costs] of Object.entries(passes)) {
      named(`${stage} top-${topK}, ${pass}`, () => checkCosts(graph, costs));
    }
    expectNonNegative(`updateMs of ${stage}`, updateMs);
    for (const [of, costs] of [
      [`parts of ${stage}`, parts],
      [`inference.parts of ${stage}`, inference?.parts],
    ] as const) {
      if (costs === undefined) continue;
      expectRecord(of, costs);
      named(of, () => checkParts(costs));
    }
  }
}

function checkShares(content: unknown, expertsPerRank = 1): void {
  const isList = Array.isArray(content) && content.length === expertsPerRank;
  expectThat(isList, 'expertShares', `${expertsPerRank} numbers, as expertsPerRank says`, content);
  const shares = content as readonly number[];
  for (const share of shares) expectNonNegative('expertShares', share);
  const sum = shares.reduce((total, share) => total + share, 0);
  expectThat(Math.abs(sum - 1) < 1e-6, 'expertShares', 'numbers that sum to 1', shares);
}

function checkParts({ chunkOverhead, ...others }: PartOverheads): void {
  checkOverhead('chunkOverhead', chunkOverhead);
  for (const name of ['expertChunkOverhead', 'chunkOverheadInHalves', 'expertChunkOverheadInHalves'] as const)
    if (others[name] !== undefined) checkOverhead(name, others[name]);
}

function checkOverhead(what: string, overhead: ChunkOverhead | undefined): void {
  expectRecord(what, overhead);
  if (overhead.backward !== undefined) expectRecord(`${what}.backward`, overhead.backward);
  expectOverhead(what, overhead);
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
 * A machine that was measured: every stage has the times that it had there, so that what is predicted is what other plans
 * would make of them.
 *
 * @throws ArgumentError as `checkMeasuredCosts`; in `costs` and `updateMs` for a stage that was not measured
 */
export function measuredMachine(measured: MeasuredCosts): Machine {
  checkMeasuredCosts(measured);
  const measuredOf = (stage: StageKind, topK: number) =>
    measured.stages.find((one) => one.stage === stage && one.topK === topK);
  const find = (stage: StageKind, topK: number): MeasuredStage => {
    const found = measuredOf(stage, topK);
    if (found) return found;
    const known = measured.stages.map((one) => `${one.stage} top-${one.topK}`).join(', ');
    throw new ArgumentError(`${measured.title}: ${stage} top-${topK} was not measured; there are ${known}`);
  };
  return {
    interference: 0,
    knows: (stage, topK) => measuredOf(stage, topK) !== undefined,
    chunkOverhead: measured.chunkOverhead,
    expertChunkOverhead: measured.expertChunkOverhead,
    chunkOverheadInHalves: measured.chunkOverheadInHalves,
    expertChunkOverheadInHalves: measured.expertChunkOverheadInHalves,
    partOverheads: (stage, topK, kind) => {
      const like = [measuredOf(stage, topK), ...measured.stages.filter((one) => one.topK === topK)];
      return like.map((one) => one && partsOf(one, kind)).find((parts) => parts);
    },
    expertsPerRank: measured.expertsPerRank,
    expertShares: measured.expertShares,
    predictionError: measured.predictionError,
    updateMs: (stage, topK) => find(stage, topK).updateMs,
    costs: (stage, topK, direction, kind) => wholeOf(find(stage, topK), direction, kind),
    costsInHalves: (stage, topK, direction, kind) => {
      const own = find(stage, topK);
      const whole = wholeOf(own, direction, kind);
      const like = [own, ...measured.stages].map((one) => halvesOf(one, direction, kind)).find((halves) => halves);
      return like && (like.whole === whole ? like.inHalves : costsLikeHalves(whole, like));
    },
  };
}

function partsOf({ inference, parts }: MeasuredStage, kind: RunKind): PartOverheads | undefined {
  return kind === 'infer' ? (inference?.parts ?? parts) : parts;
}

function wholeOf(
  { inference, ...stage }: MeasuredStage,
  direction: Direction,
  kind: RunKind | undefined,
): OperatorCosts {
  return kind === 'infer' && inference ? inference.whole : stage[direction];
}

/** A pass on halves beside its whole: both of inference, or neither, for what gradients need is no part of the difference. */
function halvesOf(stage: MeasuredStage, direction: Direction, kind: RunKind | undefined): HalvedCosts | undefined {
  const { inference, inHalves } = stage;
  if (kind === 'infer' && inference?.inHalves) return { whole: inference.whole, inHalves: inference.inHalves };
  return inHalves && { whole: stage[direction], inHalves: inHalves[direction] };
}
