import * as tf from '@tensorflow/tfjs';

import { feedForward } from '../blocks/feedForward.js';
import { mixCoefficients, mixOutputs } from '../blocks/mix.js';
import { normalize } from '../blocks/normalize.js';
import { selfAttention, type KeyValues } from '../blocks/selfAttention.js';
import type { ResolvedMoe, ResolvedPair } from '../config/PairConfig.js';
import { LocalDispatcher } from '../moe/LocalDispatcher.js';
import { expertOperators, gate, type MoeValues } from '../moe/moeOperators.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { operatorsOver, type Computation, type Operator } from '../plan/Operator.js';
import { dropoutOf, type PairContext } from './PairContext.js';
import { shortcutNormOf, tapOf, type Tap } from './tap.js';

/** Everything that the operators of a pair read and write, by name. All activations are (B, S, d). */
export interface PairValues extends MoeValues {
  /** Input of the pair. */
  x: tf.Tensor3D;
  /** x + attention, b = a + MLP: the first block. */
  a: tf.Tensor3D;
  b: tf.Tensor3D;
  /** b + attention, and c normalised. */
  c: tf.Tensor3D;
  u: tf.Tensor3D;
  /** Output of the shared expert, and the coefficients of shared and routed (absent for `add`). */
  shared: { output: tf.Tensor; coefficients?: tf.Tensor };
  /** Output of the pair. */
  y: tf.Tensor3D;
  keyValues1: KeyValues;
  keyValues2: KeyValues;
}

/**
 * The operators of a pair, in the order of the sequential plan: the backbone, with gate to combine where the activation
 * that feeds them appears, and decode and output at the end.
 */
export function pairOperators(
  parameters: ParameterRecord,
  config: ResolvedPair,
  context: PairContext = {},
): Operator<PairValues>[] {
  const { moe } = config;
  const [attention1, mlp1, attention2] = backboneOperators(parameters, config, context);
  if (!moe) return [attention1, mlp1, attention2, secondMlp(parameters, config, context)];

  const dispatcher = context.dispatcher ?? new LocalDispatcher();
  const experts = expertOperators(parameters, { activation: config.activation, dispatcher });
  const decode = experts.pop()!;
  const routed = [gateOperator(parameters, config, moe, context), ...experts];
  const after = (tap: Tap) => (tapOf(moe) === tap ? routed : []);
  return [
    ...after('x'),
    attention1,
    ...after('a'),
    mlp1,
    ...after('b'),
    attention2,
    ...after('u'),
    ...(moe.shared ? [sharedExpert(parameters, config, moe.shared)] : []),
    decode,
    output(parameters, config, moe, context),
  ] as Operator<PairValues>[];
}

const { computation } = operatorsOver<PairValues>();

function backboneOperators(parameters: ParameterRecord, config: ResolvedPair, context: PairContext) {
  const norm = (name: string, x: tf.Tensor3D) => normalize(x, below(parameters, name), config);
  const drop = dropoutOf(config.dropout, context.dropout);
  return [
    computation({
      name: 'attention1',
      kind: 'attention',
      inputs: ['x'],
      outputs: ['a', 'keyValues1'],
      run: ({ x }) => {
        const past = context.past?.attention1;
        const { output, all } = selfAttention(norm('normAttn1', x), below(parameters, 'attn1'), config, past);
        return { a: tf.add(x, drop(output, 0)), keyValues1: all };
      },
    }),
    computation({
      name: 'mlp1',
      kind: 'mlp',
      inputs: ['a'],
      outputs: ['b'],
      run: ({ a }) => {
        const output = feedForward(norm('normMlp', a), below(parameters, 'mlp'), config.activation);
        return { b: tf.add(a, drop(output, 1)) };
      },
    }),
    computation({
      name: 'attention2',
      kind: 'attention',
      inputs: ['b'],
      outputs: ['c', 'u', 'keyValues2'],
      run: ({ b }) => {
        const past = context.past?.attention2;
        const { output, all } = selfAttention(norm('normAttn2', b), below(parameters, 'attn2'), config, past);
        const c: tf.Tensor3D = tf.add(b, drop(output, 2));
        return { c, u: norm(config.moe ? 'normMoe' : 'normMlp2', c), keyValues2: all };
      },
    }),
  ] as const;
}

function secondMlp(parameters: ParameterRecord, config: ResolvedPair, context: PairContext): Computation<PairValues> {
  const drop = dropoutOf(config.dropout, context.dropout);
  return computation({
    name: 'mlp2',
    kind: 'mlp',
    inputs: ['c', 'u'],
    outputs: ['y'],
    run: ({ c, u }) => ({ y: tf.add(c, drop(feedForward(u, below(parameters, 'mlp2'), config.activation), 3)) }),
  });
}

function gateOperator(
  parameters: ParameterRecord,
  config: ResolvedPair,
  moe: ResolvedMoe,
  { dropless }: PairContext,
): Computation<PairValues> {
  const tap = tapOf(moe);
  const normName = shortcutNormOf(moe);
  return computation({
    kind: 'gate',
    inputs: [tap],
    outputs: ['s', 'routing'],
    run: (inputs) => {
      const s = normName ? normalize(inputs[tap], below(parameters, normName), config) : inputs[tap];
      return { s, routing: gate(s, parameters, dropless ? { ...moe, capacityFactor: 0 } : moe) };
    },
  });
}

function sharedExpert(
  parameters: ParameterRecord,
  { activation }: ResolvedPair,
  { mix }: NonNullable<ResolvedMoe['shared']>,
): Computation<PairValues> {
  return computation({
    kind: 'sharedExpert',
    inputs: ['u'],
    outputs: ['shared'],
    run: ({ u }) => ({
      shared: {
        output: feedForward(u, below(parameters, 'shared'), activation),
        coefficients: mixCoefficients(u, below(parameters, 'mix'), mix),
      },
    }),
  });
}

function output(
  parameters: ParameterRecord,
  config: ResolvedPair,
  moe: ResolvedMoe,
  context: PairContext,
): Computation<PairValues> {
  const drop = dropoutOf(config.dropout, context.dropout);
  const finish = (c: tf.Tensor3D, sum: tf.Tensor): Pick<PairValues, 'y'> => {
    const normed = moe.postNorm ? normalize(sum, below(parameters, 'normPost'), config) : sum;
    return { y: tf.add(c, drop(normed, 3)) };
  };
  if (!moe.shared) {
    return computation({
      kind: 'output',
      inputs: ['c', 'routed'],
      outputs: ['y'],
      run: ({ c, routed }) => finish(c, routed),
    });
  }
  return computation({
    kind: 'output',
    inputs: ['c', 'routed', 'shared'],
    outputs: ['y'],
    run: ({ c, routed, shared }) => finish(c, mixOutputs(shared.output, routed, shared.coefficients)),
  });
}
