import { setTimeout as sleep } from 'node:timers/promises';

import { exitStatus, type Exit } from './ProcessGroup.js';

/** A rank that failed, and how. */
export interface Failure<Rank> {
  kind: 'exit';
  rank: Rank;
  exit: Exit;
}

/** Time that a rank has to end which the others say was the first to go; a process with much memory needs some. */
const endingMs = 2000;

/**
 * The rank that failed first. Of several whose end is reported at once, one that was killed is more likely the cause than
 * those that ended by themselves, whose peer was gone. And a peer may hear of a rank's end, and end, before that rank is
 * quite gone: `firstCause` says whom the ranks have seen go first, if anybody, and that one is waited for.
 */
export async function firstFailure<Rank extends { rank: number; group: { exited: Promise<Exit> } }>(
  ranks: readonly Rank[],
  firstCause: () => number | undefined,
): Promise<Failure<Rank>> {
  const failed: Failure<Rank>[] = [];
  const ends = ranks.map(async (rank) => {
    const exit = await rank.group.exited;
    if (exitStatus(exit) !== 0) failed.push({ kind: 'exit', rank, exit });
  });
  await new Promise<void>((resolve) => {
    for (const end of ends) void end.then(() => failed.length > 0 && setImmediate(resolve));
  });
  const killed = () => failed.find(({ exit: { signal } }) => signal !== null);
  if (killed()) return killed()!;
  const cause = firstCause();
  const index = ranks.findIndex(({ rank }) => rank === cause);
  if (index >= 0) {
    const done = new AbortController();
    await Promise.race([ends[index], sleep(endingMs, undefined, { signal: done.signal }).catch(() => undefined)]);
    done.abort();
  }
  return failed.find(({ rank }) => rank.rank === cause) ?? failed[0]!;
}
