import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';

import { expectInteger, expectNonNegative, expectPositiveInteger, expectThat, expectWholeNumber } from '@scmoe/errors';

import { everyAddress, isEveryAddress } from '../place/addresses.js';
import { tokenPattern } from '../rendezvous/token.js';
import type { LaunchOptions } from './LaunchOptions.js';
import { ranksPerHost } from './ranksPerHost.js';

type Optional = 'attachedRank' | 'logFolder';

/** The options of a launch with their defaults filled in. */
export type LaunchSettings = Required<Omit<LaunchOptions, Optional | 'ranksHere' | 'terminal'>> &
  Pick<LaunchOptions, Optional> & { ranksHere: number };

/**
 * Checks options and fills in what is left out.
 *
 * @throws ArgumentError for an option that makes no sense, by itself or beside the others
 */
export function launchSettings(options: LaunchOptions, env: NodeJS.ProcessEnv = process.env): LaunchSettings {
  const { command, nodes = 1, nodeRank = 0, maxRestarts = 0, attachedRank, logFolder } = options;
  const { rendezvousTimeoutMs = 300_000, graceMs = 5000, stopTimeoutMs = 300_000 } = options;
  const ranksHere = options.ranksHere === 'auto' ? ranksPerHost(env) : (options.ranksHere ?? 1);
  expectThat(typeof command[0] === 'string' && command[0] !== '', 'command', 'a program and its arguments', command);
  expectInteger('ranksHere', ranksHere, { minimum: 1, maximum: 9999 });
  expectPositiveInteger('nodes', nodes);
  expectInteger('nodeRank', nodeRank, { minimum: 0, maximum: nodes - 1 });
  expectWholeNumber('maxRestarts', maxRestarts);
  if (attachedRank !== undefined) expectWholeNumber('attachedRank', attachedRank);
  expectNonNegative('rendezvousTimeoutMs', rendezvousTimeoutMs);
  expectNonNegative('graceMs', graceMs);
  expectNonNegative('stopTimeoutMs', stopTimeoutMs);
  const { bind, endpoint = { host: bind === undefined || isEveryAddress(bind) ? '127.0.0.1' : bind, port: 0 } } =
    options;
  expectThat(nodes === 1 || endpoint.port > 0, 'endpoint', `a host and port of node 0 for ${nodes} nodes`, endpoint);
  const token = options.token ?? (nodes === 1 ? randomBytes(16).toString('hex') : undefined);
  expectThat(token !== undefined, 'token', `a secret that the launchers of all ${nodes} nodes share`, token);
  // The token itself is not for messages.
  expectThat(tokenPattern.test(token), 'token', '1 to 256 visible ASCII characters without spaces', token.length);
  return {
    ...{ command, ranksHere, nodes, nodeRank, endpoint, token, maxRestarts },
    bind: bind ?? defaultBind(endpoint.host, nodes > 1 && Boolean(env['KUBERNETES_SERVICE_HOST'])),
    ...(attachedRank !== undefined && { attachedRank }),
    ...(logFolder !== undefined && { logFolder }),
    ...{ rendezvousTimeoutMs, graceMs, stopTimeoutMs },
  };
}

/** Loopback for a loopback endpoint; its address, or every address where it is a name that may not be this host's own. */
function defaultBind(host: string, severalPods: boolean): string {
  // The first pod of a PyTorchJob may be told that it is localhost, the others its name.
  if (severalPods) return everyAddress(host);
  if (host === 'localhost') return '127.0.0.1';
  return isIP(host) ? host : everyAddress(host);
}
