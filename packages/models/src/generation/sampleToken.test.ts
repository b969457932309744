import { checkSampling, sampleToken } from './sampleToken.js';

// Probabilities 0.5, 0.25, 0.125, 0.125 in a mixed order.
const logits = Float32Array.from([0.125, 0.5, 0.125, 0.25], Math.log);
const uniforms = Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000);
const shares = (options: Parameters<typeof sampleToken>[1]) => {
  const counts = [0, 0, 0, 0];
  for (const uniform of uniforms) counts[sampleToken(logits, options, uniform)]! += 1;
  return counts.map((count) => count / uniforms.length);
};

describe('sampleToken', () => {
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
    expect(sampleToken(logits, { topK: 3 }, 1 - 2 ** -24)).toBe(0);
    expect(sampleToken(Float32Array.of(1000, -1000), {}, 0.999)).toBe(0);
  });

  it('refuses scores of a model that diverged', () => {
    expect(() => sampleToken(Float32Array.of(1, NaN), {}, 0.5)).toThrow(/expected numbers, got NaN/);
  });

  it.each([
    [{ temperature: -1 }, /temperature: expected a number >= 0, got -1/],
    [{ temperature: NaN }, /temperature: expected a number >= 0, got NaN/],
    [{ topK: 0 }, /topK: expected a positive integer, got 0/],
    [{ topP: 0 }, /topP: expected a probability in \(0, 1\], got 0/],
    [{ topP: 1.5 }, /topP: expected a probability in \(0, 1\], got 1.5/],
  ])('rejects %j', (options, message) => {
    expect(() => checkSampling(options)).toThrow(message);
  });
});
