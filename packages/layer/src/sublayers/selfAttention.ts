import { attention, cachedAttention, positionsOf, rotateComposed, rotateRows, type Rope } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { project, projectAll } from '../adapters/project.js';
import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import { below, parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import { normalize, normSpecs, type NormKind } from './normalize.js';
import { PackedSequences } from './PackedSequences.js';
import { rotationOf } from './rotation.js';

/**
 * Keys and values of all tokens so far, behind norm and clipping and before the rotation by position, which they have where
 * the norm comes behind it: (B, S, numKvHeads * headSize) each.
 */
export type KeyValues = {
  keys: tf.Tensor3D;
  values: tf.Tensor3D;
};

export function attentionSpecs(config: ResolvedBackbone): ParameterSpecs {
  const { dModel: d, numHeads, numKvHeads, headSize, attentionBias, qkNorm, attentionSinks, outputGate } = config;
  const [all, kv] = [headSize * numHeads, headSize * numKvHeads];
  const bias = (name: string, size: number): ParameterSpecs => ({ [name]: { shape: [size], initial: 'zeros' } });
  const norm = (name: string, size: number) =>
    under(name, normSpecs(qkNorm === 'whole' ? size : headSize, qkNormOf(config)));
  return {
    wq: { shape: [d, all], initial: 'normal' },
    wk: { shape: [d, kv], initial: 'normal' },
    wv: { shape: [d, kv], initial: 'normal' },
    ...(outputGate && { wg: { shape: [d, all], initial: 'normal' } }),
    wo: { shape: [all, d], initial: 'residual' },
    ...(attentionBias !== false && { ...bias('bq', all), ...bias('bk', kv), ...bias('bv', kv) }),
    ...(attentionBias !== false && outputGate && bias('bg', all)),
    ...(attentionBias === true && bias('bo', d)),
    ...(qkNorm !== 'none' && { ...norm('normQ', all), ...norm('normK', kv) }),
    ...(attentionSinks && bias('sinks', numHeads)),
  };
}

/** What self-attention sees besides x. */
export interface AttentionContext<Cache> {
  /** Keys and values of the tokens that x continues; or the caches of several sequences whose tokens x (1, T, d) has. */
  past?: Cache | PackedSequences;
  /** (B, S) bool: false for padding, which no token sees. Without a past alone. */
  mask?: tf.Tensor;
  /** Ranks that share the heads out, of which the parameters are one's slice. Default: all heads are here. */
  tensor?: TensorGroup;
}

/**
 * Multi-head self-attention: x (B, S, d) -> output (B, S, d). With the keys and values of `past` tokens the S tokens
 * continue them; `all` holds those of past and present. With packed sequences the T tokens are appended to their caches, and
 * `all` holds those of the T tokens alone. With a tensor-parallel group, `all` is of this rank's heads, and every rank gets the
 * whole output.
 */
export function selfAttention(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  { past, mask, tensor }: AttentionContext<KeyValues> = {},
): { output: tf.Tensor3D; all: KeyValues } {
  if (tensor && tensor.size > 1) return slicedAttention(x, parameters, config, { past, mask, tensor });
  return attentionOf(x, parameters, config, { past, mask, norm: normed });
}

/** Normalises queries or keys (B, S, heads * D). */
type QueryNorm = (x: tf.Tensor3D, parameters: ParameterRecord, config: ResolvedBackbone) => tf.Tensor3D;

function attentionOf(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  { past, mask, norm }: Omit<AttentionContext<KeyValues>, 'tensor'> & { norm: QueryNorm },
): { output: tf.Tensor3D; all: KeyValues } {
  const { numHeads, numKvHeads, headSize, causal, rope, attentionScale: scale, window, qkNorm } = config;
  const layer = (name: string) => ({
    weight: parameter<tf.Tensor2D>(parameters, `w${name}`),
    bias: parameters[`b${name}`],
  });
  const read = { q: layer('q'), k: layer('k'), v: layer('v') };
  const { q, k, v, g }: { q: tf.Tensor3D; k: tf.Tensor3D; v: tf.Tensor3D; g?: tf.Tensor3D } = config.outputGate
    ? projectAll(x, { ...read, g: layer('g') })
    : projectAll(x, read);

  const isTurned = qkNorm === 'perHeadTurned';
  const turn = isTurned && rope ? turnOf(past, rotationOf(rope, headSize)) : (rows: tf.Tensor3D) => rows;
  const queries = clipped(norm(turn(q, numHeads), below(parameters, 'normQ'), config), config);
  const keys = clipped(norm(turn(k, numKvHeads), below(parameters, 'normK'), config), config);
  const values = clipped(v, config);
  const of = {
    numHeads,
    numKvHeads,
    rope: rope && !isTurned ? rotationOf(rope, headSize) : undefined,
    scale,
    window,
    sinks: parameters['sinks'],
  };
  const { weight: ofOutput, bias: outputBias } = layer('o');
  const outputOf = (heads: tf.Tensor3D) =>
    project(g ? tf.mul(heads, tf.sigmoid(g)) : heads, ofOutput, outputBias) as tf.Tensor3D;
  if (past instanceof PackedSequences) {
    const heads = cachedAttention(queries, keys, values, past.parts, of);
    return { output: outputOf(heads), all: { keys, values } };
  }
  const all = past
    ? { keys: tf.concat([past.keys, keys], 1), values: tf.concat([past.values, values], 1) }
    : { keys, values };
  const heads = attention(queries, all.keys, all.values, { ...of, causal, mask });
  return { output: outputOf(heads), all };
}

/** The same of a slice of the heads, summed over the ranks that share them out. */
function slicedAttention(
  x: tf.Tensor3D,
  { bo, ...parameters }: ParameterRecord,
  config: ResolvedBackbone,
  { tensor, ...context }: AttentionContext<KeyValues> & { tensor: TensorGroup },
): { output: tf.Tensor3D; all: KeyValues } {
  const { numHeads, numKvHeads } = config;
  const own = { ...config, numHeads: numHeads / tensor.size, numKvHeads: numKvHeads / tensor.size };
  // A norm's weights are those of every head: each rank knows of its own heads what they say to them.
  const given = Object.entries(parameters).map(([name, value]) => [
    name,
    /^norm[QK]\./.test(name) ? tensor.enter(value) : value,
  ]);
  const { output, all } = attentionOf(tensor.enter(x), Object.fromEntries(given) as ParameterRecord, own, {
    ...context,
    norm: (rows, weights, of) =>
      of.qkNorm === 'whole' ? normedOver(rows, weights, of, tensor) : normed(rows, weights, of),
  });
  const sum = tensor.sum(output);
  // The bias of the output counts once.
  return { output: bo ? tf.add(sum, bo) : sum, all };
}

/** Turns queries or keys (B, S, heads * D) by the positions of their tokens, which come behind those of the past. */
function turnOf(past: AttentionContext<KeyValues>['past'], rope: Rope): (x: tf.Tensor3D, heads: number) => tf.Tensor3D {
  if (past instanceof PackedSequences) {
    // Asked for each time: a captured step is at other positions when it is made again.
    return (x, heads) => rotateRows(x, heads, () => positionsOf(past.parts), rope);
  }
  const first = past?.keys.shape[1] ?? 0;
  return (x, heads) => {
    const [batch, length, width] = x.shape;
    return tf.reshape(rotateComposed(tf.reshape(x, [batch, length, heads, width / heads]), first, rope), x.shape);
  };
}

/** Queries or keys (B, S, heads * D), normalised head by head with one weight (D) for all, or all components together. */
function normed(x: tf.Tensor3D, parameters: ParameterRecord, config: ResolvedBackbone): tf.Tensor3D {
  const { qkNorm, headSize, normEpsilon } = config;
  if (qkNorm === 'none') return x;
  const options = { norm: qkNormOf(config), normEpsilon };
  if (qkNorm === 'whole') return normalize(x, parameters, options);
  return tf.reshape(normalize(tf.reshape(x, [-1, headSize]), parameters, options), x.shape);
}

/** All components together, of which each rank has those of its heads: their squares are added up over the group. */
function normedOver(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  tensor: TensorGroup,
): tf.Tensor3D {
  const width = x.shape[2];
  const squares = tensor.enter(tensor.sum(tf.sum(tf.square(x), -1, true)));
  const scale = tf.rsqrt(tf.add(tf.div(squares, width * tensor.size), config.normEpsilon));
  const weight = tf.slice(parameter<tf.Tensor1D>(parameters, 'weight'), [tensor.rank * width], [width]);
  const factors = qkNormOf(config) === 'zeroCentredRms' ? tf.add(weight, 1) : weight;
  return tf.mul(tf.mul(x, scale), factors);
}

/** Queries and keys have an RMSNorm even beside layer norms. */
function qkNormOf({ norm }: ResolvedBackbone): NormKind {
  return norm === 'zeroCentredRms' ? norm : 'rms';
}

function clipped(x: tf.Tensor3D, { clipQkv }: ResolvedBackbone): tf.Tensor3D {
  return clipQkv === undefined ? x : tf.clipByValue(x, -clipQkv, clipQkv);
}
