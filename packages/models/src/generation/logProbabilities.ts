import { highestOf } from './highestOf.js';

/** How likely the model held a token and those that it held likeliest, before anything that sampling changes. */
export interface TokenLogProbabilities {
  /** Natural logarithm of the probability of the token that was chosen. */
  logProbability: number;
  /** The likeliest tokens, the likeliest first. */
  top: { token: number; logProbability: number }[];
}

/** Log probabilities of a token and of the `numTop` likeliest from scores (vocabSize). */
export function logProbabilities(scores: Float32Array, token: number, numTop: number): TokenLogProbabilities {
  let highest = -Infinity;
  for (let id = 0; id < scores.length; id++) if (scores[id]! > highest) highest = scores[id]!;
  let sum = 0;
  for (let id = 0; id < scores.length; id++) sum += Math.exp(scores[id]! - highest);
  const logSum = highest + Math.log(sum);
  const count = Math.min(numTop, scores.length);
  const ids = count === 0 ? [] : [...highestOf(scores, count, Int32Array.from(scores.keys()))];
  ids.sort((a, b) => scores[b]! - scores[a]! || a - b);
  const of = (id: number) => scores[id]! - logSum;
  return { logProbability: of(token), top: ids.map((id) => ({ token: id, logProbability: of(id) })) };
}
