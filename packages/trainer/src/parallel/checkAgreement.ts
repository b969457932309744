import { createHash } from 'node:crypto';

import type { Communicator } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';

/**
 * Makes sure that all ranks start from the same: each value is compared by its hash. Every rank calls it.
 *
 * @param values what must agree, by the name that a message gives it
 * @throws UserError on all ranks, naming the value and the ranks that differ from rank 0
 */
export async function checkAgreement(world: Communicator, values: Record<string, string>): Promise<void> {
  if (world.size === 1) return;
  const own = Object.values(values).map((value) => createHash('sha256').update(value).digest().readInt32LE(0));
  const all = await world.allGather(Int32Array.from(own)).done;
  for (const [i, name] of Object.keys(values).entries()) {
    const hash = (rank: number) => all[rank * own.length + i];
    const different = Array.from({ length: world.size }, (_, rank) => rank).filter((rank) => hash(rank) !== hash(0));
    if (different.length === 0) continue;
    const who = `${different.length === 1 ? 'rank' : 'ranks'} ${different.join(', ')}`;
    throw new UserError(`${name}: expected the same on all ranks, got another on ${who} than on rank 0.`);
  }
}
