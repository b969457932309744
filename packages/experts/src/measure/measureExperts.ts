import type { LanguageModel } from '@scmoe/models';
import { nextTurn } from '@scmoe/tensor';
import type { TokenBatch } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { ExpertStatistics } from './ExpertStatistics.js';
import { RecordingDispatcher, type RecordedRouting } from './RecordingDispatcher.js';

/**
 * Runs a model over batches, which it disposes, and counts what the experts of each layer do. DGMoE's two ways through the
 * same experts count as one layer.
 */
export async function measureExperts(
  model: LanguageModel<object>,
  batches: Iterable<{ batch: TokenBatch }>,
): Promise<ExpertStatistics[]> {
  const dispatcher = new RecordingDispatcher();
  const layers = model.expertPasses;
  const counters = new Map<string, LayerCounter>();
  for (const { batch } of batches) {
    const { routings, logits, loadBalance } = model.forward(batch.ids, { dispatcher });
    tf.dispose([logits, loadBalance, routings.map((routing) => ({ ...routing }))]);
    const ids = await batch.ids.data<'int32'>();
    tf.dispose(batch);
    for (const [i, recorded] of dispatcher.take().entries()) {
      const layer = layers[i]!;
      const counter = counters.get(layer) ?? new LayerCounter(layer, model.numExperts);
      counters.set(layer, counter);
      await counter.add(recorded, ids);
      tf.dispose(recorded);
    }
    await nextTurn();
  }
  return [...counters.values()].map((counter) => counter.statistics());
}

class LayerCounter {
  private made: ExpertStatistics | undefined;
  private entropy = 0;
  private routed = 0;

  constructor(
    private readonly layer: string,
    private readonly numExperts: number,
  ) {}

  /** @param ids (T), of the tokens that were routed */
  async add(recorded: RecordedRouting, ids: Int32Array): Promise<void> {
    const [experts, weights, slots, scores, norms] = await Promise.all([
      recorded.experts.data<'int32'>(),
      recorded.weights.data<'float32'>(),
      recorded.slots.data<'int32'>(),
      recorded.scores.data<'float32'>(),
      recorded.norms.data<'float32'>(),
    ]);
    const [tokens, topK] = recorded.experts.shape;
    const all = recorded.scores.shape[1];
    const made = (this.made ??= empty(this.layer, { numExperts: this.numExperts, all, topK }));
    for (let t = 0; t < tokens; t++) {
      const chosen = experts.subarray(t * topK, (t + 1) * topK);
      this.entropy += entropyOf(scores.subarray(t * all, (t + 1) * all));
      chosen.forEach((expert, j) => {
        if (expert < 0) return;
        made.load[expert]! += 1;
        const counts = made.tokenCounts[expert]!;
        counts.set(ids[t]!, (counts.get(ids[t]!) ?? 0) + 1);
        for (const other of chosen) if (other >= 0) made.coChoices[expert]![other]! += 1;
        const choice = t * topK + j;
        const slot = slots[choice]!;
        if (slot < 0 || expert >= this.numExperts) return;
        made.kept[expert]! += 1;
        made.weights[expert]! += weights[choice]!;
        made.norms[expert]! += norms[slot]!;
        made.weightedNorms[expert]! += weights[choice]! * norms[slot]!;
      });
    }
    this.routed += tokens;
    made.tokens += tokens;
  }

  statistics(): ExpertStatistics {
    return { ...this.made!, scoreEntropy: this.routed > 0 ? this.entropy / this.routed : 0 };
  }
}

function empty(
  layer: string,
  { numExperts, all, topK }: { numExperts: number; all: number; topK: number },
): ExpertStatistics {
  const zeros = (count: number) => new Array<number>(count).fill(0);
  return {
    layer,
    numExperts,
    tokens: 0,
    topK,
    load: zeros(all),
    kept: zeros(numExperts),
    weights: zeros(numExperts),
    norms: zeros(numExperts),
    weightedNorms: zeros(numExperts),
    coChoices: Array.from({ length: all }, () => zeros(all)),
    scoreEntropy: 0,
    tokenCounts: Array.from({ length: all }, () => new Map<number, number>()),
  };
}

/** The entropy of scores as a share of that of even ones; that of a single expert is 1. */
function entropyOf(scores: Float32Array): number {
  const total = scores.reduce((sum, score) => sum + score, 0);
  if (!(total > 0)) return 0;
  if (scores.length === 1) return 1;
  const entropy = scores.reduce((sum, score) => (score > 0 ? sum - (score / total) * Math.log(score / total) : sum), 0);
  return entropy / Math.log(scores.length);
}
