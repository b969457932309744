import * as tf from '@tensorflow/tfjs';

import { outputOperator } from '../../moe/expertBlock.js';
import { feedForward, feedForwardCost } from '../../sublayers/feedForward.js';
import { normalize } from '../../sublayers/normalize.js';
import { residualDropout } from '../../sublayers/residualDropout.js';
import { blockAttention, blockAttentionCost, type AttentionCache } from '../../sublayers/blockAttention.js';
import { normOfWanted, wantedRows } from '../../sublayers/outputRows.js';
import { shortcutNorm } from '../../sublayers/shortcutNorm.js';
import type { Position, ResolvedMoe } from '../../config/BlockMoeConfig.js';
import type { ResolvedPair } from './PairConfig.js';
import { moeSublayer, type SublayerValues } from '../../moe/moeSublayer.js';
import { below, type ParameterRecord } from '../../parameters/ParameterRecord.js';
import { operatorsOver, type Computation, type Operator } from '../../plan/Operator.js';
import { farSkipOperators } from '../farSkip/farSkipOperators.js';
import type { PairContext } from './PairContext.js';

/** Everything that the operators of a pair read and write, by name. All activations are (B, S, d). */
export interface PairValues extends SublayerValues {
  /** Input of the pair. */
  x: tf.Tensor3D;
  /** x + attention, b = a + MLP: the first block. */
  a: tf.Tensor3D;
  b: tf.Tensor3D;
  /** b + attention, and c normalised. */
  c: tf.Tensor3D;
  u: tf.Tensor3D;
  /** Output of the pair. */
  y: tf.Tensor3D;
  keyValues1: AttentionCache | undefined;
  keyValues2: AttentionCache | undefined;
}

/** An activation of a pair that gate and experts can read. */
type Tap = 'x' | 'a' | 'b' | 'u';

const tapOfPosition: Record<Position, Tap> = { pos1: 'b', pos2: 'a', pos3: 'x' };

/**
 * What feeds gate and experts: without a shortcut the normalised current activation u, with one an earlier activation,
 * before its norm: the pair's input x (pos3), the intermediate a of its first block (pos2) or that block's output b (pos1).
 */
function tapOf({ shortcut }: ResolvedMoe): Tap {
  return shortcut ? tapOfPosition[shortcut.position] : 'u';
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
  if (config.connectivity === 'farskip') return farSkipPair(parameters, config, context);
  const [attention1, mlp1, attention2] = backboneOperators(parameters, config, context);
  if (!moe) return [attention1, mlp1, attention2, secondMlp(parameters, config, context)];

  const tap = tapOf(moe);
  const shortcut = shortcutNorm(parameters, config, moe);
  const norm = tap === 'u' ? shortcut : normOfWanted(shortcut, context.outputRows);
  const sublayer = moeSublayer<PairValues>(parameters, moe, { tap, norm }, context);
  const after = (activation: Tap) => (tap === activation ? sublayer.routed : []);
  return [
    ...after('x'),
    attention1,
    ...after('a'),
    mlp1,
    ...after('b'),
    attention2,
    ...after('u'),
    ...sublayer.current,
    outputOperator(parameters, config, moe, sublayer, { dropout: context.dropout, place: 3 }),
  ];
}

/** A dense block and one with the pair's experts. */
function farSkipPair(
  parameters: ParameterRecord,
  config: ResolvedPair,
  { past, pending, ...context }: PairContext,
): Operator<PairValues>[] {
  const first = { suffix: '1', input: 'x', output: 'b', place: 0, normMlp: 'normMlp', mlp: 'mlp' } as const;
  const second = { suffix: '2', input: 'b', output: 'y', place: 2, normMlp: 'normMlp2', mlp: 'mlp2' } as const;
  const namesOf = {
    first: { ...first, normAttn: 'normAttn1', attn: 'attn1' },
    second: { ...second, normAttn: 'normAttn2', attn: 'attn2' },
  };
  return [
    ...farSkipOperators<PairValues>(
      parameters,
      { ...config, moe: undefined },
      { ...context, pending, past: past?.attention1 },
      namesOf.first,
    ),
    ...farSkipOperators<PairValues>(parameters, config, { ...context, past: past?.attention2 }, namesOf.second),
  ];
}

const { computation } = operatorsOver<PairValues>();

function backboneOperators(parameters: ParameterRecord, config: ResolvedPair, context: PairContext) {
  const norm = (name: string, x: tf.Tensor3D) => normalize(x, below(parameters, name), config);
  const drop = residualDropout(config, context.dropout);
  const { mask } = context;
  return [
    computation({
      name: 'attention1',
      kind: 'attention',
      inputs: ['x'],
      outputs: ['a', 'keyValues1'],
      run: ({ x }) => {
        const past = context.past?.attention1;
        const { output, all } = blockAttention(norm('normAttn1', x), below(parameters, 'attn1'), config, {
          past,
          mask,
          tensor: context.tensor,
        });
        return { a: tf.add(x, drop(output, 0)), keyValues1: all };
      },
      cost: (of) => [of.norm(config.norm), ...blockAttentionCost(of, config)],
    }),
    computation({
      name: 'mlp1',
      kind: 'mlp',
      inputs: ['a'],
      outputs: ['b'],
      run: ({ a }) => {
        const output = feedForward(norm('normMlp', a), below(parameters, 'mlp'), config.activation, {
          bias: config.ffnBias,
          clampedGlu: config.clampedGlu,
          tensor: context.tensor,
        });
        return { b: tf.add(a, drop(output, 1)) };
      },
      cost: (of) => [of.norm(config.norm), ...feedForwardCost(of, config.ffnHidden, config)],
    }),
    computation({
      name: 'attention2',
      kind: 'attention',
      inputs: ['b'],
      outputs: ['c', 'u', 'keyValues2'],
      run: ({ b }) => {
        const past = context.past?.attention2;
        const { output: ofAll, all } = blockAttention(norm('normAttn2', b), below(parameters, 'attn2'), config, {
          past,
          mask,
          tensor: context.tensor,
        });
        const { outputRows } = context;
        const c: tf.Tensor3D = tf.add(wantedRows(b, outputRows), drop(wantedRows(ofAll, outputRows), 2));
        return { c, u: norm(config.moe ? 'normMoe' : 'normMlp2', c), keyValues2: all };
      },
      cost: (of) => [of.norm(config.norm), ...blockAttentionCost(of, config), of.norm(config.norm)],
    }),
  ] as const;
}

function secondMlp(parameters: ParameterRecord, config: ResolvedPair, context: PairContext): Computation<PairValues> {
  const drop = residualDropout(config, context.dropout);
  return computation({
    name: 'mlp2',
    kind: 'mlp',
    inputs: ['c', 'u'],
    outputs: ['y'],
    run: ({ c, u }) => ({
      y: tf.add(
        c,
        drop(
          feedForward(u, below(parameters, 'mlp2'), config.activation, {
            bias: config.ffnBias,
            clampedGlu: config.clampedGlu,
            tensor: context.tensor,
          }),
          3,
        ),
      ),
    }),
    cost: (of) => feedForwardCost(of, config.ffnHidden, config),
  });
}
