import type { RunKind } from '@scmoe/scheduler';

/** The options of `scmoe simulate` as commander reads them. */
export interface SimulateOptions {
  readonly costs?: string;
  readonly share?: number;
  readonly cluster: string;
  readonly model: string;
  readonly ranks: readonly number[];
  readonly mode: RunKind;
  readonly maxChunks: number;
  readonly stage?: string;
  readonly topK: number;
  readonly slot?: number;
  readonly chunks: number;
  readonly json?: boolean;
  readonly timeline?: string;
}
