import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';

import { isLoopback, parseEndpoint } from '../place/findRendezvous.js';
import { LaunchError } from './LaunchError.js';
import type { LaunchOptions } from './LaunchOptions.js';

/** What commander makes of the flags. */
export interface LaunchFlags {
  nprocPerNode: number;
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
 * What the flags mean together.
 *
 * @throws LaunchError where they contradict each other
 */
export function readFlags(command: [string, ...string[]], flags: LaunchFlags, env = process.env): LaunchOptions {
  const { nnodes: nodes, nodeRank } = flags;
  if (nodeRank >= nodes) throw wrong(`--node-rank ${nodeRank} and --nnodes ${nodes}: expected a number below ${nodes}`);
  if (flags.standalone && nodes > 1) throw wrong(`--standalone and --nnodes ${nodes}: expected one of them`);
  if (flags.standalone && flags.rdzvEndpoint) throw wrong('--standalone and --rdzv-endpoint: expected one of them');
  if (/\.[cm]?js$/.test(command[0]) && !existsSync(command[0])) throw wrong(`there is no script ${command[0]}`);
  const endpoint = findEndpoint(flags, env);
  return {
    command,
    ranksHere: flags.nprocPerNode,
    nodes,
    nodeRank,
    endpoint,
    bind: flags.bind ?? defaultBind(endpoint.host, nodes > 1 && Boolean(env['KUBERNETES_SERVICE_HOST'])),
    token: findToken(flags, endpoint.host),
    maxRestarts: flags.maxRestarts,
    attachedRank: flags.attach,
    logFolder: flags.logDir,
    rendezvousTimeoutMs: flags.rdzvTimeout,
    graceMs: flags.gracePeriod,
    stopTimeoutMs: flags.stopTimeout,
  };
}

function findEndpoint(
  { rdzvEndpoint, nnodes, bind, standalone }: LaunchFlags,
  env: NodeJS.ProcessEnv,
): { host: string; port: number } {
  if (rdzvEndpoint) return rdzvEndpoint;
  const { MASTER_ADDR, MASTER_PORT } = env;
  if (nnodes > 1 && MASTER_ADDR && MASTER_PORT) {
    return parseEndpoint(`${MASTER_ADDR}:${MASTER_PORT}`, 'MASTER_ADDR:MASTER_PORT');
  }
  if (nnodes > 1) {
    throw wrong(`--nnodes ${nnodes} needs --rdzv-endpoint host:port, the same on all hosts: an address of node 0`);
  }
  return { host: !bind || standalone || isWildcard(bind) ? '127.0.0.1' : bind, port: 0 };
}

/** Loopback for a loopback endpoint; its address, or every address where it is a name that may not be this host's own. */
function defaultBind(host: string, severalPods: boolean): string {
  // The first pod of a PyTorchJob may be told that it is localhost, the others its name.
  if (severalPods) return '0.0.0.0';
  if (host === 'localhost') return '127.0.0.1';
  return isIP(host) ? host : '0.0.0.0';
}

function findToken({ token, nnodes, bind }: LaunchFlags, host: string): string {
  if (token !== undefined) return token;
  const made = randomBytes(16).toString('hex');
  if (nnodes === 1) return made;
  const reach = isLoopback(bind ?? host) ? '' : ' (the store can be reached over the network)';
  throw wrong(
    `--nnodes ${nnodes} needs a secret that all launchers share${reach}: ` +
      `set SCMOE_TOKEN on each host, to this new one for example: ${made}`,
  );
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function wrong(message: string): LaunchError {
  return new LaunchError(`${message}.`, { exitCode: 2 });
}
