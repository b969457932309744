import { loadBalanceLoss } from '@scmoe/gating';
import { expectGradientsMatch } from '@scmoe/testing';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { resolveBlock, type BlockConfig } from './BlockConfig.js';
import { blockKinds } from '../../config/BlockMoeConfig.js';
import { mixes } from '../../config/MoeConfig.js';
import { countParameters } from '../../parameters/ParameterSpec.js';
import { overlappedPlan } from '../../testing/overlappedPlan.js';
import { blockOperators } from './blockOperators.js';
import { blockSpecs, initializeBlock } from './blockSpecs.js';
import { runBlock } from './runBlock.js';

const small: BlockConfig = { kind: 'scmoe', dModel: 8, numHeads: 2, ffnHidden: 12, numExperts: 4 };

/** Parameters well away from zero, so that every path matters. */
const parametersOf = (config: BlockConfig) => initializeBlock(config, { seed: 3, standardDeviation: 0.4 });
const input = (batch = 2, length = 5) => tf.randomNormal<tf.Rank.R3>([batch, length, 8], 0, 1, 'float32', 7);

describe('runBlock', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each([
    ['dense', 'attention, mlp'],
    ['standard', 'attention, gate, encode, dispatch, expert, combine, decode, output'],
    ['shared', 'attention, gate, encode, dispatch, expert, combine, sharedExpert, decode, output'],
    ['scmoe', 'gate, encode, dispatch, expert, combine, attention, sharedExpert, decode, output'],
    [
      'dgmoe',
      'gate1, encode1, dispatch1, expert1, combine1, attention, ' +
        'gate2, encode2, dispatch2, expert2, combine2, decode1, decode2, output',
    ],
  ] as const)('names its operators: %s', (kind, names) => {
    const config: BlockConfig = { ...small, kind };
    const operators = blockOperators(parametersOf(config), resolveBlock(config));
    expect(operators.map(({ name }) => name).join(', ')).toBe(names);
  });

  it.each((['scmoe', 'dgmoe'] as const).flatMap((kind) => [0, 1, 2].map((slot) => [kind, slot] as const)))(
    'gives the same output when overlapped: %s, slot %i',
    (kind, slot) => {
      const config: BlockConfig = { ...small, kind };
      const parameters = parametersOf(config);
      const [sequential, overlapped] = [sequentialPlan, overlappedPlan(slot)].map((plan) =>
        runBlock(input(), parameters, resolveBlock(config), { plan }).y.dataSync(),
      );
      expect(overlapped).toEqual(sequential);
    },
  );

  const variants: [string, Partial<BlockConfig>][] = [
    ...blockKinds.map((kind): [string, Partial<BlockConfig>] => [kind, { kind }]),
    ...mixes.map((mix): [string, Partial<BlockConfig>] => [`scmoe ${mix}`, { mix }]),
    ['postNorm, no shortcut norm', { postNorm: true, shortcutNorm: 'none' }],
    ['the shared norm', { shortcutNorm: 'shared', norm: 'rms', topK: 2 }],
    ['swiglu, rope, grouped keys', { activation: 'swiglu', rope: { style: 'interleaved' }, numKvHeads: 1 }],
    ['dense without biases', { kind: 'dense', ffnBias: false, attentionBias: false }],
  ];
  it.each(variants)('has gradients that agree with finite differences: %s', (_, change) => {
    const config = { ...small, ...change };
    const resolved = resolveBlock(config);
    const parameters = parametersOf(config);
    // One of each sort: the reference values have the gradients of all.
    const sorts = /^(attn\.wq|mlp\.w1|router|experts\.(w2|gate)|shared\.(w1|down)|mix|norm(Moe|Shortcut|Post)\.weight)/;
    const names = Object.keys(parameters).filter((name) => sorts.test(name));
    const direction = tf.randomNormal([1, 5, 8], 0, 1, 'float32', 11);
    const loss = (x: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
      const { y, routing } = runBlock(x as tf.Tensor3D, given, resolved);
      const task = tf.mean(tf.mul(y, direction)).asScalar();
      return routing ? tf.add<tf.Scalar>(task, tf.mul(loadBalanceLoss(routing), 0.1)) : task;
    };
    // Small steps, for at a choice of experts the function jumps.
    const options = { step: 2e-3, samples: 2, tolerance: 3e-2, absoluteTolerance: 2e-3 };
    expectGradientsMatch(loss, [input(1), ...names.map((name) => parameters[name]!)], options);
  });

  it('chooses experts before its attention: they do not depend on it', () => {
    const parameters = parametersOf(small);
    const other = { ...parameters, 'attn.wv': tf.mul(parameters['attn.wv']!, -3) };
    const results = [parameters, other].map((given) => runBlock(input(), given, resolveBlock(small)));
    expect(results[1]!.routing!.logits.dataSync()).toEqual(results[0]!.routing!.logits.dataSync());
    expect(results[1]!.y.dataSync()).not.toEqual(results[0]!.y.dataSync());
  });

  it('continues from keys and values as if it had seen all tokens at once', () => {
    for (const kind of ['dense', 'scmoe'] as const) {
      const config: BlockConfig = { ...small, kind, rope: { style: 'half' } };
      const [resolved, parameters, x] = [resolveBlock(config), parametersOf(config), input(2, 6)];
      const whole = runBlock(x, parameters, resolved).y;
      const first = runBlock(x.slice([0, 0], [-1, 4]), parameters, resolved, { keepCache: true });
      const rest = runBlock(x.slice([0, 4], [-1, 2]), parameters, resolved, { past: first.cache });
      const joined = tf.concat([first.y, rest.y], 1);
      expect(tf.max(tf.abs(tf.sub(joined, whole))).dataSync()[0]).toBeLessThan(1e-5);
    }
  });

  it('drops out in training alone, with masks that depend on the seed', () => {
    const config = resolveBlock({ ...small, dropout: 0.5 });
    const parameters = parametersOf(small);
    const y = (seed?: number) => {
      const dropout = seed === undefined ? undefined : { seed, firstStream: 0 };
      return [...runBlock(input(), parameters, config, { dropout }).y.dataSync()];
    };
    expect(y()).toEqual([...runBlock(input(), parameters, resolveBlock(small)).y.dataSync()]);
    expect(y(1)).toEqual(y(1));
    expect(y(1)).not.toEqual(y(2));
  });

  it('returns its results and leaves no other tensors', () => {
    const parameters = parametersOf(small);
    const x = input();
    const before = tf.memory().numTensors;
    const { y, routing, cache } = runBlock(x, parameters, resolveBlock(small), { keepCache: true });
    tf.dispose([y, cache!]);
    tf.dispose(routing as unknown as tf.TensorContainer);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('counts its parameters as initialized, without the buffer', () => {
    for (const kind of blockKinds) {
      const config: BlockConfig = { ...small, kind, correctionBias: true };
      const parameters = Object.entries(initializeBlock(config, { seed: 1 }));
      const trained = parameters.filter(([name]) => name !== 'router.correctionBias');
      const size = trained.reduce((sum, [, { size }]) => sum + size, 0);
      expect(size).toBe(countParameters(blockSpecs(resolveBlock(config))));
    }
  });

  it('rejects an input of another shape, and names a parameter that is missing', () => {
    expect(() => runBlock(tf.zeros([2, 5, 6]), parametersOf(small), resolveBlock(small))).toThrow(
      /\(batch, sequence, 8\), got \(2, 5, 6\)/,
    );
    const { 'shared.b1': _, ...incomplete } = parametersOf(small);
    expect(() => runBlock(input(), incomplete, resolveBlock(small))).toThrow(
      /parameter 'b1' is missing; got w1, w2, b2/,
    );
  });
});
