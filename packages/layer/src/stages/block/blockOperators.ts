import * as tf from '@tensorflow/tfjs';

import { feedForward, feedForwardCost } from '../../sublayers/feedForward.js';
import { normalize } from '../../sublayers/normalize.js';
import { residualDropout } from '../../sublayers/residualDropout.js';
import { blockAttention, blockAttentionCost, type AttentionCache } from '../../sublayers/blockAttention.js';
import { normOfWanted, wantedRows } from '../../sublayers/outputRows.js';
import { shortcutNorm } from '../../sublayers/shortcutNorm.js';
import type { ResolvedBlock } from './BlockConfig.js';
import { moeSublayer, type SublayerValues } from '../../moe/moeSublayer.js';
import { below, type ParameterRecord } from '../../parameters/ParameterRecord.js';
import { operatorsOver, type Operator } from '../../plan/Operator.js';
import { farSkipOperators } from '../farSkip/farSkipOperators.js';
import type { BlockContext } from './BlockContext.js';
import { outputOperator } from '../../moe/expertBlock.js';

/** Everything that the operators of a block read and write, by name. All activations are (B, S, d). */
export interface BlockValues extends SublayerValues {
  /** Input of the block. */
  x: tf.Tensor3D;
  /** x + attention, and c normalised. */
  c: tf.Tensor3D;
  u: tf.Tensor3D;
  /** Output of the block. */
  y: tf.Tensor3D;
  keyValues: AttentionCache | undefined;
}

const farSkipNames = {
  suffix: '',
  input: 'x',
  output: 'y',
  normAttn: 'normAttn',
  attn: 'attn',
  normMlp: 'normMlp',
  mlp: 'mlp',
  place: 0,
} as const;

/**
 * The operators of a block, in the order of the sequential plan: attention, with gate to combine before it where they
 * read the block's input and behind it where they read u, then what needs u, decode and output.
 */
export function blockOperators(
  parameters: ParameterRecord,
  config: ResolvedBlock,
  context: BlockContext = {},
): Operator<BlockValues>[] {
  if (config.connectivity === 'farskip')
    return farSkipOperators(parameters, config, { ...context, past: context.past?.attention }, farSkipNames);
  const { computation } = operatorsOver<BlockValues>();
  const { moe } = config;
  const drop = residualDropout(config, context.dropout);
  const isAfter = config.normPlacement === 'after';
  const norm = (name: string, x: tf.Tensor3D) => normalize(x, below(parameters, name), config);
  const attention = computation({
    kind: 'attention',
    inputs: ['x'],
    outputs: ['c', 'u', 'keyValues'],
    run: ({ x }) => {
      const read = isAfter ? x : norm('normAttn', x);
      const { past, mask, tensor, outputRows } = context;
      const seen = { past: past?.attention, mask, tensor };
      const { output: ofAll, all } = blockAttention(read, below(parameters, 'attn'), config, seen);
      const output = wantedRows(ofAll, outputRows);
      const c: tf.Tensor3D = tf.add(wantedRows(x, outputRows), drop(isAfter ? norm('normAttn', output) : output, 0));
      return { c, u: isAfter ? c : norm(moe ? 'normMoe' : 'normMlp', c), keyValues: all };
    },
    cost: (of) => {
      const norms = [of.norm(config.norm)];
      return isAfter
        ? [...blockAttentionCost(of, config), ...norms]
        : [...norms, ...blockAttentionCost(of, config), ...norms];
    },
  });
  if (!moe) {
    const mlp = computation({
      kind: 'mlp',
      inputs: ['c', 'u'],
      outputs: ['y'],
      run: ({ c, u }) => {
        const output = feedForward(u, below(parameters, 'mlp'), config.activation, {
          bias: config.ffnBias,
          clampedGlu: config.clampedGlu,
          tensor: context.tensor,
        });
        return { y: tf.add(c, drop(isAfter ? norm('normMlp', output) : output, 1)) };
      },
      cost: (of) => [...feedForwardCost(of, config.ffnHidden, config), ...(isAfter ? [of.norm(config.norm)] : [])],
    });
    return [attention, mlp];
  }

  const tap = moe.shortcut ? 'x' : 'u';
  const shortcut = shortcutNorm(parameters, config, moe);
  const normOfTap = tap === 'x' ? normOfWanted(shortcut, context.outputRows) : shortcut;
  const sublayer = moeSublayer<BlockValues>(parameters, moe, { tap, norm: normOfTap }, context);
  return [
    ...(tap === 'x' ? sublayer.routed : []),
    attention,
    ...(tap === 'u' ? sublayer.routed : []),
    ...sublayer.current,
    outputOperator(parameters, config, moe, sublayer, { dropout: context.dropout, place: 1 }),
  ];
}
