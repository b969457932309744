import * as tf from '@tensorflow/tfjs';

import { Gpt, type GptCache } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';

const config: GptConfig = {
  vocabSize: 19,
  numLayers: 4,
  dModel: 16,
  numHeads: 2,
  sequenceLength: 16,
  ffnHidden: 24,
  // A capacity that would drop: generation must not.
  moe: { kind: 'scmoe', numExperts: 4, capacityFactor: 1 },
};
const prompt = [3, 1, 4, 1, 5];
const row = (ids: number[]) => tf.tensor2d([ids], undefined, 'int32');

/** Weights far from zero, so that every token has an opinion on the next. */
function opinionated(change: Partial<GptConfig> = {}): Gpt {
  const model = new Gpt({ ...config, ...change }, { seed: 2 });
  tf.tidy(() => Object.values(model.variables).forEach((variable) => variable.assign(tf.mul(variable, 8))));
  return model;
}

describe.each<[string, Partial<GptConfig>]>([
  ['learned positions', {}],
  ['rotary positions and grouped keys', { positionEncoding: 'rotary', numKvHeads: 1 }],
  ['experts in every block', { placement: 'every' }],
])('generation with %s', (_, change) => {
  const model = opinionated(change);
  const dropless = opinionated({ ...change, moe: { ...config.moe!, capacityFactor: 0 } });
  afterAll(() => {
    model.dispose();
    dropless.dispose();
  });

  it('gives the scores of the uncached pass at every step', () => {
    tf.tidy(() => {
      const all = [...prompt, 9, 2, 6, 5, 3];
      const whole = dropless.forward(row(all)).logits;
      let cache: GptCache | undefined;
      let position = 0;
      for (const part of [prompt, [9], [2, 6], [5], [3]]) {
        const step = model.forward(row(part), { past: cache, keepCache: true });
        cache = step.cache;
        const expected = whole.slice([0, position, 0], [1, part.length, -1]);
        // Float32 sums in another order; the scores are of order 1.
        expect(tf.max(tf.abs(tf.sub(step.logits, expected))).dataSync()[0]).toBeLessThan(1e-4);
        position += part.length;
      }
      expect(cache!.length).toBe(all.length);
    });
  });

  it('follows the most likely token at temperature 0', async () => {
    const tokens = await model.generate(prompt, { maxNewTokens: 8, temperature: 0 });
    const expected = [...prompt];
    for (let i = 0; i < 8; i++) {
      const next = tf.tidy(() => {
        const { logits } = dropless.forward(row(expected));
        return tf.argMax(logits.slice([0, expected.length - 1, 0], [1, 1, -1]), -1).dataSync()[0]!;
      });
      expected.push(next);
    }
    expect(tokens).toEqual(expected.slice(prompt.length));
  });
});

describe('generate', () => {
  const model = opinionated();
  afterAll(() => model.dispose());

  it('gives the same text for the same seed and another for another', async () => {
    const sample = (seed: number) => model.generate(prompt, { maxNewTokens: 10, temperature: 2, seed });
    expect(await sample(1)).toEqual(await sample(1));
    expect(await sample(1)).not.toEqual(await sample(2));
  });

  it('goes on beyond the longest sequence, and from a prompt that is longer', async () => {
    expect(await model.generate(prompt, { maxNewTokens: 40 })).toHaveLength(40);
    const long = Array.from({ length: 30 }, (_, i) => i % 19);
    expect(await model.generate(long, { maxNewTokens: 3 })).toHaveLength(3);
  });

  it('hands out each token as it comes', async () => {
    const seen: number[] = [];
    const tokens = await model.generate(prompt, { maxNewTokens: 4, onToken: (token) => seen.push(token) });
    expect(seen).toEqual(tokens);
  });

  it('ends before a stop token, and after the token at which it is told to', async () => {
    const tokens = await model.generate(prompt, { maxNewTokens: 8 });
    const stop = tokens[5]!;
    const before = tokens.slice(0, tokens.indexOf(stop));
    expect(await model.generate(prompt, { maxNewTokens: 8, stopTokens: [stop] })).toEqual(before);
    let left = 3;
    expect(await model.generate(prompt, { maxNewTokens: 8, onToken: () => --left > 0 })).toEqual(tokens.slice(0, 3));
    const controller = new AbortController();
    const { signal } = controller;
    expect(await model.generate(prompt, { maxNewTokens: 8, signal, onToken: () => void controller.abort() })).toEqual(
      tokens.slice(0, 1),
    );
  });

  it('lets timers and signals be heard between two tokens', async () => {
    const signal = AbortSignal.timeout(50);
    const tokens = await model.generate(prompt, { maxNewTokens: 1_000_000, signal });
    expect(tokens.length).toBeLessThan(1_000_000);
  });

  it('repeats itself less with a penalty', async () => {
    const distinct = async (options: object) =>
      new Set(await model.generate(prompt, { maxNewTokens: 15, temperature: 0, ...options })).size;
    expect(await distinct({ presencePenalty: 1000 })).toBe(15);
    expect(await distinct({})).toBeLessThan(15);
  });

  it('generates nothing when asked for nothing', async () => {
    expect(await model.generate(prompt, { maxNewTokens: 0 })).toEqual([]);
  });

  it('leaves no tensors behind, even when interrupted', async () => {
    const before = tf.memory().numTensors;
    await model.generate(prompt, { maxNewTokens: 14 });
    const onToken = () => {
      throw new Error('enough');
    };
    await expect(model.generate(prompt, { maxNewTokens: 3, onToken })).rejects.toThrow('enough');
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each<[string, number[], object, RegExp]>([
    ['an empty prompt', [], {}, /prompt: expected at least one token, got none/],
    ['a foreign token', [1, 19], {}, /prompt: expected ids from 0 to 18, got 19/],
    ['a negative number of tokens', [1], { maxNewTokens: -1 }, /maxNewTokens: expected an integer >= 0, got -1/],
    ['a foreign stop token', [1], { stopTokens: [19] }, /stopTokens: expected ids from 0 to 18, got 19/],
    ['a bias on a foreign token', [1], { logitBias: { 40: 1 } }, /logitBias: expected ids from 0 to 18, got 40/],
    ['an impossible topP', [1], { topP: 2 }, /topP: expected a probability/],
  ])('rejects %s', async (_, ids, options, message) => {
    await expect(model.generate(ids, { maxNewTokens: 1, ...options })).rejects.toThrow(message);
  });
});
