import { expectThat } from '@scmoe/errors';
import { resolveRouter, type OptionSpecs, type ResolvedRouter, type RouterConfig } from '@scmoe/gating';
import type { ClampedGlu, ExpertActivation } from '@scmoe/tensor';

/** Options of the experts themselves, beside those of their router. */
export const expertOptions = {
  /** Hidden width of one expert. */
  expertHidden: { type: 'integer', minimum: 1, derived: 'ffnHidden', help: 'hidden width of an expert' },
} as const satisfies OptionSpecs;

/** Options of a shared expert, which sees every token. */
export const sharedExpertOptions = {
  /**
   * How the shared and the routed output combine: `add` as they are; `cg1` the shared one times sigmoid(w u) (the paper's
   * best); `cg2` both, times softmax(W u). u is the normalised activation of the current layer.
   */
  mix: {
    type: 'choice',
    choices: ['add', 'cg1', 'cg2'],
    default: 'cg1',
    help: 'how shared and routed experts combine',
  },
  sharedHidden: { type: 'integer', minimum: 1, derived: 'ffnHidden', help: 'hidden width of the shared expert' },
} as const satisfies OptionSpecs;

/** How the shared and the routed output combine: `sharedExpertOptions.mix` says what each is. */
export type Mix = (typeof mixes)[number];
export const mixes = sharedExpertOptions.mix.choices;

/** The experts themselves: feed-forward networks, and perhaps a shared one that sees every token. */
export interface ResolvedExperts extends ResolvedRouter {
  activation: ExpertActivation;
  ffnBias: boolean;
  /** The form of `swiglu` that gpt-oss has. Absent: the plain one. */
  clampedGlu?: ClampedGlu;
  /** Hidden width of one routed expert. */
  expertHidden: number;
  /** Absent where there is no shared expert. */
  shared?: { hidden: number; mix: Mix };
  /** Every token visits an expert with its shortcut and another with its current activation (DGMoE). */
  dual: boolean;
  /** Whether a router before the first layer chooses for all: there is none in the layer then. */
  routedAhead?: boolean;
}

/** The router of DGMoE, which picks one expert for the shortcut and another for the current activation. */
export function resolveDualRouter(config: RouterConfig): ResolvedRouter {
  const router = resolveRouter(config, { topK: 1 });
  const { topK, numExperts, routing, forcedBalance, jitterExperts } = router;
  expectThat(topK === 1, 'topK', '1 for DGMoE, which chooses twice', topK);
  expectThat(numExperts > 1, 'numExperts', 'at least 2 for DGMoE, whose choices differ', numExperts);
  expectThat(routing === 'tokenChoice', 'routing', 'tokenChoice for DGMoE', routing);
  expectThat(
    !forcedBalance,
    'forcedBalance',
    'false for DGMoE, whose second choice depends on the first',
    forcedBalance,
  );
  expectThat(!jitterExperts, 'jitterExperts', 'false for DGMoE, whose second choice has no jitter', jitterExperts);
  return router;
}
