import { ArgumentError } from '@scmoe/errors';
import { loadBalanceLoss } from '@scmoe/gating';
import { availableBackends, expectGradientsMatch } from '@scmoe/testing';
import { sequentialPlan, type Step } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { countParameters } from '../../parameters/ParameterSpec.js';
import { isExchange } from '../../plan/Operator.js';
import { overlapped } from '../../plan/overlapped.js';
import { resolveLongcatBlock, type LongcatBlockConfig } from './LongcatBlockConfig.js';
import { longcatOperators } from './longcatOperators.js';
import { initializeLongcatBlock, longcatSpecs } from './longcatSpecs.js';
import { runLongcatBlock } from './runLongcatBlock.js';

const multiHead: LongcatBlockConfig = {
  dModel: 8,
  numHeads: 2,
  rope: { style: 'half' },
  ffnHidden: 12,
  expertHidden: 6,
  numExperts: 4,
  numZeroExperts: 2,
  topK: 2,
  routedScalingFactor: 1.5,
};
const { rope: _, ...withoutRope } = multiHead;
const latent: LongcatBlockConfig = {
  ...withoutRope,
  latent: { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 },
};
const kinds = { multiHead, latent };
const kindNames = Object.keys(kinds) as (keyof typeof kinds)[];

/** Parameters well away from zero, so that every path matters. */
const parametersOf = (config: LongcatBlockConfig, seed = 3) =>
  initializeLongcatBlock(config, { seed, standardDeviation: 0.4 });
const input = (batch = 2, length = 5) => tf.randomNormal<tf.Rank.R3>([batch, length, 8], 0, 1, 'float32', 7);

describe.each(availableBackends())('runLongcatBlock on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('names its operators, gate to combine behind the first attention, and has two exchanges', () => {
    const operators = longcatOperators(parametersOf(multiHead), resolveLongcatBlock(multiHead));
    expect(operators.map(({ name }) => name)).toEqual([
      'attention1',
      'gate',
      'encode',
      'dispatch',
      'expert',
      'combine',
      'mlp1',
      'attention2',
      'mlp2',
      'decode',
      'output',
    ]);
    expect(operators.filter((each) => isExchange(each)).map(({ name }) => name)).toEqual(['dispatch', 'combine']);
  });

  it.each(kindNames.flatMap((kind) => [0, 1, 2, 3].map((slot) => [kind, slot] as const)))(
    'gives the same bits when overlapped: %s attention, slot %i',
    (kind, slot) => {
      const config = resolveLongcatBlock(kinds[kind]);
      const parameters = parametersOf(kinds[kind]);
      const x = input();
      const [sequential, shifted] = [sequentialPlan, overlapped(slot)].map((plan) => {
        const loss = (x: tf.Tensor, gate: tf.Tensor, router: tf.Tensor) => {
          const given = { ...parameters, 'experts.gate': gate, 'router.weight': router };
          return tf.sum(tf.square(runLongcatBlock(x as tf.Tensor3D, given, config, { plan }).y)).asScalar();
        };
        return tf.valueAndGrads(loss)([x, parameters['experts.gate']!, parameters['router.weight']!]);
      });
      expect(shifted!.value.dataSync()).toEqual(sequential!.value.dataSync());
      expect(shifted!.grads[1]!.dataSync()).toEqual(sequential!.grads[1]!.dataSync());
      expect(shifted!.grads[2]!.dataSync()).toEqual(sequential!.grads[2]!.dataSync());
      // What the paths to x bring back is added up in the order of the plan.
      const difference = tf.max(tf.abs(tf.sub(shifted!.grads[0]!, sequential!.grads[0]!))).dataSync()[0]!;
      expect(difference).toBeLessThanOrEqual(1e-6 * tf.max(tf.abs(sequential!.grads[0]!)).dataSync()[0]!);
    },
  );

  it('has four slots, and no fifth', () => {
    const config = resolveLongcatBlock(multiHead);
    const run = (slot: number) => runLongcatBlock(input(), parametersOf(multiHead), config, { plan: overlapped(slot) });
    expect(run(3).y.shape).toEqual([2, 5, 8]);
    expect(() => run(4)).toThrow(/slot/);
  });

  it('gives the same where tokens travel in chunks, and tells an observer of every step', () => {
    const config = resolveLongcatBlock({ ...multiHead, capacityFactor: 2 });
    const parameters = parametersOf(multiHead);
    const x = input();
    const whole = runLongcatBlock(x, parameters, config).y;
    const begun: string[] = [];
    const observer = {
      begin: ({ action, operator }: Step) => begun.push(`${action} ${operator}`),
      end: () => undefined,
    };
    const { y } = runLongcatBlock(x, parameters, config, { plan: overlapped(2), chunks: 2, observer });
    expect(tf.max(tf.abs(tf.sub(y, whole))).dataSync()[0]).toBeLessThan(1e-6);
    expect(begun.slice(0, 3)).toEqual(['run attention1', 'run gate', 'run encode']);
    expect(begun.filter((step) => step.startsWith('start dispatch'))).toHaveLength(2);
    expect(begun.at(-1)).toBe('run output');
  });

  const variants: [string, LongcatBlockConfig, number][] = [
    ['multi-head attention', multiHead, 3],
    ['latent attention', latent, 3],
    ['zero experts not scaled, sigmoid scores', { ...multiHead, scaleZeroExperts: false, scoreFunction: 'sigmoid' }, 3],
    ['layer norm, biases, gelu', { ...multiHead, norm: 'layer', attentionBias: true, activation: 'gelu' }, 5],
    ['no zero experts, one choice', { ...latent, numZeroExperts: 0, topK: 1 }, 3],
  ];
  it.each(variants)('has gradients that agree with finite differences: %s', (_, config, seed) => {
    const resolved = resolveLongcatBlock(config);
    const parameters = parametersOf(config, seed);
    // One of each sort: the reference values have the gradients of all.
    const sorts =
      /^(attn1\.(wq|wkvUp)|attn2\.(wv|wo|wqDown)|mlp[12]\.(w1|up)|router\.weight|experts\.(w2|gate)|normMlp1)/;
    const names = Object.keys(parameters).filter((name) => sorts.test(name));
    const direction = tf.randomNormal([1, 5, 8], 0, 1, 'float32', 11);
    const loss = (x: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
      const { y, routing } = runLongcatBlock(x as tf.Tensor3D, given, resolved);
      return tf.add<tf.Scalar>(tf.mean(tf.mul(y, direction)), tf.mul(loadBalanceLoss(routing), 0.1));
    };
    // Small steps, for at a choice of experts the function jumps. The router has a gradient through the weights alone.
    const options = { step: 2e-3, samples: 2, tolerance: 3e-2, absoluteTolerance: 2e-3 };
    expectGradientsMatch(loss, [input(1), ...names.map((name) => parameters[name]!)], options);
  });

  it.each(kindNames)('continues from a cache as if it had seen all tokens at once: %s attention', (kind) => {
    const config = resolveLongcatBlock(kinds[kind]);
    const parameters = parametersOf(kinds[kind]);
    const x = input(2, 6);
    const whole = runLongcatBlock(x, parameters, config).y;
    const first = runLongcatBlock(x.slice([0, 0], [-1, 4]), parameters, config, { keepCache: true });
    const rest = runLongcatBlock(x.slice([0, 4], [-1, 2]), parameters, config, { past: first.cache });
    const difference = tf.max(tf.abs(tf.sub(tf.concat([first.y, rest.y], 1), whole)));
    expect(difference.dataSync()[0]).toBeLessThan(2e-5);
  });

  it('chooses by the correction bias and weighs without it', () => {
    const config = resolveLongcatBlock(multiHead);
    const parameters = parametersOf(multiHead);
    const bias = tf.tensor1d([0, 0, 0, 5, 0, 4]);
    const { routing } = runLongcatBlock(input(), { ...parameters, 'router.correctionBias': bias }, config);
    const pairs = routing.experts.arraySync();
    expect(pairs.every(([first, second]) => first === 3 && second === 5)).toBe(true);
    const scores = routing.scores.arraySync();
    const weights = routing.weights.arraySync();
    weights.forEach(([ofThird], t) => expect(ofThird).toBeCloseTo(1.5 * scores[t]![3]!, 5));
  });

  it('drops out in training alone, with masks that depend on the seed', () => {
    const config = resolveLongcatBlock({ ...multiHead, dropout: 0.5 });
    const parameters = parametersOf(multiHead);
    const x = input();
    const y = (seed?: number) => {
      const dropout = seed === undefined ? undefined : { seed, firstStream: 0 };
      return [...runLongcatBlock(x, parameters, config, { dropout }).y.dataSync()];
    };
    expect(y()).toEqual([...runLongcatBlock(x, parameters, resolveLongcatBlock(multiHead)).y.dataSync()]);
    expect(y(1)).toEqual(y(1));
    expect(y(1)).not.toEqual(y(2));
  });

  it.each(kindNames)('returns its results and leaves no other tensors: %s attention', (kind) => {
    const parameters = parametersOf(kinds[kind]);
    const config = resolveLongcatBlock(kinds[kind]);
    const x = input();
    const before = tf.memory().numTensors;
    const result = runLongcatBlock(x, parameters, config, { keepCache: true });
    tf.dispose(result as unknown as tf.TensorContainerObject);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a LongCat block', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('starts with the parameters of its specs, each depending on seed and name alone', () => {
    const parameters = parametersOf(latent);
    const trained = Object.entries(parameters).filter(([name]) => name !== 'router.correctionBias');
    const size = trained.reduce((sum, [, tensor]) => sum + tensor.size, 0);
    expect(size).toBe(countParameters(longcatSpecs(resolveLongcatBlock(latent))));
    const other = parametersOf(multiHead);
    expect(other['experts.gate']!.dataSync()).toEqual(parameters['experts.gate']!.dataSync());
  });

  it('takes the choices of LongCat-Flash where none are given', () => {
    const { norm, activation, attentionBias, moe } = resolveLongcatBlock({ dModel: 8, numHeads: 2, numExperts: 4 });
    expect({ norm, activation, attentionBias }).toEqual({ norm: 'rms', activation: 'swiglu', attentionBias: false });
    expect(moe).toMatchObject({ topK: 2, normalizeWeights: false, correctionBias: true, scaleZeroExperts: true });
  });

  it('may have heads that do not divide the width, where they are latent', () => {
    expect(resolveLongcatBlock({ ...latent, numHeads: 3 }).numHeads).toBe(3);
    expect(() => resolveLongcatBlock({ ...multiHead, numHeads: 3 })).toThrow(/numHeads: expected a divisor of dModel/);
  });

  it.each<[string, Partial<Record<keyof LongcatBlockConfig | 'mix', unknown>>, RegExp]>([
    ['latent attention without sizes', { attention: 'latent' }, /^latent: expected the sizes of latent attention/],
    ['an unknown attention', { attention: 'linear' }, /^attention: expected one of multiHead, latent, got "linear"$/],
    ['rotary options beside latent sizes', { latent: latent.latent }, /^rope: expected none with attention 'latent'/],
    [
      'sizes of latent attention for another',
      { attention: 'multiHead', latent: latent.latent },
      /^latent: expected none with attention 'multiHead'/,
    ],
    ['an expert without width', { expertHidden: 0 }, /^expertHidden: expected a positive integer, got 0$/],
    ['more choices than experts', { topK: 7 }, /^topK: expected at most .* 6, got 7$/],
    ['an option of other blocks', { mix: 'add' }, /unknown option mix = "add"/],
  ])('rejects %s', (_, change, message) => {
    const resolve = () => resolveLongcatBlock({ ...multiHead, ...change } as LongcatBlockConfig);
    expect(resolve).toThrow(ArgumentError);
    expect(resolve).toThrow(message);
  });

  it('rejects an input of another shape and names a parameter that is missing', () => {
    const { 'attn2.wo': _, ...incomplete } = parametersOf(multiHead);
    const config = resolveLongcatBlock(multiHead);
    expect(() => runLongcatBlock(tf.zeros([2, 5, 6]), parametersOf(multiHead), config)).toThrow(
      /\(batch, sequence, 8\), got \(2, 5, 6\)/,
    );
    expect(() => runLongcatBlock(input(), incomplete, config)).toThrow(/parameter 'wo' is missing/);
  });
});
