import { PlaceError } from './PlaceError.js';
import { oneRankAHost, oneRankAHostNames, type Ranks } from './Ranks.js';
import type { Variables } from './Variables.js';

/**
 * The place of a pod that Kubeflow made for torchrun, where torchrun is not used: one rank a pod. A TrainJob (Trainer v2)
 * sets PET_ variables alone, a PyTorchJob (v1) RANK and WORLD_SIZE as well; its RANK is that of the node, which is that of
 * the only process here.
 *
 * @throws PlaceError where several ranks a pod are asked for
 */
export function kubeflowRanks(variables: Variables): Ranks | undefined {
  if (!variables.has('PET_NNODES') && !variables.has('PET_NODE_RANK')) return undefined;
  const perNode = variables.text('PET_NPROC_PER_NODE') ?? '1';
  if (perNode !== '1') {
    throw new PlaceError(
      `PET_NPROC_PER_NODE=${perNode} asks for several ranks a pod, and this process is a single one: ` +
        'start the program with `scmoe launch`, which reads the PET_ variables.',
    );
  }
  const because = 'as Kubeflow sets it';
  const rankNames = ['PET_NODE_RANK', 'RANK'];
  const sizeNames = ['PET_NNODES', 'WORLD_SIZE'];
  const rank = variables.required(rankNames, because);
  const worldSize = variables.required(sizeNames, because, { minimum: 1 });
  const names = {
    rank: rankNames.find((name) => variables.has(name))!,
    worldSize: sizeNames.find((name) => variables.has(name))!,
    ...oneRankAHostNames,
  };
  const source = variables.has('WORLD_SIZE') ? 'Kubernetes PyTorchJob' : 'Kubernetes TrainJob';
  return { rank, worldSize, ...oneRankAHost, source, names };
}

/** The place of a pod of an indexed job: one rank a pod. Kubernetes tells the index and not how many there are. */
export function indexedJobRanks(variables: Variables): Ranks | undefined {
  const rank = variables.whole(['JOB_COMPLETION_INDEX']);
  if (rank === undefined) return undefined;
  const because = 'the number of completions of this indexed Kubernetes job (1 where every index is a run of its own)';
  const worldSize = variables.required(['WORLD_SIZE'], because, { minimum: 1 });
  const names = { rank: 'JOB_COMPLETION_INDEX', worldSize: 'WORLD_SIZE', ...oneRankAHostNames };
  return { rank, worldSize, ...oneRankAHost, source: 'Kubernetes indexed job', names };
}
