import { type Routing, routingStatistics, type RoutingStatistics } from '@scmoe/gating';
import type { Batch } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { RunModel } from '../training/RunModel.js';

/** The expert load of each layer with experts over some batches, which it disposes; empty for a dense model. */
export async function measureExpertLoad<B extends Batch>(
  model: RunModel<B>,
  batches: Iterable<{ batch: B }>,
): Promise<RoutingStatistics[]> {
  const layers: Routing[][] = [];
  for (const { batch } of batches) {
    const { routings, ...losses } = model.loss(batch, {});
    for (const [i, routing] of routings.entries()) (layers[i] ??= []).push(routing);
    tf.dispose([losses, batch]);
  }
  const statistics = await Promise.all(layers.map((routings) => routingStatistics(routings)));
  tf.dispose(layers.flat().map((routing) => ({ ...routing })));
  return statistics;
}
