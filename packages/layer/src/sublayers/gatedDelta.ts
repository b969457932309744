import type { KernelCost } from '@scmoe/scheduler';
import {
  activateComposed,
  cachedDeltaRule,
  deltaHeads,
  rmsNorm,
  type DeltaRows,
  type DeltaState,
  type RecurrentCache,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { project, projectAll } from '../adapters/project.js';
import type { GatedDeltaContext } from '../config/GatedDeltaConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import { below, parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import { closeGaps } from './closeGaps.js';
import { normSpecs } from './normalize.js';
import { PackedSequences } from './PackedSequences.js';

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

/** What a pass depends on besides parameters and configuration. */
export interface DeltaContext {
  past?: DeltaState | PackedSequences<RecurrentCache>;
  /** (B, S) bool: false for padding. */
  mask?: tf.Tensor;
  /** Ranks that have the same tokens and a share each of the heads; what the heads make is summed over them. */
  tensor?: TensorGroup;
}

/**
 * Gated delta network (arXiv 2412.06464, section 3.4): x (B, S, d) -> output (B, S, d). A short convolution and SiLU of
 * queries, keys and values; queries and keys of length 1; the gated delta rule; a norm of each head, times SiLU of a gate. With
 * `past` the S tokens continue those before; `all` is what those after them need, but of packed sequences, which have it in their caches.
 *
 * A token where `mask` (B, S), bool, is false is none: neither state nor convolution know of it; without a past alone.
 */
export function gatedDelta(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  context: GatedDeltaContext,
  { past, mask, tensor }: DeltaContext = {},
): { output: tf.Tensor3D; all: DeltaState | undefined } {
  if (tensor && tensor.size > 1) {
    const { parameters: own, context: ownContext } = sliceOf(parameters, context, tensor);
    const { output, all } = gatedDelta(tensor.enter(x), own, ownContext, { past, mask });
    return { output: tensor.sum(output), all };
  }
  if (!mask) return ofTokens(x, parameters, context, past);
  const { close, open } = closeGaps(mask);
  const { output, all } = ofTokens(close(x), parameters, context);
  return { output: open(output), all };
}

/**
 * What a rank of a tensor-parallel group computes: its heads. The convolution of a channel is that channel's alone, but stands
 * beside those of queries, keys and values of all heads: it is whole on every rank, as the norm of each head is.
 */
function sliceOf(
  parameters: ParameterRecord,
  context: GatedDeltaContext,
  tensor: TensorGroup,
): { parameters: ParameterRecord; context: GatedDeltaContext } {
  const { rank, size } = tensor;
  const { keys, values } = widthsOf(context.gatedDelta);
  const { numKeyHeads, numValueHeads } = context.gatedDelta;
  const conv = tensor.enter(parameter<tf.Tensor2D>(parameters, 'conv'));
  const ownOf = (first: number, width: number) =>
    tf.slice(conv, [0, first + (rank * width) / size], [conv.shape[0], width / size]);
  return {
    parameters: {
      ...parameters,
      conv: tf.concat([ownOf(0, keys), ownOf(keys, keys), ownOf(2 * keys, values)], 1),
      'norm.weight': tensor.enter(parameter(below(parameters, 'norm'), 'weight')),
    },
    context: {
      ...context,
      gatedDelta: {
        ...context.gatedDelta,
        numKeyHeads: numKeyHeads / size,
        numValueHeads: numValueHeads / size,
      },
    },
  };
}

function ofTokens(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  context: GatedDeltaContext,
  past?: DeltaState | PackedSequences<RecurrentCache>,
): { output: tf.Tensor3D; all: DeltaState | undefined } {
  const { normEpsilon: epsilon, gatedDelta: sizes } = context;
  const { inputs, gateLogits } = readBy(x, parameters);
  const convolution = parameter<tf.Tensor2D>(parameters, 'conv');
  const { heads, all } =
    past instanceof PackedSequences
      ? { heads: cachedDeltaRule(inputs, convolution, sizes, past.parts), all: undefined }
      : deltaHeads(inputs, convolution, sizes, past);
  const weight = parameter(below(parameters, 'norm'), 'weight');
  const normed = rmsNorm(tf.reshape(heads, [-1, sizes.valueHeadDim]), weight, { epsilon });
  const gate = activateComposed(gateLogits, 'silu');
  const gated: tf.Tensor3D = tf.mul(tf.reshape(normed, gate.shape), gate);
  return { output: project(gated, parameter<tf.Tensor2D>(parameters, 'wo')) as tf.Tensor3D, all };
}

/** All that is projected from x: what the delta rule reads, and the gate of what it gives. */
function readBy(x: tf.Tensor3D, parameters: ParameterRecord): { inputs: DeltaRows; gateLogits: tf.Tensor3D } {
  const layer = (name: string) => ({ weight: parameter<tf.Tensor2D>(parameters, name) });
  const { decay, q, k, v, beta, gateLogits } = projectAll(x, {
    decay: layer('wDecay'),
    q: layer('wq'),
    k: layer('wk'),
    v: layer('wv'),
    beta: layer('wBeta'),
    gateLogits: layer('wg'),
  });
  const step = tf.softplus(tf.add(decay, parameter(parameters, 'decayBias')));
  const inputs: DeltaRows = {
    mixed: tf.concat([q, k, v], -1),
    beta: tf.sigmoid(beta),
    logDecay: tf.neg(tf.mul(tf.exp(parameter(parameters, 'logRate')), step)),
  };
  return { inputs, gateLogits };
}

/** What it costs without a past. The state behind the last token is a result of the operator. */
export function gatedDeltaCost(of: CostContext, { gatedDelta }: GatedDeltaContext): KernelCost[] {
  const { d, tokens } = of;
  const { numKeyHeads, numValueHeads, keyHeadDim: keySize, valueHeadDim: valueSize, convTaps: taps } = gatedDelta;
  const { keys, values } = widthsOf(gatedDelta);
  const inner = (outputs: number) => ({ outputs, innerOutput: true });
  return [
    of.mergedLinear(d, [
      inner(keys),
      inner(keys),
      inner(values),
      inner(values),
      inner(numValueHeads),
      inner(numValueHeads),
    ]),
    of.kernels.deltaRule({ tokens, numKeyHeads, numValueHeads, keySize, valueSize, taps }),
    of.kernels.norm({ rows: tokens * numValueHeads, size: valueSize, norm: 'rms' }),
    of.linear(values, d, { innerInput: true }),
  ];
}

/** Components of all keys, and of all values. */
function widthsOf({ numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim }: GatedDeltaContext['gatedDelta']) {
  return { keys: numKeyHeads * keyHeadDim, values: numValueHeads * valueHeadDim };
}
