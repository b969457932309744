import type { Communicator } from '@scmoe/comm';
import type { Routing } from '@scmoe/gating';
import { randomNormal, valueAndGrads } from '@scmoe/tensor';
import type { Plan } from '@scmoe/scheduler';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { initializeBlock } from '../stages/block/blockSpecs.js';
import { joinPending } from '../stages/farSkip/Pending.js';
import { runBlock } from '../stages/block/runBlock.js';
import { resolveBlock, type BlockConfig } from '../stages/block/BlockConfig.js';
import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import {
  resolveDgMoeLayer,
  resolveMoeLayer,
  resolveSharedMoeLayer,
  type DgMoEArgs,
  type SharedExpertMoEArgs,
} from '../tfLayers/moeLayerOptions.js';
import { resolveLongcatBlock, type LongcatBlockConfig } from '../stages/longcat/LongcatBlockConfig.js';
import { initializeLongcatBlock } from '../stages/longcat/longcatSpecs.js';
import { runLongcatBlock } from '../stages/longcat/runLongcatBlock.js';
import type { Dispatcher } from '../moe/Dispatcher.js';
import type { ExpertShard, ShardOptions } from '../moe/expertShard.js';
import { moeSpecs, type ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { runMoe } from '../moe/runMoe.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import { initializeParameters, type InitializationOptions } from '../parameters/initializeParameters.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { Operator } from '../plan/Operator.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import type { SplitMode } from '../split/SplitAxis.js';

/** Width of the tokens: a coordinate for each expert. */
export const width = 8;

/** First and second choice of each token, by rank. */
export type Choices = [number, number][][];

export interface RankCase {
  config: ResolvedMoeLayer;
  choices: (ranks: number) => Choices;
  /** 0 for the tokens that are padding, by rank. */
  masks?: (ranks: number) => number[][];
  as?: 'bf16';
}

/** What a rank sends back: numbers by name, tensors that were left behind, the collectives in their order. */
export interface RankOutcome {
  values: Record<string, { shape: number[]; data: Float32Array }>;
  /** Rows that this rank's tokens gave each expert. */
  counts: number[];
  tensorsLeft: number;
  collectives: string[];
}

const args = { numExperts: 8, expertHidden: 6, sharedHidden: 5 };
const routed = (change: Partial<SharedExpertMoEArgs> = {}) => resolveMoeLayer({ ...args, ...change }, 1);
const shared = (change: Partial<SharedExpertMoEArgs> = {}) => resolveSharedMoeLayer({ ...args, ...change });

const dual = (change: Partial<DgMoEArgs> = {}) => {
  const { numExperts, expertHidden } = args;
  return resolveDgMoeLayer({ numExperts, expertHidden, ...change });
};

function mixed(
  tokens: number[],
  { numExperts = 8, firsts = numExperts }: { numExperts?: number; firsts?: number } = {},
) {
  return (ranks: number): Choices =>
    tokens.slice(0, ranks).map((count, rank) =>
      Array.from({ length: count }, (_, t) => {
        const first = (5 * t + 3 * rank) % firsts;
        return [first, (first + 1 + (t % (numExperts - 1))) % numExperts];
      }),
    );
}
const uneven = [7, 5, 3, 6];
const even = [8, 8, 8, 8];

/** Every third token of each rank is padding, and all of the second rank's. */
const padded = (choices: (ranks: number) => Choices) => ({
  choices,
  masks: (ranks: number) =>
    choices(ranks).map((tokens, rank) => tokens.map((_, t) => Number(rank !== 1 && t % 3 !== 0))),
});

const others: Record<string, RankCase> = {
  'dropless, top-1': { config: routed(), choices: mixed(uneven) },
  'dropless, top-2, shared expert': { config: shared({ topK: 2 }), choices: mixed(uneven) },
  'dropless, swiglu, cg2': { config: shared({ topK: 2, activation: 'swiglu', mix: 'cg2' }), choices: mixed(uneven) },
  'capacity, top-1': { config: routed({ capacityFactor: 1 }), choices: mixed(even, { firsts: 3 }) },
  'capacity, top-2, shared expert': {
    config: shared({ topK: 2, capacityFactor: 1, dropPolicy: 'probability' }),
    choices: mixed(even, { firsts: 5 }),
  },
  'capacity, swiglu': {
    config: shared({ capacityFactor: 1.25, activation: 'swiglu' }),
    choices: mixed(even, { firsts: 3 }),
  },
  'zero experts, dropless': {
    config: routed({ numExperts: 4, numZeroExperts: 4, topK: 2, routedScalingFactor: 1.5 }),
    choices: mixed(uneven),
  },
  'zero experts, capacity, shared expert': {
    config: shared({ numExperts: 4, numZeroExperts: 4, topK: 2, capacityFactor: 1, scaleZeroExperts: false }),
    choices: mixed(even),
  },
  'zero experts alone on the last rank': {
    config: routed({ numExperts: 4, numZeroExperts: 4, topK: 2 }),
    choices: (ranks) =>
      mixed(uneven)(ranks).map((tokens, rank) => (rank === ranks - 1 ? tokens.map(() => [5, 7]) : tokens)),
  },
  'padding, top-2, shared expert': { config: shared({ topK: 2 }), ...padded(mixed(uneven)) },
  'padding, capacity': {
    config: shared({ topK: 2, capacityFactor: 0.75 }),
    ...padded(mixed(even, { firsts: 3 })),
  },
  'padding, zero experts': {
    config: routed({ numExperts: 4, numZeroExperts: 4, topK: 2 }),
    ...padded(mixed(uneven)),
  },
  'padding, DGMoE': { config: dual(), ...padded(mixed(uneven)) },
  'DGMoE, dropless': { config: dual(), choices: mixed(uneven) },
  'DGMoE, capacity': { config: dual({ capacityFactor: 1, activation: 'swiglu' }), choices: mixed(even, { firsts: 3 }) },
  'dropless, an expert without tokens': {
    config: routed({ topK: 2 }),
    choices: (ranks) =>
      mixed(uneven)(ranks).map((tokens) =>
        tokens.map(([a, b]) => [a === 3 ? 2 : a, b === 3 || b === 2 ? 4 + (a === 4 ? 1 : 0) : b]),
      ),
  },
  'dropless, a rank without tokens': { config: shared({ topK: 2 }), choices: mixed([6, 0, 3, 0]) },
  'dropless, no token on any rank': { config: shared({ topK: 2 }), choices: mixed([0, 0, 0, 0]) },
  'dropless, a rank that sends to itself alone': {
    config: routed(),
    choices: (ranks) =>
      mixed(uneven)(ranks).map((tokens, rank) => (rank === 0 ? tokens.map((_, t) => [t % (8 / ranks), 7]) : tokens)),
  },
};

/** The cases that depend on the number of ranks, and all others. */
export function rankCases(ranks: number): Record<string, RankCase> {
  const onePerRank = mixed(uneven, { numExperts: ranks });
  return {
    ...others,
    'dropless, one expert a rank': { config: shared({ numExperts: ranks, topK: 2 }), choices: onePerRank },
    'capacity, one expert a rank': {
      config: shared({ numExperts: ranks, topK: 2, capacityFactor: 0.75 }),
      choices: mixed(even, { numExperts: ranks }),
    },
    'dropless, rows as bf16': { config: routed({ topK: 2 }), choices: mixed(uneven), as: 'bf16' },
    'capacity, rows as bf16': { config: routed({ topK: 2, capacityFactor: 2 }), choices: mixed(even), as: 'bf16' },
  };
}

/** Parameters well away from zero, so that every path matters, and a router that chooses what the tokens say. */
export function moeParameters(config: ResolvedMoeLayer, experts?: ExpertShard): Record<string, tf.Tensor> {
  const parameters = initializeParameters(moeSpecs(width, config, { experts }), { seed: 3, standardDeviation: 0.4 });
  const all = config.numExperts + config.numZeroExperts;
  const noise = randomNormal([width, all], { seed: 5, standardDeviation: 0.1 });
  const router = tf.add(tf.mul(tf.eye(width, all), 2), noise);
  return { ...parameters, 'router.weight': router };
}

/** Tokens (T, width) of the ranks `from` to `to` - 1 that make these choices, and a direction of the same shape. */
export function tokensOf(choices: Choices, from: number, to: number): { x: tf.Tensor2D; direction: tf.Tensor2D } {
  const before = choices.slice(0, from).flat().length;
  const mine = choices.slice(from, to).flat();
  const values = new Float32Array(mine.length * width);
  mine.forEach(([first, second], t) => {
    values[t * width + first] = 2;
    values[t * width + second] = 1;
  });
  const normal = (seed: number) => randomNormal([mine.length, width], { seed, offset: before * width }) as tf.Tensor2D;
  const chosen = tf.tensor2d(values, [mine.length, width]);
  return { x: tf.add(chosen, tf.mul(normal(7), 0.2)), direction: normal(9) };
}

/** Output and all gradients of sum(y * direction), through tf.grads. */
export function runCase(
  { config, choices, masks }: Pick<RankCase, 'config'> & { choices: Choices; masks?: number[][] },
  { from, to, experts }: { from: number; to: number; experts?: ExpertShard },
  dispatcher?: Dispatcher,
  communicator?: Communicator,
): RankOutcome {
  return outcome(communicator, () => {
    const { x, direction } = tokensOf(choices, from, to);
    const mask = masks && tf.tensor1d(masks.slice(from, to).flat(), 'bool');
    const parameters = moeParameters(config, experts);
    const names = Object.keys(parameters);
    let y: tf.Tensor | undefined;
    let counts: tf.Tensor | undefined;
    const gradients = tf.grads((x: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
      const result = runMoe(x, given, config, { dispatcher, mask });
      y = tf.keep(tf.clone(result.y));
      counts = tf.keep(tf.clone(result.routing.counts));
      return tf.sum(tf.mul(result.y, direction));
    })([x, ...names.map((name) => parameters[name]!)]);
    const numbers = Object.fromEntries(['x', ...names].map((name, i) => [`grad ${name}`, read(gradients[i]!)]));
    const result = { values: { y: read(y!), ...numbers }, counts: [...counts!.dataSync()] };
    tf.dispose([y!, counts!]);
    return result;
  });
}

/** A pair or block for the cases with a plan. */
export type LayerCase = ({ pair: PairConfig } | { block: BlockConfig } | { longcat: LongcatBlockConfig }) & {
  /** The first two tokens of each sequence are padding, and all of the second one's. */
  padded?: true;
};

const ofLayer = { dModel: 8, numHeads: 2, ffnHidden: 12, numExperts: 4 };
export const pairConfig: PairConfig = { ...ofLayer, kind: 'scmoe', topK: 2 };
export const layerCases: Record<string, LayerCase> = {
  pair: { pair: pairConfig },
  'pair, capacity': { pair: { ...pairConfig, capacityFactor: 1.5 } },
  'padded pair': { pair: pairConfig, padded: true },
  'padded pair, capacity': { pair: { ...pairConfig, capacityFactor: 1 }, padded: true },
  'DGMoE pair': { pair: { ...ofLayer, kind: 'dgmoe' } },
  block: { block: { ...ofLayer, kind: 'scmoe', topK: 2, numZeroExperts: 1, mix: 'cg2' } },
  'LongCat block': {
    longcat: {
      ...ofLayer,
      numZeroExperts: 2,
      routedScalingFactor: 1.5,
      latent: { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 },
    },
  },
};

/** Pairs with experts enough to be cut on each rank. Of 5 tokens and 8 experts, some experts have no row at all. */
export const expertChunkCases: Record<string, LayerCase> = {
  dropless: { pair: { ...pairConfig, numExperts: 8 } },
  capacity: { pair: { ...pairConfig, numExperts: 8, capacityFactor: 2 } },
  'zero experts, swiglu': { pair: { ...pairConfig, numExperts: 8, numZeroExperts: 3, activation: 'swiglu' } },
  padded: { pair: { ...pairConfig, numExperts: 8 }, padded: true },
};

/** All on two ranks; on more of them the first, for what a backend computes does not depend on how many there are. */
export function comparedBackends(ranks: number): readonly string[] {
  return ranks === 2 ? availableBackends() : availableBackends().slice(0, 1);
}

export function divisorsOf(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((i) => n % i === 0);
}

type PlanOf = <Values>(operators: readonly Operator<Values>[]) => Plan;

/** The same for pairs and blocks on sequences of 5, one a rank, through valueAndGrads and with a plan. */
export function runLayerCase(
  layer: LayerCase,
  { from, to, experts, tensor }: { from: number; to: number } & ShardOptions,
  options: {
    plan?: PlanOf;
    chunks?: number;
    expertChunks?: number;
    backwardChunks?: number | undefined;
    backwardExpertChunks?: number | undefined;
    recompute?: boolean;
    split?: SplitMode;
    observer?: PlanObserver;
    dispatcher?: Dispatcher;
    tensor?: TensorGroup;
    onRouting?: (routing: Routing) => void;
  } = {},
  communicator?: Communicator,
): RankOutcome {
  return outcome(communicator, () => {
    const width = widthOf(layer);
    const shape = [to - from, 5, width];
    const x = randomNormal(shape, { seed: 11, offset: from * 5 * width });
    const direction = randomNormal(shape, { seed: 13, offset: from * 5 * width });
    const rows = Array.from({ length: to - from }, (_, i) => (from + i === 1 ? [0, 0, 0, 0, 0] : [0, 0, 1, 1, 1]));
    const mask = layer.padded && tf.tensor2d(rows, undefined, 'bool');
    const initialization = { seed: 3, standardDeviation: 0.4, experts, tensor };
    const { 'router.correctionBias': bias, ...parameters } = parametersOf(layer, initialization);
    const variables = Object.fromEntries(
      Object.entries({ x, ...parameters }).map(([name, tensor]) => [name, tf.variable(tensor)]),
    );
    const given = bias ? { ...variables, 'router.correctionBias': bias } : variables;
    const input = variables['x'] as unknown as tf.Tensor3D;
    let y: tf.Tensor | undefined;
    let counts: tf.Tensor | undefined;
    const { grads } = valueAndGrads(() => {
      const result = runLayer(layer, input, given, { ...options, mask });
      y = tf.keep(tf.clone(result.y));
      counts = tf.keep(tf.clone(result.routing!.counts));
      return tf.sum(tf.mul(result.y, direction));
    }, variables);
    const numbers = Object.fromEntries(Object.entries(grads).map(([name, grad]) => [`grad ${name}`, read(grad)]));
    const result = { values: { y: read(y!), ...numbers }, counts: [...counts!.dataSync()] };
    tf.dispose([y!, counts!]);
    tf.dispose(variables);
    return result;
  });
}

function widthOf(layer: LayerCase): number {
  return ('pair' in layer ? layer.pair : 'block' in layer ? layer.block : layer.longcat).dModel;
}

function parametersOf(layer: LayerCase, initialization: InitializationOptions & ShardOptions) {
  if ('pair' in layer) return initializePair(layer.pair, initialization);
  if ('block' in layer) return initializeBlock(layer.block, initialization);
  return initializeLongcatBlock(layer.longcat, initialization);
}

function runLayer(
  layer: LayerCase,
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  options: { plan?: PlanOf; dispatcher?: Dispatcher; tensor?: TensorGroup; mask?: tf.Tensor },
): { y: tf.Tensor; routing?: Routing } {
  if ('pair' in layer) return runPair(x, parameters, resolvePair(layer.pair), options);
  if ('block' in layer) {
    const { y, pending, routing } = runBlock(x, parameters, resolveBlock(layer.block), { ...options, settle: true });
    return { y: joinPending(y, pending), routing };
  }
  return runLongcatBlock(x, parameters, resolveLongcatBlock(layer.longcat), options);
}

function outcome(
  communicator: Communicator | undefined,
  run: () => Pick<RankOutcome, 'values' | 'counts'>,
): RankOutcome {
  const tensors = tf.memory().numTensors;
  const before = communicator?.flightRecord().entries.at(-1)?.sequence ?? -1;
  tf.engine().startScope();
  try {
    const { values, counts } = run();
    tf.engine().endScope();
    const entries = communicator?.flightRecord().entries ?? [];
    const collectives = entries.filter(({ sequence }) => sequence > before).map(({ operation }) => operation);
    return { values, counts, tensorsLeft: tf.memory().numTensors - tensors, collectives };
  } catch (error) {
    tf.engine().endScope();
    throw error;
  }
}

function read(tensor: tf.Tensor): { shape: number[]; data: Float32Array } {
  return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
}
