import { routingStatistics } from '@scmoe/gating';
import type { Gpt } from '@scmoe/models';
import { sequentialTokenBatches, type TokenSequence } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

/** Routing of one MoE layer over some tokens. */
export interface LayerLoad {
  /** Share of the choices that each expert got; sums to 1. */
  shares: number[];
  /** Share of the choices that found no place. */
  dropped: number;
}

/** Expert load of each MoE layer over a few batches spread over a sequence; empty for a dense model. */
export async function measureExpertLoad(
  model: Gpt,
  sequence: TokenSequence,
  { batchSize, maxBatches }: { batchSize: number; maxBatches: number },
): Promise<LayerLoad[]> {
  const { sequenceLength } = model.config;
  const layers: { load: number[]; dropped: number; batches: number }[] = [];
  for (const { batch } of sequentialTokenBatches(sequence, { batchSize, sequenceLength, maxBatches })) {
    const routings = tf.tidy(() => model.forward(batch.ids, { training: false }).routings);
    for (const [i, routing] of routings.entries()) {
      const { load, droppedShare } = await routingStatistics(routing);
      const layer = (layers[i] ??= { load: load.map(() => 0), dropped: 0, batches: 0 });
      load.forEach((value, expert) => (layer.load[expert]! += value));
      layer.dropped += droppedShare;
      layer.batches++;
    }
    tf.dispose([routings as unknown as tf.TensorContainer, batch]);
  }
  return layers.map(({ load, dropped, batches }) => {
    const total = load.reduce((a, b) => a + b, 0);
    return { shares: load.map((value) => value / total), dropped: dropped / batches };
  });
}
