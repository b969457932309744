import { PlaceError } from './PlaceError.js';
import type { Ranks } from './Ranks.js';
import { slurmRanks } from './slurmRanks.js';
import type { Variables } from './Variables.js';

/** The sources in the order in which they are asked: the innermost launcher first, as one may run inside another. */
export function launcherRanks(variables: Variables): Ranks | undefined {
  return (
    ourRanks(variables) ??
    torchrunRanks(variables) ??
    openMpiRanks(variables) ??
    pmiRanks(variables) ??
    kubernetesRanks(variables) ??
    plainRanks(variables) ??
    slurmRanks(variables)
  );
}

const torchNames = {
  rank: 'RANK',
  worldSize: 'WORLD_SIZE',
  localRank: 'LOCAL_RANK',
  localWorldSize: 'LOCAL_WORLD_SIZE',
};

function ourRanks(variables: Variables): Ranks | undefined {
  return variables.has('SCMOE_RENDEZVOUS') ? torchRanks(variables, 'scmoe launch') : undefined;
}

function torchrunRanks(variables: Variables): Ranks | undefined {
  if (!variables.has('LOCAL_RANK') || !(variables.has('RANK') || variables.has('WORLD_SIZE'))) return undefined;
  return torchRanks(variables, variables.has('TORCHELASTIC_RUN_ID') ? 'torchrun' : 'RANK, WORLD_SIZE, LOCAL_RANK');
}

function torchRanks(variables: Variables, source: string): Ranks {
  const because = `as ${source} sets it`;
  const worldSize = variables.required(['WORLD_SIZE'], because, { minimum: 1 });
  const rank = variables.required(['RANK'], because);
  const localRank = variables.required(['LOCAL_RANK'], because);
  // Old versions of torchrun don't say how many ranks are here.
  const localWorldSize = variables.whole(['LOCAL_WORLD_SIZE'], { minimum: 1 }) ?? localRank + 1;
  return { rank, worldSize, localRank, localWorldSize, source, names: torchNames };
}

function openMpiRanks(variables: Variables): Ranks | undefined {
  if (!variables.has('OMPI_COMM_WORLD_RANK') && !variables.has('OMPI_COMM_WORLD_SIZE')) return undefined;
  const because = 'as mpirun of OpenMPI sets it';
  const whole = (name: string, minimum = 0) => variables.required([`OMPI_COMM_WORLD_${name}`], because, { minimum });
  return {
    rank: whole('RANK'),
    worldSize: whole('SIZE', 1),
    localRank: whole('LOCAL_RANK'),
    localWorldSize: whole('LOCAL_SIZE', 1),
    source: 'OpenMPI',
    names: {
      rank: 'OMPI_COMM_WORLD_RANK',
      worldSize: 'OMPI_COMM_WORLD_SIZE',
      localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
      localWorldSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
    },
  };
}

/** MPICH, Intel MPI and Cray MPICH. Their names of the local numbers differ, and some set none. */
function pmiRanks(variables: Variables): Ranks | undefined {
  if (!variables.has('PMI_RANK') && !variables.has('PMI_SIZE')) return undefined;
  const because = 'as mpirun of MPICH sets it';
  const rank = variables.required(['PMI_RANK'], because);
  const worldSize = variables.required(['PMI_SIZE'], because, { minimum: 1 });
  const localRanks = ['MPI_LOCALRANKID', 'PMI_LOCAL_RANK', 'LOCAL_RANK'];
  const localSizes = ['MPI_LOCALNRANKS', 'PMI_LOCAL_SIZE', 'LOCAL_WORLD_SIZE'];
  const localRank = variables.whole(localRanks);
  const localWorldSize = variables.whole(localSizes, { minimum: 1 });
  if ((localRank === undefined || localWorldSize === undefined) && variables.has('MASTER_ADDR')) {
    throw new PlaceError(
      `MASTER_ADDR=${variables.text('MASTER_ADDR')} says that there are several hosts, but this mpirun does not say ` +
        'which ranks share one: expected LOCAL_RANK and LOCAL_WORLD_SIZE to be set.',
    );
  }
  return {
    rank,
    worldSize,
    localRank: localRank ?? rank,
    localWorldSize: localWorldSize ?? worldSize,
    source: 'MPICH (PMI)',
    names: {
      rank: 'PMI_RANK',
      worldSize: 'PMI_SIZE',
      localRank: localRanks.find((name) => variables.has(name)) ?? 'PMI_RANK',
      localWorldSize: localSizes.find((name) => variables.has(name)) ?? 'PMI_SIZE',
    },
  };
}

const oneRankAPod = { localRank: 0, localWorldSize: 1 };
const podNames = { localRank: 'the only rank of a pod', localWorldSize: 'the ranks of a pod' };

function kubernetesRanks(variables: Variables): Ranks | undefined {
  if (variables.has('PET_NNODES') || variables.has('PET_NODE_RANK')) return pytorchJobRanks(variables);
  if (!variables.has('JOB_COMPLETION_INDEX')) return undefined;
  const because = 'the number of completions of this indexed Kubernetes job (1 where every index is a run of its own)';
  return {
    rank: variables.required(['JOB_COMPLETION_INDEX'], 'as Kubernetes sets it'),
    worldSize: variables.required(['WORLD_SIZE'], because, { minimum: 1 }),
    ...oneRankAPod,
    source: 'Kubernetes indexed job',
    names: { rank: 'JOB_COMPLETION_INDEX', worldSize: 'WORLD_SIZE', ...podNames },
  };
}

/** A pod that a PyTorchJob made for torchrun, where torchrun is not used: one rank a pod. */
function pytorchJobRanks(variables: Variables): Ranks {
  const perNode = variables.text('PET_NPROC_PER_NODE') ?? '1';
  if (perNode !== '1') {
    throw new PlaceError(
      `PET_NPROC_PER_NODE=${perNode} asks for several ranks a pod, and this process is a single one: ` +
        'start the program with `scmoe launch`, which reads the PET_ variables.',
    );
  }
  // PyTorchJob v1 sets RANK to the rank of the node, which is that of the only process here.
  const because = 'as a PyTorchJob sets it';
  const rank = variables.required(['PET_NODE_RANK', 'RANK'], because);
  const worldSize = variables.required(['PET_NNODES', 'WORLD_SIZE'], because, { minimum: 1 });
  const names = {
    rank: variables.has('PET_NODE_RANK') ? 'PET_NODE_RANK' : 'RANK',
    worldSize: variables.has('PET_NNODES') ? 'PET_NNODES' : 'WORLD_SIZE',
    ...podNames,
  };
  return { rank, worldSize, ...oneRankAPod, source: 'Kubernetes PyTorchJob', names };
}

/** RANK and WORLD_SIZE set by hand, or by a PyTorchJob v1 without PET_ variables: one rank a host. */
function plainRanks(variables: Variables): Ranks | undefined {
  if (!variables.has('RANK')) return undefined;
  const because = 'because RANK is set';
  const worldSize = variables.required(['WORLD_SIZE'], because, { minimum: 1 });
  const names = { rank: 'RANK', worldSize: 'WORLD_SIZE', ...podNames };
  return { rank: variables.whole(['RANK'])!, worldSize, ...oneRankAPod, source: 'RANK and WORLD_SIZE', names };
}
