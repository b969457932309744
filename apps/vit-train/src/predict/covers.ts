import type { Vit } from '@scmoe/models';
import type { PatchCover } from '@scmoe/run';
import * as tf from '@tensorflow/tfjs';

/** Where a model looks in a picture, pixels (1, imageSize, imageSize, 3): the less, the darker a patch; from the least to the most. */
export async function attentionCovers(model: Vit, pixels: tf.Tensor4D): Promise<PatchCover[]> {
  const attention = model.attentionToPatches(pixels);
  const shares = await attention.data();
  attention.dispose();
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  const range = Math.max(most - least, Number.MIN_VALUE);
  return Array.from(shares, (share) => ({ colour: '#000000', opacity: (0.85 * (most - share)) / range }));
}

/** Which expert each patch of a picture goes to first, for each layer with experts; a choice that was dropped is `-`. */
export async function expertCovers(model: Vit, pixels: tf.Tensor4D): Promise<PatchCover[][]> {
  const { routings, ...rest } = model.forward(pixels);
  tf.dispose(rest);
  const layers: PatchCover[][] = [];
  for (const { experts, slots, scores } of routings) {
    const [numTokens, topK] = experts.shape;
    const [chosen, slotOf] = await Promise.all([experts.data(), slots.data()]);
    const first = Array.from({ length: numTokens }, (_, token) => {
      const places = Array.from({ length: topK }, (_, choice) => token * topK + choice);
      const place = places.find((at) => slotOf[at]! >= 0 || chosen[at]! >= model.numExperts);
      return place === undefined ? undefined : chosen[place]!;
    });
    // A class token stands before the patches.
    layers.push(first.slice(-model.numPatches).map((expert) => coverOf(expert, scores.shape[1])));
  }
  tf.dispose(routings.map((routing) => ({ ...routing })));
  return layers;
}

function coverOf(expert: number | undefined, numExperts: number): PatchCover {
  if (expert === undefined) return { colour: '#ffffff', opacity: 0.5, words: '-' };
  return { colour: `hsl(${Math.round((360 * expert) / numExperts)} 90% 55%)`, opacity: 0.4, words: String(expert) };
}
