import { findPlace, init, type Place, type RankOfGroup } from '@scmoe/comm';
import { ScmoeError, UserError } from '@scmoe/errors';
import { closeRankGroups, createRankGroups, type RankGroups } from '@scmoe/trainer';

import { silent, type Terminal } from '../cli/Terminal.js';
import type { RankOptions } from '../options/rankOptions.js';

/** This process's place among those that train together. */
export interface Ranks {
  rank: number;
  size: number;
  /** Its place among those with data of their own: the ranks of a tensor-parallel group have the same. */
  data: RankOfGroup;
  /** The groups of ranks; undefined where this process trains alone. */
  groups: RankGroups | undefined;
  /** What the run says to people is said by rank 0. */
  terminal: Terminal;
  /** The ranks in words, for a run on several of them. */
  line: string | undefined;
  /** Leaves the others. Every rank calls it. */
  close(): Promise<void>;
}

/**
 * Finds the other ranks that a launcher has started (`scmoe launch`, torchrun, mpirun, Slurm, ...), if any.
 *
 * @throws UserError for ranks that do not come, and for groups that they can't form
 */
export async function joinRanks(
  {
    expertParallel,
    tensorParallel = 1,
    expertShards = 1,
    tensorSchedule = 's1',
    rankTimeout,
  }: Partial<RankOptions> & Pick<RankOptions, 'rankTimeout'>,
  terminal: Terminal,
): Promise<Ranks> {
  const isBase = tensorSchedule === 'base' && tensorParallel > 1;
  if (isBase && expertShards !== tensorParallel) {
    throw new UserError(
      `--expert-shards: expected ${tensorParallel}, as many as --tensor-parallel, with --tensor-schedule base, got ${expertShards}.`,
      { exitCode: 2 },
    );
  }
  const place = placeHere();
  const { worldSize } = place;
  // Before the ranks meet, so that each says it by itself, and none that it has lost another.
  if (expertParallel !== undefined && worldSize > 1 && worldSize % expertParallel !== 0) {
    throw new UserError(`--expert-parallel: expected a divisor of the ${worldSize} ranks, got ${expertParallel}.`, {
      exitCode: 2,
    });
  }
  const world = await init({ place, timeoutMs: rankTimeout * 1000 }).catch((error: unknown) => {
    throw asUserError(error);
  });
  const note = place.note && `place: ${place.note}`;
  const { rank, size } = world;
  if (size === 1) {
    const factors = {
      '--expert-parallel': expertParallel,
      '--tensor-parallel': tensorParallel,
      '--expert-shards': expertShards,
    };
    for (const [flag, ranks = 1] of Object.entries(factors)) {
      if (ranks === 1) continue;
      throw new UserError(`${flag}: expected 1, for there is one rank, got ${ranks}.`, { exitCode: 2 });
    }
    return { rank, size, data: { rank, size }, groups: undefined, terminal, line: note, close: () => world.close() };
  }
  const peers = isBase || (tensorSchedule === 'auto' && expertShards === tensorParallel);
  const groups = await createRankGroups(world, { expertParallel, tensorParallel, expertShards, peers }).catch(
    (error: unknown) => {
      throw byFlag(asUserError(error));
    },
  );
  const shared = groups.experts.size;
  return {
    rank,
    size,
    data: { rank: groups.data.rank, size: groups.data.size },
    groups,
    terminal: rank === 0 ? terminal : silent(terminal),
    line:
      `ranks: ${size} over ${world.engine}, experts shared by ${shared === size ? 'all' : `groups of ${shared}`}` +
      (shared === size ? '' : `, ${size / shared} replicas`) +
      (expertShards > 1 ? `, in slices of ${expertShards}` : '') +
      (tensorParallel > 1 ? `, tensor-parallel groups of ${tensorParallel} (${tensorSchedule})` : '') +
      (note === undefined ? '' : `\n${note}`),
    close: () => closeRankGroups(groups),
  };
}

function placeHere(): Place {
  try {
    return findPlace();
  } catch (error) {
    throw asUserError(error);
  }
}

/** The same error for people: those of our own family say all there is to say; a stack would only hide it. */
export function asUserError(error: unknown): unknown {
  const isOurs = error instanceof ScmoeError && !(error instanceof UserError);
  return isOurs ? new UserError(error.message, { cause: error }) : error;
}

/** The same error with the name of its option as it is on the command line: `tensorParallel: ...` is `--tensor-parallel: ...`. */
function byFlag(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const message = error.message.replace(/^(tensorParallel|expertParallel|expertShards):/, (name) =>
    name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`).replace(/^/, '--'),
  );
  return message === error.message ? error : new UserError(message, { exitCode: 2, cause: error });
}
