import * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import { backendName } from '../backend/kernel.js';

/** How a token is drawn from its scores: every option of sampling decided. */
export interface DrawOptions {
  /** A finite number of at least 0; 0 takes the most likely token. */
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  typicalP: number;
}

/**
 * Draws a token from its scores (vocabSize) with native code, where the backend is ours: the same one that `TokenSampler` of
 * @scmoe/models draws in JavaScript elsewhere, in a fraction of the time. `uniform` in [0, 1) decides.
 *
 * @returns the token; less than 0 where a score is NaN or none is above -Infinity; undefined with another backend
 */
export function drawToken(scores: Float32Array, options: DrawOptions, uniform: number): number | undefined {
  if (tf.getBackend() !== backendName) return undefined;
  const topK = Math.min(options.topK, scores.length);
  return loadAddon().drawToken({ ...options, topK, count: scores.length, scores, uniform });
}
