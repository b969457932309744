import { PlaceError } from './PlaceError.js';
import type { Place } from './Place.js';

/** The numbers of a place, with the names they were read from for messages. */
export interface Ranks extends Pick<Place, 'rank' | 'worldSize' | 'localRank' | 'localWorldSize' | 'source'> {
  names: { rank: string; worldSize: string; localRank: string; localWorldSize: string };
}

/** Numbers and names where there is one rank on each host. */
export const oneRankAHost = { localRank: 0, localWorldSize: 1 };
export const oneRankAHostNames = { localRank: 'the only rank of a host', localWorldSize: 'the ranks of a host' };

/**
 * Checks that numbers of ranks agree.
 *
 * @throws PlaceError for numbers that contradict each other, with their names and values
 */
export function checkRanks({ rank, worldSize, localRank, localWorldSize, names, source }: Ranks): void {
  const check = (holds: boolean, left: [string, number], relation: string, right: [string, number]) => {
    if (holds) return;
    const got = `${left[0]}=${left[1]} and ${right[0]}=${right[1]}`;
    throw new PlaceError(
      `${got} contradict each other (read as ${source}): expected ${left[0]} ${relation} ${right[0]}.`,
    );
  };
  check(rank < worldSize, [names.rank, rank], 'below', [names.worldSize, worldSize]);
  check(localRank < localWorldSize, [names.localRank, localRank], 'below', [names.localWorldSize, localWorldSize]);
  const [local, world] = [localWorldSize, worldSize];
  check(local <= world, [names.localWorldSize, local], 'at most', [names.worldSize, world]);
  check(localRank <= rank, [names.localRank, localRank], 'at most', [names.rank, rank]);
}

/** `Slurm (SLURM_PROCID=1, SLURM_NTASKS=4)`. */
export function ranksText({ source, rank, worldSize, names }: Ranks): string {
  return `${source} (${names.rank}=${rank}, ${names.worldSize}=${worldSize})`;
}
