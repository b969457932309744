import { expectOneOf } from '@scmoe/errors';

/**
 * What a training step keeps for its backward pass, as `recompute` of a model says: all of it, what passes between its operators
 * and the results of attention, or the inputs of the stages alone.
 */
export const recomputations = ['off', 'selective', 'block'] as const;

/** What of a step is computed a second time to save memory. */
export interface RecomputeWay {
  readonly recompute: (typeof recomputations)[number];
  /**
   * Whether what collectives brought is kept by a stage that runs again, so that nothing travels twice (DeepSpeed-TED's
   * communication-aware recomputation, arXiv 2303.06318). Of the other ways nothing travels twice in any case.
   */
  readonly keepsExchanges: boolean;
}

/** Nothing is computed twice. */
export const computesOnce: RecomputeWay = { recompute: 'off', keepsExchanges: true };

/**
 * Every way of these kinds, from what computes least to what keeps least.
 *
 * @throws ArgumentError for a kind that there is not
 */
export function recomputeWays(kinds: readonly RecomputeWay['recompute'][] = recomputations): RecomputeWay[] {
  for (const kind of kinds) expectOneOf('recompute', kind, recomputations);
  return recomputations
    .filter((recompute) => kinds.includes(recompute))
    .flatMap((recompute) =>
      (recompute === 'block' ? [true, false] : [true]).map((keepsExchanges) => ({ recompute, keepsExchanges })),
    );
}

/** A way by the words of the command line; nothing for the usual one. */
export function describeWay({ recompute, keepsExchanges }: RecomputeWay): string {
  if (recompute === 'off') return '';
  return `recompute ${recompute}${keepsExchanges ? '' : ', exchanges sent again'}`;
}
