import * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../../config/BackboneConfig.js';
import type { ResolvedMoe } from '../../config/BlockMoeConfig.js';
import { moeSublayer, type MoeContext, type SublayerValues } from '../../moe/moeSublayer.js';
import { below, type ParameterRecord } from '../../parameters/ParameterRecord.js';
import type { Operator } from '../../plan/Operator.js';
import type { AttentionContext } from '../../sublayers/selfAttention.js';
import { blockAttention, blockAttentionCost, type AttentionCache } from '../../sublayers/blockAttention.js';
import { feedForward, feedForwardCost } from '../../sublayers/feedForward.js';
import { mixRouted, mixShared } from '../../sublayers/mix.js';
import { normalize } from '../../sublayers/normalize.js';
import { residualDropout, type ResidualDropout } from '../../sublayers/residualDropout.js';
import type { FarSkipContext } from './Pending.js';

/** What a FarSkip block is called in its stage: its operators and values, its parameters, and its places for dropout. */
export interface FarSkipNames {
  /** Behind the names of operators and values; those of the experts have none. */
  suffix: '' | '1' | '2';
  /** Values that the block reads and writes. */
  input: string;
  output: string;
  /** Prefixes of parameters. */
  normAttn: string;
  attn: string;
  normMlp: string;
  mlp: string;
  /** First of two places. */
  place: number;
}

/** What the pass through a FarSkip block depends on. */
export interface FarSkipPass extends MoeContext, FarSkipContext {
  past?: AttentionContext<AttentionCache>['past'];
  dropout?: ResidualDropout;
}

type Tensor3D = tf.Tensor3D;
type Values = Record<string, Tensor3D>;

/**
 * The operators of a block in FarSkip connectivity, in the order of the sequential plan (FarSkip-Collective, section 3). With x
 * the residual stream but for what the experts before it route, which is `pending`:
 *
 *     attended = attention(norm(x))        which waits for nothing
 *     r = x + pending, u = norm(r)         `join`: the whole residual stream, all that MLP, gate and experts see
 *     y = r + attended + mlp(u)            or the shared expert's, while what is routed of u is pending for the next block
 *
 * Where nothing is pending, x is r.
 */
export function farSkipOperators<Stage extends object>(
  parameters: ParameterRecord,
  config: ResolvedBackbone & { moe?: ResolvedMoe },
  context: FarSkipPass,
  names: FarSkipNames,
): Operator<Stage>[] {
  const { moe } = config;
  const { suffix, input, output, place } = names;
  const waits = context.pending !== undefined;
  const [attended, residual, keyValues] = ['attended', 'r', 'keyValues'].map((name) => name + suffix) as [
    string,
    string,
    string,
  ];
  const u = moe ? 'u' : `u${suffix}`;
  const norm = (name: string, x: Tensor3D) => normalize(x, below(parameters, name), config);
  const drop = residualDropout(config, context.dropout);

  const attention = operator({
    name: `attention${suffix}`,
    kind: 'attention',
    inputs: [input],
    outputs: [attended, keyValues],
    run: (values) => {
      const read = norm(names.normAttn, values[input]!);
      const { past, mask, tensor } = context;
      const result = blockAttention(read, below(parameters, names.attn), config, { past, mask, tensor });
      return { [attended]: drop(result.output, place), [keyValues]: result.all };
    },
    cost: (of) => [of.norm(config.norm), ...blockAttentionCost(of, config)],
  });
  const join = operator({
    name: `join${suffix}`,
    kind: 'join',
    // The attention has no need to wait; it comes first, so that what is pending can travel meanwhile.
    inputs: waits ? [input, attended, 'pending'] : [input],
    outputs: [residual, u],
    run: (values) => {
      const r: Tensor3D = waits ? tf.add(values[input]!, values['pending']!) : values[input]!;
      return { [residual]: r, [u]: norm(moe ? 'normMoe' : names.normMlp, r) };
    },
    cost: (of) => [of.norm(config.norm)],
  });
  const first = waits ? [attention, join] : [join];
  const second = waits ? [] : [attention];
  if (!moe) {
    const mlp = operator({
      name: `mlp${suffix}`,
      kind: 'mlp',
      inputs: [residual, attended, u],
      outputs: [output],
      run: (values) => {
        const added = feedForward(values[u]!, below(parameters, names.mlp), config.activation, {
          bias: config.ffnBias,
          tensor: context.tensor,
        });
        return { [output]: sum(values[residual]!, values[attended]!, drop(added, place + 1)) };
      },
      cost: (of) => feedForwardCost(of, config.ffnHidden, config),
    });
    return [...first, ...second, mlp] as unknown as Operator<Stage>[];
  }

  const { routed, current } = moeSublayer<SublayerValues>(parameters, moe, { tap: 'u' }, context);
  const shared = current.slice(0, -1);
  const decode = current.at(-1)! as Extract<Operator<SublayerValues>, { run: unknown }>;
  const ofShared = shared.length > 0 ? ['shared'] : [];
  const out = operator({
    name: 'output',
    kind: 'output',
    inputs: [residual, attended, ...ofShared],
    outputs: [output],
    run: (values) => {
      const { shared } = values as unknown as Partial<SublayerValues>;
      const added = shared && drop(mixShared(shared.output, shared.coefficients), place + 1);
      return { [output]: sum(values[residual]!, values[attended]!, ...(added ? [added] : [])) };
    },
    cost: (of) => [of.sum(2 + ofShared.length)],
  });
  // What the next block has to add: with its coefficient, and dropped out where the shared output is.
  const pending = {
    ...decode,
    inputs: [...decode.inputs, ...(moe.shared?.mix === 'cg2' ? ['shared'] : [])],
    run: (values: SublayerValues) => ({
      routed: drop(
        mixRouted(decode.run(values).routed!, (values as Partial<SublayerValues>).shared?.coefficients),
        place + 1,
      ),
    }),
  };
  return [...first, ...routed, ...second, ...shared, out, pending] as unknown as Operator<Stage>[];
}

function sum(...summands: tf.Tensor[]): Tensor3D {
  return summands.reduce((total, summand) => tf.add(total, summand)) as Tensor3D;
}

interface Description extends Omit<Operator<Values>, 'inputs' | 'outputs'> {
  inputs: readonly string[];
  outputs: readonly string[];
  run: (values: Values) => object;
}

function operator(description: Description): Operator<Values> {
  return description;
}
