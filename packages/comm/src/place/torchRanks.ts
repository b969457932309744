import { oneRankAHost, oneRankAHostNames, type Ranks } from './Ranks.js';
import type { Variables } from './Variables.js';

const torchNames = {
  rank: 'RANK',
  worldSize: 'WORLD_SIZE',
  localRank: 'LOCAL_RANK',
  localWorldSize: 'LOCAL_WORLD_SIZE',
};

/** The place that `scmoe launch` gives. */
export function ourRanks(variables: Variables): Ranks | undefined {
  return variables.has('SCMOE_RENDEZVOUS') ? torchRanks(variables, 'scmoe launch') : undefined;
}

/** The place that torchrun gives. */
export function torchrunRanks(variables: Variables): Ranks | undefined {
  return variables.has('TORCHELASTIC_RUN_ID') ? torchRanks(variables, 'torchrun') : undefined;
}

/**
 * The place that somebody has set by hand, in torchrun's variables: RANK and WORLD_SIZE, and LOCAL_RANK where there are
 * several ranks on a host. A PyTorchJob v1 without PET_ variables looks the same.
 */
export function handRanks(variables: Variables): Ranks | undefined {
  if (variables.has('LOCAL_RANK') && (variables.has('RANK') || variables.has('WORLD_SIZE')))
    return torchRanks(variables, 'RANK, WORLD_SIZE, LOCAL_RANK');
  const rank = variables.whole(['RANK']);
  if (rank === undefined) return undefined;
  const worldSize = variables.required(['WORLD_SIZE'], 'because RANK is set', { minimum: 1 });
  const names = { ...torchNames, ...oneRankAHostNames };
  return { rank, worldSize, ...oneRankAHost, source: 'RANK and WORLD_SIZE', names };
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
