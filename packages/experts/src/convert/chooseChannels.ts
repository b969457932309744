import { UserError } from '@scmoe/errors';
import type { ExpertChannels } from '@scmoe/models';

/** The channels of each layer's experts, and how wide all of them are: the same in every layer. */
export interface ChosenChannels {
  sharedWidth: number;
  expertWidth: number;
  layers: ExpertChannels[];
  /** Channels (layers, domains, width) that matter for each domain, shared ones included. */
  masks: number[][][];
}

/**
 * Chooses the hidden channels that matter for each domain: those with the largest mean of their absolute values (Read-ME, arXiv
 * 2410.19123, section 3.1). What all domains need is the shared expert's; the rest of a domain's is its own expert's.
 *
 * @param activity (layers, domains, f) mean absolute values
 * @param width channels of each domain
 * @param sharedWidth channels of the shared expert; by default as many as all domains have in common in every layer, but an
 *   expert keeps one of its own at least
 * @throws UserError where the domains have fewer in common
 */
export function chooseChannels(
  activity: readonly (readonly Float64Array[])[],
  { width, sharedWidth }: { width: number; sharedWidth?: number },
): ChosenChannels {
  const masks = activity.map((domains) => domains.map((own) => largest(own, width)));
  const common = masks.map(([first, ...others]) =>
    first!.filter((channel) => others.every((mask) => mask.includes(channel))),
  );
  const most = Math.min(width - 1, ...common.map((channels) => channels.length));
  const shared = sharedWidth ?? most;
  if (!Number.isInteger(shared) || shared < 0 || shared > most)
    throw new UserError(
      `sharedWidth: expected a whole number up to ${most}, the channels that all domains have in common in every layer, got ${shared}.`,
      { exitCode: 2 },
    );
  const layers = masks.map((domains, layer) => {
    const sum = (channel: number) => activity[layer]!.reduce((total, own) => total + own[channel]!, 0);
    // Of what is common the most active; what is left of it stays in every expert.
    const ofAll = [...common[layer]!].sort((a, b) => sum(b) - sum(a) || a - b).slice(0, shared);
    const experts = domains.map((mask) => mask.filter((channel) => !ofAll.includes(channel)));
    return { experts, ...(shared > 0 && { shared: ofAll.sort((a, b) => a - b) }) };
  });
  return { sharedWidth: shared, expertWidth: width - shared, layers, masks };
}

/** The `count` largest entries, in ascending order of their places. */
export function largest(values: Float64Array | Float32Array, count: number): number[] {
  const places = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
  return places.slice(0, count).sort((a, b) => a - b);
}
