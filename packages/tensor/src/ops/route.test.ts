import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch, relativeError } from '@scmoe/testing';
import { route, valueAndGrads, type Route, type RouteOptions } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';
import { chooseComposed } from './route.js';

const logits = (tokens: number, experts: number) => tf.randomNormal([tokens, experts], 0, 2, 'float32', 17);

/** The same by plain TF.js operations. */
function composed(x: tf.Tensor, options: RouteOptions) {
  const { topK, scoreFunction = 'softmax', normalizeWeights = topK > 1, routedScalingFactor = 1 } = options;
  const attributes = { topK, scoreFunction, normalizeWeights, routedScalingFactor };
  const [scores, weights, experts] = chooseComposed(x, attributes, {
    bias: options.correctionBias,
    given: options.experts,
    mask: options.mask,
  });
  return { scores, weights, experts };
}

const both = ({ scores, weights }: { scores: tf.Tensor2D; weights: tf.Tensor2D }) => tf.concat([scores, weights], 1);

// Reference values of every router are compared in @scmoe/gating.
describe.each(availableBackends())('route on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  const cases: RouteOptions[] = [
    { topK: 1 },
    { topK: 1, normalizeWeights: true },
    { topK: 2 },
    { topK: 3, normalizeWeights: false },
    { topK: 4, routedScalingFactor: 2.5 },
    { topK: 2, scoreFunction: 'sigmoid' },
    { topK: 3, scoreFunction: 'sigmoid', normalizeWeights: false, routedScalingFactor: 0.5 },
  ];
  describe.each(cases)('%j', (options) => {
    it.each([1, 5, 300])('agrees with its twin, %d tokens', (tokens) => {
      const bias = tf.tensor1d([0.3, -0.2, 0, 0.4]);
      // Distinct for each token, in no order.
      const given = tf.tensor2d(
        Array.from({ length: tokens * options.topK }, (_, i) => (i + Math.floor(i / options.topK)) % 4),
        [tokens, options.topK],
        'int32',
      );
      const mask = tf.greater(tf.randomUniform([tokens], 0, 1, 'float32', 9), 0.3);
      for (const more of [{}, { correctionBias: bias }, { experts: given }, { mask }, { experts: given, mask }]) {
        const all = { ...options, ...more };
        const x = logits(tokens, 4);
        expectTwinsAgree(
          (y) => both(route(y, all)),
          (y) => both(composed(y, all)),
          [x],
        );
        expect(route(x, all).experts.dataSync()).toEqual(composed(x, all).experts.dataSync());
      }
    });

    it('has the gradients of finite differences', () => {
      const r = tf.randomNormal([5, options.topK + 6], 0, 1, 'float32', 3);
      expectGradientsMatch((x) => tf.sum(tf.mul(both(route(x, options)), r)), [logits(5, 6)], { step: 1e-3 });
    });
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

  it('chooses by score and bias, and weighs by score alone', () => {
    const x = tf.tensor2d([[2, 1, 0]]);
    const plain = route(x, { topK: 1 });
    const biased = route(x, { topK: 1, correctionBias: tf.tensor1d([0, 0, 1]) });
    expect([plain.experts.dataSync()[0], biased.experts.dataSync()[0]]).toEqual([0, 2]);
    expect(biased.weights.dataSync()[0]).toBe(plain.scores.dataSync()[2]);
  });

  it('makes all of a row NaN where softmax meets one, and chooses the lowest ids', () => {
    const x = tf.tensor2d([[1, NaN, 3], [2, 1, 3], [Infinity, 1, 2]]); // prettier-ignore
    for (const { scores, weights, experts } of [route(x, { topK: 2 }), composed(x, { topK: 2 })]) {
      expect(experts.arraySync()).toEqual([[0, 1], [2, 0], [0, 1]]); // prettier-ignore
      const isNone = (row: number[]) => row.every(Number.isNaN);
      expect(scores.arraySync().map(isNone)).toEqual([true, false, true]);
      expect(weights.arraySync().map(isNone)).toEqual([true, false, true]);
    }
  });

  it('chooses a NaN of sigmoid first, and leaves the weights of the others alone', () => {
    const x = tf.tensor2d([[1, NaN, 3, 2], [NaN, -Infinity, NaN, Infinity], [0, Infinity, 1, -Infinity]]); // prettier-ignore
    for (const more of [{}, { correctionBias: tf.tensor1d([0.4, 0, -0.1, 0]) }]) {
      const options: RouteOptions = { topK: 3, scoreFunction: 'sigmoid', normalizeWeights: false, ...more };
      for (const { weights, experts } of [route(x, options), composed(x, options)]) {
        const biased = 'correctionBias' in more;
        expect(experts.arraySync()).toEqual([
          biased ? [1, 0, 3] : [1, 2, 3],
          [0, 2, 3],
          biased ? [1, 0, 2] : [1, 2, 0],
        ]);
        const [first, second, third] = weights.arraySync();
        expect(first!.map(Number.isNaN)).toEqual([true, false, false]);
        expect(second!.map(Number.isNaN)).toEqual([true, true, false]);
        expect([second![2], third![0]]).toEqual([1, 1]);
      }
    }
  });

  it('gives finite weights where all sigmoid scores underflow', () => {
    const { weights } = route(tf.fill([1, 4], -200), { topK: 2, scoreFunction: 'sigmoid' });
    expect(weights.arraySync()).toEqual([[0, 0]]);
  });

  it('gives zero-computation experts no row', () => {
    const x = tf.tensor2d([[3, 2, 1, 0], [0, 1, 3, 2]]); // prettier-ignore
    const { slots, counts, load, firstLoad } = route(x, { topK: 2, numZeroExperts: 1, capacity: 2 });
    expect(slots.arraySync()).toEqual([[0, 2], [4, -1]]); // prettier-ignore
    expect([counts, load, firstLoad].map((each) => Array.from(each.dataSync()))).toEqual([
      [1, 1, 1],
      [1, 1, 1, 1],
      [1, 0, 1, 0],
    ]);
  });

  it.each([
    { topK: 1 },
    { topK: 2 },
    { topK: 2, scoreFunction: 'sigmoid' },
    { topK: 2, scoreFunction: 'sigmoid', correctionBias: 'some' },
    { topK: 2, experts: 'given', routedScalingFactor: 2 },
  ] as const)('leaves masked tokens out, as if they were not there: %j', (chosen) => {
    const x = logits(7, 4);
    const kept = [0, 2, 3, 6];
    const mask = tf.tensor1d([1, 0, 1, 1, 0, 0, 1], 'bool');
    const only = (y: tf.Tensor) => tf.gather(y, tf.tensor1d(kept, 'int32'));
    const given = tf.tensor2d([0, 1, 1, 2, 2, 3, 3, 0, 1, 3, 0, 2, 2, 1], [7, 2], 'int32');
    const options = {
      ...chosen,
      correctionBias: 'correctionBias' in chosen ? tf.tensor1d([0.4, 0, -0.1, 0]) : undefined,
    };
    const all: RouteOptions = { ...options, experts: 'experts' in chosen ? given : undefined };
    const ofKept: RouteOptions = { ...options, experts: 'experts' in chosen ? only(given) : undefined };
    const masked = route(x, { ...all, mask });
    const alone = route(only(x), ofKept);
    for (const name of ['scores', 'weights', 'experts'] as const) {
      expect(only(masked[name]).arraySync()).toEqual(alone[name].arraySync());
      const gone = tf.gather(masked[name], tf.tensor1d([1, 4, 5], 'int32')).dataSync();
      expect(gone.every((value) => value === (name === 'experts' ? -1 : 0))).toBe(true);
    }
    for (const name of ['counts', 'load', 'firstLoad'] as const)
      expect([...masked[name].dataSync()]).toEqual([...alone[name].dataSync()]);

    const a = logits(4, 4);
    const objective = (result: Pick<Route, 'scores' | 'weights'>, of: (y: tf.Tensor) => tf.Tensor) =>
      tf.add(tf.sum(tf.mul(of(result.scores), a)), tf.sum(tf.square(of(result.weights))));
    // What the masked rows of the objective would say counts for nothing.
    const whole = tf.grad((y) => tf.add(objective(route(y, { ...all, mask }), only), tf.sum(route(y, { ...all, mask }).scores)))(x); // prettier-ignore
    const own = tf.grad((y) => tf.add(objective(route(y, ofKept), tf.clone), tf.sum(route(y, ofKept).scores)))(only(x)); // prettier-ignore
    expect(relativeError(only(whole), own)).toBeLessThan(1e-6);
    expect(tf.max(tf.abs(tf.gather(whole, tf.tensor1d([1, 4, 5], 'int32')))).dataSync()[0]).toBe(0);
  });

  it('handles no tokens', () => {
    for (const options of [{ topK: 2 }, { topK: 2, experts: tf.zeros([0, 2], 'int32') }]) {
      const { scores, weights, slots, counts } = route(tf.zeros([0, 3]), options);
      expect([scores.shape, weights.shape, slots.shape]).toEqual([[0, 3], [0, 2], [0, 2]]); // prettier-ignore
      expect(Array.from(counts.dataSync())).toEqual([0, 0, 0]);
    }
  });

  it('leaves no tensor behind', () => {
    const x = logits(4, 3);
    const correctionBias = tf.tensor1d([0.1, 0, 0]);
    const mask = tf.tensor1d([1, 0, 1, 1], 'bool');
    const loss = (a: tf.Tensor) => tf.sum(route(a, { topK: 2, correctionBias }).weights);
    const masked = (a: tf.Tensor) => tf.sum(route(a, { topK: 2, mask }).weights);
    expectNoLeak(() => tf.tidy(() => void tf.grads(loss)([x])));
    expectNoLeak(() => tf.tidy(() => void tf.grads(masked)([x])));
    expectNoLeak(() => tf.dispose(Object.values(route(x, { topK: 2, correctionBias }))));
  });

  it.each<[string, () => unknown, string]>([
    ['topK', () => route(logits(2, 3), { topK: 4 }), 'topK: expected a whole number from 1 to 3, got 4'],
    ['a rank', () => route(tf.zeros([3]), { topK: 1 }), 'logits: expected (tokens, numExperts), got (3)'],
    ['a dtype', () => route(tf.zeros([2, 3], 'int32'), { topK: 1 }), 'logits: expected float32, got int32'],
    [
      'a score function',
      () => route(logits(2, 3), { topK: 1, scoreFunction: 'tanh' as 'sigmoid' }),
      'scoreFunction: expected one of softmax, sigmoid, got "tanh"',
    ],
    [
      'a factor',
      () => route(logits(2, 3), { topK: 1, routedScalingFactor: 0 }),
      'routedScalingFactor: expected a number > 0, got 0',
    ],
    [
      'zero experts',
      () => route(logits(2, 3), { topK: 1, numZeroExperts: 3 }),
      'numZeroExperts: expected a whole number from 0 to 2, got 3',
    ],
    [
      'a bias',
      () => route(logits(2, 3), { topK: 1, correctionBias: tf.zeros([2]) }),
      'correctionBias: expected (3) for the experts, got (2)',
    ],
    [
      'a mask',
      () => route(logits(2, 3), { topK: 1, mask: tf.zeros([3], 'bool') }),
      'mask: expected (2) for the tokens, got (3)',
    ],
    [
      'given experts',
      () => route(logits(2, 3), { topK: 1, experts: tf.zeros([2, 2], 'int32') }),
      'experts: expected (2, 1) for tokens and topK, got (2, 2)',
    ],
    [
      'a bias with given experts',
      () => route(logits(2, 3), { topK: 1, experts: tf.zeros([2, 1], 'int32'), correctionBias: tf.zeros([3]) }),
      'correctionBias: expected none where experts are given, got [3]',
    ],
  ])('names %s that does not fit', (_, run, message) => expect(run).toThrow(`route: ${message}`));

  if (backend === 'scmoe') {
    it('names a given expert that does not exist', () => {
      expect(() => route(logits(1, 3), { topK: 1, experts: tf.tensor2d([[3]], undefined, 'int32') })).toThrow(
        'route: experts[0]: expected 0 to 2, got 3',
      );
    });
  }
});
