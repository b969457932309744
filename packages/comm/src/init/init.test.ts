import { itOrSkip } from '@scmoe/testing';

import { CommError, init, StoreServer } from '../index.js';
import { describeGloo } from '../testing/gloo.js';
import { onAll, placeOf, serveStore } from '../testing/openWorld.js';

describe('init', () => {
  const { RANK, WORLD_SIZE, LOCAL_RANK } = process.env;
  const launched = [RANK, WORLD_SIZE, LOCAL_RANK].some((value) => value !== undefined);

  const problem = launched ? 'somebody has launched this test as a rank' : undefined;
  itOrSkip(problem, 'is a world of one where nobody has launched anything', async () => {
    const world = await init();
    expect([world.engine, world.rank, world.size]).toEqual(['self', 0, 1]);
    await world.close();
  });

  it('refuses engines that it does not have, and self for several ranks', async () => {
    await expect(init({ engine: 'mpi' as never })).rejects.toThrow(
      /engine: expected 'auto', 'self', 'gloo' or 'nccl', got "mpi"/,
    );
    const place = placeOf(0, 2, 1);
    await expect(init({ engine: 'self', place })).rejects.toThrow(/for a world of one rank, this one has 2 \(a test\)/);
    await expect(init({ timeoutMs: -1 })).rejects.toThrow(/timeoutMs: expected more than 0/);
  });
});

describeGloo('init over gloo', () => {
  it('says who is missing, and after how long; then the ranks can try again', async () => {
    const server = await serveStore();
    const attempt = (rank: number, timeoutMs: number) =>
      init({ engine: 'gloo', timeoutMs, place: placeOf(rank, 4, server.port) });
    const errors = await Promise.all([0, 2].map((rank) => attempt(rank, 2000).catch((error: unknown) => error)));
    for (const error of errors) {
      expect(error).toBeInstanceOf(CommError);
      expect(error).toMatchObject({
        code: 'SCMOE_COMM_TIMEOUT',
        ranks: [1, 3],
        message: expect.stringMatching(/init on rank [02] of 4: ranks 1, 3 did not come within 2000 ms/) as string,
      });
    }
    const ranks = await Promise.all([0, 1, 2, 3].map((rank) => attempt(rank, 20_000)));
    await onAll({ ranks }, (c) => c.barrier());
    await Promise.all(ranks.map((c) => c.close()));
    await server.close();
  });

  it('refuses a wrong token, and says where there is no server', async () => {
    const server = await serveStore();
    const place = placeOf(0, 2, server.port);
    const wrong = { ...place, rendezvous: { ...place.rendezvous!, token: 'wrong' } };
    await expect(init({ engine: 'gloo', place: wrong })).rejects.toThrow(/wrong token/);
    await server.close();
    await expect(init({ engine: 'gloo', place, timeoutMs: 1000 })).rejects.toThrow(
      new RegExp(`No rendezvous store at 127.0.0.1:${server.port} within 1 s`),
    );
  });

  it('says when the port is in use that rank 0 has to serve on', async () => {
    const server = await StoreServer.listen({ token: 'of-another-job' });
    const place = placeOf(0, 2, server.port);
    const served = { ...place, rendezvous: { ...place.rendezvous!, servedBy: 'rank 0' as const } };
    await expect(init({ engine: 'gloo', place: served, timeoutMs: 120_000 })).rejects.toThrow(
      /is in use by another process/,
    );
    await server.close();
  });

  it('says when it can not listen on an address', async () => {
    const server = await serveStore();
    const attempts = [0, 1].map((rank) =>
      init({ engine: 'gloo', place: placeOf(rank, 2, server.port), listenHost: '203.0.113.1', timeoutMs: 120_000 }),
    );
    for (const attempt of attempts) await expect(attempt).rejects.toThrow(/Gloo can't listen on '203.0.113.1'/);
    await server.close();
  });

  it('makes a second communicator beside the first, and one after it', async () => {
    const server = await serveStore();
    const open = (name?: string) =>
      Promise.all([0, 1].map((rank) => init({ engine: 'gloo', name, place: placeOf(rank, 2, server.port) })));
    const [first, second] = [await open(), await open('other')];
    const sum = (ranks: typeof first) => onAll({ ranks }, (c) => c.allReduce(Int32Array.of(c.rank + 1)));
    expect((await sum(second)).map(([x]) => x)).toEqual([3, 3]);
    await Promise.all(first.map((c) => c.close()));
    const third = await open();
    expect((await sum(third)).map(([x]) => x)).toEqual([3, 3]);
    expect((await sum(second)).map(([x]) => x)).toEqual([3, 3]);
    await Promise.all([...second, ...third].map((c) => c.close()));
    await server.close();
  });

  it('when rank 0 serves the store, closes in any order', async () => {
    const probe = await serveStore();
    await probe.close();
    const ranks = await Promise.all(
      [0, 1, 2].map((rank) => {
        const place = placeOf(rank, 3, probe.port);
        return init({ engine: 'gloo', place: { ...place, rendezvous: { ...place.rendezvous!, servedBy: 'rank 0' } } });
      }),
    );
    await onAll({ ranks }, (c) => c.barrier());
    await Promise.all([...ranks].reverse().map((c) => c.close()));
  });
});
