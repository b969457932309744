import type { KernelCost } from '@scmoe/scheduler';
import { activateComposed, causalConvolution, gatedDeltaRule, rmsNorm, type RecurrentCache } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { project as projectBy } from '../adapters/project.js';
import type { GatedDeltaContext } from '../config/GatedDeltaConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import { below, parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { closeGaps } from './closeGaps.js';
import { normSpecs } from './normalize.js';
import { PackedSequences } from './PackedSequences.js';

/**
 * What later tokens need of those so far, whose number does not change its sizes: the state of each value head, (B, Hv, K, V),
 * and what the convolution read of the last tokens, (B, taps - 1, channels).
 */
export type DeltaState = { state: tf.Tensor4D; taps: tf.Tensor3D };

/** The epsilon under the root by which queries and keys are divided to make their length 1. */
const lengthEpsilon = 1e-6;

/**
 * Projections to queries, keys, values, the gate of the output, and the two numbers of each value head that say what a token
 * changes of the state; the convolution of the first three; a norm of each head's output.
 */
export function gatedDeltaSpecs({ dModel: d, gatedDelta }: GatedDeltaContext): ParameterSpecs {
  const { numValueHeads, convTaps } = gatedDelta;
  const { keys, values } = widthsOf(gatedDelta);
  const weight = (outputs: number) => ({ shape: [d, outputs], initial: 'normal' as const });
  return {
    wq: weight(keys),
    wk: weight(keys),
    wv: weight(values),
    wg: weight(values),
    wBeta: weight(numValueHeads),
    wDecay: weight(numValueHeads),
    // A sum of so many taps keeps about the size of what it sums.
    conv: { shape: [convTaps, 2 * keys + values], initial: 'normal', standardDeviation: 1 / Math.sqrt(convTaps) },
    // Mamba's start (arXiv 2312.00752, section 3.6): rates from 1 to 16, steps from 0.001 to 0.1.
    logRate: { shape: [numValueHeads], initial: 'uniform', range: [0, Math.log(16)] },
    decayBias: { shape: [numValueHeads], initial: 'uniform', range: [Math.log(0.001), Math.log(0.1)] },
    ...under('norm', normSpecs(gatedDelta.valueHeadDim, 'rms')),
    wo: { shape: [values, d], initial: 'residual' },
  };
}

/**
 * Gated delta network (arXiv 2412.06464, section 3.4): x (B, S, d) -> output (B, S, d). A short convolution and SiLU of
 * queries, keys and values; queries and keys of length 1; the gated delta rule; a norm of each head, times SiLU of a gate. With
 * `past` the S tokens continue those before; `all` is what those after them need.
 *
 * A token where `mask` (B, S), bool, is false is none: neither state nor convolution know of it; without a past alone.
 */
export function gatedDelta(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  context: GatedDeltaContext,
  { past, mask }: { past?: DeltaState | PackedSequences<RecurrentCache>; mask?: tf.Tensor } = {},
): { output: tf.Tensor3D; all: DeltaState } {
  if (!mask) return ofTokens(x, parameters, context, past);
  const { close, open } = closeGaps(mask);
  const { output, all } = ofTokens(close(x), parameters, context);
  return { output: open(output), all };
}

function ofTokens(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  context: GatedDeltaContext,
  past?: DeltaState | PackedSequences<RecurrentCache>,
): { output: tf.Tensor3D; all: DeltaState } {
  const inputs = inputsOf(x, parameters);
  const rule = (rows: DeltaRows, own?: DeltaState) => ofRows(rows, parameters, context, own);
  const { heads, all } = past instanceof PackedSequences ? packed(inputs, past, rule) : rule(inputs, past);
  const { normEpsilon: epsilon, gatedDelta: sizes } = context;
  const weight = parameter(below(parameters, 'norm'), 'weight');
  const normed = rmsNorm(tf.reshape(heads, [-1, sizes.valueHeadDim]), weight, { epsilon });
  const gate = activateComposed(projectBy(x, parameter<tf.Tensor2D>(parameters, 'wg')), 'silu');
  const gated: tf.Tensor3D = tf.mul(tf.reshape(normed, gate.shape), gate);
  return { output: projectBy(gated, parameter<tf.Tensor2D>(parameters, 'wo')) as tf.Tensor3D, all };
}

/** What the projections give of each token. */
interface DeltaRows {
  /** Queries, keys and values side by side (B, S, channels), before the convolution. */
  mixed: tf.Tensor3D;
  /** (B, S, Hv) */
  beta: tf.Tensor3D;
  logDecay: tf.Tensor3D;
}

function inputsOf(x: tf.Tensor3D, parameters: ParameterRecord): DeltaRows {
  const project = (name: string) => projectBy(x, parameter<tf.Tensor2D>(parameters, name)) as tf.Tensor3D;
  const step = tf.softplus(tf.add(project('wDecay'), parameter(parameters, 'decayBias')));
  return {
    mixed: tf.concat([project('wq'), project('wk'), project('wv')], -1),
    beta: tf.sigmoid(project('wBeta')),
    logDecay: tf.neg(tf.mul(tf.exp(parameter(parameters, 'logRate')), step)),
  };
}

/** Convolution and rule: (B, S, Hv, V), and what later tokens need. */
function ofRows(
  { mixed, beta, logDecay }: DeltaRows,
  parameters: ParameterRecord,
  { gatedDelta: sizes }: GatedDeltaContext,
  past?: DeltaState,
): { heads: tf.Tensor4D; all: DeltaState } {
  const { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim } = sizes;
  const { keys, values } = widthsOf(sizes);
  const [batch, length] = mixed.shape;
  const { output, past: taps } = causalConvolution(mixed, parameter<tf.Tensor2D>(parameters, 'conv'), past?.taps);
  const [q, k, v] = tf.split<tf.Tensor3D>(activateComposed(output, 'silu'), [keys, keys, values], -1);
  const ofKeys = (rows: tf.Tensor3D, size: number): tf.Tensor4D =>
    tf.reshape(unit(tf.reshape(rows, [-1, keyHeadDim]), size), [batch, length, numKeyHeads, keyHeadDim]);
  const result = gatedDeltaRule(
    {
      q: ofKeys(q!, 1 / Math.sqrt(keyHeadDim)),
      k: ofKeys(k!, 1),
      v: tf.reshape(v!, [batch, length, numValueHeads, valueHeadDim]),
      logDecay,
      beta,
    },
    { state: past?.state, scale: 1 },
  );
  return { heads: result.output, all: { taps, state: result.state } };
}

/** Each row x / sqrt(sum(x²) + epsilon), times a factor: an RMSNorm whose weight is the factor on every component. */
function unit(rows: tf.Tensor, factor: number): tf.Tensor {
  const size = rows.shape[1]!;
  const weight = tf.fill([size], factor / Math.sqrt(size));
  return rmsNorm(rows, weight, { epsilon: lengthEpsilon / size });
}

/**
 * The same for packed sequences. Each sequence by itself: what it gets does not depend on the others. `all` is that of the last.
 */
function packed(
  { mixed, beta, logDecay }: DeltaRows,
  { parts }: PackedSequences<RecurrentCache>,
  rule: (rows: DeltaRows, past?: DeltaState) => { heads: tf.Tensor4D; all: DeltaState },
): { heads: tf.Tensor4D; all: DeltaState } {
  let first = 0;
  const results = parts.map(({ cache, count }) => {
    const rows = (x: tf.Tensor3D): tf.Tensor3D => tf.slice(x, [0, first, 0], [1, count, x.shape[2]]);
    const [state, taps] = [cache.get<tf.Tensor4D>('state'), cache.get<tf.Tensor3D>('taps')];
    const past = state && taps ? { state, taps } : undefined;
    const result = rule({ mixed: rows(mixed), beta: rows(beta), logDecay: rows(logDecay) }, past);
    cache.advance(count, result.all);
    first += count;
    return result;
  });
  const heads = results.map((result) => result.heads);
  return { heads: heads.length > 1 ? tf.concat(heads, 1) : heads[0]!, all: results.at(-1)!.all };
}

/** What it costs without a past. The state behind the last token is a result of the operator. */
export function gatedDeltaCost(of: CostContext, { gatedDelta }: GatedDeltaContext): KernelCost[] {
  const { d, tokens } = of;
  const { numKeyHeads, numValueHeads, keyHeadDim: keySize, valueHeadDim: valueSize, convTaps: taps } = gatedDelta;
  const { keys, values } = widthsOf(gatedDelta);
  const inner = { innerInput: true, innerOutput: true };
  return [
    of.linear(d, keys, { innerOutput: true }),
    of.linear(d, keys, inner),
    of.linear(d, values, inner),
    of.linear(d, values, inner),
    of.linear(d, numValueHeads, inner),
    of.linear(d, numValueHeads, inner),
    of.kernels.deltaRule({ tokens, numKeyHeads, numValueHeads, keySize, valueSize, taps }),
    of.kernels.norm({ rows: tokens * numValueHeads, size: valueSize, norm: 'rms' }),
    of.linear(values, d, { innerInput: true }),
  ];
}

/** Components of all keys, and of all values. */
function widthsOf({ numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim }: GatedDeltaContext['gatedDelta']) {
  return { keys: numKeyHeads * keyHeadDim, values: numValueHeads * valueHeadDim };
}
