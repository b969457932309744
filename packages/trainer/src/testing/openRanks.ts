import { findGloo, init, StoreServer, type RankFactors } from '@scmoe/comm';
import { describeUnless } from '@scmoe/testing';

import { closeRankGroups, createRankGroups, type RankGroups } from '../parallel/RankGroups.js';

/** `describe`, or a skipped one that says why, where ranks can't talk here. */
export function describeRanks(name: string, tests: () => void): void {
  describeUnless(findGloo().problem, name, tests);
}

/**
 * Ranks in this one thread: each talks on a thread of its own, so asynchronous code of all of them can run side by side.
 * Closed when `use` is done.
 */
export async function withRanks<Result>(
  size: number,
  { use, ...factors }: RankFactors & { use: (groups: RankGroups[]) => Promise<Result> },
): Promise<Result> {
  const token = 'secret-of-the-tests';
  const server = await StoreServer.listen({ token, silenceMs: 60_000 });
  try {
    const groups = await Promise.all(
      Array.from({ length: size }, async (_, rank) => {
        const rendezvous = {
          host: '127.0.0.1',
          port: server.port,
          token,
          servedBy: 'launcher',
          bind: '127.0.0.1',
        } as const;
        const place = { rank, worldSize: size, localRank: rank, localWorldSize: size, restartCount: 0, rendezvous };
        const world = await init({
          engine: 'gloo',
          timeoutMs: 120_000,
          silenceMs: 60_000,
          place: { ...place, source: 'a test' },
        });
        return createRankGroups(world, factors);
      }),
    );
    const result = await use(groups);
    await Promise.all(groups.map(closeRankGroups));
    return result;
  } finally {
    await server.close();
  }
}
