import { jest } from '@jest/globals';
import { availableBackends, expectGradientsMatch, itOrSkip } from '@scmoe/testing';
import { randomNormal, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import {
  isRouterBuffer,
  loadBalanceLoss,
  recordRouting,
  resolveRouter,
  routerStreams,
  routeTokens,
  type RouteContext,
  type RouterConfig,
} from './index.js';
import { randomParameters } from './testing/randomParameters.js';

const numExperts = 6;
const width = 5;
const tokens = (count = 16) => randomNormal([count, width], { seed: 3 }) as tf.Tensor2D;
const numbers = (x: tf.Tensor) => Array.from(x.dataSync());

function routed(config: Partial<RouterConfig> = {}, context: RouteContext = {}, x: tf.Tensor = tokens()) {
  const router = resolveRouter({ numExperts, ...config });
  return routeTokens(x, randomParameters(width, router), router, context);
}

const gates: Partial<RouterConfig>[] = [
  { topK: 1 },
  { topK: 2 },
  { topK: 2, scoreFunction: 'sigmoid', correctionBias: true, routedScalingFactor: 2.5 },
  { topK: 2, noisy: true },
  { topK: 2, logits: 'cosine', cosineWidth: 4 },
  { topK: 2, logitSoftCap: 1.5, noisy: true },
  { topK: 2, numGroups: 3, topKGroups: 2 },
  { topK: 3, numZeroExperts: 2, normalizeWeights: false },
  { topK: 2, forcedBalance: true },
  { topK: 2, routing: 'expertChoice', capacityFactor: 1 },
];

describe.each(availableBackends())('routeTokens on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  describe.each(gates)('%j', (config) => {
    const router = resolveRouter({ numExperts, ...config });
    const x = () => tokens(8);
    const noise = () => randomNormal([8, numExperts + router.numZeroExperts], { seed: 5 }) as tf.Tensor2D;
    const r = () => randomNormal([8, router.routing === 'expertChoice' ? numExperts : router.topK], { seed: 6 });
    const trained = () => Object.entries(randomParameters(width, router)).filter(([name]) => !isRouterBuffer(name));

    it('has gradients of the task in every parameter but the correction bias', () => {
      const parameters = randomParameters(width, router);
      const variables = Object.fromEntries(trained().map(([name, value]) => [name, tf.variable(value)]));
      const route = () => routeTokens(x(), { ...parameters, ...variables }, router, { noise: noise() });
      const losses = {
        task: () => tf.sum<tf.Scalar>(tf.mul(route().weights, r())),
        balance: () => loadBalanceLoss(route()),
      };
      for (const [loss, compute] of Object.entries(losses)) {
        const { grads } = valueAndGrads(compute, variables);
        for (const [name, gradient] of Object.entries(grads)) {
          // Where all experts get the same share, the loss is the same for all scores of a softmax.
          if (loss === 'balance' && (config.forcedBalance ?? config.routing)) continue;
          expect([loss, name, tf.max(tf.abs(gradient)).dataSync()[0]! > 1e-5]).toEqual([loss, name, true]);
        }
      }
    });

    it('has the gradients of finite differences', () => {
      const parameters = randomParameters(width, router);
      const names = trained().map(([name]) => name);
      const inputs = [x(), ...names.map((name) => parameters[name]!)];
      const route = (own: tf.Tensor, ...values: tf.Tensor[]) =>
        routeTokens(own, { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) }, router, {
          noise: noise(),
        });
      // No choice is closer than the step of 1e-3 moves it.
      const options = { step: 1e-3 };
      expectGradientsMatch((...values) => tf.sum(tf.mul(route(values[0]!, ...values.slice(1)).weights, r())), inputs, options); // prettier-ignore
      expectGradientsMatch((...values) => loadBalanceLoss(route(values[0]!, ...values.slice(1))), inputs, options);
      if (router.numZeroExperts === 0) return;
      const identity = (...values: tf.Tensor[]) => route(values[0]!, ...values.slice(1)).identityWeights!;
      expectGradientsMatch((...values) => tf.sum(tf.square(identity(...values))), inputs, options);
    });
  });

  it('draws noise and jitter in training from seed and stream alone', () => {
    for (const config of [{ noisy: true }, { jitter: 0.2 }]) {
      const logits = (context: RouteContext) => numbers(routed(config, context).logits);
      const run = logits({ training: true, seed: 7, stream: 4 });
      expect(logits({ training: true, seed: 7, stream: 4 })).toEqual(run);
      expect(logits({ training: true, seed: 7, stream: 4 + routerStreams })).not.toEqual(run);
      expect(logits({ training: true, seed: 8, stream: 4 })).not.toEqual(run);
      const still = logits({});
      expect(run).not.toEqual(still);
      expect(logits({ seed: 7, stream: 4 })).toEqual(still);
    }
  });

  it('bounds logits softly, and routes by what comes of them', () => {
    const bound = 1.5;
    const router = resolveRouter({ numExperts, topK: 2, logitSoftCap: bound });
    const parameters = randomParameters(width, router);
    const x = tokens();
    const routing = routeTokens(x, parameters, router);
    const [rows, weight] = [x.arraySync(), parameters['weight']!.arraySync() as number[][]];
    const unbounded = rows.map((row) =>
      Array.from({ length: numExperts }, (_, expert) =>
        row.reduce((sum, own, i) => sum + own * weight[i]![expert]!, 0),
      ),
    );
    // Otherwise the test would show nothing.
    expect(Math.max(...unbounded.flat().map(Math.abs))).toBeGreaterThan(bound);
    unbounded.forEach((of, token) => {
      const capped = of.map((logit) => bound * Math.tanh(logit / bound));
      const [first, second] = capped.map((logit, expert) => ({ logit, expert })).sort((a, b) => b.logit - a.logit);
      const share = 1 / (1 + Math.exp(second!.logit - first!.logit));
      expect(routing.experts.arraySync()[token]).toEqual([first!.expert, second!.expert]);
      const weights = routing.weights.arraySync()[token]!;
      expect(weights[0]).toBeCloseTo(share, 5);
      expect(weights[1]).toBeCloseTo(1 - share, 5);
      routing.logits.arraySync()[token]!.forEach((logit, expert) => expect(logit).toBeCloseTo(capped[expert]!, 5));
    });
  });

  it('keeps jitter within its bounds', () => {
    const router = resolveRouter({ numExperts: width, jitter: 0.1 });
    const { logits } = routeTokens(tf.ones([200, width]), { weight: tf.eye(width) }, router, {
      training: true,
      seed: 1,
    });
    expect(tf.min(logits).dataSync()[0]).toBeGreaterThanOrEqual(0.9 - 1e-6);
    expect(tf.min(logits).dataSync()[0]).toBeLessThan(0.91);
    expect(tf.max(logits).dataSync()[0]).toBeLessThan(1.1 + 1e-6);
    expect(tf.max(logits).dataSync()[0]).toBeGreaterThan(1.09);
  });

  it('replays a recorded choice with the present scores', async () => {
    for (const config of [{ topK: 2 }, { topK: 2, correctionBias: true, numZeroExperts: 2 }]) {
      const router = resolveRouter({ numExperts, ...config });
      const parameters = randomParameters(width, router);
      const [first, second] = [tokens(12), randomNormal([12, width], { seed: 99 }) as tf.Tensor2D];
      const recorded = routeTokens(first, parameters, router);
      const [trace] = await recordRouting([recorded]);
      const replay = structuredClone(trace!);
      const same = routeTokens(first, parameters, router, { replay });
      expect(numbers(same.slots)).toEqual(numbers(recorded.slots));
      expect(numbers(same.weights)).toEqual(numbers(recorded.weights));
      const other = routeTokens(second, parameters, router, { replay });
      expect(numbers(other.experts)).toEqual(numbers(recorded.experts));
      expect(numbers(other.experts)).not.toEqual(numbers(routeTokens(second, parameters, router).experts));
      expect(numbers(other.scores)).toEqual(numbers(routeTokens(second, parameters, router).scores));
      const gradient = tf.grad((weight) =>
        tf.sum(tf.square(routeTokens(second, { ...parameters, weight }, router, { replay }).weights)),
      )(parameters['weight']!);
      expect(tf.max(tf.abs(gradient)).dataSync()[0]).toBeGreaterThan(1e-4);
    }
  });

  it('leaves out what is excluded, and the scores as they are', () => {
    const first = routed();
    const second = routed({}, { excluded: first.experts });
    expect(numbers(second.scores)).toEqual(numbers(first.scores));
    const best = numbers(routed({ topK: 2 }).experts);
    expect(numbers(second.experts)).toEqual(best.filter((_, i) => i % 2 === 1));
  });

  it('uses experts of the best groups only', () => {
    const weight = tf.tensor2d([[5, 0, 3, 3.5, 4, 1]]);
    const choose = (config: Partial<RouterConfig>) => {
      const router = resolveRouter({ numExperts: 6, topK: 2, numGroups: 3, topKGroups: 1, ...config });
      return numbers(routeTokens(tf.ones([1, 1]), { weight }, router).experts);
    };
    expect(choose({ groupScore: 'max' })).toEqual([0, 1]);
    // As sigmoid scores, 0.993 + 0.5 is less than 0.953 + 0.971.
    expect(choose({ groupScore: 'top2sum', scoreFunction: 'sigmoid' })).toEqual([3, 2]);
  });

  it('balances by force whatever the scores, and weighs by the scores', () => {
    const { load, experts, scores, weights } = routed({ topK: 2, forcedBalance: true, normalizeWeights: false }, {}, tokens(9)); // prettier-ignore
    expect(numbers(load)).toEqual([3, 3, 3, 3, 3, 3]);
    const ids = numbers(experts);
    const all = scores.arraySync();
    expect(numbers(weights)).toEqual(ids.map((expert, i) => all[Math.floor(i / 2)]![expert]!));
  });

  it('scales zero experts like the others unless told otherwise', () => {
    const config = { topK: 4, numZeroExperts: 3, routedScalingFactor: 2 };
    const [scaled, unscaled] = [routed(config), routed({ ...config, scaleZeroExperts: false })];
    const w = scaled.weights.arraySync();
    const expected = scaled.experts.arraySync().map((own, t) => own.reduce((sum, id, j) => sum + (id >= numExperts ? w[t]![j]! : 0), 0)); // prettier-ignore
    numbers(scaled.identityWeights!).forEach((weight, t) => expect(weight).toBeCloseTo(expected[t]!, 6));
    numbers(unscaled.identityWeights!).forEach((weight, t) => expect(weight).toBeCloseTo(expected[t]! / 2, 6));
    expect(numbers(unscaled.weights)).toEqual(numbers(scaled.weights));
  });

  it('keeps every choice on demand', () => {
    const { capacity, numRows, slots } = routed({ topK: 2, capacityFactor: 0.5 }, { dropless: true });
    expect([capacity, numRows]).toEqual([0, 32]);
    expect(tf.min(slots).dataSync()[0]).toBe(0);
  });

  it.each<[string, () => unknown, string]>([
    ['tokens', () => routed({}, {}, tf.zeros([2, 3, 5])), 'tokens: expected (tokens, d), got (2, 3, 5)'],
    [
      'a parameter',
      () => routeTokens(tokens(), { weight: tf.zeros([9, 4]) }, resolveRouter({ numExperts })),
      "parameter 'router.weight': expected (5, 6), got (9, 4)",
    ],
    [
      'a missing parameter',
      () => routeTokens(tokens(), { weight: tf.zeros([5, 6]) }, resolveRouter({ numExperts, noisy: true })),
      "parameter 'router.noise' is missing: expected (5, 6)",
    ],
    [
      'noise',
      () => routed({ noisy: true }, { noise: tf.zeros([16, 5]) }),
      'noise: expected (16, 6) for tokens and experts, got (16, 5)',
    ],
    [
      'a missing seed of the noise',
      () => routed({ noisy: true }, { training: true }),
      'seed: expected a number for the noise of a router in training, got none',
    ],
    [
      'a missing seed of the jitter',
      () => routed({ jitter: 0.1 }, { training: true }),
      'seed: expected a number for the jitter of a router in training, got none',
    ],
    [
      'excluded',
      () => routed({}, { excluded: tf.zeros([16, 1]) }),
      'excluded: expected int32 (16, 1), got float32 (16, 1)',
    ],
    [
      'excluded where all are chosen',
      () => routed({ topK: 6 }, { excluded: tf.zeros([16, 1], 'int32') }),
      'excluded: expected topK < 6 experts, got 6',
    ],
    [
      'excluded with a balanced choice',
      () => routed({ forcedBalance: true }, { excluded: tf.zeros([16, 1], 'int32') }),
      'excluded: expected none with forcedBalance',
    ],
    [
      'a trace of other tokens',
      () => routed({}, { replay: { numTokens: 2, topK: 1, experts: new Int32Array(2) } }),
      'replay: expected a trace of 16 tokens with topK 1, got 2 tokens with topK 1 and 2 experts',
    ],
    [
      'a trace with unknown experts',
      () => routed({}, { replay: { numTokens: 16, topK: 1, experts: new Int32Array(16).fill(6) } }),
      'replay: expected experts from 0 to 5, got 6',
    ],
    [
      'dropless where experts choose',
      () => routed({ routing: 'expertChoice', capacityFactor: 1 }, { dropless: true }),
      "dropless: expected none with routing 'expertChoice'",
    ],
  ])('names %s that does not fit', (_, run, message) => expect(run).toThrow(message));
});

const routers = [{ topK: 2 }, { gate: 'cosine', cosineWidth: 4 } as const, { noisy: true }];

it.each(routers)('asks for float32 in every product, whatever the precision: %j', async (config) => {
  await useBackend('auto');
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  const products: [string, unknown][] = [];
  const spy = jest.spyOn(engine, 'runKernel').mockImplementation((name, inputs, attributes) => {
    if (/MatMul|Einsum|Linear|Ffn/.test(name)) products.push([name, (attributes as tf.NamedAttrMap)?.['float32']]);
    return runKernel(name, inputs, attributes);
  });
  tf.tidy(() => {
    const router = resolveRouter({ numExperts, ...config });
    const { weight, ...others } = randomParameters(width, router);
    const name = weight ? 'weight' : 'projection.weight';
    const loss = (x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(tf.square(routeTokens(x, { ...others, [name]: w }, router, { training: true, seed: 3 }).weights));
    tf.grads(loss)([tokens(), weight ?? others['projection.weight']!]);
  });
  spy.mockRestore();
  // Where there is no native kernel, the composed operation has no precision to choose from.
  const isNative = tf.getBackend() === 'scmoe';
  expect(products.length).toBeGreaterThanOrEqual(2); // one forward, one backward
  for (const product of products) expect(product).toEqual([product[0], isNative ? true : undefined]);
});

const bf16 = await useBackend('auto', { precision: 'bf16' });
const bf16Problem = bf16.precision === 'bf16' ? undefined : 'this machine has no bf16 products';
itOrSkip(bf16Problem, 'has the same bits where the backend multiplies in bf16', async () => {
  const outputs = async (precision: 'float32' | 'bf16') => {
    expect((await useBackend('auto', { precision })).precision).toBe(precision);
    return tf.tidy(() =>
      routers.flatMap((config) => {
        const { logits, weights, experts } = routed(config, { training: true, seed: 3 });
        return [logits, weights, experts].map(numbers);
      }),
    );
  };
  const inBf16 = await outputs('bf16');
  expect(inBf16).toEqual(await outputs('float32'));
});
