import { RandomStream } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { exponentialOf } from './exponentialOf.js';
import { highestOf } from './highestOf.js';
import { checkSampling, type SamplingOptions } from './SamplingOptions.js';
import { TokenSampler } from './TokenSampler.js';

const sampleToken = (scores: Float32Array, options: SamplingOptions, uniform: number) =>
  new TokenSampler(options).next(scores, uniform);

// Probabilities 0.5, 0.25, 0.125, 0.125 in a mixed order.
const logits = Float32Array.from([0.125, 0.5, 0.125, 0.25], Math.log);
const uniforms = Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000);
const shares = (options: SamplingOptions) => {
  const counts = [0, 0, 0, 0];
  for (const uniform of uniforms) counts[sampleToken(logits, options, uniform)]! += 1;
  return counts.map((count) => count / uniforms.length);
};

// With the backend `scmoe` tokens are drawn by native code.
describe.each(availableBackends())('TokenSampler on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  it('draws with the probabilities of the scores', () => {
    expect(shares({})).toEqual([0.125, 0.5, 0.125, 0.25]);
  });

  it('takes the most likely token at temperature 0, the first of equals', () => {
    expect(shares({ temperature: 0 })).toEqual([0, 1, 0, 0]);
    expect(sampleToken(Float32Array.of(1, 3, 3), { temperature: 0 }, 0.9)).toBe(1);
  });

  it('sharpens below temperature 1', () => {
    // At 1/2 the probabilities go as their squares: 16, 4, 1, 1 of 22.
    expect(shares({ temperature: 0.5 })[1]).toBeCloseTo(16 / 22, 2);
  });

  it('keeps the topK most likely', () => {
    expect(shares({ topK: 1 })).toEqual([0, 1, 0, 0]);
    const [a, b, c, d] = shares({ topK: 2 });
    expect([a, c]).toEqual([0, 0]);
    expect(b! / d!).toBeCloseTo(2, 1);
    expect(shares({ topK: 99 })).toEqual(shares({}));
  });

  it('keeps the fewest tokens that make up topP', () => {
    expect(shares({ topP: 0.4 })).toEqual([0, 1, 0, 0]);
    expect(shares({ topP: 0.7 })[0]).toBe(0);
    expect(shares({ topP: 0.7 })[3]).toBeCloseTo(1 / 3, 2);
    expect(shares({ topP: 1 })).toEqual(shares({}));
  });

  it('always returns a token, at the ends of the interval and for scores that overflow exp', () => {
    expect(sampleToken(logits, {}, 0)).toBe(0);
    expect(sampleToken(logits, {}, 1 - 2 ** -24)).toBe(3);
    expect(sampleToken(logits, { topK: 3 }, 1 - 2 ** -24)).toBe(3);
    expect(sampleToken(Float32Array.of(0, 1, -Infinity), {}, 1 - 2 ** -24)).toBe(1);
    expect(sampleToken(Float32Array.of(0, Infinity, 0), {}, 0.5)).toBe(1);
    expect(sampleToken(Float32Array.of(1000, -1000), {}, 0.999)).toBe(0);
  });

  it('keeps what is likely enough beside the most likely token', () => {
    expect(shares({ minP: 0.4 })[0]).toBe(0);
    expect(shares({ minP: 0.4 })[3]).toBeCloseTo(1 / 3, 2);
    expect(shares({ minP: 0 })).toEqual(shares({}));
  });

  it('keeps the fewest of the most typical tokens that make up typicalP', () => {
    // The entropy is 1.75 bits; surprises are 1, 2, 3 and 3 bits: the token with 2 is the most typical.
    expect(shares({ typicalP: 0.2 })).toEqual([0, 0, 0, 1]);
    expect(shares({ typicalP: 0.5 })[1]).toBeCloseTo(2 / 3, 2);
    expect(shares({ typicalP: 0.5 })[0]).toBe(0);
  });

  it.each([1, 3, 40, 700, 2500, 4999])('keeps %i of many scores as a sort would, of equals the first', (topK) => {
    const random = new RandomStream({ seed: topK });
    // Few different values, both signs and an infinity: many ties at the cut.
    const many = Float32Array.from({ length: 5000 }, () => Math.round(40 * random.uniform() - 20) / 8);
    many[17] = -Infinity;
    const kept = [...many.keys()].sort((a, b) => many[b]! - many[a]! || a - b).slice(0, topK);
    const all = Int32Array.from(many.keys());
    expect([...highestOf(many, topK, all)]).toEqual(kept.sort((a, b) => a - b));
  });

  it.each([0.01, 0.3, 0.9, 0.999])('keeps a nucleus of %p of many scores as a sort would', (topP) => {
    const random = new RandomStream({ seed: 7 });
    for (const width of [2, 12]) {
      const many = Float32Array.from({ length: 5000 }, () => width * random.uniform());
      const weights = Array.from(many, (score) => Math.exp(score));
      const total = weights.reduce((a, b) => a + b);
      const kept = new Set<number>();
      let reached = 0;
      for (const id of [...many.keys()].sort((a, b) => many[b]! - many[a]! || a - b)) {
        if (reached >= topP * total) break;
        kept.add(id);
        reached += weights[id]!;
      }
      const ids = [...kept].sort((a, b) => a - b);
      expect(sampleToken(many, { topP }, 0)).toBe(ids[0]);
      expect(sampleToken(many, { topP }, 1 - 2 ** -53)).toBe(ids.at(-1));
      for (let i = 0; i < 50; i++) expect(kept).toContain(sampleToken(many, { topP }, random.uniform()));
    }
  });

  it('divides positive scores and multiplies negative ones of tokens that have come, in the prompt too', () => {
    const sampler = new TokenSampler({ temperature: 0, repetitionPenalty: 2 }, [0]);
    expect(sampler.next(Float32Array.of(3, 2, -1), 0)).toBe(1);
    expect(sampler.next(Float32Array.of(3, 2.9, 1.4), 0)).toBe(0);
    expect(sampler.next(Float32Array.of(-1, -1.5, -1.9), 0)).toBe(2);
  });

  it('takes penalties for each time, and for having come at all, from what is written, not from the prompt', () => {
    const often = new TokenSampler({ temperature: 0, frequencyPenalty: 1 }, [0]);
    const scores = Float32Array.of(2.5, 1, 0);
    expect([1, 2, 3, 4].map(() => often.next(scores, 0))).toEqual([0, 0, 1, 0]);
    const ever = new TokenSampler({ temperature: 0, presencePenalty: 2 }, [0]);
    expect([1, 2, 3].map(() => ever.next(scores, 0))).toEqual([0, 1, 0]);
    expect([...scores]).toEqual([2.5, 1, 0]);
  });

  it('adds biases, and never draws what is forbidden', () => {
    expect(sampleToken(logits, { temperature: 0, logitBias: { 2: 5 } }, 0)).toBe(2);
    expect(shares({ logitBias: { 1: -Infinity } })[1]).toBe(0);
    expect(() => sampleToken(Float32Array.of(1), { logitBias: { 0: -Infinity } }, 0)).toThrow(
      /above -Infinity, got none/,
    );
  });

  it('has the exponentials of Math.exp', () => {
    for (let x = 0; x > -800; x -= 0.37) expect(exponentialOf(x)).toBeCloseTo(x < -700 ? 0 : Math.exp(x), 12);
    for (let x = 0; x > -690; x -= 0.37) expect(exponentialOf(x) / Math.exp(x)).toBeCloseTo(1, 11);
    expect(exponentialOf(-Infinity)).toBe(0);
  });

  it('refuses scores of a model that diverged', () => {
    expect(() => sampleToken(Float32Array.of(1, NaN), {}, 0.5)).toThrow(/expected numbers, got NaN for token 1/);
  });

  it.each([
    [{ temperature: -1 }, /temperature: expected a number >= 0, got -1/],
    [{ temperature: NaN }, /temperature: expected a number >= 0, got NaN/],
    [{ topK: 0 }, /topK: expected a positive integer, got 0/],
    [{ topP: 0 }, /topP: expected a probability in \(0, 1\], got 0/],
    [{ minP: 2 }, /minP: expected a share in \[0, 1\], got 2/],
    [{ typicalP: 0 }, /typicalP: expected a probability in \(0, 1\], got 0/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty: expected a number > 0, got 0/],
    [{ frequencyPenalty: NaN }, /frequencyPenalty: expected a number, got NaN/],
    [{ presencePenalty: Infinity }, /presencePenalty: expected a number, got Infinity/],
    [{ logitBias: { 3: NaN } }, /logitBias\[3\]: expected a number, or -Infinity, got NaN/],
    [{ topP: 1.5 }, /topP: expected a probability in \(0, 1\], got 1.5/],
  ])('rejects %j', (options, message) => {
    expect(() => checkSampling(options)).toThrow(message);
  });
});
