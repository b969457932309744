import { availableBackends, expectGradientsMatch } from '@scmoe/testing';
import { AdamW, randomNormal, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import {
  importanceLoss,
  loadBalanceLoss,
  loadLoss,
  resolveRouter,
  routeTokens,
  routingStatistics,
  sequenceBalanceLoss,
  zLoss,
  type RouterConfig,
  type Routing,
} from '../index.js';
import { randomParameters } from '../testing/randomParameters.js';

type Loss = (routing: Routing) => tf.Scalar;
const value = (loss: tf.Scalar) => loss.dataSync()[0]!;
const width = 6;
/** Tokens with a mean, so that some experts are preferred. */
const tokens = (count: number): tf.Tensor2D => tf.add(randomNormal([count, width], { seed: 3 }), 0.7);
const noiseOf = (count: number, all: number) => randomNormal([count, all], { seed: 5 }) as tf.Tensor2D;

function routed(config: Partial<RouterConfig>, count = 24): Routing {
  const router = resolveRouter({ numExperts: 4, ...config });
  const noise = noiseOf(count, 4 + router.numZeroExperts);
  return routeTokens(tokens(count), randomParameters(width, router), router, { noise });
}

/** A routing of the given logits. */
const ofLogits = (logits: tf.Tensor2D, config: Partial<RouterConfig> = {}) => {
  const { numZeroExperts = 0 } = config;
  const [count, all] = logits.shape;
  return routeTokens(tf.eye(count), { weight: logits }, resolveRouter({ numExperts: all - numZeroExperts, ...config }));
};

describe.each(availableBackends())('router losses on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const even = () => ofLogits(tf.mul(tf.eye(4), 50));
  const one = () => ofLogits(tf.tile(tf.tensor2d([[50, 0, 0, 0]]), [4, 1]));

  it('are 1 (balance) or 0 (variation) for an even load, and grow with the preference for one expert', () => {
    const balance: Loss[] = [loadBalanceLoss, (routing) => sequenceBalanceLoss(routing, { numSequences: 1 })];
    for (const loss of balance) {
      expect(value(loss(even()))).toBeCloseTo(1, 5);
      expect(value(loss(one()))).toBeCloseTo(4, 5);
    }
    expect(value(importanceLoss(even(), { of: 'gates' }))).toBeCloseTo(0, 5);
    expect(value(importanceLoss(even(), { of: 'scores' }))).toBeCloseTo(0, 5);
    expect(value(importanceLoss(one(), { of: 'gates' }))).toBeCloseTo(3, 5); // variance 3 of (4, 0, 0, 0), mean 1
    expect(value(importanceLoss(one(), { of: 'scores' }))).toBeCloseTo(4, 5);
  });

  it('divide sigmoid scores by their sum', () => {
    const routing = ofLogits(tf.tensor2d([[3, 1, -1], [0, 2, 1], [1, 1.5, 0]]), { scoreFunction: 'sigmoid' }); // prettier-ignore
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const scores = [[3, 1, -1], [0, 2, 1], [1, 1.5, 0]].map((row) => row.map(sigmoid)); // prettier-ignore
    const normal = scores.map((row) => row.map((score) => score / row.reduce((a, b) => a + b)));
    const mean = (e: number) => normal.reduce((sum, row) => sum + row[e]!, 0) / 3;
    expect(value(loadBalanceLoss(routing))).toBeCloseTo(3 * ((mean(0) * 1) / 3 + (mean(1) * 2) / 3), 5);
  });

  it('leave zero-computation experts out', () => {
    const logits = tf.tensor2d([[1, 0, 3], [0, 1, 3], [2, 0, 0]]); // prettier-ignore
    const routing = ofLogits(logits, { numZeroExperts: 1, topK: 1 });
    const p = (a: number, b: number) => Math.exp(a) / (Math.exp(a) + Math.exp(b));
    const mean = (p(1, 0) + p(0, 1) + p(2, 0)) / 3; // of expert 0, which has the one first choice
    expect(value(loadBalanceLoss(routing))).toBeCloseTo(2 * mean, 5);
    expect(value(importanceLoss(routing, { of: 'gates' }))).toBeCloseTo(1, 5); // variance 1/4, mean 1/2 of the gates
  });

  it('of sequences are the mean over the sequences', () => {
    const half = (start: number): tf.Tensor2D => tf.slice(routed({ topK: 2 }, 24).logits, [start, 0], [12, 4]);
    const [first, second] = [half(0), half(12)].map((logits) =>
      value(sequenceBalanceLoss(ofLogits(logits, { topK: 2 }), { numSequences: 1 })),
    );
    const together = value(sequenceBalanceLoss(routed({ topK: 2 }), { numSequences: 2 }));
    expect(together).toBeCloseTo((first! + second!) / 2, 5);
    expect(value(sequenceBalanceLoss(routed({ topK: 1 }), { numSequences: 1 }))).toBeCloseTo(
      value(loadBalanceLoss(routed({ topK: 1 }))),
      5,
    );
  });

  it('of a noisy router see the probability to be chosen', () => {
    // Noise of size ln 2 for each. Expert 0 is chosen: clean logit 1 against 1 - ln 2 (z = 1) and 1 - 2 ln 2. Expert 1
    // has to reach 1: its clean logit 1 has an even chance. Expert 2 has z = -1.
    const parameters = { weight: tf.tensor2d([[1, 1, 1 - Math.LN2]]), noise: tf.zeros([1, 3]) };
    const noise = tf.tensor2d([[0, -1, -1]]);
    const routing = routeTokens(tf.ones([1, 1]), parameters, resolveRouter({ numExperts: 3, noisy: true }), { noise });
    const load = [0.8413447, 0.5, 0.1586553]; // values of the normal distribution at 1, 0 and -1
    const mean = 0.5;
    const variance = load.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 3;
    expect(value(loadLoss(routing))).toBeCloseTo(variance / mean ** 2, 4);
  });

  const trainable: Record<string, [Partial<RouterConfig>, Loss]> = {
    'load balance': [{}, loadBalanceLoss],
    'load balance of two choices': [{ topK: 2 }, loadBalanceLoss],
    'load balance of sigmoid scores': [{ topK: 2, scoreFunction: 'sigmoid' }, loadBalanceLoss],
    'load balance of a cosine gate': [{ logits: 'cosine', cosineWidth: 4 }, loadBalanceLoss],
    'load balance beside zero-computation experts': [{ topK: 2, numZeroExperts: 2 }, loadBalanceLoss],
    'balance of sequences': [{ topK: 2 }, (routing) => sequenceBalanceLoss(routing, { numSequences: 3 })],
    'importance of gates': [{}, (routing) => importanceLoss(routing)],
    'importance of scores': [{}, (routing) => importanceLoss(routing, { of: 'scores' })],
    load: [{ noisy: true }, loadLoss],
  };
  it.each(Object.entries(trainable))('of %s, alone, train a router to an even load', async (_, [config, loss]) => {
    const router = resolveRouter({ numExperts: 4, ...config });
    const variables = Object.fromEntries(
      Object.entries(randomParameters(width, router)).map(([name, start]) => [name, tf.variable(start)]),
    );
    const x = tokens(48);
    const noise = noiseOf(48, 4 + router.numZeroExperts);
    const route = () => routeTokens(x, variables, router, { noise });
    const optimizer = new AdamW({ weightDecay: 0 });
    const before = await routingStatistics(route());
    const first = value(loss(route()));
    for (let step = 0; step < 40; step++) {
      tf.tidy(() => {
        const { grads } = valueAndGrads(() => loss(route()), variables, { allowUnused: true });
        optimizer.step(variables, grads, { learningRate: 0.05 });
      });
    }
    const after = await routingStatistics(route());
    expect(value(loss(route()))).toBeLessThan(first);
    expect(after.maxOverMean).toBeLessThan(before.maxOverMean);
    expect(after.entropy).toBeGreaterThan(before.entropy);
    optimizer.dispose();
  });

  const all: Record<string, [Partial<RouterConfig>, Loss]> = { ...trainable, z: [{}, zLoss] };
  it.each(Object.entries(all))('of %s have the gradients of finite differences', (_, [config, loss]) => {
    const router = resolveRouter({ numExperts: 4, ...config });
    const parameters = randomParameters(width, router);
    const names = Object.keys(parameters);
    const noise = noiseOf(12, 4 + router.numZeroExperts);
    expectGradientsMatch(
      (x, ...values) =>
        loss(routeTokens(x, Object.fromEntries(names.map((name, i) => [name, values[i]!])), router, { noise })),
      [tokens(12), ...Object.values(parameters)],
      { step: 1e-3 },
    );
  });

  it.each(Object.entries(all))('of %s are 0 without tokens, with a gradient of 0', (_, [config, loss]) => {
    const router = resolveRouter({ numExperts: 4, ...config });
    const variables = Object.fromEntries(
      Object.entries(randomParameters(width, router)).map(([name, start]) => [name, tf.variable(start)]),
    );
    const noise = noiseOf(0, 4 + router.numZeroExperts);
    const { value: sum, grads } = valueAndGrads(() => {
      const routing = routeTokens(tf.zeros([0, width]), variables, router, { noise });
      const task = tf.add(tf.sum(routing.weights), tf.sum(routing.identityWeights ?? routing.scores));
      return tf.add(task, loss(routing));
    }, variables);
    for (const tensor of [sum, ...Object.values(grads)]) expect(tf.max(tf.abs(tensor)).dataSync()[0]).toBe(0);
  });

  it.each(Object.entries(all))('of %s keep no tensor', (_, [config, loss]) => {
    const routing = routed(config);
    const before = tf.memory().numTensors;
    loss(routing).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('name what does not fit', () => {
    expect(() => sequenceBalanceLoss(routed({}), { numSequences: 5 })).toThrow(
      'numSequences: expected a divisor of the 24 tokens, got 5',
    );
    expect(() => importanceLoss(routed({}), { of: 'both' as 'gates' })).toThrow("of must be 'gates' or 'scores'");
    const router = resolveRouter({ numExperts: 4, noisy: true });
    const quiet = routeTokens(tokens(3), randomParameters(width, router), router);
    expect(() => loadLoss(quiet)).toThrow('loadLoss: expected a routing with noise (noisy: true, in training)');
  });
});
