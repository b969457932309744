import type { ResolvedExperts } from '../config/MoeConfig.js';
import type { MoeContext } from '../moe/moeSublayer.js';

/**
 * Whether what a token is routed to depends on more than the token: on which others take the slots of a capacity, or on its
 * place in the batch, from which noise, jitter and a choice that is given or forced follow. One gate then sees both halves.
 */
export function isJointGate(
  { capacityFactor, routing, forcedBalance, noisy, jitter }: ResolvedExperts,
  { dropless = false, router }: Pick<MoeContext, 'dropless' | 'router'>,
): boolean {
  const isRandom = router?.training === true && (noisy || jitter > 0);
  const isGiven = router?.replay !== undefined || router?.noise !== undefined;
  return (capacityFactor > 0 && !dropless) || routing === 'expertChoice' || forcedBalance || isRandom || isGiven;
}
