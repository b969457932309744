import { findAddon, RandomStream } from '@scmoe/tensor';
import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { SamplingOptions } from './SamplingOptions.js';
import { TokenSampler } from './TokenSampler.js';

const random = new RandomStream({ seed: 3 });
const normal = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
const flat = (size: number, deviation: number) => Float32Array.from({ length: size }, () => deviation * normal());

/** Scores with many ties, both zeros and both infinities' neighbours among them. */
function tied(size: number): Float32Array {
  const scores = flat(size, 2).map((score) => Math.round(4 * score) / 4);
  scores[1] = -0;
  scores[size >> 1] = -Infinity;
  scores[size - 1] = -3e38;
  return scores;
}

const scoresOfEach: Record<string, Float32Array> = {
  'a flat distribution': flat(20_000, 1.5),
  'a steep one': flat(20_000, 6),
  'many ties': tied(3_000),
  'all alike': new Float32Array(2_000),
  'one possible token': Float32Array.from({ length: 50 }, (_, i) => (i === 17 ? -5 : -Infinity)),
  'a single token': Float32Array.of(-1e30),
  'two far apart': Float32Array.of(1000, -1000, 999.99),
};

const optionsOfEach: SamplingOptions[] = [
  {},
  { temperature: 0 },
  { temperature: 1e-3 },
  { temperature: 0.8, topP: 0.9 },
  { topP: 1e-9 },
  { topP: 0.9999999 },
  { temperature: 3, topP: 0.3 },
  { topK: 1 },
  { topK: 50 },
  { topK: 1_500, topP: 0.5 },
  { topK: 40, topP: 0.8, minP: 0.05, typicalP: 0.9, temperature: 1.3 },
  { minP: 0.02 },
  { minP: 1 },
  { typicalP: 0.2 },
  { typicalP: 0.95, temperature: 0.7 },
  { repetitionPenalty: 1.3, frequencyPenalty: 0.2, logitBias: { 0: -Infinity }, topP: 0.7 },
];

/** Tokens of two texts, the numbers that decide being few and both ends of the interval. */
async function tokensOf(backend: string, scores: Float32Array, options: SamplingOptions): Promise<number[]> {
  await tf.setBackend(backend);
  const sampler = new TokenSampler(options, [0]);
  return [0, 1e-12, 0.1, 0.31, 0.5, 0.77, 0.999, 1 - 2 ** -53].map((uniform) => sampler.next(scores, uniform));
}

describeUnless(findAddon().problem, 'tokens drawn by native code', () => {
  it.each(Object.entries(scoresOfEach))('are those that JavaScript draws from %s', async (_, scores) => {
    for (const options of optionsOfEach) {
      if (options.logitBias && scores.length < 1000) continue;
      expect([options, await tokensOf('scmoe', scores, options)]).toEqual([
        options,
        await tokensOf('cpu', scores, options),
      ]);
    }
  });

  it('have the probabilities of a sorted nucleus', async () => {
    await tf.setBackend('scmoe');
    const scores = flat(2_000, 2);
    const topP = 0.6;
    const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
    const likelihoods = order.map((id) => Math.exp(scores[id]!));
    const total = likelihoods.reduce((sum, value) => sum + value);
    let [count, reached] = [0, 0];
    while (reached < topP * total) reached += likelihoods[count++]!;
    // Places of the interval go to the kept tokens in the order of their ids.
    const kept = order.slice(0, count).sort((a, b) => a - b);
    const sampler = new TokenSampler({ topP });
    let begin = 0;
    for (const id of kept) {
      const share = Math.exp(scores[id]!) / reached;
      expect(sampler.next(scores, begin + 1e-6 * share)).toBe(id);
      expect(sampler.next(scores, begin + (1 - 1e-6) * share)).toBe(id);
      begin += share;
    }
    expect(kept.length).toBeGreaterThan(20);
  });

  it('are refused where scores are no numbers, or none is possible', async () => {
    await tf.setBackend('scmoe');
    const draw = (...scores: number[]) => new TokenSampler({ topP: 0.5 }).next(Float32Array.from(scores), 0.5);
    expect(() => draw(1, 2, NaN, Infinity, NaN)).toThrow(/expected numbers, got NaN for token 2/);
    expect(() => draw(-Infinity, -Infinity)).toThrow(/above -Infinity, got none/);
    expect(draw(1, Infinity, 2, Infinity)).toBe(1);
  });
});
