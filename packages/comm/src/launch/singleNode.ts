import { StoreServer } from '../rendezvous/StoreServer.js';
import { countFailure, type Failures } from './FailureCount.js';
import type { LaunchSettings } from './launchSettings.js';
import { attemptToken, freePort, type Nodes } from './Nodes.js';

/** A run on this host alone: a store, and nobody else to agree with. */
export async function singleNode({ endpoint, bind, token, ranksHere, maxRestarts }: LaunchSettings): Promise<Nodes> {
  const server = await StoreServer.listen({ host: bind, port: endpoint.port, token });
  let failures: Failures = { inVain: 0, progress: undefined };
  return {
    begin: async (number) => {
      const roomToken = attemptToken(token, number);
      server.openRoom(roomToken);
      return {
        number,
        firstRank: 0,
        worldSize: ranksHere,
        maxRestarts,
        endpoint: { host: endpoint.host, port: server.port },
        masterPort: await freePort(),
        token: roomToken,
        news: new Promise(() => undefined),
        firstCause: () => server.firstCause(roomToken),
        tell: () => undefined,
        finish: () => Promise.resolve(),
        countFailure: (reached) => Promise.resolve((failures = countFailure(failures, reached))),
        leave: () => {
          server.closeRoom(roomToken);
          return Promise.resolve();
        },
      };
    },
    close: () => server.close(),
  };
}
