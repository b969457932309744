import type { Communicator } from '@scmoe/comm';
import type { CostModel } from '@scmoe/scheduler';

import type { SplitMode } from '../split/SplitAxis.js';
import type { GradientPlacing } from './GradientPlacer.js';
import type { StepEvent } from './StepRecorder.js';

/**
 * Which plan is followed. `auto`: the best slot by measured times; `off`: sequential; a number: that slot, in every
 * stage.
 */
export type OverlapMode = 'auto' | 'off' | number;

/** How plans are chosen, by whom, and from what. */
export interface OverlapOptions {
  mode?: OverlapMode;
  /**
   * Number of chunks of the tokens, or `auto`: 1 to 4, chosen with the slot. These, unlike slots and chunks of the experts, change
   * last bits of expert gradients.
   */
  chunks?: number | 'auto';
  /** Number of chunks of each rank's experts, which changes no bit; by default chosen with the slot, where that is chosen. */
  expertChunks?: number | 'auto';
  /**
   * The same of the backward pass (FSMoE): by default chosen where the forward pass's are, else as forward. What gradients depend on
   * is the backward pass's number of chunks of the tokens.
   */
  backwardChunks?: number | 'auto' | undefined;
  backwardExpertChunks?: number | 'auto' | undefined;
  /**
   * Whether a backward pass may have other parts than its forward pass. Default: true. Not with a router ahead, on schedule S2, nor
   * where steps are not observed.
   */
  backwardApart?: boolean;
  /**
   * Whether stages run on two halves of the batch or of every sequence: `off`, the default; along a set axis; or `auto`, where
   * that is chosen with the slot, of the batch where it has two sequences, else of the sequence. Halves, like chunks of the tokens,
   * change last bits of gradients.
   */
  split?: 'off' | SplitMode;
  /**
   * Whether the averaging of gradients waits for gaps between the exchanges of the backward pass (FSMoE), where the trainer has
   * `pacing` of the controller: `auto`, the default, tries it once plans stay, and keeps it where steps are shorter; `on` keeps it
   * anyway. It changes no bit over Gloo.
   */
  placeGradients?: GradientPlacing;
  /** Tokens of a training pass on a rank below which `auto` leaves stages whole. Default 128: see docs/measurements/overlap.md. */
  leastSplitTokens?: number;
  /** Experts that each rank holds. Default 1, which can't be cut. */
  expertsPerRank?: number;
  /** The ranks that have to follow one plan; by default this one alone. */
  world?: Communicator;
  /**
   * Where the tokens travel: it knows how long the exchanges took, as far as its flight record has those of a micro-batch
   * (`flightRecorderCapacity` of `init`). Without, plans stay as they are.
   */
  experts?: Communicator;
  /** Pieces in which the rows of a stage come back there, and gradients of those that went out. Default: one. */
  piecesOf?: ((stage: number) => number) | undefined;
  /**
   * Whether steps are measured, by default. They can't be where a step is recorded once and run many times: then `auto` takes the slot
   * in the middle of each stage, and no parts but those that were given.
   */
  observes?: boolean;
  /** Steps before the first that is measured. */
  warmupSteps?: number;
  /** Steps that make a measurement. */
  measuredSteps?: number;
  /** Steps between two measurements, after which the plans may change; 0: never again. */
  refreshSteps?: number;
  /** Times of earlier runs, and where those of this one go. Rank 0's count. */
  costs?: CostModel;
  /** What the times depend on: machine, threads, precision, number of ranks. */
  machine?: string;
  /** The work of a step: size of the batch and the stages. */
  shape?: string;
  /** Hears of every training step from now on, on this rank; all steps are then observed. */
  onStep?: (events: readonly StepEvent[]) => void;
}
