import { ArgumentError, UserError } from '@scmoe/errors';
import { closeRanks, splitRanks, type Communicator, type FactoredRanks, type RankFactors } from '@scmoe/comm';

/**
 * The ranks of a run and the groups they form. Rank r belongs to expert group floor(r / P) and to replica group r mod P, where P
 * ranks share the experts of a model between them: P = number of ranks is expert parallelism alone, P = 1 data parallelism alone.
 * With tensor parallelism T neighbours have the same tokens, and a slice each of what is no expert; `data` are those that hold the
 * same slice. Gradients of what every rank holds are averaged over `world`, of slices over `data`, of experts over `replicas`.
 */
export interface RankGroups extends FactoredRanks {}

/** How the ranks hold the parameters, by their names and those of the states of an optimizer. */
export interface ParameterPlacement {
  /** Whether a parameter is shared out over the expert group along its first axis, as experts are. */
  isSharded: (name: string) => boolean;
  /** The axis along which it is cut over the tensor-parallel group, or, of experts, over their shards. Default: none is cut. */
  slicedAxis?: (name: string) => number | undefined;
}

/**
 * Every rank calls it.
 *
 * @param factors as `splitRanks` of @scmoe/comm takes them; by default all ranks share the experts of a model
 * @throws UserError where the ranks can't be grouped so
 */
export async function createRankGroups(
  world: Communicator,
  factors: RankFactors & { peers?: boolean } = {},
): Promise<RankGroups> {
  try {
    return await splitRanks(world, factors);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new UserError(`${error.message}.`, { exitCode: 2, cause: error });
  }
}

/** Leaves all groups. Every rank calls it. */
export async function closeRankGroups(groups: RankGroups): Promise<void> {
  await closeRanks(groups);
}
