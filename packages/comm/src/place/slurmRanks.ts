import { PlaceError } from './PlaceError.js';
import type { Ranks } from './Ranks.js';
import type { Variables } from './Variables.js';

/**
 * Whether srun started this process. In a batch script, outside of srun, Slurm sets the same variables for a single
 * process; it has no step.
 */
export function isSlurmTask(variables: Variables): boolean {
  return variables.has('SLURM_PROCID') && (variables.has('SLURM_STEP_ID') || !variables.has('SLURM_JOB_ID'));
}

/** The place of a task that srun started, whatever PMI it offers besides. */
export function slurmRanks(variables: Variables): Ranks | undefined {
  if (!isSlurmTask(variables)) return undefined;
  const because = 'as srun sets it';
  const rank = variables.required(['SLURM_PROCID'], because);
  // The step may have fewer tasks than the job.
  const worldNames = ['SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS', 'SLURM_NPROCS'];
  const worldSize = variables.required(worldNames, because, { minimum: 1 });
  const localRank = variables.required(['SLURM_LOCALID'], because);
  const [localWorldSize, localName] = tasksHere(variables) ?? [worldSize, 'the tasks of this step'];
  const names = {
    rank: 'SLURM_PROCID',
    worldSize: worldNames.find((name) => variables.has(name))!,
    localRank: 'SLURM_LOCALID',
    localWorldSize: localName,
  };
  return { rank, worldSize, localRank, localWorldSize, source: 'Slurm', names };
}

/** Tasks on this node, from a list such as `2(x3),1`: two on each of three nodes, then one. */
function tasksHere(variables: Variables): [number, string] | undefined {
  const name = ['SLURM_STEP_TASKS_PER_NODE', 'SLURM_TASKS_PER_NODE'].find((candidate) => variables.has(candidate));
  if (name === undefined) {
    const perNode = variables.whole(['SLURM_NTASKS_PER_NODE'], { minimum: 1 });
    return perNode === undefined ? undefined : [perNode, 'SLURM_NTASKS_PER_NODE'];
  }
  const text = variables.text(name)!;
  let nodes = variables.whole(['SLURM_NODEID']) ?? 0;
  for (const part of text.split(',')) {
    const match = /^(\d{1,7})(?:\(x(\d{1,7})\))?$/.exec(part);
    if (match === null) throw new PlaceError(`${name}=${text}: expected counts such as 2(x3),1.`);
    nodes -= Number(match[2] ?? 1);
    if (nodes < 0) return [Number(match[1]), name];
  }
  const nodeId = variables.text('SLURM_NODEID');
  throw new PlaceError(
    `${name}=${text} and SLURM_NODEID=${nodeId} contradict each other: expected a count for each node.`,
  );
}

/** The first host of a node list such as `gpu[03-05,9],cpu1`: `gpu03`. Names may have several brackets. */
export function firstSlurmHost(list: string): string {
  const first = /^(?:[^,[\]]|\[[^\]]+\])+/.exec(list)?.[0];
  if (first === undefined) throw new PlaceError(`SLURM_JOB_NODELIST=${list}: expected names such as node[01-04],big1.`);
  return first.replace(/\[([^\],-]*)[^\]]*\]/g, '$1');
}
