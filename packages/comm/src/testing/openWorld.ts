import type { Communicator } from '../communicator/Communicator.js';
import { init, type InitOptions } from '../init/init.js';
import type { Place } from '../place/Place.js';
import { StoreServer } from '../rendezvous/StoreServer.js';

const token = 'secret-of-the-tests';

/** The store shares its thread with the test, which may be busy for a while: that must not count as death. */
export const patientMs = 60_000;

export function placeOf(rank: number, worldSize: number, port: number): Place {
  return {
    rank,
    worldSize,
    localRank: rank,
    localWorldSize: worldSize,
    restartCount: 0,
    rendezvous: { host: '127.0.0.1', port, token, servedBy: 'launcher', bind: '127.0.0.1' },
    source: 'a test',
  };
}

/** Does not keep the test run alive where a test has failed before it closed the store. */
export async function serveStore(): Promise<StoreServer> {
  return (await StoreServer.listen({ token, silenceMs: patientMs })).unref();
}

export interface World {
  server: StoreServer;
  ranks: Communicator[];
  close(): Promise<void>;
}

/**
 * All ranks of a world in this one thread: each has its own connections and its own communication thread, so that what
 * one rank waits for goes on meanwhile, provided the others have been started.
 */
export async function openWorld(size: number, options: Omit<InitOptions, 'place'> = {}): Promise<World> {
  const server = await serveStore();
  const ranks = await Promise.all(
    Array.from({ length: size }, (_, rank) =>
      init({
        engine: 'gloo',
        timeoutMs: 120_000,
        silenceMs: patientMs,
        ...options,
        place: placeOf(rank, size, server.port),
      }),
    ),
  );
  return {
    server,
    ranks,
    close: async () => {
      await Promise.all(ranks.map((rank) => rank.close()));
      await server.close();
    },
  };
}

/** Runs `f` for every rank, starting all before waiting for any. */
export function onAll<Result>(
  { ranks }: Pick<World, 'ranks'>,
  f: (rank: Communicator) => { done: Promise<Result> },
): Promise<Result[]> {
  return Promise.all(ranks.map((rank) => f(rank).done));
}
