import { ArgumentError } from '@scmoe/errors';
import { drawToken, type DrawOptions } from '@scmoe/tensor';

import { adjustScores } from './adjustScores.js';
import { exponentialOf } from './exponentialOf.js';
import { highestOf } from './highestOf.js';
import { keepHighest } from './keepHighest.js';
import { SamplingMemory } from './SamplingMemory.js';
import { checkSampling, type SamplingOptions } from './SamplingOptions.js';
import { SeenTokens } from './SeenTokens.js';

/** What a nucleus seldom exceeds. */
const fewLikely = 1024;

/** Draws the tokens of one text. */
export class TokenSampler {
  private readonly seen: SeenTokens;

  /**
   * @param memory what it writes into, which other texts may share
   * @throws ArgumentError naming the option that is wrong
   */
  constructor(
    private readonly options: SamplingOptions = {},
    prompt: Iterable<number> = [],
    private readonly memory: SamplingMemory = new SamplingMemory(),
  ) {
    checkSampling(options);
    this.seen = new SeenTokens(prompt);
  }

  /**
   * A token drawn from the scores (vocabSize) of the next one. `uniform` in [0, 1) decides: the same scores, options and number
   * give the same token. Where tokens are equally likely at a limit, those with lower ids stay.
   *
   * @throws ArgumentError where a score is NaN, as after training that diverged, or every token is forbidden
   */
  next(logits: Float32Array, uniform: number): number {
    const token = this.draw(adjustScores(logits, this.options, this.seen), uniform);
    this.seen.add(token);
    return token;
  }

  private draw(scores: Float32Array, uniform: number): number {
    const { temperature = 1, topK = Infinity, topP = 1, minP = 0, typicalP = 1 } = this.options;
    const options = { temperature, topK, topP, minP, typicalP };
    const token = drawToken(scores, options, uniform) ?? this.drawHere(scores, options, uniform);
    // Says what is wrong with the scores.
    return token < 0 ? indexOfHighest(scores) : token;
  }

  /** What `drawToken` does, bit for bit, where the backend has no native code. */
  private drawHere(scores: Float32Array, options: DrawOptions, uniform: number): number {
    const { temperature, topK, topP, minP, typicalP } = options;
    const likeliest = indexOfHighest(scores);
    const highest = scores[likeliest]!;
    if (temperature === 0 || highest === Infinity) return likeliest;

    this.memory.fit(scores.length);
    const { all, weights } = this.memory;
    let ids = topK < scores.length ? highestOf(scores, topK, all) : all;
    if (ids === all) {
      for (let id = 0; id < weights.length; id++) weights[id] = exponentialOf((scores[id]! - highest) / temperature);
    } else {
      for (const id of ids) weights[id] = exponentialOf((scores[id]! - highest) / temperature);
    }
    if (topP < 1) ids = this.nucleus(ids, scores, topP);
    if (minP > 0) ids = this.atLeast(ids, minP);
    if (typicalP < 1) ids = this.typical(ids, typicalP, (id) => (scores[id]! - highest) / temperature);
    return this.at(ids, uniform);
  }

  /** The fewest of the most likely that make up this probability. */
  private nucleus(ids: Int32Array, scores: Float32Array, probability: number): Int32Array {
    const goal = probability * this.total(ids);
    // Mostly some hundreds are enough, and these are found sooner.
    const few = ids === this.memory.all && ids.length > fewLikely ? highestOf(scores, fewLikely, ids) : ids;
    return keepHighest(scores, this.memory.weights, this.total(few) < goal ? ids : few, goal);
  }

  /** Those with at least this weight. */
  private atLeast(ids: Int32Array, weight: number): Int32Array {
    const { weights } = this.memory;
    const kept = new Int32Array(ids.length);
    let count = 0;
    for (let i = 0; i < ids.length; i++) if (weights[ids[i]!]! >= weight) kept[count++] = ids[i]!;
    return kept.subarray(0, count);
  }

  /** The fewest of the most typical that make up this probability: those whose surprise is nearest to the entropy. */
  private typical(ids: Int32Array, probability: number, logWeight: (id: number) => number): Int32Array {
    const total = this.total(ids);
    const possible = this.atLeast(ids, Number.MIN_VALUE);
    // A token's surprise is log(total) less its own, and so is the one to expect: log(total) falls out of their difference.
    let expected = 0;
    for (const id of possible) expected += this.memory.weights[id]! * logWeight(id);
    expected /= total;
    const keys = new Float32Array(this.memory.weights.length);
    for (const id of possible) keys[id] = -Math.abs(logWeight(id) - expected);
    return keepHighest(keys, this.memory.weights, possible, probability * total);
  }

  /** The token at this place of the interval [0, 1). */
  private at(ids: Int32Array, uniform: number): number {
    const { weights } = this.memory;
    const goal = uniform * this.total(ids);
    let [reached, last] = [0, -1];
    for (let i = 0; i < ids.length; i++) {
      const weight = weights[ids[i]!]!;
      if (weight === 0) continue;
      last = ids[i]!;
      reached += weight;
      if (reached > goal) break;
    }
    return last;
  }

  private total(ids: Int32Array): number {
    const { weights } = this.memory;
    let total = 0;
    if (ids === this.memory.all) for (let id = 0; id < weights.length; id++) total += weights[id]!;
    else for (const id of ids) total += weights[id]!;
    return total;
  }
}

/** The first of equals. */
function indexOfHighest(scores: Float32Array): number {
  let best = -1;
  let highest = -Infinity;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    if (score > highest) {
      highest = score;
      best = id;
    } else if (score !== score) {
      throw new ArgumentError(`scores of the next token: expected numbers, got NaN for token ${id}`);
    }
  }
  if (best < 0) throw new ArgumentError('scores of the next token: expected one above -Infinity, got none');
  return best;
}
