import { UserError } from '@scmoe/errors';

import type { ExpertScores } from './criteria.js';

/** Ids of the experts that each layer keeps, in ascending order, by the name of the layer. */
export type KeptExperts = Record<string, number[]>;

/** How many experts are kept of each layer. */
export interface KeepOptions {
  numExperts: number;
  /** Experts to remove of each layer; fewer go where the rest would not divide. */
  prune: number;
  /** Groups of the routers: each loses as many. */
  numGroups?: number;
  /** Ranks that are to share the rest out. */
  ranks?: number;
  /** The least that there have to be: the choices of a token. */
  least?: number;
}

/**
 * How many experts of each layer stay: what `prune` leaves, rounded up to a multiple of ranks and groups.
 *
 * @throws UserError where no expert would go, or too few would stay
 */
export function numKept({ numExperts, prune, numGroups = 1, ranks = 1, least = 1 }: KeepOptions): number {
  const wrong = (what: string) => new UserError(what, { exitCode: 2 });
  if (!Number.isSafeInteger(prune) || prune < 0 || prune >= numExperts)
    throw wrong(`prune: expected a whole number of at least 0 and less than the ${numExperts} experts, got ${prune}.`);
  if (!Number.isSafeInteger(ranks) || ranks < 1)
    throw wrong(`ranks: expected a whole number of at least 1, got ${ranks}.`);
  const unit = leastCommonMultiple(ranks, numGroups);
  const kept = Math.ceil((numExperts - prune) / unit) * unit;
  if (kept > numExperts || (kept === numExperts && prune > 0)) {
    const of = [...(ranks > 1 ? [`${ranks} ranks`] : []), ...(numGroups > 1 ? [`${numGroups} groups`] : [])].join(
      ' and ',
    );
    throw wrong(
      `prune: expected to keep fewer than ${numExperts} experts, a multiple for ${of}, got ${numExperts - prune}.`,
    );
  }
  if (kept < least)
    throw wrong(`prune: expected to keep at least ${least} experts, the choices of a token, got ${kept}.`);
  return kept;
}

/**
 * The experts with the largest scores of each layer, of each group as many.
 *
 * @param keep a multiple of `numGroups`
 */
export function chooseExperts(
  scores: ExpertScores,
  { keep, numGroups = 1 }: { keep: number; numGroups?: number },
): KeptExperts {
  return Object.fromEntries(
    Object.entries(scores).map(([layer, own]) => {
      const size = own.length / numGroups;
      const groups = Array.from({ length: numGroups }, (_, g) => Array.from({ length: size }, (_, i) => g * size + i));
      // Of equal ones the first stay.
      const kept = groups.flatMap((ids) => ids.sort((a, b) => own[b]! - own[a]! || a - b).slice(0, keep / numGroups));
      return [layer, kept.sort((a, b) => a - b)];
    }),
  );
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a / divisor(a, b)) * b;
}
