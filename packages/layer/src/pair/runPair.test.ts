import { loadBalanceLoss } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { blockKinds, positions } from '../config/BlockMoeConfig.js';
import { resolvePair, type PairConfig } from '../config/PairConfig.js';
import { mixes } from '../config/MoeConfig.js';
import { isExchange } from '../plan/Operator.js';
import { overlapped } from '../plan/overlapped.js';
import { sequentialPlan } from '../plan/Plan.js';
import { pairOperators } from './pairOperators.js';
import { initializePair, pairSpecs } from './pairSpecs.js';
import { runPair } from './runPair.js';
import { countParameters } from '../parameters/ParameterSpec.js';

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

  const slotsOf = { pos1: [0, 1, 2], pos2: [0, 1, 2, 3], pos3: [0, 1, 2, 3, 4] };
  it.each(positions.flatMap((position) => slotsOf[position].map((slot) => [position, slot] as const)))(
    'gives the same numbers when overlapped: %s, slot %i',
    (position, slot) => {
      const config = resolvePair({ ...small, position });
      const parameters = parametersOf(small);
      const x = input();
      const results = [sequentialPlan, overlapped(slot)].map((plan) => {
        const loss = (x: tf.Tensor, w1: tf.Tensor) => {
          const { y } = runPair(x as tf.Tensor3D, { ...parameters, 'experts.w1': w1 }, config, { plan });
          return tf.sum(tf.square(y)).asScalar();
        };
        return tf.valueAndGrads(loss)([x, parameters['experts.w1']!]);
      });
      // The same operators on the same values: the same bits. Gradients of x are summed in another order of the paths.
      expect(results[1]!.value.dataSync()).toEqual(results[0]!.value.dataSync());
      expect(results[1]!.grads[1]!.dataSync()).toEqual(results[0]!.grads[1]!.dataSync());
      const difference = tf.max(tf.abs(tf.sub(results[1]!.grads[0]!, results[0]!.grads[0]!))).dataSync()[0]!;
      const largest = tf.max(tf.abs(results[0]!.grads[0]!)).dataSync()[0]!;
      expect(difference).toBeLessThanOrEqual(1e-6 * largest);
    },
  );

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
  ];
  it.each(variants)('has gradients that agree with finite differences: %s', (_, change) => {
    const config = { ...small, ...change };
    const resolved = resolvePair(config);
    const parameters = parametersOf(config);
    // One of each sort: the reference values have the gradients of all.
    const sorts =
      /^(attn1\.wq|attn2\.wv|mlp2?\.(w1|up)|router|experts\.(w2|gate)|shared\.(w1|down)|mix|norm(Moe|Shortcut|Post)\.weight)/;
    const names = Object.keys(parameters).filter((name) => sorts.test(name));
    const direction = tf.randomNormal([1, 5, 8], 0, 1, 'float32', 11);
    const loss = (x: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
      const { y, routing } = runPair(x as tf.Tensor3D, given, resolved);
      const task = tf.mean(tf.mul(y, direction)).asScalar();
      return routing ? tf.add<tf.Scalar>(task, tf.mul(loadBalanceLoss(routing), 0.1)) : task;
    };
    // Small steps, for at a choice of experts the function jumps. The router has a gradient through the weights alone.
    const options = { step: 2e-3, samples: 2, tolerance: 3e-2, absoluteTolerance: 2e-3 };
    expectGradientsMatch(loss, [input(1), ...names.map((name) => parameters[name]!)], options);
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
    expect(() => runPair(input(), incomplete, resolvePair(small))).toThrow(/parameter 'router.weight' is missing/);
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
