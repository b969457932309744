import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';

import { endpointText, parseEndpoint, withoutBrackets, type LaunchOptions } from '@scmoe/comm/launch';
import { UserError } from '@scmoe/errors';

/** The flags of `scmoe launch` as commander reads them. */
export interface LaunchFlags {
  nprocPerNode: number | 'auto';
  nnodes: number;
  nodeRank: number;
  rdzvEndpoint?: { host: string; port: number };
  standalone?: true;
  bind?: string;
  token?: string;
  maxRestarts: number;
  attach?: number;
  logDir?: string;
  rdzvTimeout: number;
  gracePeriod: number;
  stopTimeout: number;
}

/**
 * The launch that the flags describe together; what is not given is left to `launch`.
 *
 * @throws UserError with the flags' names where they contradict each other
 */
export function readFlags(
  command: [string, ...string[]],
  flags: LaunchFlags,
  env: NodeJS.ProcessEnv = process.env,
): Omit<LaunchOptions, 'terminal'> {
  const { nnodes: nodes, nodeRank, standalone, bind, attach, logDir } = flags;
  if (nodeRank >= nodes) throw wrong(`--node-rank ${nodeRank} and --nnodes ${nodes}: expected a number below ${nodes}`);
  if (standalone && nodes > 1) throw wrong(`--standalone and --nnodes ${nodes}: expected one of them`);
  if (standalone && flags.rdzvEndpoint) throw wrong('--standalone and --rdzv-endpoint: expected one of them');
  if (/\.[cm]?js$/.test(command[0]) && !existsSync(command[0])) throw wrong(`there is no script ${command[0]}`);
  const endpoint = standalone ? { host: '127.0.0.1', port: 0 } : findEndpoint(flags, env);
  const token = findToken(flags);
  return {
    command,
    ranksHere: flags.nprocPerNode,
    nodes,
    nodeRank,
    maxRestarts: flags.maxRestarts,
    rendezvousTimeoutMs: flags.rdzvTimeout,
    graceMs: flags.gracePeriod,
    stopTimeoutMs: flags.stopTimeout,
    ...(endpoint !== undefined && { endpoint }),
    ...(bind !== undefined && { bind }),
    ...(token !== undefined && { token }),
    ...(attach !== undefined && { attachedRank: attach }),
    ...(logDir !== undefined && { logFolder: logDir }),
  };
}

function findEndpoint({ rdzvEndpoint, nnodes }: LaunchFlags, env: NodeJS.ProcessEnv): LaunchOptions['endpoint'] {
  if (rdzvEndpoint || nnodes === 1) return rdzvEndpoint;
  // PyTorchJob and TrainJob of Kubeflow; addresses are bare there, IPv6 included.
  const host = env['MASTER_ADDR'] || env['PET_MASTER_ADDR'];
  const port = env['MASTER_PORT'] || env['PET_MASTER_PORT'];
  if (host && port) return parseEndpoint(endpointText(withoutBrackets(host), port), 'MASTER_ADDR:MASTER_PORT');
  throw wrong(`--nnodes ${nnodes} needs --rdzv-endpoint host:port, the same on all hosts: an address of node 0`);
}

function findToken({ token, nnodes }: LaunchFlags): string | undefined {
  if (token !== undefined || nnodes === 1) return token;
  throw wrong(
    `--nnodes ${nnodes} needs a secret that all launchers share: set SCMOE_TOKEN on each host, ` +
      `to this new one for example: ${randomBytes(16).toString('hex')}`,
  );
}

function wrong(message: string): UserError {
  return new UserError(`${message}.`, { exitCode: 2 });
}
