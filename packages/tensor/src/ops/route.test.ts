import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch, itGolden, relativeError } from '@scmoe/testing';
import { linear, route, valueAndGrads } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';
import { chooseComposed } from './route.js';

interface Config {
  topK: number;
  normalizeWeights: boolean;
}
const logits = (tokens: number, experts: number) => tf.randomNormal([tokens, experts], 0, 2, 'float32', 17);

describe.each(availableBackends())('route on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  // The plain softmax router; sigmoid, bias, groups, scaling and noise are other gates.
  for (const name of ['top1', 'top2', 'top2-raw', 'top3', 'top3-raw']) {
    itGolden('matches the reference values', `router-softmax-${name}.`, ({ tensors, config }) => {
      const { topK, normalizeWeights } = config as Config;
      const forward = (x: tf.Tensor, w: tf.Tensor) =>
        route(linear(x, w, undefined, { float32: true }), { topK, normalizeWeights });
      const inputs = [tensors['input.x']!, tensors['param.router.weight']!] as const;
      const { scores, weights, experts } = forward(...inputs);
      expect(experts.dataSync()).toEqual(tensors['output.experts']!.dataSync());
      expect(relativeError(scores, tensors['output.scores']!)).toBeLessThan(1e-5);
      expect(relativeError(weights, tensors['output.weights']!)).toBeLessThan(1e-5);
      const loss = (x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.mul(forward(x, w).weights, tensors['r.weights']!));
      const [dx, dw] = tf.grads(loss)([...inputs]);
      expect(relativeError(dx!, tensors['grad.input.x']!)).toBeLessThan(5e-5);
      expect(relativeError(dw!, tensors['grad.param.router.weight']!)).toBeLessThan(5e-5);
    });
  }

  for (const [topK, normalizeWeights] of [
    [1, false],
    [2, true],
    [3, false],
    [4, true],
  ] as const) {
    it.each([1, 5, 300])(`agrees with its twin, top-${topK}, normalized ${normalizeWeights}, %d tokens`, (tokens) => {
      const options = { topK, normalizeWeights };
      const both = (scores: tf.Tensor, weights: tf.Tensor) =>
        tf.concat([scores as tf.Tensor2D, weights as tf.Tensor2D], 1);
      expectTwinsAgree(
        (x) => both(route(x, options).scores, route(x, options).weights),
        (x) => both(chooseComposed(x, options)[0], chooseComposed(x, options)[1]),
        [logits(tokens, 4)],
      );
      const x = logits(tokens, 4);
      expect(route(x, options).experts.dataSync()).toEqual(chooseComposed(x, options)[2].dataSync());
    });
  }

  it('has the gradients of finite differences', () => {
    const r = tf.randomNormal([5, 2], 0, 1, 'float32', 3);
    expectGradientsMatch((x) => tf.sum(tf.mul(route(x, { topK: 2 }).weights, r)), [logits(5, 6)], { step: 1e-3 });
    expectGradientsMatch((x) => tf.sum(tf.square(route(x, { topK: 1 }).scores)), [logits(5, 6)]);
  });

  it('takes the gradient of scores alone and of weights alone', () => {
    const x = tf.variable(logits(7, 4));
    for (const output of ['scores', 'weights'] as const) {
      const loss = () => tf.sum<tf.Scalar>(tf.square(route(x, { topK: 2 })[output]));
      const { grads } = valueAndGrads(loss, { x });
      expect(
        relativeError(grads['x']!, tf.grad((y: tf.Tensor) => tf.sum(tf.square(route(y, { topK: 2 })[output])))(x)),
      ).toBe(0);
    }
    x.dispose();
  });

  it('prefers the lower id among equal scores', () => {
    expect(route(tf.zeros([2, 3]), { topK: 2 }).experts.arraySync()).toEqual([[0, 1], [0, 1]]); // prettier-ignore
  });

  it('handles no tokens', () => {
    const { scores, weights, slots, counts } = route(tf.zeros([0, 3]), { topK: 2 });
    expect([scores.shape, weights.shape, slots.shape]).toEqual([[0, 3], [0, 2], [0, 2]]); // prettier-ignore
    expect(Array.from(counts.dataSync())).toEqual([0, 0, 0]);
  });

  it('leaves no tensor behind', () => {
    const x = logits(4, 3);
    expectNoLeak(() => tf.tidy(() => void tf.grads((a: tf.Tensor) => tf.sum(route(a, { topK: 2 }).weights))([x])));
  });

  it('names what does not fit', () => {
    expect(() => route(logits(2, 3), { topK: 4 })).toThrow(
      'route: topK must be an integer from 1 to numExperts 3, got 4',
    );
    expect(() => route(tf.zeros([3]), { topK: 1 })).toThrow('route: logits must be (tokens, numExperts), got (3)');
    expect(() => route(tf.zeros([2, 3], 'int32'), { topK: 1 })).toThrow('route: logits must be float32, got int32');
  });
});
