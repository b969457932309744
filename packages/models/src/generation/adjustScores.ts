import type { SamplingOptions } from './SamplingOptions.js';
import type { SeenTokens } from './SeenTokens.js';

/** Biases and penalties on scores (vocabSize): a copy, or the scores themselves where nothing changes. */
export function adjustScores(logits: Float32Array, options: SamplingOptions, seen: SeenTokens): Float32Array {
  const { logitBias, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  if (logitBias === undefined && repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0)
    return logits;
  const scores = logits.slice();
  for (const [id, bias] of Object.entries(logitBias ?? {})) scores[Number(id)]! += bias;
  if (repetitionPenalty !== 1) {
    for (const id of seen.all) {
      const score = scores[id]!;
      scores[id] = score < 0 ? score * repetitionPenalty : score / repetitionPenalty;
    }
  }
  for (const [id, count] of seen.counts) scores[id]! -= count * frequencyPenalty + presencePenalty;
  return scores;
}
