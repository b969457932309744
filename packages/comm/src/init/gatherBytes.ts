import { CommError } from '../communicator/CommError.js';
import { RendezvousError } from '../rendezvous/RendezvousError.js';
import type { StoreClient } from '../rendezvous/StoreClient.js';
import { wrongTokensNote } from '../rendezvous/wrongTokens.js';

export interface Gathering {
  /** What the bytes are about: ranks gather once for each topic of a group. */
  topic: string;
  group: string;
  rank: number;
  size: number;
  timeoutMs: number;
}

/**
 * Leaves this rank's bytes in the store and waits for those of all others.
 *
 * @throws CommError naming the ranks that did not come, and after how long
 */
export async function gatherBytes(store: StoreClient, gathering: Gathering, bytes: Uint8Array): Promise<Uint8Array[]> {
  const { rank, size, timeoutMs } = gathering;
  await leaveBytes(store, gathering, bytes);
  const all = await Promise.allSettled(
    Array.from({ length: size }, (_, other) =>
      other === rank ? Promise.resolve(bytes) : store.get(keyOf(gathering, other), { timeoutMs }),
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
  // Nobody shall find the bytes of a rank that has given up.
  await store.delete(keyOf(gathering, rank)).catch(() => undefined);
  throw new CommError(
    'SCMOE_COMM_TIMEOUT',
    `init on rank ${rank} of ${size}: ${missing.length === 1 ? 'rank' : 'ranks'} ${missing.join(', ')} did not come within ${timeoutMs} ms${await wrongTokensNote(store)}`,
    { ranks: missing },
  );
}

/** Leaves this rank's bytes for the others, and waits for nobody. */
export async function leaveBytes(store: StoreClient, gathering: Gathering, bytes: Uint8Array): Promise<void> {
  await store.set(keyOf(gathering, gathering.rank), bytes);
}

function keyOf({ topic, group }: Gathering, rank: number): string {
  return `scmoe/${group}/${topic}/${rank}`;
}
