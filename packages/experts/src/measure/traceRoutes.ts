import type { LanguageModel } from '@scmoe/models';
import { nextTurn } from '@scmoe/tensor';
import type { TokenBatch } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { RecordingDispatcher, type RecordedRouting } from './RecordingDispatcher.js';

/** Which experts the tokens of a text went to in one layer. */
export interface LayerRoutes {
  /** `block0` */
  layer: string;
  numExperts: number;
  /** Choices of a token: k. */
  topK: number;
  /** (T, k) row by row; -1 where a choice found no place, or computes nothing. */
  experts: Int32Array;
  /** (T, k) what the outputs are multiplied with. */
  weights: Float32Array;
}

/**
 * Runs a model over batches, which it disposes, and keeps where every token went. DGMoE's two ways through the same experts are
 * the choices of one layer.
 */
export async function traceRoutes(
  model: LanguageModel<object>,
  batches: Iterable<{ batch: TokenBatch }>,
): Promise<LayerRoutes[]> {
  const { numExperts } = model;
  const dispatcher = new RecordingDispatcher();
  const layers = model.expertPasses;
  const routings = layers.map(() => [] as Routes[]);
  for (const { batch } of batches) {
    const { routings: passed, logits, loadBalance } = model.forward(batch.ids, { dispatcher });
    tf.dispose([logits, loadBalance, passed.map((routing) => ({ ...routing })), batch]);
    for (const [i, recorded] of dispatcher.take().entries()) {
      routings[i]!.push(await routesOf(recorded, numExperts));
      tf.dispose(recorded);
    }
    await nextTurn();
  }
  return [...new Set(layers)].map((layer) => {
    const ways = routings.filter((_, i) => layers[i] === layer).map(joined);
    return { layer, numExperts, ...beside(ways) };
  });
}

/** What is kept of one routing: (T, k) each. */
type Routes = Pick<LayerRoutes, 'topK' | 'experts' | 'weights'>;

async function routesOf({ experts, weights, slots }: RecordedRouting, numExperts: number): Promise<Routes> {
  const [chosen, own, places] = await Promise.all([
    experts.data<'int32'>(),
    weights.data<'float32'>(),
    slots.data<'int32'>(),
  ]);
  const kept = chosen.map((expert, i) => (places[i]! >= 0 && expert < numExperts ? expert : -1));
  return { topK: experts.shape[1], experts: kept, weights: Float32Array.from(own) };
}

/** The tokens of several batches after each other. */
function joined(parts: readonly Routes[]): Routes {
  const experts = parts.flatMap((part) => [...part.experts]);
  const weights = parts.flatMap((part) => [...part.weights]);
  return { topK: parts[0]?.topK ?? 0, experts: Int32Array.from(experts), weights: Float32Array.from(weights) };
}

/** The choices of the same tokens beside each other. */
function beside(ways: readonly Routes[]): Routes {
  const [first, ...others] = ways;
  if (others.length === 0) return first!;
  const tokens = first!.experts.length / first!.topK;
  const row = <Name extends 'experts' | 'weights'>(name: Name, token: number) =>
    ways.flatMap((way) => [...way[name].subarray(token * way.topK, (token + 1) * way.topK)]);
  const all = <Name extends 'experts' | 'weights'>(name: Name) =>
    Array.from({ length: tokens }, (_, token) => row(name, token)).flat();
  return {
    topK: ways.reduce((sum, { topK }) => sum + topK, 0),
    experts: Int32Array.from(all('experts')),
    weights: Float32Array.from(all('weights')),
  };
}
