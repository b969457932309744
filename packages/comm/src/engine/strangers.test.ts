import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import { listeningAddresses, sendStrangers, type Address, type Strangers } from '@scmoe/testing';
import { init } from '../init/init.js';
import { findPlace } from '../place/findPlace.js';
import { StoreServer } from '../rendezvous/StoreServer.js';
import { describeGloo } from '../testing/gloo.js';
import { onAll, openWorld, patientMs, placeOf } from '../testing/openWorld.js';
import { connectGloo } from './gloo.js';

const here = () => listeningAddresses([process.pid]);
const visits: Strangers[] = [];
afterEach(() => visits.splice(0).forEach((visit) => visit.close()));

function visit(targets: readonly Address[], count: number): Strangers {
  const strangers = sendStrangers(targets, { count });
  visits.push(strangers);
  return strangers;
}

interface MeetOptions {
  tokens?: [string, string];
  listenHost?: string;
  timeoutMs?: number;
  /** Runs when all ranks listen, and none has connected yet. */
  meanwhile?: (listening: Address[]) => Promise<unknown>;
}

/** Two ranks that a store admits, up to the moment in which they connect to each other. */
async function meet({ tokens = ['right', 'right'], listenHost = '127.0.0.1', timeoutMs, meanwhile }: MeetOptions = {}) {
  const server = (await StoreServer.listen({ token: tokens[0], silenceMs: patientMs })).unref();
  if (tokens[1] !== tokens[0]) server.openRoom(tokens[1]);
  const before = new Set(here().map(({ port }) => port));
  const told: Uint8Array[] = [];
  let allTold!: (all: Uint8Array[]) => void;
  const everybody = new Promise<Uint8Array[]>((resolve) => (allTold = resolve));
  const ranks = await Promise.allSettled(
    [0, 1].map((rank) =>
      connectGloo(
        {
          listenHost,
          watch: { host: '127.0.0.1', port: server.port, token: tokens[rank]! },
          serverRank: -1,
          silenceMs: patientMs,
          recordFolder: '',
          recordCapacity: 16,
          closeGraceMs: 2000,
        },
        {
          name: 'world',
          rank,
          size: 2,
          timeoutMs: timeoutMs ?? 120_000,
          gather: async (bytes) => {
            told[rank] = bytes;
            if (Object.keys(told).length === 2) {
              await meanwhile?.(here().filter(({ port }) => !before.has(port)));
              allTold(told);
            }
            return everybody;
          },
        },
      ),
    ),
  );
  const close = async () => {
    await Promise.all(ranks.flatMap((rank) => (rank.status === 'fulfilled' ? [rank.value.close()] : [])));
    await server.close();
  };
  return {
    ranks,
    close,
    messages: ranks.map((rank) => (rank.status === 'rejected' ? String(rank.reason) : 'connected')),
  };
}

describeGloo('strangers on the ports of ranks', () => {
  it('before the ranks connect: a thousand of every kind, and they connect', async () => {
    let came = 0;
    const { messages, close } = await meet({
      meanwhile: async (listening) => {
        // One for each rank: Gloo itself listens nowhere.
        expect(listening).toHaveLength(2);
        came = await visit(listening, 1000).opened;
        // Some are on their way while the ranks connect.
        visit(listening, 200);
      },
    });
    expect(messages).toEqual(['connected', 'connected']);
    expect(came).toBeGreaterThan(900);
    await close();
  });

  it('while ranks work: nothing listens but the store, and the sums are right', async () => {
    const before = new Set(here().map(({ port }) => port));
    const world = await openWorld(2);
    const listening = here().filter(({ port }) => !before.has(port));
    expect(listening).toEqual([{ host: '127.0.0.1', port: world.server.port }]);
    const { opened } = visit(listening, 1000);
    for (let i = 0; i < 50; i++) {
      const sums = await onAll(world, (c) => c.allReduce(Float32Array.of(c.rank, i)));
      expect(sums.map((sum) => Array.from(sum))).toEqual([
        [1, 2 * i],
        [1, 2 * i],
      ]);
    }
    expect(await opened).toBe(1000);
    await world.close();
  });

  it('when a rank comes late: those who wait are not held up by who was there before', async () => {
    const server = (await StoreServer.listen({ token: 'secret-of-the-tests', silenceMs: patientMs })).unref();
    const join = (rank: number) =>
      init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: patientMs, place: placeOf(rank, 2, server.port) });
    const first = join(0);
    await visit([{ host: '127.0.0.1', port: server.port }], 1000).opened;
    const ranks = await Promise.all([first, join(1)]);
    await onAll({ ranks }, (c) => c.barrier());
    await Promise.all(ranks.map((rank) => rank.close()));
    await server.close();
  });
});

describeGloo('a rank of another run', () => {
  it('is refused at once, with the reason; the rank that it came to says who was there', async () => {
    const { messages, close } = await meet({ tokens: ['right', 'wrong'], timeoutMs: 3000 });
    expect(messages[1]).toMatch(/no connection to rank 0: it refused this rank, which presented another run token/);
    expect(messages[0]).toMatch(
      /no connection to rank 1: it did not connect in time \(1 connection was turned away meanwhile, from 127\.0\.0\.1:\d+, which called itself rank 1 of 2 and presented another run token\)/,
    );
    expect(messages.join()).not.toMatch(/right|wrong/);
    await close();
  });
});

describeGloo('a rank with another SCMOE_TOKEN', () => {
  it('is refused by the store at once; those who wait for it learn of it', async () => {
    const server = (await StoreServer.listen({ token: 'secret-of-the-tests', silenceMs: patientMs })).unref();
    const first = init({ engine: 'gloo', timeoutMs: 1500, place: placeOf(0, 2, server.port) }).catch(String);
    const place = placeOf(1, 2, server.port);
    const wrong = { ...place, rendezvous: { ...place.rendezvous!, token: 'guess' } };
    await expect(init({ engine: 'gloo', place: wrong })).rejects.toThrow(
      /refused: wrong token\. SCMOE_TOKEN has to be the same for all ranks of a run\.$/,
    );
    expect(await first).toMatch(
      /rank 1 did not come within 1500 ms \(the store turned away 1 connection with another token than SCMOE_TOKEN here, from 127\.0\.0\.1\)/,
    );
    await server.close();
  });
});

describeGloo('ranks whose master is', () => {
  it.each([
    ['[::1]', '::1'],
    ['::1', '::1'],
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
  ])('%s, listening at %s, meet', async (master, listenHost) => {
    const probe = createServer().listen(0, listenHost);
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const ranks = await Promise.all(
      ['0', '1'].map((RANK) =>
        init({
          engine: 'gloo',
          timeoutMs: 120_000,
          silenceMs: patientMs,
          listenHost,
          place: findPlace({
            ...{ RANK, WORLD_SIZE: '2', LOCAL_RANK: RANK, LOCAL_WORLD_SIZE: '2', SCMOE_TOKEN: 'secret' },
            ...{ MASTER_ADDR: master, MASTER_PORT: String(port - 1) },
          }),
        }),
      ),
    );
    expect(await onAll({ ranks }, (c) => c.allReduce(Int32Array.of(c.rank + 1)))).toEqual([
      Int32Array.of(3),
      Int32Array.of(3),
    ]);
    await Promise.all(ranks.map((rank) => rank.close()));
  });
});
