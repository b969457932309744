import { ArgumentError } from '@scmoe/errors';

/** How the next token is drawn from the scores. */
export interface SamplingOptions {
  /** Divides the scores: below 1 bolder, above 1 wilder; 0 takes the most likely token. */
  temperature?: number;
  /** Choose among the most likely tokens only: this many of them. */
  topK?: number;
  /** Choose among the most likely tokens only: as few as make up this probability (nucleus sampling). */
  topP?: number;
}

/** Checks options of sampling. @throws ArgumentError naming the option, what is allowed and what came. */
export function checkSampling({ temperature = 1, topK, topP }: SamplingOptions): void {
  const check = (holds: boolean, what: string, expected: string, got: unknown) => {
    if (!holds) throw new ArgumentError(`${what}: expected ${expected}, got ${String(got)}`);
  };
  check(Number.isFinite(temperature) && temperature >= 0, 'temperature', 'a number >= 0', temperature);
  check(topK === undefined || (Number.isInteger(topK) && topK > 0), 'topK', 'a positive integer', topK);
  check(topP === undefined || (topP > 0 && topP <= 1), 'topP', 'a probability in (0, 1]', topP);
}

/**
 * A token drawn from the scores of the vocabulary. `uniform` in [0, 1) decides: the same scores, options and number
 * give the same token. topK is applied before topP; ties go to the lower id.
 * @throws ArgumentError where a score is NaN, as after training that diverged.
 */
export function sampleToken(
  logits: Float32Array,
  { temperature = 1, topK = logits.length, topP = 1 }: SamplingOptions,
  uniform: number,
): number {
  const likeliest = logits.reduce((best, score, id) => (score > logits[best]! ? id : best), 0);
  if (logits.some(Number.isNaN)) throw new ArgumentError('scores of the next token: expected numbers, got NaN');
  if (temperature === 0) return likeliest;

  const largest = logits[likeliest]!;
  const candidates = mostLikely(logits, topK, topP < 1);
  const weights = candidates.map((id) => Math.exp((logits[id]! - largest) / temperature));
  const kept = topP < 1 ? weights.slice(0, countUpTo(weights, topP * sum(weights))) : weights;
  return candidates[countUpTo(kept, uniform * sum(kept), true) - 1]!;
}

/** The topK ids with the highest scores, highest first; all ids, in any order, where nothing asks for one. */
function mostLikely(logits: Float32Array, topK: number, ordered: boolean): number[] {
  const ids = Array.from(logits, (_, id) => id);
  if (topK >= ids.length && !ordered) return ids;
  return ids.sort((a, b) => logits[b]! - logits[a]!).slice(0, topK);
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How many of the weights, from the first, it takes to reach `goal` (or with `beyond`, to exceed it); at least one. */
function countUpTo(weights: number[], goal: number, beyond = false): number {
  let reached = 0;
  for (let i = 0; i < weights.length; i++) {
    reached += weights[i]!;
    if (beyond ? reached > goal : reached >= goal) return i + 1;
  }
  return weights.length;
}
