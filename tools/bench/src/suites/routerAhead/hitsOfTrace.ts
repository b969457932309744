/** What makes room in a cache of experts: what was used last the longest ago, or what is used next the latest of all (Belady). */
export type TracePolicy = 'lru' | 'optimal';

/**
 * Share of the uses that a cache of so many experts has there, of one layer whose steps use these experts.
 *
 * @param steps the experts of each step, each once, in the order of use
 */
export function hitsOfTrace(
  steps: readonly (readonly number[])[],
  { numCached, policy }: { numCached: number; policy: TracePolicy },
): number {
  const uses = steps.flat();
  const nextUse = nextUses(uses);
  // What makes the cache better to be without: the place of the next use, or how long ago the last one was.
  const cached = new Map<number, number>();
  let hits = 0;
  uses.forEach((expert, place) => {
    if (cached.has(expert)) hits++;
    else if (cached.size >= numCached) cached.delete(worstOf(cached));
    cached.set(expert, policy === 'lru' ? -place : nextUse[place]!);
  });
  return hits / uses.length;
}

function worstOf(cached: ReadonlyMap<number, number>): number {
  return [...cached].reduce((worst, entry) => (entry[1] > worst[1] ? entry : worst))[0];
}

/** The place at which the expert of each use is used again. */
function nextUses(uses: readonly number[]): number[] {
  const last = new Map<number, number>();
  const next = new Array<number>(uses.length);
  for (let place = uses.length - 1; place >= 0; place--) {
    next[place] = last.get(uses[place]!) ?? Infinity;
    last.set(uses[place]!, place);
  }
  return next;
}
