import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { CommError, findNccl, init, type Communicator, type EngineName } from '../index.js';
import { runCases } from '../testing/collectiveCases.js';
import { onAll, openWorld, patientMs, placeOf, serveStore } from '../testing/openWorld.js';
import { startRankProcess } from '../testing/rankProcess.js';
import { launchCases } from '../testing/launches.js';
import { describeStandins, standinVariables } from '../testing/standins.js';

const programs = join(import.meta.dirname, '..', 'testing');
const errorOf = (done: Promise<unknown>) =>
  done.then(
    () => undefined,
    (error: unknown) => error as CommError,
  );

const gives = (engines: readonly EngineName[]) => () => {
  const worlds = [1, 2, 4].flatMap((size) => engines.map((engine) => [size, engine] as const));
  it.each(worlds.filter(([size, engine]) => size === 1 || engine !== 'self'))(
    'gives %i ranks over %s what it has to',
    async (size, engine) => {
      const world = await openWorld(size, { engine });
      expect(world.ranks.map((c) => c.engine)).toEqual(Array(size).fill(engine));
      expect(await runCases(world.ranks)).toEqual([]);
      await world.close();
    },
  );
};
describeStandins('every collective in every dtype', gives(['nccl']));
// What one engine has to give is what the others give.
describeStandins('every collective in every dtype, as well,', gives(['self', 'gloo']), { withGloo: true });

describeStandins('the nccl engine', () => {
  it('runs every collective between processes as well', async () => {
    const { done } = launchCases(4, standinVariables);
    const { code, out, err } = await done;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.match(/"engine":"nccl"/g)).toHaveLength(4);
  });

  it('splits into groups beside the world, and groups of one', async () => {
    const world = await openWorld(4, { engine: 'nccl' });
    const groups = await Promise.all(world.ranks.map((c) => c.split(c.rank === 3 ? undefined : c.rank % 2, -c.rank)));
    expect(groups.map((g) => g && [g.engine, g.rank, g.size])).toEqual([
      ['nccl', 1, 2],
      ['nccl', 0, 1],
      ['nccl', 0, 2],
      undefined,
    ]);
    const inWorld = world.ranks.map((c) => c.allReduce(Int32Array.of(c.rank)));
    const inGroups = groups.map((g, rank) => g?.allGather(Int32Array.of(rank)));
    expect(inGroups.map((work) => work && Array.from(work.wait()))).toEqual([[2, 0], [1], [2, 0], undefined]);
    for (const work of inWorld) expect(work.wait()[0]).toBe(6);
    await Promise.all(groups.flatMap((g) => (g ? [g.close()] : [])));
    await world.close();
  });

  it('gives back all threads and files when it closes', async () => {
    const resources = () => ['task', 'fd'].map((kind) => readdirSync(`/proc/self/${kind}`).length);
    await (await openWorld(2, { engine: 'nccl' })).close();
    const before = resources();
    for (let i = 0; i < 3; i++) await (await openWorld(2, { engine: 'nccl' })).close();
    // A thread may be gone a moment later than the communicator that it belonged to.
    while (resources().some((count, i) => count > before[i]!)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('on a disagreement all ranks fail, with both sides in the message', async () => {
    const world = await openWorld(3, { engine: 'nccl' });
    const errors = await Promise.all(
      world.ranks.map((c) =>
        errorOf((c.rank === 1 ? c.broadcast(new Float32Array(4)) : c.allReduce(new Float32Array(4))).done),
      ),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(CommError);
      expect(error!.code).toBe('SCMOE_COMM_MISMATCH');
      expect(error!.message).toMatch(/rank 0 called allReduce\(sum, float32, 4 elements\), rank 1 called broadcast/);
    }
    await world.close();
  });

  it('names the rank that does not come in time, in the error and in the record', async () => {
    const world = await openWorld(3, { engine: 'nccl' });
    await onAll(world, (c) => c.barrier());
    const late = world.ranks.filter((c) => c.rank !== 1);
    const errors = await Promise.all(
      late.map((c) => errorOf(c.allReduce(Float32Array.of(1), { timeoutMs: 2000 }).done)),
    );
    for (const error of errors) {
      expect(error!.message).toMatch(/rank 1 did not take part in time \(time-out 2000 ms\)/);
      expect(['SCMOE_COMM_TIMEOUT', 'SCMOE_COMM_ABORTED']).toContain(error!.code);
    }
    const records = late.map((c) => c.flightRecord().entries.at(-1)!);
    expect(records.some(({ waitingFor }) => waitingFor.join() === '1')).toBe(true);
    for (const record of records) expect(record).toMatchObject({ operation: 'allReduce', state: 'failed' });
    await world.close();
  });

  it('a killed rank is an error that names it, on every other rank', async () => {
    const server = await serveStore();
    const place = { rank: 2, size: 3, port: server.port };
    const victim = startRankProcess(place, [], join(programs, 'ncclVictim.ts'));
    const ranks = await Promise.all(
      [0, 1].map((rank) =>
        init({ engine: 'nccl', timeoutMs: 120_000, silenceMs: patientMs, place: placeOf(rank, 3, server.port) }),
      ),
    );
    await victim.hasSaid('joined');
    const works = ranks.map((c) => errorOf(c.allReduce(new Float32Array(1000)).done));
    victim.signal('SIGKILL');
    for (const error of await Promise.all(works)) {
      expect(error).toMatchObject({ code: 'SCMOE_COMM_DEAD', ranks: [2] });
      expect(error!.message).toMatch(/allReduce \(collective \d+\) on rank [01] of 3 failed: rank 2 is dead/);
    }
    await Promise.all(ranks.map((c) => c.close()));
    await server.close();
  });

  it.each<[string, NodeJS.ProcessEnv, RegExp]>([
    [
      'a call that fails',
      { STANDIN_NCCL_FAIL: 'ncclAllReduce:1@2' },
      /allReduce\(sum, float32, 8 elements\): ncclAllReduce: unhandled cuda error .*: stand-in: ncclAllReduce was told to fail/,
    ],
    [
      'an asynchronous error',
      { STANDIN_NCCL_ASYNC: 'ncclAllReduce:3@2' },
      /allReduce\(sum, float32, 8 elements\): NCCL, at work: internal error .*: stand-in: failed while it was at work/,
    ],
    [
      'memory that runs out',
      { STANDIN_CUDA_FAIL: 'cuMemcpyDtoDAsync_v2:2' },
      /cuMemcpyDtoDAsync of \d+ bytes: CUDA error 2, out of memory/,
    ],
  ])('%s on one rank fails all, in the words of the library', async (_, variables, expected) => {
    const server = await serveStore();
    Object.assign(process.env, variables);
    const failures = [0, 1, 2].map((rank) =>
      startRankProcess({ rank, size: 3, port: server.port }, [], join(programs, 'ncclFailure.ts')),
    );
    for (const name of Object.keys(variables)) delete process.env[name];
    for (const [rank, failure] of failures.entries()) {
      expect(await failure.ended).toBe(0);
      const { code, message } = JSON.parse(failure.output()) as { code: string; message: string };
      expect(message).toMatch(expected);
      if (rank === 2) expect(['SCMOE_COMM_ENGINE', 'SCMOE_COMM_ABORTED']).toContain(code);
    }
    await server.close();
  });
});

describeStandins(
  'the choice of an engine',
  () => {
    const open = async (options: Parameters<typeof init>[0][]) => {
      const server = await serveStore();
      const results = await Promise.allSettled(
        options.map((each, rank) =>
          init({
            timeoutMs: 120_000,
            silenceMs: patientMs,
            ...each,
            place: placeOf(rank, options.length, server.port),
          }),
        ),
      );
      const engines = results.map((result) => (result.status === 'fulfilled' ? result.value.engine : undefined));
      const errors = results.map((result) => (result.status === 'rejected' ? (result.reason as CommError) : undefined));
      const opened = results.filter((result): result is PromiseFulfilledResult<Communicator> => 'value' in result);
      await Promise.all(opened.map(({ value }) => value.close()));
      await server.close();
      return { engines, errors };
    };

    it('auto is nccl where every rank has a GPU of its own', async () => {
      expect(findNccl()).toMatchObject({ nccl: { version: '2.30.7' }, driver: { version: '13.0' } });
      expect((await open([{}, {}])).engines).toEqual(['nccl', 'nccl']);
    });

    it('auto is gloo on all ranks where two of them would share a GPU', async () => {
      expect((await open([{ device: 1 }, {}])).engines).toEqual(['gloo', 'gloo']);
    });

    it('nccl alone is a group of one', async () => {
      const world = await init({ engine: 'nccl' });
      expect([world.engine, world.size]).toEqual(['nccl', 1]);
      expect(Array.from(await world.allReduce(Float32Array.of(2, 4), { op: 'mean' }).done)).toEqual([2, 4]);
      await world.close();
    });

    it('ranks that ask for different engines all hear so', async () => {
      const { errors } = await open([{ engine: 'gloo' }, { engine: 'nccl' }]);
      for (const error of errors) {
        expect(error!.message).toBe("ranks ask for different engines: rank 0 for 'gloo', rank 1 for 'nccl'");
      }
    });

    it('a rank that has no device for nccl fails at once, and the others hear why', async () => {
      const { errors } = await open([{ engine: 'nccl' }, { engine: 'nccl', device: 99 }]);
      expect(errors[1]!.message).toBe("The nccl engine can't be used: device 99 was asked for, and there are 8");
      expect(errors[0]!.message).toBe(
        "The nccl engine can't be used on rank 1: device 99 was asked for, and there are 8",
      );
      for (const error of errors) expect(error).toMatchObject({ code: 'SCMOE_COMM_UNAVAILABLE', ranks: [1] });
    });

    it('after an attempt that failed, the ranks can try again', async () => {
      const server = await serveStore();
      const attempt = (device: number) =>
        Promise.allSettled(
          [0, device].map((each, rank) =>
            init({ engine: 'nccl', device: each, timeoutMs: 120_000, place: placeOf(rank, 2, server.port) }),
          ),
        );
      expect((await attempt(99)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      const worlds = (await attempt(1)).map((result) => (result as PromiseFulfilledResult<Communicator>).value);
      expect(worlds.map((c) => c.size)).toEqual([2, 2]);
      await Promise.all(worlds.map((c) => c.close()));
      await server.close();
    });

    it('refuses a device that is no number of one', async () => {
      await expect(init({ engine: 'nccl', device: -1 })).rejects.toThrow(
        /device: expected the number of a GPU.*got -1/,
      );
    });
  },
  { withGloo: true },
);
