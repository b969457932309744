import { loadBalanceLoss } from '@scmoe/gating';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { blockKinds, positions } from '../../config/BlockMoeConfig.js';
import { resolvePair, type PairConfig } from './PairConfig.js';
import { mixes } from '../../config/MoeConfig.js';
import { isExchange } from '../../plan/Operator.js';
import { overlappedPlan } from '../../testing/overlappedPlan.js';
import { executePlan } from '../../plan/executePlan.js';
import { pairOperators } from './pairOperators.js';
import { initializePair, pairSpecs } from './pairSpecs.js';
import { runPair } from './runPair.js';
import { countParameters } from '../../parameters/ParameterSpec.js';

const small: PairConfig = {
  kind: 'scmoe',
  dModel: 8,
  numHeads: 2,
  ffnHidden: 12,
  numExperts: 4,
};

/** Parameters well away from zero, so that every path matters. */
const parametersOf = (config: PairConfig) => initializePair(config, { seed: 3, standardDeviation: 0.4 });
const input = (batch = 2, length = 5) => tf.randomNormal<tf.Rank.R3>([batch, length, 8], 0, 1, 'float32', 7);

describe('runPair', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(positions)('names its operators, gate to combine right where %s is tapped', (position) => {
    const config = resolvePair({ ...small, position });
    const names = pairOperators(parametersOf(small), config).map(({ name }) => name);
    const chain = ['gate', 'encode', 'dispatch', 'expert', 'combine'];
    const backbone = ['attention1', 'mlp1', 'attention2'];
    const tapAfter = { pos1: 2, pos2: 1, pos3: 0 }[position];
    backbone.splice(tapAfter, 0, ...chain);
    expect(names).toEqual([...backbone, 'sharedExpert', 'decode', 'output']);
  });

  it.each(positions)('numbers the two ways of DGMoE, the first one where %s is tapped', (position) => {
    const config: PairConfig = { ...small, kind: 'dgmoe', position };
    const operators = pairOperators(parametersOf(config), resolvePair(config));
    const way = (i: number) => ['gate', 'encode', 'dispatch', 'expert', 'combine'].map((name) => `${name}${i}`);
    const backbone = ['attention1', 'mlp1', 'attention2'];
    backbone.splice({ pos1: 2, pos2: 1, pos3: 0 }[position], 0, ...way(1));
    expect(operators.map(({ name }) => name)).toEqual([...backbone, ...way(2), 'decode1', 'decode2', 'output']);
    for (const { name, kind } of operators) expect(name).toMatch(new RegExp(`^${kind}[12]?$`));
    const travelling = operators.filter((operator) => isExchange(operator)).map(({ name }) => name);
    expect(travelling).toEqual(['dispatch1', 'combine1', 'dispatch2', 'combine2']);
  });

  it('runs a dense pair without any expert operator', () => {
    const config: PairConfig = { ...small, kind: 'dense' };
    const operators = pairOperators(parametersOf(config), resolvePair(config));
    expect(operators.map(({ kind }) => kind)).toEqual(['attention', 'mlp', 'attention', 'mlp']);
    expect(runPair(input(), parametersOf(config), resolvePair(config)).routing).toBeUndefined();
  });

  it('marks dispatch and combine, and nothing else, as exchanges', () => {
    const operators = pairOperators(parametersOf(small), resolvePair(small));
    expect(operators.filter((operator) => isExchange(operator)).map(({ name }) => name)).toEqual([
      'dispatch',
      'combine',
    ]);
  });

  const kinds = ['scmoe', 'dgmoe'] as const;
  it.each(
    kinds.flatMap((kind) =>
      positions.flatMap((position) => [0, 1, 2, 3, 4].map((slot) => [kind, position, slot] as const)),
    ),
  )('gives the same numbers when overlapped: %s, %s, slot %i', (kind, position, slot) => {
    const config = resolvePair({ ...small, kind, position });
    const parameters = parametersOf({ ...small, kind });
    const x = input();
    const results = [sequentialPlan, overlappedPlan(slot)].map((plan) => {
      const loss = (x: tf.Tensor, w1: tf.Tensor) => {
        const { y } = runPair(x as tf.Tensor3D, { ...parameters, 'experts.w1': w1 }, config, { plan });
        return tf.sum(tf.square(y)).asScalar();
      };
      return tf.valueAndGrads(loss)([x, parameters['experts.w1']!]);
    });
    // The same operators on the same values: the same bits. Gradients of x, and DGMoE's of experts that are used
    // twice, are summed in another order of the paths.
    expect(results[1]!.value.dataSync()).toEqual(results[0]!.value.dataSync());
    if (kind === 'scmoe') expect(results[1]!.grads[1]!.dataSync()).toEqual(results[0]!.grads[1]!.dataSync());
    for (const [i, expected] of results[0]!.grads.entries()) {
      const difference = tf.max(tf.abs(tf.sub(results[1]!.grads[i]!, expected))).dataSync()[0]!;
      expect(difference).toBeLessThanOrEqual(1e-6 * tf.max(tf.abs(expected)).dataSync()[0]!);
    }
  });

  const variants: [string, Partial<PairConfig>][] = [
    ['dense', { kind: 'dense' }],
    ['standard', { kind: 'standard' }],
    ...mixes.map((mix): [string, Partial<PairConfig>] => [`shared ${mix}`, { kind: 'shared', mix }]),
    ...positions.map((position): [string, Partial<PairConfig>] => [`scmoe ${position}`, { position }]),
    [
      'rms, swiglu, rope, grouped keys, postNorm, cg2',
      {
        norm: 'rms',
        activation: 'swiglu',
        rope: { style: 'half' },
        numKvHeads: 1,
        attentionBias: false,
        postNorm: true,
        mix: 'cg2',
      },
    ],
    ['shared norm, not causal', { shortcutNorm: 'shared', causal: false }],
    ...positions.map((position): [string, Partial<PairConfig>] => [`dgmoe ${position}`, { kind: 'dgmoe', position }]),
    ['gelu without biases, postNorm', { ffnBias: false, postNorm: true }],
    ['swiglu with biases', { activation: 'swiglu', ffnBias: true }],
    [
      'sigmoid scores, correction bias, groups',
      { scoreFunction: 'sigmoid', correctionBias: true, topK: 2, numGroups: 2, topKGroups: 1 },
    ],
    ['zero experts', { numZeroExperts: 2, topK: 3, routedScalingFactor: 1.5, scaleZeroExperts: false }],
    ['cosine gate', { logits: 'cosine', cosineWidth: 5 }],
    ['experts that choose', { routing: 'expertChoice', capacityFactor: 1, causal: false }],
    ['noise and jitter', { noisy: true, jitter: 0.1, topK: 2 }],
  ];
  it.each(variants)('has gradients that agree with finite differences: %s', (_, change) => {
    const config = { ...small, ...change };
    const resolved = resolvePair(config);
    const parameters = parametersOf(config);
    // One of each sort: the reference values have the gradients of all.
    const sorts =
      /^(attn1\.wq|attn2\.wv|mlp2?\.(w1|up|upBias)|router\.(?!correction)|experts\.(w2|gate|downBias)|shared\.(w1|down|gateBias)|mix|norm(Moe|Shortcut|Post)\.weight)/;
    const names = Object.keys(parameters).filter((name) => sorts.test(name));
    const direction = tf.randomNormal([1, 5, 8], 0, 1, 'float32', 11);
    const loss = (x: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
      const { y, routing } = runPair(x as tf.Tensor3D, given, resolved, { router: { training: true, seed: 6 } });
      const task = tf.mean(tf.mul(y, direction)).asScalar();
      return routing ? tf.add<tf.Scalar>(task, tf.mul(loadBalanceLoss(routing), 0.1)) : task;
    };
    // Small steps, for at a choice of experts the function jumps. The router has a gradient through the weights alone.
    const options = { step: 2e-3, samples: 2, tolerance: 3e-2, absoluteTolerance: 2e-3 };
    expectGradientsMatch(loss, [input(1), ...names.map((name) => parameters[name]!)], options);
  });

  it("gives a token different experts on DGMoE's two ways, whatever the activations", () => {
    for (const position of positions) {
      for (const numExperts of [2, 3, 8]) {
        const config: PairConfig = {
          ...small,
          kind: 'dgmoe',
          position,
          numExperts,
          numZeroExperts: numExperts === 3 ? 2 : 0,
        };
        // Without the shortcut's norm and with small weights s and u are alike, so that both would like the same expert.
        const parameters = initializePair({ ...config, shortcutNorm: 'none' }, { seed: numExperts });
        const { routing, currentRouting } = runPair(
          input(4, 16),
          parameters,
          resolvePair({ ...config, shortcutNorm: 'none' }),
        );
        const [first, second] = [routing!.experts.dataSync(), currentRouting!.experts.dataSync()];
        expect(first).toHaveLength(64);
        expect(second.filter((expert, t) => expert === first[t])).toHaveLength(0);
      }
    }
  });

  it('hands the router noise in training alone, the same for the same seed and stream', () => {
    const config: PairConfig = { ...small, noisy: true, jitter: 0.2 };
    const parameters = parametersOf(config);
    const x = input();
    const logits = (router?: { training: boolean; seed: number; stream: number }) => [
      ...runPair(x, parameters, resolvePair(config), { router }).routing!.logits.dataSync(),
    ];
    const of = (seed: number, stream: number) => logits({ training: true, seed, stream });
    expect(logits({ training: false, seed: 1, stream: 0 })).toEqual(logits());
    expect(of(1, 0)).toEqual(of(1, 0));
    for (const other of [logits(), of(2, 0), of(1, 2)]) expect(other).not.toEqual(of(1, 0));
  });

  it("draws other noise for each of DGMoE's two ways", () => {
    const config: PairConfig = { ...small, kind: 'dgmoe', noisy: true };
    // With a router of zeros the logits are the noise, times softplus(0).
    const router = ['router.weight', 'router.noise'].map((name) => [name, tf.zeros([8, 4])]);
    const parameters = { ...parametersOf(config), ...(Object.fromEntries(router) as Record<string, tf.Tensor>) };
    const result = runPair(input(), parameters, resolvePair(config), { router: { training: true, seed: 1 } });
    const [first, second] = [result.routing!.logits, result.currentRouting!.logits];
    expect(tf.min(tf.abs(tf.sub(first, second))).dataSync()[0]).toBeGreaterThan(0);
  });

  it('adds to zero-computation experts what they were given, times their weight', () => {
    const parameters = parametersOf({ ...small, numZeroExperts: 4 });
    // A bias that no score outweighs: every token goes to zero-computation experts.
    const bias = tf.tensor1d([0, 0, 0, 0, 9, 9, 9, 9]);
    const biased = resolvePair({ ...small, numZeroExperts: 4, correctionBias: true });
    const operators = pairOperators({ ...parameters, 'router.correctionBias': bias }, biased);
    const values = executePlan(sequentialPlan(operators), operators, { x: input() });
    const weights = values.routing!.weights;
    expect(values.routing!.counts.sum().dataSync()[0]).toBe(0);
    const expected = tf.mul(tf.reshape(values.s!, [10, 8]), weights);
    expect(tf.max(tf.abs(tf.sub(tf.reshape(values.routed!, [10, 8]), expected))).dataSync()[0]).toBeLessThan(1e-6);
  });

  it('continues from keys and values as if it had seen all tokens at once', () => {
    const config = resolvePair({ ...small, rope: { style: 'half' } });
    const parameters = parametersOf(small);
    const x = input(2, 6);
    const whole = runPair(x, parameters, config).y;
    const first = runPair(x.slice([0, 0], [-1, 4]), parameters, config, { keepCache: true });
    const rest = runPair(x.slice([0, 4], [-1, 2]), parameters, config, { past: first.cache });
    const joined = tf.concat([first.y, rest.y], 1);
    expect(tf.max(tf.abs(tf.sub(joined, whole))).dataSync()[0]).toBeLessThan(1e-5);
  });

  it('drops with the capacity of the configuration, and nothing where told so', () => {
    const config = resolvePair({ ...small, capacityFactor: 0.5 });
    const kept = (dropless: boolean) =>
      runPair(input(), parametersOf(small), config, { dropless }).routing!.counts.sum().dataSync()[0];
    expect(kept(false)).toBeLessThan(10);
    expect(kept(true)).toBe(10);
  });

  it('drops out in training alone, with masks that depend on the seed', () => {
    const config = resolvePair({ ...small, dropout: 0.5 });
    const parameters = parametersOf(small);
    const x = input();
    const y = (seed?: number) => [
      ...runPair(x, parameters, config, {
        dropout: seed === undefined ? undefined : { seed, firstStream: 0 },
      }).y.dataSync(),
    ];
    expect(y()).toEqual([...runPair(x, parameters, resolvePair(small)).y.dataSync()]);
    expect(y(1)).toEqual(y(1));
    expect(y(1)).not.toEqual(y(2));
    expect(y(1)).not.toEqual(y());
  });

  it('returns its results and leaves no other tensors', () => {
    const parameters = parametersOf(small);
    const x = input();
    const before = tf.memory().numTensors;
    const result = runPair(x, parameters, resolvePair(small), { keepCache: true });
    const returned = tf.memory().numTensors - before;
    tf.dispose(result as unknown as tf.TensorContainerObject);
    expect(tf.memory().numTensors).toBe(before);
    // y, four of the cache and the tensors of the routing.
    expect(returned).toBe(1 + 4 + 8);
  });

  it('rejects an input of another shape', () => {
    const config = resolvePair(small);
    expect(() => runPair(tf.zeros([2, 5, 6]), parametersOf(small), config)).toThrow(
      /\(batch, sequence, 8\), got \(2, 5, 6\)/,
    );
  });

  it('names a parameter that is missing', () => {
    const { 'router.weight': _, ...incomplete } = parametersOf(small);
    expect(() => runPair(input(), incomplete, resolvePair(small))).toThrow(
      /parameter 'router.weight' is missing: expected \(8, 4\)/,
    );
  });
});

describe('initializePair', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('gives every kind the parameters of its specs', () => {
    for (const kind of blockKinds) {
      const parameters = initializePair({ ...small, kind }, { seed: 1 });
      const size = Object.values(parameters).reduce((sum, { size }) => sum + size, 0);
      expect(size).toBe(countParameters(pairSpecs(resolvePair({ ...small, kind }))));
    }
  });

  it('depends on seed and name alone', () => {
    const a = initializePair(small, { seed: 1 });
    const b = initializePair({ ...small, kind: 'standard' }, { seed: 1 });
    const c = initializePair(small, { seed: 2 });
    expect(b['attn2.wq']!.dataSync()).toEqual(a['attn2.wq']!.dataSync());
    expect(c['attn2.wq']!.dataSync()).not.toEqual(a['attn2.wq']!.dataSync());
    expect(a['attn1.wq']!.dataSync()).not.toEqual(a['attn2.wq']!.dataSync());
  });

  it('scales the projections into the residual stream and no others', () => {
    const scaled = initializePair(small, { seed: 1, residualScale: 0.5 });
    const plain = initializePair(small, { seed: 1 });
    const ratio = (name: string) => scaled[name]!.dataSync()[0]! / plain[name]!.dataSync()[0]!;
    for (const name of ['attn1.wo', 'mlp.w2', 'shared.w2', 'experts.w2']) expect(ratio(name)).toBeCloseTo(0.5, 5);
    for (const name of ['attn1.wq', 'mlp.w1', 'experts.w1', 'router.weight']) expect(ratio(name)).toBeCloseTo(1, 5);
  });
});
