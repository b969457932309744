import * as tf from '@tensorflow/tfjs';

import { feedForward, feedForwardCost } from '../../sublayers/feedForward.js';
import { normalize } from '../../sublayers/normalize.js';
import type { Packed } from '../../sublayers/PackedSequences.js';
import { residualDropout, type ResidualDropout } from '../../sublayers/residualDropout.js';
import { moeSublayer, type MoeContext, type SublayerValues } from '../../moe/moeSublayer.js';
import type { CostContext } from '../../cost/CostContext.js';
import { below, type ParameterRecord } from '../../parameters/ParameterRecord.js';
import { operatorsOver, type Computation, type Operator } from '../../plan/Operator.js';
import { blockAttention, blockAttentionCost, type AttentionCache } from '../../sublayers/blockAttention.js';
import type { ResolvedLongcatBlock } from './LongcatBlockConfig.js';

/** Everything that the operators of a LongCat block read and write, by name. All activations are (B, S, d). */
export interface LongcatValues extends SublayerValues {
  /** Input of the block. */
  x: tf.Tensor3D;
  /** x + attention, and u: a normalised, which the first MLP, gate and experts read. */
  a: tf.Tensor3D;
  u: tf.Tensor3D;
  /** a + MLP, c = b + attention, d = c + MLP. */
  b: tf.Tensor3D;
  c: tf.Tensor3D;
  d: tf.Tensor3D;
  /** Output of the block, d + routed. */
  y: tf.Tensor3D;
  keyValues1: AttentionCache | undefined;
  keyValues2: AttentionCache | undefined;
}

/** What both attentions remember of the tokens so far. */
export type LongcatCache = {
  attention1: AttentionCache;
  attention2: AttentionCache;
};

/** What a pass through a LongCat block depends on besides parameters and configuration. */
export interface LongcatContext extends MoeContext {
  /** Tokens that x continues. */
  past?: LongcatCache | Packed<LongcatCache>;
  /** Switches dropout on; takes `longcatDropoutStreams` streams. */
  dropout?: ResidualDropout;
}

/** Random streams that the dropout of one LongCat block takes. */
export const longcatDropoutStreams = 5;

/**
 * The operators of a LongCat block, in the order of the sequential plan (LongCat-Flash, arXiv 2509.01322, section 2.2):
 * a first attention, gate to combine, which then may run beside everything else, `mlp1`, `attention2` and `mlp2`, decode
 * and output.
 */
export function longcatOperators(
  parameters: ParameterRecord,
  config: ResolvedLongcatBlock,
  context: LongcatContext = {},
): Operator<LongcatValues>[] {
  const { computation } = operatorsOver<LongcatValues>();
  const norm = (name: string, x: tf.Tensor3D) => normalize(x, below(parameters, name), config);
  const attend = (index: 1 | 2, x: tf.Tensor3D) =>
    blockAttention(norm(`normAttn${index}`, x), below(parameters, `attn${index}`), config, {
      past: context.past?.[`attention${index}`],
      mask: context.mask,
      tensor: context.tensor,
    });
  const mlp = (index: 1 | 2, x: tf.Tensor3D) =>
    feedForward(x, below(parameters, `mlp${index}`), config.activation, {
      bias: config.ffnBias,
      clampedGlu: config.clampedGlu,
      tensor: context.tensor,
    });
  const drop = residualDropout(config, context.dropout);
  const mlpCost = (of: CostContext) => feedForwardCost(of, config.ffnHidden, config);

  const attention1 = computation({
    name: 'attention1',
    kind: 'attention',
    inputs: ['x'],
    outputs: ['a', 'u', 'keyValues1'],
    run: ({ x }) => {
      const { output, all } = attend(1, x);
      const a: tf.Tensor3D = tf.add(x, drop(output, 0));
      return { a, u: norm('normMlp1', a), keyValues1: all };
    },
    cost: (of) => [of.norm(config.norm), ...blockAttentionCost(of, config), of.norm(config.norm)],
  });
  const mlp1 = computation({
    name: 'mlp1',
    kind: 'mlp',
    inputs: ['a', 'u'],
    outputs: ['b'],
    run: ({ a, u }) => ({ b: tf.add(a, drop(mlp(1, u), 1)) }),
    cost: mlpCost,
  });
  const attention2 = computation({
    name: 'attention2',
    kind: 'attention',
    inputs: ['b'],
    outputs: ['c', 'keyValues2'],
    run: ({ b }) => {
      const { output, all } = attend(2, b);
      return { c: tf.add(b, drop(output, 2)), keyValues2: all };
    },
    cost: (of) => [of.norm(config.norm), ...blockAttentionCost(of, config)],
  });
  const mlp2 = computation({
    name: 'mlp2',
    kind: 'mlp',
    inputs: ['c'],
    outputs: ['d'],
    run: ({ c }) => ({ d: tf.add(c, drop(mlp(2, norm('normMlp2', c)), 3)) }),
    cost: (of) => [of.norm(config.norm), ...mlpCost(of)],
  });
  const output: Computation<LongcatValues> = computation({
    kind: 'output',
    inputs: ['d', 'routed'],
    outputs: ['y'],
    run: ({ d, routed }) => ({ y: tf.add(d, drop(routed, 4)) }),
    cost: (of) => [of.sum(2)],
  });

  const { routed, current } = moeSublayer<LongcatValues>(parameters, config.moe, { tap: 'u' }, context);
  return [attention1, ...routed, mlp1, attention2, mlp2, ...current, output];
}
