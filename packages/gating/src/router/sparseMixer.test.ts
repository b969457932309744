import { availableBackends, relativeError } from '@scmoe/testing';
import { valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { resolveRouter, routeTokens, type RouteContext } from '../index.js';

const router = resolveRouter({ numExperts: 3, topK: 2, sparseMixer: 0.1 });
/** A router whose logits are the tokens themselves. */
const parameters = () => ({ weight: tf.eye(3) });
const routed = (tokens: number[][], context?: RouteContext) =>
  routeTokens(tf.tensor2d(tokens), parameters(), router, context);

describe.each(availableBackends())('SparseMixer on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('weighs each pick among those left that are close to the largest', () => {
    tf.tidy(() => {
      // Of 2, 1.7 and 1: only 1.7 is within a fifth of 2; then 1 is not within a fifth of 1.7.
      const { experts, weights } = routed([[1, 2, 1.7]]);
      expect(experts.arraySync()).toEqual([[1, 2]]);
      expect(relativeError(weights, tf.tensor2d([[1 / (1 + Math.exp(-0.3)), 1]]))).toBeLessThan(1e-6);
    });
  });

  it('takes logits that are all 0 for close, and those below 0 by the larger of their sizes', () => {
    tf.tidy(() => {
      expect(relativeError(routed([[0, 0, 0]]).weights, tf.tensor2d([[1 / 3, 1 / 2]]))).toBeLessThan(1e-6);
      // (-1 + 1.2) / 1.2 is within a fifth, (-1 + 2) / 2 is not.
      const { weights } = routed([[-1, -2, -1.2]]);
      expect(relativeError(weights, tf.tensor2d([[1 / (1 + Math.exp(-0.2)), 1]]))).toBeLessThan(1e-6);
    });
  });

  it('has the gradient of these shares', () => {
    const tokens = tf.variable(tf.tensor2d([[1, 2, 1.7]]));
    const weightOf = () => tf.sum<tf.Scalar>(routeTokens(tokens, parameters(), router).weights);
    const { grads } = tf.tidy(() => valueAndGrads(weightOf, { tokens }));
    const share = 1 / (1 + Math.exp(-0.3));
    const slope = share * (1 - share);
    expect(relativeError(grads['tokens']!, tf.tensor2d([[0, slope, -slope]]))).toBeLessThan(1e-5);
    tokens.dispose();
  });

  it('draws in training: the best whole, another with a third of its share three times of four', () => {
    tf.tidy(() => {
      const tokens = Array.from({ length: 4000 }, () => [1, 2, 1.7]);
      const { experts, weights } = routed(tokens, { training: true, seed: 3 });
      const [first, firstWeights] = [experts, weights].map((x) =>
        tf.slice(x, [0, 0], [-1, 1]).reshape([-1]).arraySync(),
      );
      const share = 1 / (1 + Math.exp(-0.3));
      const drawn = { best: 0, whole: 0, third: 0 };
      (first as number[]).forEach((expert, token) => {
        const weight = (firstWeights as number[])[token]!;
        const is = (expected: number) => Math.abs(weight - expected) < 1e-6;
        if (expert === 1 && is(share)) drawn.best++;
        else if (expert === 2 && is(1 - share)) drawn.whole++;
        else if (expert === 2 && is((1 - share) / 3)) drawn.third++;
      });
      expect(drawn.best + drawn.whole + drawn.third).toBe(4000);
      expect(drawn.best / 4000).toBeCloseTo(share, 1);
      expect(drawn.third / (drawn.whole + drawn.third)).toBeCloseTo(0.75, 1);
    });
  });

  it('gives the weights of a choice that was made elsewhere', () => {
    tf.tidy(() => {
      const replay = { numTokens: 1, topK: 2, experts: Int32Array.of(2, 1) };
      const { experts, weights } = routed([[1, 2, 1.7]], { replay });
      expect(experts.arraySync()).toEqual([[2, 1]]);
      expect(relativeError(weights, tf.tensor2d([[1 - 1 / (1 + Math.exp(-0.3)), 1]]))).toBeLessThan(1e-6);
    });
  });

  it('sends padding nowhere', () => {
    tf.tidy(() => {
      const mask = tf.tensor1d([true, false], 'bool');
      const { experts, weights } = routed(
        [
          [1, 2, 1.7],
          [1, 2, 1.7],
        ],
        { mask },
      );
      expect([experts.arraySync()[1], weights.arraySync()[1]]).toEqual([
        [-1, -1],
        [0, 0],
      ]);
    });
  });
});

it.each([
  [{ scoreFunction: 'sigmoid' }, 'scoreFunction: expected softmax with sparseMixer, got "sigmoid"'],
  [{ normalizeWeights: true }, 'normalizeWeights: expected false with sparseMixer, got true'],
  [{ noisy: true }, 'noisy: expected false with sparseMixer, got true'],
  [{ correctionBias: true }, 'correctionBias: expected false with sparseMixer, got true'],
  [{ sparseMixer: -1 }, 'sparseMixer: expected a number >= 0, got -1'],
] as const)('SparseMixer is refused with %j', (options, message) => {
  expect(() => resolveRouter({ numExperts: 3, topK: 2, sparseMixer: 0.1, ...options })).toThrow(message);
});
