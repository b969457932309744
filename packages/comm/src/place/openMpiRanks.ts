import type { Ranks } from './Ranks.js';
import type { Variables } from './Variables.js';

/** The place that mpirun of Open MPI gives (4 and 5 alike). */
export function openMpiRanks(variables: Variables): Ranks | undefined {
  if (!variables.has('OMPI_COMM_WORLD_RANK') && !variables.has('OMPI_COMM_WORLD_SIZE')) return undefined;
  const because = 'as mpirun of Open MPI sets it';
  const whole = (name: string, minimum = 0) => variables.required([`OMPI_COMM_WORLD_${name}`], because, { minimum });
  return {
    rank: whole('RANK'),
    worldSize: whole('SIZE', 1),
    localRank: whole('LOCAL_RANK'),
    localWorldSize: whole('LOCAL_SIZE', 1),
    source: 'Open MPI',
    names: {
      rank: 'OMPI_COMM_WORLD_RANK',
      worldSize: 'OMPI_COMM_WORLD_SIZE',
      localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
      localWorldSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
    },
  };
}
