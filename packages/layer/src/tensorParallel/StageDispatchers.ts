import { expectThat } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { Dispatcher, ExpertBatch } from '../moe/Dispatcher.js';
import type { TensorGroup } from './TensorGroup.js';

/** Dispatchers of the stages of a model, one for each by its number; by itself, where no stage is asked for, that of the first. */
export class StageDispatchers implements Dispatcher {
  readonly numRanks: number;
  readonly numShards: number;
  readonly shardGroup: TensorGroup | undefined;
  readonly takesAllTokens?: true;

  constructor(private readonly stages: readonly Dispatcher[]) {
    expectThat(stages.length > 0, 'schedule', 'that of at least one stage', 'none');
    const { numRanks, numShards = 1, shardGroup, takesAllTokens } = stages[0]!;
    this.numRanks = numRanks;
    this.numShards = numShards;
    this.shardGroup = shardGroup;
    if (takesAllTokens) this.takesAllTokens = takesAllTokens;
  }

  /** @throws ArgumentError for a stage that has none */
  ofStage(index: number): Dispatcher {
    const { stages } = this;
    expectThat(index in stages, 'schedule', `those of ${index + 1} stages or more`, stages.length);
    return stages[index]!;
  }

  prepare(parts: readonly Routing[]): void {
    this.stages[0]!.prepare(parts);
  }

  encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.stages[0]!.encode(tokens, routing);
  }

  startDispatch(packed: tf.Tensor2D, routing: Routing): object {
    return this.stages[0]!.startDispatch(packed, routing);
  }

  finishDispatch(inFlight: object): ExpertBatch {
    return this.stages[0]!.finishDispatch(inFlight);
  }

  startCombine(rows: tf.Tensor2D, routing: Routing): object {
    return this.stages[0]!.startCombine(rows, routing);
  }

  finishCombine(inFlight: object): tf.Tensor2D {
    return this.stages[0]!.finishCombine(inFlight);
  }

  decode(rows: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    return this.stages[0]!.decode(rows, routing);
  }
}
