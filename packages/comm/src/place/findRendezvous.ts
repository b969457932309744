import { tokenPattern } from '../rendezvous/token.js';
import type { RendezvousAddress } from './Place.js';
import { everyAddress, isLoopback, withoutBrackets } from './addresses.js';
import { parseEndpoint } from './parseEndpoint.js';
import { PlaceError } from './PlaceError.js';
import type { Ranks } from './Ranks.js';
import { firstSlurmHost } from './slurmRanks.js';
import type { Variables } from './Variables.js';

/** What torch listens on by default; the store takes the port after it. */
const defaultMasterPort = 29_500;

/** Where the store is: at SCMOE_RENDEZVOUS, served by our launcher, or else at the port after MASTER_PORT, by rank 0. */
export function findRendezvous(variables: Variables, ranks: Ranks): RendezvousAddress {
  const token = findToken(variables, ranks);
  const given = variables.text('SCMOE_RENDEZVOUS');
  if (given !== undefined) {
    const { host, port } = parseEndpoint(given, 'SCMOE_RENDEZVOUS');
    return { host, port, token, servedBy: 'launcher', bind: host };
  }
  const host = masterHost(variables, ranks);
  // torchrun's own store is at MASTER_PORT itself.
  const port = masterPort(variables) + 1;
  // In a pod of rank 0 the name may stand for loopback, or for an address that is not the pod's.
  const onThisHost = isLoopback(host) && !ranks.source.startsWith('Kubernetes');
  return { host, port, token, servedBy: 'rank 0', bind: onThisHost ? host : everyAddress(host) };
}

function findToken(variables: Variables, ranks: Ranks): string {
  const token = variables.text('SCMOE_TOKEN');
  if (token === undefined) {
    throw new PlaceError(
      'SCMOE_TOKEN is not set: expected a secret that all ranks share, for example from `openssl rand -hex 16`, ' +
        `exported before the ranks are started${passOn(ranks, 'SCMOE_TOKEN')}. (\`scmoe launch\` makes one by itself.)`,
    );
  }
  if (!tokenPattern.test(token)) {
    throw new PlaceError(
      `SCMOE_TOKEN: expected 1 to 256 visible ASCII characters without spaces, got ${token.length}.`,
    );
  }
  return token;
}

function masterHost(variables: Variables, ranks: Ranks): string {
  const host = variables.text('MASTER_ADDR') ?? variables.text('PET_MASTER_ADDR');
  if (host !== undefined) return withoutBrackets(host);
  const nodes = variables.text('SLURM_STEP_NODELIST') ?? variables.text('SLURM_JOB_NODELIST');
  if (ranks.source === 'Slurm' && nodes !== undefined) return firstSlurmHost(nodes);
  if (ranks.localWorldSize === ranks.worldSize) return '127.0.0.1';
  throw new PlaceError(
    `MASTER_ADDR is not set: expected the address of the host of rank 0, as the ${ranks.worldSize} ranks ` +
      `(${ranks.names.worldSize}) are on several hosts (${ranks.localWorldSize} here)${passOn(ranks, 'MASTER_ADDR')}.`,
  );
}

function masterPort(variables: Variables): number {
  const port = variables.whole(['MASTER_PORT', 'PET_MASTER_PORT'], { minimum: 1, maximum: 65_534 });
  if (port !== undefined) return port;
  // Two jobs that share a node get ports of their own.
  const job = variables.whole(['SLURM_JOB_ID'], { maximum: 9_999_999_999 });
  return job === undefined ? defaultMasterPort : 15_000 + (job % 10_000);
}

/** Open MPI gives the variables of the host that mpirun is called on to the ranks of that host alone. */
function passOn({ source, localWorldSize, worldSize }: Ranks, name: string): string {
  const isNeeded = localWorldSize < worldSize && /^(Open MPI|PMIx)/.test(source);
  return isNeeded ? `, and handed to the other hosts: mpirun -x ${name}` : '';
}
