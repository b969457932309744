import type { BatchPlan, BatchSettings } from './BatchPlan.js';

/** What a worker is started with. */
export interface WorkerStart {
  settings: BatchSettings;
  /** A state for each slot, then a count of pictures for each worker. */
  control: SharedArrayBuffer;
  /** Where this worker counts its pictures. */
  beat: number;
  /** Pixels of a batch for each slot. */
  slots: SharedArrayBuffer[];
}

/** A batch to make. */
export interface WorkerJob {
  slot: number;
  plan: BatchPlan;
}

/** What a worker says when it could not; the slot's state tells that it did. */
export interface WorkerFailure {
  slot: number;
  name: string;
  message: string;
  stack?: string;
}

/** States of a slot. */
export const slotState = { free: 0, waiting: 1, done: 2, failed: 3 } as const;
