import type { ExpertActivation } from '@scmoe/tensor';

import { expectNonNegative, expectOneOf, expectPositiveInteger, expectThat } from './ConfigurationError.js';

export const expertActivations = ['gelu', 'gelu_tanh', 'silu', 'swiglu'] as const satisfies ExpertActivation[];
export const mixes = ['add', 'cg1', 'cg2'] as const;

/**
 * How the shared and the routed output combine: `add` as they are; `cg1` the shared one times sigmoid(w u) (the paper's
 * best); `cg2` both, times softmax(W u). u is the normalised activation of the current layer.
 */
export type Mix = (typeof mixes)[number];

/** The routed experts of one layer, and how tokens are sent to them. */
export interface RoutedConfig {
  numExperts: number;
  /** Experts per token. */
  topK?: number;
  /** Weights of the chosen experts sum to 1. Default: topK > 1, for with one expert the router would get no gradient. */
  normalizeWeights?: boolean;
  /** Slots per expert as a multiple of an even share; 0 (default): no limit, nothing is dropped. */
  capacityFactor?: number;
  minCapacity?: number;
  /** Which tokens lose where an expert is full: the last ones, or those with the lowest weight. */
  dropPolicy?: 'position' | 'probability';
  /** Order in which slots are given for topK > 1: all first choices first, or token by token. */
  capacityOrder?: 'choice' | 'token';
}

export type ResolvedRouted = Required<RoutedConfig>;

export const routedOptions: Record<keyof RoutedConfig, true> = {
  numExperts: true,
  topK: true,
  normalizeWeights: true,
  capacityFactor: true,
  minCapacity: true,
  dropPolicy: true,
  capacityOrder: true,
};

/** The experts themselves: feed-forward layers, and perhaps a shared one that sees every token. */
export interface ResolvedExperts extends ResolvedRouted {
  activation: ExpertActivation;
  ffnBias: boolean;
  /** Hidden width of one routed expert. */
  expertHidden: number;
  /** Absent where there is no shared expert. */
  shared?: { hidden: number; mix: Mix };
  /** Every token visits an expert with its shortcut and another with its current activation (DGMoE). */
  dual: boolean;
}

/** Fills in defaults. @throws ConfigurationError naming the option, what is allowed and what came. */
export function resolveRouted(config: RoutedConfig, defaultTopK: number): ResolvedRouted {
  const { numExperts, topK = defaultTopK, normalizeWeights = topK > 1 } = config;
  const { capacityFactor = 0, minCapacity = 1, dropPolicy = 'position', capacityOrder = 'choice' } = config;
  expectPositiveInteger('numExperts', numExperts);
  expectPositiveInteger('topK', topK);
  expectThat(topK <= numExperts, 'topK', `at most numExperts = ${numExperts}`, topK);
  expectNonNegative('capacityFactor', capacityFactor);
  expectThat(Number.isInteger(minCapacity) && minCapacity >= 0, 'minCapacity', 'an integer >= 0', minCapacity);
  expectOneOf('dropPolicy', dropPolicy, ['position', 'probability']);
  expectOneOf('capacityOrder', capacityOrder, ['choice', 'token']);
  return { numExperts, topK, normalizeWeights, capacityFactor, minCapacity, dropPolicy, capacityOrder };
}

/** The router of DGMoE, which picks one expert for the shortcut and another for the current activation. */
export function resolveDualRouted(config: RoutedConfig): ResolvedRouted {
  const routed = resolveRouted(config, 1);
  expectThat(routed.topK === 1, 'topK', '1 for DGMoE, which chooses twice', routed.topK);
  expectThat(routed.numExperts > 1, 'numExperts', 'at least 2 for DGMoE, whose choices differ', routed.numExperts);
  return routed;
}

export function expectBoolean(what: string, value: unknown): void {
  expectThat(typeof value === 'boolean', what, 'true or false', value);
}
