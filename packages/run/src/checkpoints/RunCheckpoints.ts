import type { Checkpoint, CheckpointContent, JsonObject, Optimizer } from '@scmoe/trainer';

import type { RunModel } from '../training/RunModel.js';

/** What of a training is saved: its model and optimizer, the words beside them, and how far it is. */
export interface SavedState extends Pick<
  CheckpointContent,
  'step' | 'dataFingerprint' | 'dataDescription' | 'validationLoss'
> {
  model: RunModel;
  optimizer: Optimizer;
  config: JsonObject;
  /** Training goes on while it is written. */
  beside: boolean;
  /** The run is complete with it. */
  isLast: boolean;
}

/** What a run is taken back to: a checkpoint, or this rank's part of one. */
export type Restorable = Pick<Checkpoint, 'index' | 'parameters' | 'optimizerState'>;

/**
 * The checkpoints of a run while it trains, wherever they lie: in rank 0's folder, or a part in each rank's own. Every rank
 * has one, and calls its methods at the same points.
 */
export interface RunCheckpoints {
  /** The folder in which this rank saves; undefined where it saves nothing. */
  readonly folder: string | undefined;
  /**
   * Saves beside what follows; one before it that is still being written is waited for.
   *
   * @throws UserError where that one could not be written
   */
  save(state: SavedState): Promise<void>;
  /** No collective. @throws UserError where a checkpoint could not be written */
  check(): void;
  /** Waits until all that was saved is whole. @throws UserError where it could not be written */
  finish(): Promise<void>;
  /** Ends what writes, after an error too; no collective. */
  close(): Promise<void>;
  /**
   * The newest whole checkpoint of the run, for every rank, and sets those after it aside; undefined where there is none.
   *
   * @param say is told of those that are passed over because they are damaged
   */
  goBack(say: (line: string) => void): Promise<Restorable | undefined>;
}
