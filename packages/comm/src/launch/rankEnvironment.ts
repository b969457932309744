import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';

import { endpointText } from '../place/addresses.js';
import type { LaunchSettings } from './launchSettings.js';
import type { Attempt } from './Nodes.js';
import { progressVariable } from './ProgressNote.js';

/** The variables of one rank: torchrun's, and ours, over those of the launcher. */
export function rankEnvironment(
  env: NodeJS.ProcessEnv,
  {
    localRank,
    ranksHere,
    nodeRank,
    token: runToken,
  }: Pick<LaunchSettings, 'ranksHere' | 'nodeRank' | 'token'> & { localRank: number },
  { number, firstRank, worldSize, maxRestarts, endpoint, masterPort, token }: Attempt,
  progressFile: string | undefined,
): NodeJS.ProcessEnv {
  return {
    // Threads per rank are set, never guessed by each rank from the whole machine.
    SCMOE_THREADS: String(Math.max(1, Math.floor(availableParallelism() / ranksHere))),
    ...env,
    RANK: String(firstRank + localRank),
    WORLD_SIZE: String(worldSize),
    LOCAL_RANK: String(localRank),
    LOCAL_WORLD_SIZE: String(ranksHere),
    GROUP_RANK: String(nodeRank),
    MASTER_ADDR: endpoint.host,
    MASTER_PORT: String(masterPort),
    SCMOE_RENDEZVOUS: endpointText(endpoint.host, endpoint.port),
    SCMOE_TOKEN: token,
    SCMOE_RESTART_COUNT: String(number),
    // The same in every attempt and on every host, unlike the token, and no secret. Only where there may be another attempt.
    ...(maxRestarts > 0 && {
      SCMOE_RUN_ID: createHash('sha256').update(`${runToken}\nrun`).digest('hex').slice(0, 16),
    }),
    ...(progressFile !== undefined && { [progressVariable]: progressFile }),
  };
}
