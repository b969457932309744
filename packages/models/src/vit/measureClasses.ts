import * as tf from '@tensorflow/tfjs';

import type { Vit, VitBatch } from './Vit.js';

/** How a model sees the classes of some pictures. */
export interface ClassMeasures {
  /** (C, C) share of the pictures of class i that are taken for class j; a class without pictures has zeros. */
  confusion: number[][];
  /** A table for each layer with experts: (C, N) share of the choices of class i's patches that fall to expert j. */
  experts: number[][][];
}

/** Measures what classes are taken for and which experts take them, over batches, which it disposes. */
export async function measureClasses(
  model: Vit,
  batches: Iterable<{ batch: VitBatch }>,
  numClasses: number,
): Promise<ClassMeasures> {
  const table = (columns: number) => Array.from({ length: numClasses }, () => new Array<number>(columns).fill(0));
  const confusion = table(numClasses);
  const experts: number[][][] = [];
  for (const { batch } of batches) {
    const { logits, routings, ...rest } = model.forward(batch.pixels);
    const best = tf.tidy(() => tf.argMax(logits, 1));
    const [labels, taken] = await Promise.all([batch.labels.data(), best.data()]);
    labels.forEach((label, i) => confusion[label]![taken[i]!]!++);
    for (const [layer, { experts: choices, slots, scores }] of routings.entries()) {
      const counts = (experts[layer] ??= table(scores.shape[1]));
      const [chosen, slotOf] = await Promise.all([choices.data(), slots.data()]);
      const choicesOfPicture = chosen.length / labels.length;
      chosen.forEach((expert, i) => {
        // Zero experts have no slots; of the others, -1 is a choice that was dropped.
        const counted = slotOf[i]! >= 0 || expert >= model.numExperts;
        if (counted) counts[labels[Math.floor(i / choicesOfPicture)]!]![expert]!++;
      });
    }
    tf.dispose([logits, best, rest, routings.map((routing) => ({ ...routing })), batch]);
  }
  return { confusion: sharesOf(confusion), experts: experts.map(sharesOf) };
}

function sharesOf(rows: readonly (readonly number[])[]): number[][] {
  return rows.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total > 0 ? count / total : 0));
  });
}
