import { availableBackends } from '@scmoe/testing';
import { randomNormal, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import {
  isRouterBuffer,
  loadBalanceLoss,
  recordRouting,
  resolveRouter,
  resolveRouterLosses,
  routerLosses,
  routeTokens,
  routingStatistics,
  updateCorrectionBias,
  type RouterConfig,
  type RouterLossContext,
  type Routing,
} from './index.js';
import { randomParameters } from './testing/randomParameters.js';

const numExperts = 4;
const width = 5;
const numTokens = 24; // two sequences of twelve
/** Padding in front, behind and between; of each sequence two thirds are tokens. */
const isToken = Array.from({ length: numTokens }, (_, t) => ![0, 1, 5, 11, 13, 17, 22, 23].includes(t));
const kept = isToken.flatMap((token, t) => (token ? [t] : []));
const only = <T extends tf.Tensor>(x: T) => tf.gather(x, tf.tensor1d(kept, 'int32'));
const without = (x: tf.Tensor) => tf.gather(x, tf.tensor1d([0, 1, 5, 11, 13, 17, 22, 23], 'int32'));
const mask = () => tf.tensor1d(isToken.map(Number), 'bool');
const numbers = (x: tf.Tensor) => Array.from(x.dataSync());

const configs: Partial<RouterConfig>[] = [
  { topK: 1 },
  { topK: 2 },
  { topK: 2, scoreFunction: 'sigmoid', correctionBias: true },
  { topK: 2, noisy: true },
  { topK: 2, logits: 'cosine', cosineWidth: 4 },
  { topK: 2, numGroups: 2, topKGroups: 1 },
  { topK: 2, numZeroExperts: 2 },
  { topK: 2, forcedBalance: true },
];
const capacities: Partial<RouterConfig>[] = [
  { capacityFactor: 0 },
  { capacityFactor: 0.7 },
  { capacityFactor: 0.7, dropPolicy: 'probability' },
  { capacityFactor: 0.7, capacityOrder: 'token' },
];
const byExperts: Partial<RouterConfig> = { topK: 2, routing: 'expertChoice', capacityFactor: 1 };
const cases = [
  ...configs.map((config) => ({ ...config, capacityFactor: 0.7 })),
  ...capacities.flatMap((capacity) => [{ topK: 2, ...capacity }]),
  byExperts,
];

const coefficients = resolveRouterLosses({
  noisy: true,
  loadBalanceCoefficient: 1,
  sequenceBalanceCoefficient: 1,
  importanceCoefficient: 1,
  loadCoefficient: 1,
  zLossCoefficient: 1,
});

describe.each(availableBackends())('a mask of tokens on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const x = () => randomNormal([numTokens, width], { seed: 3 }) as tf.Tensor2D;

  describe.each(cases)('%j', (config) => {
    const router = resolveRouter({ numExperts, ...config });
    const all = numExperts + router.numZeroExperts;
    const parameters = () => randomParameters(width, router);
    const noise = () => (router.noisy ? (randomNormal([numTokens, all], { seed: 5 }) as tf.Tensor2D) : undefined);
    const masked = (tokens: tf.Tensor, own: Record<string, tf.Tensor>) =>
      routeTokens(tokens, own, router, { noise: noise(), mask: mask() });
    const alone = (tokens: tf.Tensor, own: Record<string, tf.Tensor>) =>
      routeTokens(only(tokens), own, router, { noise: router.noisy ? only(noise()!) : undefined });

    it('gives tokens what they get alone, and padding nobody', () => {
      const [padded, whole] = [masked(x(), parameters()), alone(x(), parameters())];
      for (const name of ['scores', 'weights', 'experts'] as const)
        expect(only(padded[name]).arraySync()).toEqual(whole[name].arraySync());
      for (const name of ['counts', 'load', 'firstLoad'] as const)
        expect(numbers(padded[name])).toEqual(numbers(whole[name]));
      // Each expert's rows are as many as the padded batch may need: within an expert they are the same.
      const place = ({ capacity }: Routing, slots: tf.Tensor) =>
        numbers(slots).map((slot) => (slot < 0 || capacity === 0 ? slot : slot % capacity));
      expect(place(padded, only(padded.slots))).toEqual(place(whole, whole.slots));
      expect(new Set(numbers(without(padded.slots)))).toEqual(new Set([-1]));
      expect(new Set(numbers(without(padded.experts)))).toEqual(new Set([-1]));
      for (const none of [padded.weights, padded.scores]) expect(new Set(numbers(without(none)))).toEqual(new Set([0]));
      if (padded.identityWeights) {
        expect(only(padded.identityWeights).arraySync()).toEqual(whole.identityWeights!.arraySync());
        expect(new Set(numbers(without(padded.identityWeights)))).toEqual(new Set([0]));
      }
    });

    it.each([
      [{ numSequences: 2 }, ['loadBalance', 'sequenceBalance', 'importance', 'load', 'zLoss']],
      [{ numSequences: 2, balance: 'allLayers' }, ['loadBalance']],
      [{ numSequences: 2, balance: 'allLayersByLogits' }, ['loadBalance']],
    ] as [RouterLossContext, string[]][])('has the losses of the tokens alone: %j', (context, names) => {
      const values = parameters();
      const trained = Object.entries(values).filter(([name]) => !isRouterBuffer(name));
      const variables = Object.fromEntries(trained.map(([name, value]) => [name, tf.variable(value)]));
      const tokens = tf.variable(x());
      for (const name of names) {
        if (name === 'load' && !router.noisy) continue;
        const lossOf = (route: typeof masked) => () =>
          routerLosses([route(tokens, { ...values, ...variables })], coefficients, {
            ...context,
            names: [name as 'load'],
          })[name as 'load']!;
        const options = { allowUnused: true };
        const [padded, whole] = [masked, alone].map((route) =>
          valueAndGrads(lossOf(route), { ...variables, tokens }, options),
        ) as [ReturnType<typeof valueAndGrads>, ReturnType<typeof valueAndGrads>];
        expect([name, padded.value.dataSync()[0]]).toEqual([name, expect.closeTo(whole.value.dataSync()[0]!, 5)]);
        for (const [parameter, gradient] of Object.entries(whole.grads)) {
          const difference = tf.max(tf.abs(tf.sub(padded.grads[parameter]!, gradient))).dataSync()[0];
          expect([name, parameter, difference]).toEqual([name, parameter, expect.closeTo(0, 5)]);
        }
      }
    });
  });

  it('leaves a sequence that is padding alone out of the mean over sequences', () => {
    const router = resolveRouter({ numExperts, topK: 2 });
    const own = randomParameters(width, router);
    const second = tf.tensor1d(
      Array.from({ length: numTokens }, (_, t) => Number(t >= 12)),
      'bool',
    );
    const padded = routeTokens(x(), own, router, { mask: second });
    const alone = routeTokens(tf.slice(x(), [12, 0]), own, router);
    const [value, expected] = ([padded, alone] as Routing[]).map(
      (routing, i) =>
        routerLosses([routing], coefficients, {
          numSequences: 2 - i,
          names: ['sequenceBalance'],
        }).sequenceBalance!.dataSync()[0]!,
    );
    expect(value).toBeCloseTo(expected!, 5);
  });

  it.each(configs)('has losses and gradients of 0 where all tokens are padding: %j', (config) => {
    const router = resolveRouter({ numExperts, capacityFactor: 1, ...config });
    const values = randomParameters(width, router);
    const trained = Object.entries(values).filter(([name]) => !isRouterBuffer(name));
    const variables = Object.fromEntries(trained.map(([name, value]) => [name, tf.variable(value)]));
    const noise = router.noisy ? (randomNormal([numTokens, numExperts], { seed: 5 }) as tf.Tensor2D) : undefined;
    const { value, grads } = valueAndGrads(
      () => {
        const nobody = tf.zeros([numTokens], 'bool');
        const routing = routeTokens(x(), { ...values, ...variables }, router, { noise, mask: nobody });
        const losses = Object.values(routerLosses([routing], coefficients, { numSequences: 2 }));
        return tf.addN([tf.sum(routing.weights), ...losses]);
      },
      variables,
      { allowUnused: true },
    );
    for (const x of [value, ...Object.values(grads)]) expect(numbers(x).every((each) => each === 0)).toBe(true);
  });

  it('moves a correction bias, and reports, by the tokens alone', async () => {
    const router = resolveRouter({ numExperts, topK: 2, correctionBias: true, capacityFactor: 0.7 });
    const own = randomParameters(width, router);
    const routings = [routeTokens(x(), own, router, { mask: mask() }), routeTokens(only(x()), own, router)];
    const [padded, whole] = routings.map((routing) => {
      const bias = tf.variable(tf.zeros([numExperts]));
      updateCorrectionBias(bias, routing.load, { updateRate: 0.1 });
      return numbers(bias);
    });
    expect(padded).toEqual(whole);
    const [ofPadded, ofWhole] = await Promise.all(routings.map((routing) => routingStatistics(routing)));
    expect(ofPadded).toEqual(ofWhole);
  });

  it('repeats a trace with nobody for the padding', async () => {
    const router = resolveRouter({ numExperts, topK: 2 });
    const own = randomParameters(width, router);
    const first = routeTokens(x(), own, router, { mask: mask() });
    const [replay] = await recordRouting([first]);
    const again = routeTokens(x(), own, router, { mask: mask(), replay });
    expect(again.experts.arraySync()).toEqual(first.experts.arraySync());
    expect(loadBalanceLoss(again).dataSync()[0]).toBe(loadBalanceLoss(first).dataSync()[0]);
  });

  it('names a mask that does not fit', () => {
    const router = resolveRouter({ numExperts });
    const own = randomParameters(width, router);
    expect(() => routeTokens(x(), own, router, { mask: tf.ones([3], 'bool') })).toThrow(
      'mask: expected bool (24), got bool (3)',
    );
    expect(() => routeTokens(x(), own, router, { mask: tf.ones([24]) })).toThrow(
      'mask: expected bool (24), got float32 (24)',
    );
  });
});
