import { ArgumentError } from '@scmoe/errors';

import type { Communicator } from './Communicator.js';

/**
 * How the ranks of a run are factors of each other (DeepSpeed-TED, arXiv 2303.06318): T neighbours make a tensor-parallel group,
 * which works on the same tokens; P neighbours, one or several such groups, share the experts of a model out, in slices of S
 * neighbours each; whole expert groups repeat each other.
 */
export interface RankFactors {
  /** T. Default: 1. */
  tensorParallel?: number;
  /** P: a multiple of T that divides the ranks. Default: all ranks. */
  expertParallel?: number;
  /** S: neighbours that hold a slice each of the hidden width of the same experts; a divisor of P. Default: 1. */
  expertShards?: number;
}

/** A place in a group: `rank` of `size`. */
export interface RankOfGroup {
  rank: number;
  size: number;
}

/** Where a rank is in each of the groups that it belongs to. */
export interface FactoredRank {
  /** Among those that have the same tokens, and a slice each of attentions and MLPs. */
  tensor: RankOfGroup;
  /** Among those that hold the same slice, of other tokens. */
  data: RankOfGroup;
  /** Among those that together hold all experts. */
  experts: RankOfGroup & { shards: number };
  /** Among those that hold the same of the experts. */
  replicas: RankOfGroup;
}

/**
 * The groups of a rank by factors alone: rank (d E + e) T + t is number t of its tensor group, and number e T + t of its expert
 * group of P = E T ranks.
 *
 * @throws ArgumentError naming the factor that the ranks can't have
 */
export function factorRank(
  { rank, size }: RankOfGroup,
  { tensorParallel = 1, expertParallel = size, expertShards = 1 }: RankFactors = {},
): FactoredRank {
  const expectFactor = (name: string, value: number, expected: string, isMet: boolean) => {
    if (Number.isInteger(value) && value >= 1 && isMet) return;
    throw new ArgumentError(`${name}: expected ${expected}, got ${value}`);
  };
  const ofRanks = `a divisor of the number of ranks, ${size}`;
  expectFactor('tensorParallel', tensorParallel, ofRanks, size % tensorParallel === 0);
  expectFactor('expertParallel', expertParallel, ofRanks, size % expertParallel === 0);
  const multiple = `a multiple of the ${tensorParallel} ranks of a tensor-parallel group`;
  expectFactor('expertParallel', expertParallel, multiple, expertParallel % tensorParallel === 0);
  const ofExperts = `a divisor of the ${expertParallel} ranks that share the experts`;
  expectFactor('expertShards', expertShards, ofExperts, expertParallel % expertShards === 0);
  return {
    tensor: { rank: rank % tensorParallel, size: tensorParallel },
    data: { rank: Math.floor(rank / tensorParallel), size: size / tensorParallel },
    experts: { rank: rank % expertParallel, size: expertParallel, shards: expertShards },
    replicas: { rank: Math.floor(rank / expertParallel), size: size / expertParallel },
  };
}

/** Communicators of the groups of a rank. */
export interface FactoredRanks {
  /** All ranks. */
  world: Communicator;
  /** Those with the same tokens; undefined where each has its own. */
  tensor?: Communicator;
  /** Those that hold the same slice, of other tokens; all, where there are no slices. */
  data: Communicator;
  /** Those that together hold all experts; tokens travel here. Its traffic overtakes that of the others. */
  experts: Communicator;
  /** Neighbours in it that hold a slice each of the same experts. */
  expertShards: number;
  /** Those neighbours, where there are several; the same communicator as `tensor` where it has the same ranks. */
  shards?: Communicator;
  /** Those of the expert group that have the same place in their tensor groups; where they were asked for. */
  peers?: Communicator;
  /** Those that hold the same of the experts. */
  replicas: Communicator;
}

/**
 * Splits the ranks into the groups that their factors make. Every rank calls it.
 *
 * @param peers asks for `peers` as well
 * @throws ArgumentError as `factorRank`
 */
export async function splitRanks(
  world: Communicator,
  { peers = false, ...factors }: RankFactors & { peers?: boolean } = {},
): Promise<FactoredRanks> {
  const { tensor, data, experts, replicas } = factorRank(world, factors);
  const split = async (colour: number): Promise<Communicator> => (await world.split(colour))!;
  const isSliced = tensor.size > 1;
  const own = {
    world,
    experts: await split(replicas.rank),
    expertShards: experts.shards,
    replicas: await split(experts.rank),
    data: isSliced ? await split(tensor.rank) : world,
    ...(isSliced && { tensor: await split(data.rank) }),
    ...(isSliced && peers && { peers: await split(replicas.rank * tensor.size + tensor.rank) }),
  };
  if (experts.shards === 1) return own;
  // Both are neighbours, from rank 0 on.
  const isTensor = own.tensor && experts.shards === tensor.size;
  return { ...own, shards: isTensor ? own.tensor : await split(Math.floor(world.rank / experts.shards)) };
}

/** Leaves all groups. Every rank calls it. */
export async function closeRanks({ world, ...groups }: FactoredRanks): Promise<void> {
  const { tensor, data, experts, replicas, peers, shards } = groups;
  const own = new Set([tensor, data, experts, replicas, peers, shards]);
  own.delete(world);
  await Promise.all([...own].flatMap((group) => (group ? [group.close()] : [])));
  await world.close();
}
