import { type Routing, routingStatistics, type RoutingStatistics } from '@scmoe/gating';
import type { Gpt } from '@scmoe/models';
import { sequentialTokenBatches, type TokenSequence } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

/** Expert load of each MoE layer over a few batches spread over a sequence; empty for a dense model. */
export async function measureExpertLoad(
  model: Gpt,
  sequence: TokenSequence,
  { batchSize, maxBatches }: { batchSize: number; maxBatches: number },
): Promise<RoutingStatistics[]> {
  const { sequenceLength } = model.config;
  const layers: Routing[][] = [];
  for (const { batch } of sequentialTokenBatches(sequence, { batchSize, sequenceLength, maxBatches })) {
    const { routings, logits, loadBalance } = model.forward(batch.ids);
    for (const [i, routing] of routings.entries()) (layers[i] ??= []).push(routing);
    tf.dispose([logits, loadBalance, batch]);
  }
  const statistics = await Promise.all(layers.map((routings) => routingStatistics(routings)));
  tf.dispose(layers.flat().map((routing) => ({ ...routing })));
  return statistics;
}
