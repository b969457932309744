import type { Communicator } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';

/**
 * The ranks of a run and the groups they form. Rank r belongs to expert group floor(r / E) and to replica group r mod E,
 * where E ranks share the experts of a model between them: E = number of ranks is expert parallelism alone, E = 1 data
 * parallelism alone.
 */
export interface RankGroups {
  /** All ranks: gradients of what every rank holds are averaged here. */
  world: Communicator;
  /** Ranks that together hold all experts; tokens travel here. A communicator of its own: its traffic overtakes gradients. */
  experts: Communicator;
  /** Ranks that hold the same experts. */
  replicas: Communicator;
}

/**
 * Every rank calls it.
 *
 * @param expertParallel ranks that share the experts of a model, E above; by default all
 * @throws UserError where the number of ranks is not a multiple of it
 */
export async function createRankGroups(
  world: Communicator,
  { expertParallel = world.size }: { expertParallel?: number } = {},
): Promise<RankGroups> {
  if (!Number.isInteger(expertParallel) || expertParallel < 1 || world.size % expertParallel !== 0) {
    throw new UserError(
      `expertParallel: expected a divisor of the number of ranks, ${world.size}, got ${expertParallel}.`,
      { exitCode: 2 },
    );
  }
  const experts = (await world.split(Math.floor(world.rank / expertParallel)))!;
  const replicas = (await world.split(world.rank % expertParallel))!;
  return { world, experts, replicas };
}

/** Leaves all three groups. Every rank calls it. */
export async function closeRankGroups({ world, experts, replicas }: RankGroups): Promise<void> {
  await Promise.all([experts.close(), replicas.close()]);
  await world.close();
}
