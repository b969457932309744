import type { CallCost } from './CallCost.js';
import type { ChunkOverhead } from '../axes/ChunkAxis.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import type { StageKind } from '../graph/stageGraphs.js';
import type { RecomputeWay } from '../memory/RecomputeWay.js';
import type { RankMemory } from '../memory/RankMemory.js';
import type { MomentFormat } from '../memory/MomentFormat.js';
import type { RunKind } from './RunKind.js';

/** The pass that is predicted. */
export type Direction = 'forward' | 'backward';

/** Whatever says how long the operators of a block pair take. */
export interface Machine extends PartOverheads {
  /**
   * Times of the operators of a stage that sends each token to `topK` experts, in ms. A forward pass of inference keeps nothing for
   * gradients: a machine that knows no difference answers as for training, the default.
   */
  costs(stage: StageKind, topK: number, direction: Direction, kind?: RunKind): OperatorCosts;
  /** The same for a stage on two halves, of both halves of each operator together; undefined where nothing is known of halves. */
  costsInHalves?(stage: StageKind, topK: number, direction: Direction, kind?: RunKind): OperatorCosts | undefined;
  /** Whether there are times of a stage; of all where it does not say. */
  knows?(stage: StageKind, topK: number): boolean;
  /** What parts of a stage cost, where that is known of it or of one like it; undefined or absent: what the machine says of all. */
  partOverheads?(stage: StageKind, topK: number, kind: RunKind): PartOverheads | undefined;
  /** Experts that a rank holds; 1 where that is not known. */
  readonly expertsPerRank?: number | undefined;
  /** Share of the rows that each of them gets, as `ChunkContext.expertShares`; even where that is not known. */
  readonly expertShares?: readonly number[] | undefined;
  /** How far predictions from these times were off the steps that were measured, as a share; absent where none was. */
  readonly predictionError?: number | undefined;
  /** Whether a backward pass may have parts of its own. Default: it may. */
  readonly hasOwnBackward?: boolean | undefined;
  /** Whether a stage may run on halves. Default: it may. */
  readonly hasHalves?: boolean | undefined;
  /** How much slower computing is beside an exchange, as for `simulatePlan`. */
  readonly interference: number;
  /** What a training step takes for each pair besides forward and backward: optimizer, averaging of gradients. */
  updateMs(stage: StageKind, topK: number): number;
  /** What computing twice costs and saves in a training step; absent where that is not known. */
  readonly recomputation?: Recomputation | undefined;
  /** What is averaged of a model of such stages in a training step; absent where that is not known. */
  readonly gradients?: ((stage: StageKind) => StageGradients) | undefined;
}

/** What the parts of a stage cost. */
export interface PartOverheads {
  /** What each chunk of the tokens costs on top of its share of the work. */
  readonly chunkOverhead: ChunkOverhead;
  /** The same for a chunk of the experts, where that is another. */
  readonly expertChunkOverhead?: ChunkOverhead | undefined;
  /** What a chunk of a half costs on top of its share of the half; by default as much as one of the whole. */
  readonly chunkOverheadInHalves?: ChunkOverhead | undefined;
  /** The same for a chunk of the experts, where that is another. */
  readonly expertChunkOverheadInHalves?: ChunkOverhead | undefined;
}

/** Gradients of what is no expert, which every rank averages with others. */
export interface StageGradients {
  readonly stages: number;
  /** Bytes of the gradients of a stage. */
  readonly bytes: number;
  readonly call: CallCost;
}

/** What computing a second time costs, and what memory a rank then needs. */
export interface Recomputation {
  /** Times of what runs again: of a whole stage, or of the inside of each operator; zero for what does not. */
  costs(stage: StageKind, topK: number, way: RecomputeWay): OperatorCosts;
  /** The memory of a rank whose model is made of this stage. */
  memory(
    stage: StageKind,
    options: { topK: number; kind: RunKind; way: RecomputeWay; moments?: MomentFormat },
  ): RankMemory;
}
