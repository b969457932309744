import { expectThat } from '@scmoe/errors';
import {
  isRouterBuffer,
  routerSpecs,
  routeTokens,
  type ResolvedRouter,
  type RouteContext,
  type Routing,
} from '@scmoe/gating';
import type { KernelCost } from '@scmoe/scheduler';
import { groupedFfn, type ExpertActivation } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedExperts } from '../config/MoeConfig.js';
import type { CostContext } from '../cost/CostContext.js';
import { feedForwardSpecs } from '../sublayers/feedForward.js';
import { below, parameter, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpec, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { operatorsOver, type Operator } from '../plan/Operator.js';
import type { Dispatcher, ExpertBatch } from './Dispatcher.js';
import type { ExpertSource } from './ExpertSource.js';
import { expertRows } from './expertRows.js';
import { shareOfSum } from '../tensorParallel/shareOfSum.js';
import { allExperts, expertShard, shardSpecs, type ExpertShard } from './expertShard.js';

/** What the operators of an expert layer read and write, by name. */
export interface MoeValues {
  /** What gate and experts read: (..., d). */
  s: tf.Tensor;
  routing: Routing;
  /** Tokens in expert order, and after the exchange. */
  packed: tf.Tensor2D;
  batch: ExpertBatch;
  /** What the experts made of them, and after the exchange back. */
  computed: tf.Tensor2D;
  returned: tf.Tensor2D;
  /** Weighted sum over the chosen experts, in the shape of s. */
  routed: tf.Tensor;
}

/** The router, if it is the layer's own, scores all experts on every rank; of the experts themselves there are those of the shard. */
export function routedSpecs(
  d: number,
  routed: ResolvedRouter & {
    expertHidden: number;
    activation: ExpertActivation;
    ffnBias?: boolean;
    routedAhead?: boolean;
  },
  shard: ExpertShard = allExperts,
): ParameterSpecs {
  const { numExperts, expertHidden, activation, ffnBias, routedAhead = false } = routed;
  expertShard(numExperts, shard);
  const { shards = 1 } = shard;
  const ranks = `a number that the ${shards} ranks with slices of an expert divide`;
  expectThat(expertHidden % shards === 0, 'expertHidden', ranks, expertHidden);
  const experts = feedForwardSpecs(d, expertHidden, activation, { numExperts, bias: ffnBias });
  return {
    ...(!routedAhead && under('router', gateSpecs(d, routed))),
    ...under('experts', shardSpecs(experts, numExperts, shard)),
  };
}

/** Parameters of a router for tokens of width d. */
export function gateSpecs(d: number, router: ResolvedRouter): ParameterSpecs {
  const specs = Object.entries(routerSpecs(d, router)).map(([name, spec]): [string, ParameterSpec] => [
    name,
    isRouterBuffer(name) ? { ...spec, buffer: true } : spec,
  ]);
  return Object.fromEntries(specs);
}

/** Scores and choices for tokens s (..., d), which are numbered through all leading axes, as are those of a mask (...). */
export function gate(
  s: tf.Tensor,
  parameters: ParameterRecord,
  router: ResolvedRouter,
  { mask, ...context }: RouteContext = {},
): Routing {
  const ofTokens = mask && tf.reshape(mask, [-1]);
  return routeTokens(asTokens(s), below(parameters, 'router'), router, { ...context, mask: ofTokens });
}

/** The logits' products; none of a layer without a router. A noisy router makes its noise in training alone. */
export function gateCost(
  of: CostContext,
  { logits, noisy, cosineWidth, numExperts, numZeroExperts, routedAhead }: ResolvedRouter & { routedAhead?: boolean },
): KernelCost[] {
  if (routedAhead) return [];
  const all = numExperts + numZeroExperts;
  const products =
    logits === 'cosine'
      ? [
          of.linear(of.d, cosineWidth, { bias: true, innerOutput: true }),
          of.linear(cosineWidth, all, { innerInput: true }),
        ]
      : [of.linear(of.d, all)];
  return noisy ? [...products, of.linear(of.d, all, { innerInput: true, innerOutput: true })] : products;
}

/**
 * The five operators from routed tokens to their routed output; `gate` comes before, in the hands of the layer.
 *
 * @param source computes the experts where they are not among the parameters
 */
export function expertOperators(
  parameters: ParameterRecord,
  config: ResolvedExperts,
  dispatcher: Dispatcher,
  source?: ExpertSource,
): Operator<MoeValues>[] {
  const { computation, exchange } = operatorsOver<MoeValues>();
  const { activation, clampedGlu } = config;
  const form: ExpertForm = { activation, clampedGlu, shards: dispatcher.numShards };
  const packing = (of: CostContext) => {
    const { topK, packed } = expertRows(config, of);
    return { tokens: of.tokens, topK, rows: packed, size: of.d };
  };
  const travel = (of: CostContext, { counts }: { counts: boolean }) => {
    const { reordered, sent, countBytes } = expertRows(config, of);
    const allToAllBytes = sent * of.d * of.bytesPerElementSent + (counts ? countBytes : 0);
    return [of.kernels.encode({ tokens: reordered, topK: 1, rows: reordered, size: of.d }), { allToAllBytes }];
  };
  return [
    computation({
      kind: 'encode',
      inputs: ['s', 'routing'],
      outputs: ['packed'],
      run: ({ s, routing }) => ({ packed: dispatcher.encode(asTokens(s), routing) }),
      cost: (of) => [of.kernels.encode(packing(of))],
    }),
    exchange({
      kind: 'dispatch',
      inputs: ['packed', 'routing'],
      outputs: ['batch'],
      start: ({ packed, routing }) => dispatcher.startDispatch(packed, routing),
      finish: (inFlight) => ({ batch: dispatcher.finishDispatch(inFlight) }),
      cost: (of) => travel(of, { counts: true }),
    }),
    computation({
      kind: 'expert',
      inputs: ['batch'],
      outputs: ['computed'],
      run: ({ batch }) => ({
        computed: source ? source.compute(batch) : runExperts(batch, below(parameters, 'experts'), form),
      }),
      cost: (of) => {
        const { filled, arrived, numExpertsHere } = expertRows(config, of);
        const { expertHidden: hidden, ffnBias: bias } = config;
        const rows = { rows: filled, bufferRows: arrived, numExperts: numExpertsHere };
        return [of.kernels.groupedFfn({ ...rows, size: of.d, hidden, gated: activation === 'swiglu', bias })];
      },
    }),
    exchange({
      kind: 'combine',
      inputs: ['computed', 'routing'],
      outputs: ['returned'],
      start: ({ computed, routing }) => dispatcher.startCombine(computed, routing),
      finish: (inFlight) => ({ returned: dispatcher.finishCombine(inFlight) }),
      cost: (of) => travel(of, { counts: false }),
    }),
    computation({
      kind: 'decode',
      inputs: ['s', 'returned', 'routing'],
      outputs: ['routed'],
      run: ({ s, returned, routing }) => {
        const decoded = dispatcher.decode(returned, routing);
        const { identityWeights } = routing;
        // Zero-computation experts hand back what they got, which never left.
        const sum = identityWeights ? tf.add(decoded, tf.mul(identityWeights, asTokens(s))) : decoded;
        return { routed: tf.reshape(sum, s.shape) };
      },
      cost: (of) => [of.kernels.decode(packing(of))],
    }),
  ];
}

/** What experts do between their products, and how many ranks hold a slice each of them. */
export type ExpertForm = Pick<ResolvedExperts, 'activation' | 'clampedGlu'> & { shards?: number };

/** What experts make of their rows; `experts` are the stacked weights of as many as the batch has counts of. */
export function runExperts(
  { rows, counts, capacity }: ExpertBatch,
  experts: ParameterRecord,
  form: ExpertForm,
): tf.Tensor2D {
  const { activation, clampedGlu } = form;
  return groupedFfn(rows, counts, expertWeights(experts, form), { activation, capacity, clampedGlu });
}

/** The stacked weights as the grouped FFN takes them; biases where there are any, of the output a share for each shard. */
export function expertWeights(experts: ParameterRecord, { activation, shards = 1 }: ExpertForm) {
  const stack = (name: string) => parameter<tf.Tensor3D>(experts, name);
  const bias = (name: string) => experts[name] as tf.Tensor2D | undefined;
  const outputBias = (name: string) => {
    const whole = bias(name);
    return whole && shards > 1 ? shareOfSum(whole, shards) : whole;
  };
  if (activation !== 'swiglu') return { w1: stack('w1'), b1: bias('b1'), w2: stack('w2'), b2: outputBias('b2') };
  return {
    gate: stack('gate'),
    gateBias: bias('gateBias'),
    up: stack('up'),
    upBias: bias('upBias'),
    down: stack('down'),
    downBias: outputBias('downBias'),
  };
}

/** (..., d) -> (T, d); the same tensor where it already is. */
function asTokens(x: tf.Tensor): tf.Tensor2D {
  return x.rank === 2 ? (x as tf.Tensor2D) : tf.reshape(x, [-1, x.shape.at(-1)!]);
}
