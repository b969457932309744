import { PlaceError } from './PlaceError.js';
import type { Ranks } from './Ranks.js';
import { isSlurmTask } from './slurmRanks.js';
import type { Variables } from './Variables.js';

// Their names of the local numbers differ, and some set none.
const localRankNames = ['MPI_LOCALRANKID', 'PMI_LOCAL_RANK', 'LOCAL_RANK'];
const localSizeNames = ['MPI_LOCALNRANKS', 'PMI_LOCAL_SIZE', 'LOCAL_WORLD_SIZE'];

/**
 * The place that mpiexec of MPICH, Intel MPI and Cray MPICH gives, through PMI.
 *
 * @throws PlaceError where there is a PMI that tells its numbers over a connection alone
 */
export function pmiRanks(variables: Variables): Ranks | undefined {
  if (variables.has('PMI_RANK') || variables.has('PMI_SIZE')) {
    const because = 'as mpiexec of MPICH and Intel MPI sets it';
    const rank = variables.required(['PMI_RANK'], because);
    const worldSize = variables.required(['PMI_SIZE'], because, { minimum: 1 });
    return isSlurmsPmi(variables) ? undefined : withLocalNumbers(variables, 'MPICH (PMI)', { rank, worldSize });
  }
  const rank = variables.whole(['PMI_ID']);
  if (rank === undefined) return undefined;
  const worldSize = variables.whole(['WORLD_SIZE'], { minimum: 1 });
  if (worldSize !== undefined) return withLocalNumbers(variables, 'MPICH (PMI)', { rank, worldSize });
  throw new PlaceError(
    `PMI_ID=${rank} says that an mpiexec started this process as one of several, but it is told nowhere of how many: ` +
      'leave out -pmi-port, or set WORLD_SIZE to the number of ranks.',
  );
}

/**
 * The place that prterun of PRRTE gives, if somebody says how many there are.
 *
 * @throws PlaceError where nobody does
 */
export function pmixRanks(variables: Variables): Ranks | undefined {
  const rank = variables.whole(['PMIX_RANK']);
  // Open MPI and Slurm speak PMIx too, and say more by themselves.
  const ofOpenMpi = variables.has('OMPI_COMM_WORLD_RANK');
  const ofSlurm = isSlurmTask(variables) && variables.text('PMIX_NAMESPACE')?.startsWith('slurm.') === true;
  if (rank === undefined || ofOpenMpi || ofSlurm || variables.has('PMI_RANK')) return undefined;
  const worldSize = variables.whole(['WORLD_SIZE'], { minimum: 1 });
  if (worldSize !== undefined) return withLocalNumbers(variables, 'PMIx (prterun)', { rank, worldSize });
  throw new PlaceError(
    `PMIX_RANK=${rank} says that prterun started this process as one of several, but it tells nobody of how many: ` +
      'start the ranks with mpirun of Open MPI, or set WORLD_SIZE to their number (prterun -x WORLD_SIZE=4 ...).',
  );
}

/** `srun --mpi=pmi2` sets PMI's numbers, which are those of the task, and no local ones: Slurm's own say more. */
function isSlurmsPmi(variables: Variables): boolean {
  const hasLocalNumbers = localRankNames.some((name) => variables.has(name));
  return isSlurmTask(variables) && !hasLocalNumbers && variables.text('PMI_RANK') === variables.text('SLURM_PROCID');
}

function withLocalNumbers(
  variables: Variables,
  source: string,
  { rank, worldSize }: Pick<Ranks, 'rank' | 'worldSize'>,
): Ranks {
  const localRank = variables.whole(localRankNames);
  const localWorldSize = variables.whole(localSizeNames, { minimum: 1 });
  if ((localRank === undefined || localWorldSize === undefined) && variables.has('MASTER_ADDR')) {
    throw new PlaceError(
      `MASTER_ADDR=${variables.text('MASTER_ADDR')} says that there are several hosts, but this launcher does not say ` +
        'which ranks share one: expected LOCAL_RANK and LOCAL_WORLD_SIZE to be set.',
    );
  }
  const named = (names: readonly string[], otherwise: string) => names.find((name) => variables.has(name)) ?? otherwise;
  const names = { rank: named(['PMI_RANK', 'PMI_ID'], 'PMIX_RANK'), worldSize: named(['PMI_SIZE'], 'WORLD_SIZE') };
  return {
    rank,
    worldSize,
    localRank: localRank ?? rank,
    localWorldSize: localWorldSize ?? worldSize,
    source,
    names: {
      ...names,
      localRank: named(localRankNames, names.rank),
      localWorldSize: named(localSizeNames, names.worldSize),
    },
  };
}
