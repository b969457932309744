import { finishAllToAllV, startAllToAllV, type Communicator, type ExchangeOptions, type InFlight } from '@scmoe/comm';
import { memo, type Memo } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { repeatBlocks, sumBlocks } from '../tensorParallel/blocksOfRows.js';
import type { JourneyCounts, RowPassage } from './RowPassage.js';

/** Rows on their way, and where what comes of them is kept for a second pass. */
type Exchanging = { exchange: InFlight; place: Memo<tf.Tensor2D> | undefined; sendCounts: readonly number[] };

/** Rows that go in one all-to-all: each to all of the neighbours that hold a slice of its expert, whose answers are added up here. */
export class DirectPassage implements RowPassage<Exchanging> {
  constructor(
    private readonly communicator: Communicator,
    private readonly shards: number,
    private readonly options: ExchangeOptions,
  ) {}

  startOut(packed: tf.Tensor2D, { sendCounts, recvCounts }: JourneyCounts): Exchanging {
    const rows = repeatBlocks(filledRows(packed, sendCounts), sendCounts, this.shards);
    return { ...this.start(rows, forShards(sendCounts, this.shards), recvCounts), sendCounts };
  }

  finishOut(inFlight: Exchanging): tf.Tensor2D {
    return finish(inFlight);
  }

  startBack(rows: tf.Tensor2D, { sendCounts, recvCounts }: JourneyCounts): Exchanging {
    return { ...this.start(rows, recvCounts, forShards(sendCounts, this.shards)), sendCounts };
  }

  finishBack(inFlight: Exchanging): tf.Tensor2D {
    return sumBlocks(finish(inFlight), inFlight.sendCounts, this.shards);
  }

  /** What has come in a first pass does not travel in the second. */
  private start(rows: tf.Tensor2D, sendCounts: readonly number[], recvCounts: readonly number[]) {
    const place = memo<tf.Tensor2D>({ isLarge: true });
    const options = { ...this.options, ...(place?.value && { arrived: place.value }) };
    return { exchange: startAllToAllV(rows, sendCounts, recvCounts, this.communicator, options), place };
  }
}

/** Counts of every run of the experts, for each of the ranks that hold a slice of it. */
export function forShards(counts: readonly number[], shards: number): readonly number[] {
  return shards === 1 ? counts : counts.flatMap((count) => new Array<number>(shards).fill(count));
}

/** The rows that travel: choices of zero-computation experts have room in the buffer, at its end, and leave it empty. */
function filledRows(packed: tf.Tensor2D, sendCounts: readonly number[]): tf.Tensor2D {
  const filled = sendCounts.reduce((sum, rows) => sum + rows, 0);
  return filled === packed.shape[0] ? packed : tf.slice(packed, [0, 0], [filled, packed.shape[1]]);
}

function finish({ exchange, place }: Exchanging): tf.Tensor2D {
  const came = finishAllToAllV(exchange);
  if (place && !place.value) place.leave(came);
  return came;
}
