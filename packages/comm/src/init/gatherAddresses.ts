import { CommError } from '../communicator/CommError.js';
import { RendezvousError } from '../rendezvous/RendezvousError.js';
import type { StoreClient } from '../rendezvous/StoreClient.js';

/**
 * Leaves this rank's addresses in the store and waits for those of all others.
 *
 * @throws CommError naming the ranks that did not come, and after how long
 */
export async function gatherAddresses(
  store: StoreClient,
  { group, rank, size, timeoutMs }: { group: string; rank: number; size: number; timeoutMs: number },
  addresses: Uint8Array,
): Promise<Uint8Array[]> {
  const key = (of: number) => `scmoe/${group}/address/${of}`;
  await store.set(key(rank), addresses);
  const all = await Promise.allSettled(
    Array.from({ length: size }, (_, other) =>
      other === rank ? Promise.resolve(addresses) : store.get(key(other), { timeoutMs }),
    ),
  );
  const missing: number[] = [];
  for (const [other, result] of all.entries()) {
    if (result.status === 'fulfilled') continue;
    const late = result.reason instanceof RendezvousError && result.reason.failure === 'timeout';
    if (!late) throw result.reason;
    missing.push(other);
  }
  if (missing.length === 0) return all.map((result) => (result as PromiseFulfilledResult<Uint8Array>).value);
  // Nobody shall find the addresses of a rank that has given up.
  await store.delete(key(rank)).catch(() => undefined);
  throw new CommError(
    'SCMOE_COMM_TIMEOUT',
    `init on rank ${rank} of ${size}: ${missing.length === 1 ? 'rank' : 'ranks'} ${missing.join(', ')} did not come within ${timeoutMs} ms`,
    { ranks: missing },
  );
}
