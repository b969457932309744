import { chooseRanks } from './chooseRanks.js';
import { findRendezvous } from './findRendezvous.js';
import type { Place } from './Place.js';
import { PlaceError } from './PlaceError.js';
import { Variables, type Environment } from './Variables.js';

/**
 * This process's place in a run, from the variables of whoever started it: `scmoe launch`, torchrun, Open MPI, prterun,
 * MPICH and Intel MPI (PMI), Kubernetes (PyTorchJob, TrainJob, indexed job), Slurm, or RANK and WORLD_SIZE set by hand.
 * Where one runs inside another, the one nearer to this process counts, and `note` says so. Without any of them: a world
 * of one. docs/launchers.md lists what each of them sets.
 *
 * @throws PlaceError for variables that are malformed, missing or contradict each other, with names and values
 */
export function findPlace(env: Environment = process.env): Place {
  const variables = new Variables(env);
  const choice = chooseRanks(variables);
  if (choice === undefined) {
    const worldSize = variables.whole(['WORLD_SIZE'], { minimum: 1 }) ?? 1;
    if (worldSize > 1) throw new PlaceError(`WORLD_SIZE=${worldSize} but RANK is not set: expected both or neither.`);
    return { rank: 0, worldSize: 1, localRank: 0, localWorldSize: 1, restartCount: 0, source: 'alone' };
  }
  const { ranks, note } = choice;
  const { rank, worldSize, localRank, localWorldSize, source } = ranks;
  const restartCount = variables.whole(['SCMOE_RESTART_COUNT', 'TORCHELASTIC_RESTART_COUNT']) ?? 0;
  const place: Place = { rank, worldSize, localRank, localWorldSize, restartCount, source, ...(note && { note }) };
  // A single rank needs nobody, so that it needs no token either.
  if (worldSize === 1 && !variables.has('SCMOE_RENDEZVOUS')) return place;
  return { ...place, rendezvous: findRendezvous(variables, ranks) };
}
