import { expectThat } from '@scmoe/errors';
import { resolveRouter, type ResolvedRouter, type RouterConfig } from '@scmoe/gating';
import type { ExpertActivation } from '@scmoe/tensor';

export const expertActivations = ['gelu', 'gelu_tanh', 'silu', 'swiglu'] as const satisfies ExpertActivation[];
export const mixes = ['add', 'cg1', 'cg2'] as const;

/**
 * How the shared and the routed output combine: `add` as they are; `cg1` the shared one times sigmoid(w u) (the paper's
 * best); `cg2` both, times softmax(W u). u is the normalised activation of the current layer.
 */
export type Mix = (typeof mixes)[number];

/** All options of a router, which layers, blocks and pairs pass on to it. */
export const routedOptions: Record<keyof RouterConfig, true> = {
  numExperts: true,
  topK: true,
  scoreFunction: true,
  normalizeWeights: true,
  routedScalingFactor: true,
  capacityFactor: true,
  minCapacity: true,
  dropPolicy: true,
  capacityOrder: true,
  logits: true,
  cosineWidth: true,
  noisy: true,
  jitter: true,
  correctionBias: true,
  numGroups: true,
  topKGroups: true,
  groupScore: true,
  numZeroExperts: true,
  scaleZeroExperts: true,
  forcedBalance: true,
  routing: true,
};

/** The experts themselves: feed-forward layers, and perhaps a shared one that sees every token. */
export interface ResolvedExperts extends ResolvedRouter {
  activation: ExpertActivation;
  ffnBias: boolean;
  /** Hidden width of one routed expert. */
  expertHidden: number;
  /** Absent where there is no shared expert. */
  shared?: { hidden: number; mix: Mix };
  /** Every token visits an expert with its shortcut and another with its current activation (DGMoE). */
  dual: boolean;
}

/** The router of DGMoE, which picks one expert for the shortcut and another for the current activation. */
export function resolveDualRouter(config: RouterConfig): ResolvedRouter {
  const router = resolveRouter(config, { topK: 1 });
  const { topK, numExperts, routing, forcedBalance } = router;
  expectThat(topK === 1, 'topK', '1 for DGMoE, which chooses twice', topK);
  expectThat(numExperts > 1, 'numExperts', 'at least 2 for DGMoE, whose choices differ', numExperts);
  expectThat(routing === 'tokenChoice', 'routing', 'tokenChoice for DGMoE', routing);
  expectThat(
    !forcedBalance,
    'forcedBalance',
    'false for DGMoE, whose second choice depends on the first',
    forcedBalance,
  );
  return router;
}
