import { ArgumentError } from '@scmoe/errors';

import { isEveryAddress } from '../place/addresses.js';
import type { Place } from '../place/Place.js';
import { StoreClient } from './StoreClient.js';
import { serveStore } from './serveStore.js';

export interface Rendezvous {
  store: StoreClient;
  /** Leaves. The rank that serves the store first waits, up to `graceMs`, until the others have left too. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/**
 * Connects to the store of a place, and serves it first where that is this rank's part.
 *
 * @throws RendezvousError 'timeout', 'refused', 'address'
 */
export async function joinRendezvous(
  { rank, worldSize, rendezvous, source }: Place,
  { timeoutMs = 300_000 }: { timeoutMs?: number } = {},
): Promise<Rendezvous> {
  if (rendezvous === undefined) throw new ArgumentError(`A world of one (${source}) has no rendezvous.`);
  const { port, token, servedBy, bind } = rendezvous;
  const server = servedBy === 'rank 0' && rank === 0 ? await serveStore({ host: bind, port, token }) : undefined;
  const host = server === undefined ? rendezvous.host : isEveryAddress(bind) ? '127.0.0.1' : bind;
  const store = await StoreClient.connect({ host, port, token, timeoutMs });
  let closing: Promise<void> | undefined;

  const leave = async (graceMs: number) => {
    // A store that is gone has nobody to tell.
    await store.set(leftKey(rank), new Uint8Array(0)).catch(() => undefined);
    if (server !== undefined) {
      const others = Array.from({ length: worldSize }, (_, other) => store.get(leftKey(other), { timeoutMs: graceMs }));
      await Promise.allSettled(others);
    }
    store.close();
    await server?.close();
  };
  return { store, close: ({ graceMs = 5000 } = {}) => (closing ??= leave(graceMs)) };
}

function leftKey(rank: number): string {
  return `scmoe/left/${rank}`;
}
