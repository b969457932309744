import type { KernelCost } from '@scmoe/scheduler';
import {
  attention,
  cachedAttention,
  linear,
  positionsOf,
  rmsNorm,
  rotateComposed,
  rotateRows,
  type CachedPart,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { project as projectBy } from '../adapters/project.js';
import { latentRope, type LatentAttentionContext } from '../config/LatentAttentionConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import { below, parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import { normSpecs } from './normalize.js';
import { PackedSequences } from './PackedSequences.js';
import { latentScoreFactor, rotationOf } from './rotation.js';

/**
 * What later tokens need of those so far, (B, S, kvLoraRank + qkRopeHeadDim): the latent of keys and values, normalised
 * and scaled, beside the one key that all heads share, turned by its position.
 */
export type KeyValueLatents = {
  latents: tf.Tensor3D;
};

/** Down-projections to the latents and up-projections to the heads, W^D and W^U in DeepSeek-V2, section 2.1. */
export function latentAttentionSpecs({
  dModel: d,
  numHeads,
  attentionBias,
  latent,
}: LatentAttentionContext): ParameterSpecs {
  const { qLoraRank, kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = latent;
  const queries = numHeads * (qkNopeHeadDim + qkRopeHeadDim);
  const toKv = kvLoraRank + qkRopeHeadDim;
  const weight = (shape: number[]) => ({ shape, initial: 'normal' as const });
  const bias = (name: string, size: number): ParameterSpecs =>
    attentionBias !== false ? { [name]: { shape: [size], initial: 'zeros' } } : {};
  const ofQueries: ParameterSpecs =
    qLoraRank === undefined
      ? { wq: weight([d, queries]) }
      : {
          wqDown: weight([d, qLoraRank]),
          ...bias('bqDown', qLoraRank),
          ...under('normQ', normSpecs(qLoraRank, 'rms')),
          wqUp: weight([qLoraRank, queries]),
        };
  return {
    ...ofQueries,
    wkvDown: weight([d, toKv]),
    ...bias('bkvDown', toKv),
    ...under('normKv', normSpecs(kvLoraRank, 'rms')),
    wkvUp: weight([kvLoraRank, numHeads * (qkNopeHeadDim + vHeadDim)]),
    wo: { shape: [numHeads * vHeadDim, d], initial: 'residual' },
    ...(attentionBias !== 'qkv' && bias('bo', d)),
  };
}

/**
 * Multi-head latent attention: x (B, S, d) -> output (B, S, d). With the latents of `past` tokens the S tokens continue
 * them; `all` holds those of past and present.
 *
 * A key where `mask` (B, S), bool, is false is seen by no token; without a past alone.
 *
 * Without a past, keys and values of every head are made from the latents. With one, they never are: queries go to the
 * width of the latents instead, and what attention gives comes back from it (DeepSeek-V2, section 2.1.2, "absorb"). For
 * one token that is a product the size of one, not of the whole cache. Both compute the same function.
 */
export function latentAttention(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  context: LatentAttentionContext,
  past?: KeyValueLatents | PackedSequences,
  { mask, tensor }: { mask?: tf.Tensor; tensor?: TensorGroup } = {},
): { output: tf.Tensor3D; all: KeyValueLatents } {
  const own = headsOf(context, tensor);
  if (past instanceof PackedSequences) return packedLatentAttention(x, parameters, own, past);
  const turn = turnFrom(past?.latents.shape[1] ?? 0, own);
  const queries = queriesOf(x, parameters, own, turn);
  const present = latentsOf(x, parameters, own, turn);
  const latents: tf.Tensor3D = past ? tf.concat([past.latents, present], 1) : present;
  const entered = own.enter(latents);
  const heads = past
    ? attendToLatents(queries, entered, parameters, own)
    : attendToKeys(queries, entered, parameters, own, mask);
  return { output: outputOf(heads, parameters, own), all: { latents } };
}

/** The heads of a rank of a tensor-parallel group, or all of them, and the passages to what all ranks have and back. */
interface OwnHeads extends LatentAttentionContext {
  /** Hands the latents, or the tokens, to this rank's heads. */
  enter: <T extends tf.Tensor>(x: T) => T;
  isSliced: boolean;
  /** Adds up what the heads of all ranks make. */
  sum: <T extends tf.Tensor>(x: T) => T;
}

/** Latents are made on every rank alike, for they belong to all heads; what comes behind them is cut by heads. */
function headsOf(context: LatentAttentionContext, tensor: TensorGroup | undefined): OwnHeads {
  if (!tensor || tensor.size === 1) return { ...context, isSliced: false, enter: (x) => x, sum: (x) => x };
  const numHeads = context.numHeads / tensor.size;
  return { ...context, numHeads, isSliced: true, enter: (x) => tensor.enter(x), sum: (x) => tensor.sum(x) };
}

function outputOf(heads: tf.Tensor3D, parameters: ParameterRecord, { isSliced, sum }: OwnHeads): tf.Tensor3D {
  const weight = parameter<tf.Tensor2D>(parameters, 'wo');
  const { bo } = parameters;
  if (!isSliced) return projectBy(heads, weight, bo) as tf.Tensor3D;
  // The bias of the output counts once.
  const whole = sum(projectBy(heads, weight)) as tf.Tensor3D;
  return bo ? tf.add(whole, bo) : whole;
}

/**
 * What it costs without a past. The attention kernel computes heads of the larger of both sizes. Latents are results of the
 * operator, for later tokens need them.
 */
export function latentAttentionCost(
  of: CostContext,
  { numHeads, attentionBias, causal, latent }: LatentAttentionContext,
): KernelCost[] {
  const { d, batch, sequenceLength: length } = of;
  const ofInput = { bias: attentionBias !== false };
  const { qLoraRank, kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = latent;
  const queries = numHeads * (qkNopeHeadDim + qkRopeHeadDim);
  const headSize = Math.max(qkNopeHeadDim + qkRopeHeadDim, vHeadDim);
  const ofQueries =
    qLoraRank === undefined
      ? [of.linear(d, queries, { innerOutput: true })]
      : [
          of.linear(d, qLoraRank, { ...ofInput, innerOutput: true }),
          of.norm('rms', qLoraRank),
          of.linear(qLoraRank, queries, { innerInput: true, innerOutput: true }),
        ];
  return [
    ...ofQueries,
    of.linear(d, kvLoraRank + qkRopeHeadDim, { ...ofInput, innerInput: true }),
    of.norm('rms', kvLoraRank),
    of.linear(kvLoraRank, numHeads * (qkNopeHeadDim + vHeadDim), { innerInput: true, innerOutput: true }),
    of.kernels.attention({ batch, length, numHeads, numKvHeads: numHeads, headSize, causal }),
    of.linear(numHeads * vHeadDim, d, { bias: attentionBias === true, innerInput: true }),
  ];
}

/**
 * The same for packed sequences, x (1, T, d). The tokens that begin a sequence, several at once, see no others: for them keys
 * and values of every head are made, which is less work; all others look at the latents. Which it is depends on the
 * sequence alone, so what it gets doesn't depend on the others.
 */
function packedLatentAttention(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  context: OwnHeads,
  { parts }: PackedSequences,
): { output: tf.Tensor3D; all: KeyValueLatents } {
  const turn = turnAt(() => positionsOf(parts), context);
  const queries = queriesOf(x, parameters, context, turn);
  const latents = latentsOf(x, parameters, context, turn);
  const entered = context.enter(latents);
  const rows = <Row extends tf.Tensor>(of: Row, first: number, count: number): Row =>
    count === of.shape[1]
      ? of
      : tf.slice(of, [0, first, ...of.shape.slice(2).map(() => 0)], [1, count, ...of.shape.slice(2)]);
  // Neighbours that look at the latents are one group.
  const groups: { first: number; count: number; begins: boolean; parts: CachedPart[] }[] = [];
  let first = 0;
  for (const part of parts) {
    const begins = part.cache.length === 0 && part.count > 1;
    const last = groups.at(-1);
    if (last && !begins && !last.begins) {
      last.parts.push(part);
      last.count += part.count;
    } else {
      groups.push({ first, count: part.count, begins, parts: [part] });
    }
    first += part.count;
  }
  const heads = groups.map((group) => {
    const own = {
      nope: rows(queries.nope, group.first, group.count),
      rope: rows(queries.rope, group.first, group.count),
    };
    const ownLatents = rows(entered, group.first, group.count);
    if (!group.begins) return attendToLatents(own, ownLatents, parameters, context, group.parts);
    group.parts[0]!.cache.append(ownLatents, undefined, { first: 0, count: group.count });
    return attendToKeys(own, ownLatents, parameters, context);
  });
  const all = heads.length > 1 ? tf.concat(heads, 1) : heads[0]!;
  return { output: outputOf(all, parameters, context), all: { latents } };
}

/** Turns (B, S, H, rope) by the positions of its tokens. */
type Turn = (x: tf.Tensor4D) => tf.Tensor4D;

function turnFrom(firstPosition: number, { latent }: LatentAttentionContext): Turn {
  const rope = rotationOf(latentRope(latent), latent.qkRopeHeadDim);
  return (x) => rotateComposed(x, firstPosition, rope);
}

function turnAt(positions: () => Int32Array, { latent }: LatentAttentionContext): Turn {
  const rope = rotationOf(latentRope(latent), latent.qkRopeHeadDim);
  return (x) => {
    const [batch, length, heads, size] = x.shape;
    const rows: tf.Tensor3D = tf.reshape(x, [batch, length, heads * size]);
    return tf.reshape(rotateRows(rows, heads, positions, rope), x.shape);
  };
}

/** Per head, in two parts: (B, S, H, nope) and, turned by position, (B, S, H, rope). */
type Queries = { nope: tf.Tensor4D; rope: tf.Tensor4D };

function queriesOf(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  { numHeads, latent, enter }: OwnHeads,
  turn: Turn,
): Queries {
  const { qLoraRank, qkNopeHeadDim, qkRopeHeadDim, latentNormEpsilon: epsilon } = latent;
  const weight = (name: string) => parameter<tf.Tensor2D>(parameters, name);
  const project = () => {
    if (qLoraRank === undefined) return projectBy(enter(x), weight('wq'));
    const down = projectBy(x, weight('wqDown'), parameters['bqDown']);
    const latents = rmsNorm(down, parameter(below(parameters, 'normQ'), 'weight'), { epsilon });
    return projectBy(enter(latents), weight('wqUp'));
  };
  const [batch, length] = x.shape;
  const perHead = tf.reshape(project(), [batch, length, numHeads, qkNopeHeadDim + qkRopeHeadDim]);
  const [nope, rope] = tf.split(perHead, [qkNopeHeadDim, qkRopeHeadDim], -1) as [tf.Tensor4D, tf.Tensor4D];
  return { nope, rope: turn(rope) };
}

function latentsOf(
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  { dModel, latent }: LatentAttentionContext,
  turn: Turn,
): tf.Tensor3D {
  const { kvLoraRank, qkRopeHeadDim, latentNormEpsilon: epsilon, scaleLatents } = latent;
  const down = projectBy(x, parameter<tf.Tensor2D>(parameters, 'wkvDown'), parameters['bkvDown']) as tf.Tensor3D;
  const [compressed, key] = tf.split(down, [kvLoraRank, qkRopeHeadDim], -1) as [tf.Tensor3D, tf.Tensor3D];
  const weight = parameter(below(parameters, 'normKv'), 'weight');
  // The factor on the normalised latent is one on the weight of its norm, which is smaller.
  const scaled = scaleLatents ? tf.mul(weight, Math.sqrt(dModel / kvLoraRank)) : weight;
  const [batch, length] = x.shape;
  const oneHead: tf.Tensor4D = tf.reshape(key, [batch, length, 1, qkRopeHeadDim]);
  const turned = turn(oneHead);
  return tf.concat([rmsNorm(compressed, scaled, { epsilon }) as tf.Tensor3D, tf.reshape(turned, key.shape)], -1);
}

/** Attention over the keys and values of every head: (B, S, H * v). */
function attendToKeys(
  { nope, rope }: Queries,
  latents: tf.Tensor3D,
  parameters: ParameterRecord,
  context: LatentAttentionContext,
  mask?: tf.Tensor,
): tf.Tensor3D {
  const { numHeads, causal, latent } = context;
  const { kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = latent;
  const [batch, length] = latents.shape;
  const [compressed, shared] = tf.split(latents, [kvLoraRank, qkRopeHeadDim], -1) as [tf.Tensor3D, tf.Tensor3D];
  const up = linear(compressed, parameter<tf.Tensor2D>(parameters, 'wkvUp'));
  const perHead = tf.reshape(up, [batch, length, numHeads, qkNopeHeadDim + vHeadDim]);
  const [ownKeys, values] = tf.split(perHead, [qkNopeHeadDim, vHeadDim], -1) as [tf.Tensor4D, tf.Tensor4D];
  const sharedKeys = tf.tile(tf.reshape(shared, [batch, length, 1, qkRopeHeadDim]), [1, 1, numHeads, 1]);

  // The attention kernel has one size for queries, keys and values: zeros add nothing to a score, nor to another component.
  const size = Math.max(qkNopeHeadDim + qkRopeHeadDim, vHeadDim);
  const joined = (parts: tf.Tensor4D[]): tf.Tensor3D => {
    const missing = size - parts.reduce((sum, part) => sum + part.shape[3], 0);
    const whole = parts.length > 1 ? tf.concat(parts, -1) : parts[0]!;
    const padded =
      missing > 0
        ? tf.pad(whole, [
            [0, 0],
            [0, 0],
            [0, 0],
            [0, missing],
          ])
        : whole;
    return tf.reshape(padded, [batch, length, numHeads * size]);
  };
  const options = { numHeads, causal, mask, scale: scoreScale(context) };
  const out = attention(joined([nope, rope]), joined([ownKeys, sharedKeys as tf.Tensor4D]), joined([values]), options);
  if (size === vHeadDim) return out;
  const ofValues = tf.slice(tf.reshape(out, [batch, length, numHeads, size]), [0, 0, 0, 0], [-1, -1, -1, vHeadDim]);
  return tf.reshape(ofValues, [batch, length, numHeads * vHeadDim]);
}

/**
 * The same over the latents: one key head, which is its own value, and up-projections on the side of the queries. With parts,
 * `latents` are those of the new tokens, which are appended to the caches.
 */
function attendToLatents(
  { nope, rope }: Queries,
  latents: tf.Tensor3D,
  parameters: ParameterRecord,
  context: LatentAttentionContext,
  parts?: readonly CachedPart[],
): tf.Tensor3D {
  const { numHeads, causal, latent } = context;
  const { kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = latent;
  const [batch, length] = nope.shape;
  const size = kvLoraRank + qkRopeHeadDim;
  const up = tf.reshape(parameter(parameters, 'wkvUp'), [kvLoraRank, numHeads, qkNopeHeadDim + vHeadDim]);
  const byHead = tf.transpose(up, [1, 0, 2]); // (H, kvLoraRank, nope + v)
  const [toKeys, toValues] = tf.split(byHead, [qkNopeHeadDim, vHeadDim], -1) as [tf.Tensor3D, tf.Tensor3D];

  // (B, S, H, in) -> (B, S, H, out), each head by its own matrix.
  const project = (x: tf.Tensor4D, weights: tf.Tensor3D, transposed: boolean): tf.Tensor4D => {
    const rows = tf.reshape(tf.transpose(x, [2, 0, 1, 3]), [numHeads, batch * length, -1]);
    const product = tf.matMul(rows, weights, false, transposed);
    return tf.transpose(tf.reshape<tf.Rank.R4>(product, [numHeads, batch, length, -1]), [1, 2, 0, 3]);
  };
  const queries = tf.concat([project(nope, toKeys, true), rope], -1);
  const flat: tf.Tensor3D = tf.reshape(queries, [batch, length, numHeads * size]);
  // The columns of the shared key are values as well here; what comes of them is left out.
  const options = { numHeads, numKvHeads: 1, scale: scoreScale(context) };
  const out = parts
    ? cachedAttention(flat, latents, undefined, parts, options)
    : attention(flat, latents, latents, { ...options, causal });
  const perHead = tf.reshape<tf.Rank.R4>(out, [batch, length, numHeads, size]);
  const ofLatents: tf.Tensor4D = tf.slice(perHead, [0, 0, 0, 0], [-1, -1, -1, kvLoraRank]);
  return tf.reshape(project(ofLatents, toValues, false), [batch, length, numHeads * vHeadDim]);
}

/** 1/sqrt(nope + rope), the factor on the queries, of which every score has one, and that of scaled angles. */
function scoreScale({ dModel, latent }: LatentAttentionContext): number {
  const { qLoraRank, qkNopeHeadDim, qkRopeHeadDim, scaleLatents, ropeScaling } = latent;
  const ofLatent = scaleLatents && qLoraRank !== undefined ? Math.sqrt(dModel / qLoraRank) : 1;
  const ofAngles = ropeScaling ? latentScoreFactor(ropeScaling) : 1;
  return (ofLatent * ofAngles) / Math.sqrt(qkNopeHeadDim + qkRopeHeadDim);
}
