import { parameter } from '@scmoe/layer';
import { embedding, type CaptureInputs } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { eagerInputs } from '../generation/CapturedSteps.js';
import type { SequencePart } from '../generation/SequencePredictor.js';
import { tokensOf } from '../generation/tokensOf.js';
import type { ResolvedLanguageModel } from './ResolvedLanguageModel.js';

/** What the first block's input is made of: rows for tokens, and for their positions where those are learned. */
export interface Embedding {
  /** Parameters by name: `embedding` (vocabSize, dModel), and perhaps `positions` (sequenceLength, dModel). */
  all: Readonly<Record<string, tf.Tensor>>;
  resolved: Pick<ResolvedLanguageModel, 'dModel' | 'positionEncoding' | 'embeddingScale'>;
}

/**
 * Tokens (B, S) of a batch: (B, S, dModel).
 *
 * @param places where each sequence starts, and its padding, which has no position
 */
export function embedBatch(
  ids: tf.Tensor2D,
  { all, resolved }: Embedding,
  { start, mask }: { start: number; mask?: tf.Tensor2D | undefined },
): tf.Tensor3D {
  const tokens = rowsOf(ids, { all, resolved });
  if (resolved.positionEncoding === 'rotary') return tokens;
  const positions = parameter<tf.Tensor2D>(all, 'positions');
  if (!mask) return tf.add(tokens, tf.slice(positions, [start, 0], [ids.shape[1], resolved.dModel]));
  // Of each token among those of its sequence, as without the padding.
  const places = tf.cumsum(tf.cast(mask, 'int32'), 1, true);
  return tf.add(tokens, embedding(places, positions));
}

/** The tokens of all parts, one behind the other: (1, T, dModel). Tokens and their places are the inputs, in this order. */
export function embedParts(
  parts: readonly Pick<SequencePart, 'ids' | 'cache'>[],
  { all, resolved }: Embedding,
  { input }: CaptureInputs = eagerInputs,
): tf.Tensor3D {
  const { ids, places } = tokensOf(parts);
  const shape: [number, number] = [1, ids.length];
  const tokens = rowsOf(input<tf.Rank.R2>(ids, shape), { all, resolved });
  if (resolved.positionEncoding === 'rotary') return tokens;
  return tf.add(tokens, embedding(input<tf.Rank.R2>(places, shape), parameter<tf.Tensor2D>(all, 'positions')));
}

function rowsOf(ids: tf.Tensor2D, { all, resolved: { embeddingScale = 1 } }: Embedding): tf.Tensor3D {
  const found = embedding(ids, parameter<tf.Tensor2D>(all, 'embedding')) as tf.Tensor3D;
  return embeddingScale === 1 ? found : tf.mul(found, embeddingScale);
}
