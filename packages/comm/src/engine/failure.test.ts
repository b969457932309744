import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { fromSource } from '@scmoe/testing';
import { analyzeFlightRecords, CommError, type Communicator, type FlightRecord } from '../index.js';
import { init } from '../init/init.js';
import type { StoreServer } from '../rendezvous/StoreServer.js';
import { callNames, callOf, type CallName } from '../testing/callOf.js';
import { describeGloo } from '../testing/gloo.js';
import { onAll, openWorld, patientMs, placeOf, serveStore } from '../testing/openWorld.js';
import { startRankProcess } from '../testing/rankProcess.js';

const size = 4;
const victimRank = 3;
const stopTimeoutMs = 1500;

interface Outcome {
  rank: number;
  error: unknown;
  afterMs: number;
}

/** Threads and open files of this process, by count. */
const resources = () => ['task', 'fd'].map((kind) => readdirSync(`/proc/self/${kind}`).length);

async function settle(condition: () => boolean, withinMs = 60_000): Promise<void> {
  for (const end = Date.now() + withinMs; !condition() && Date.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Three ranks of a world, at work on a collective whose fourth rank is the victim. */
async function enter(name: CallName, world: string, port: number, folder: string, timeoutMs?: number) {
  const ranks = await Promise.all(
    [0, 1, 2].map((rank) =>
      init({
        engine: 'gloo',
        name: world,
        timeoutMs: 120_000,
        silenceMs: patientMs,
        place: placeOf(rank, size, port),
        flightRecorderFolder: folder,
      }),
    ),
  );
  const began = performance.now();
  const outcomes = ranks.map(async (c): Promise<Outcome> => {
    const error: unknown = await callOf(name, c, timeoutMs).done.then(
      () => undefined,
      (caught: unknown) => caught,
    );
    return { rank: c.rank, error, afterMs: performance.now() - began };
  });
  return { ranks, outcomes };
}

describeGloo('a rank that is stopped, or killed, in the middle of a collective', () => {
  let server: StoreServer;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scmoe-flight-'));
    server = await serveStore();
    // What the first world opens and later ones share is no leak.
    await (await openWorld(4)).close();
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it.each(callNames)('%s: every other rank gets an error that names it', async (name) => {
    const before = resources();
    const victim = startRankProcess({ rank: victimRank, size, port: server.port }, ['victim', name]);
    const middle = name === 'barrier' ? 'waiting for ranks' : 'moving data';
    const isInTheMiddle = (c: Communicator) => c.flightRecord().entries.at(-1)!.state === middle;
    // On a busy machine a collective may be over before the victim has stopped itself: then once more.
    let attempts = 0;
    const catchInTheMiddle = async (timeoutMs?: number) => {
      for (;;) {
        const world = await enter(name, `${name}-${attempts++}`, server.port, folder, timeoutMs);
        await victim.isStopped();
        // What is in the connections' buffers still arrives, and may be all that a rank waits for.
        await new Promise((resolve) => setTimeout(resolve, 400));
        if (world.ranks.every(isInTheMiddle)) return world;
        if (attempts === 8) throw new Error('the victim was always too late');
        victim.signal('SIGCONT');
        await Promise.all(world.ranks.map((c) => c.close()));
      }
    };

    const stopped = await catchInTheMiddle(stopTimeoutMs);
    for (const { error, afterMs } of await Promise.all(stopped.outcomes)) {
      expect(error).toBeInstanceOf(CommError);
      // The first to run out of time tells the others.
      expect(['SCMOE_COMM_TIMEOUT', 'SCMOE_COMM_ABORTED']).toContain((error as CommError).code);
      expect((error as CommError).message).toMatch(
        /ranks? ([0-2], |[0-2] and )*3 did not take part in time \(time-out 1500 ms\)/,
      );
      expect(afterMs).toBeGreaterThanOrEqual(stopTimeoutMs - 10);
    }
    victim.signal('SIGCONT');
    for (const c of stopped.ranks) expect(() => c.barrier()).toThrow(/has failed and can't be used any more.*rank 3/);
    await Promise.all(stopped.ranks.map((c) => c.close()));

    const killed = await catchInTheMiddle();
    victim.signal('SIGKILL');
    for (const { error, rank } of await Promise.all(killed.outcomes)) {
      // Its death, and not the time-out.
      expect(error).toMatchObject({ code: 'SCMOE_COMM_DEAD', ranks: [victimRank] });
      const text = `${name} (collective 1) on rank ${rank} of 4 failed: rank 3 is dead`;
      expect((error as CommError).message).toContain(text);
    }
    expect(await victim.ended).toBe('SIGKILL');
    await Promise.all(killed.ranks.map((c) => c.close()));

    await settle(() => resources().every((count, i) => count <= before[i]!));
    resources().forEach((count, i) => expect(count).toBeLessThanOrEqual(before[i]!));
  });

  it('leaves flight records that name the rank', () => {
    const records = readdirSync(folder).map(
      (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as FlightRecord,
    );
    const ofSurvivors = records.filter(({ rank }) => rank !== victimRank);
    expect(ofSurvivors.length).toBeGreaterThanOrEqual(2 * 3 * callNames.length);
    const { findings } = analyzeFlightRecords(ofSurvivors);
    const ofKind = (wanted: string) => findings.filter(({ kind }) => kind === wanted);
    for (const { ranks } of ofKind('no record')) expect(ranks).toEqual([victimRank]);
    expect(ofKind('never entered').map(({ group, ranks }) => [group, ranks])).toEqual([
      ['barrier-0/0.1', [victimRank]],
      ['barrier-1/0.1', [victimRank]],
    ]);
  });

  it('the ranks that are left can make a new communicator', async () => {
    const ranks = await Promise.all(
      [0, 1, 2].map((rank) => init({ engine: 'gloo', name: 'barrier-1', place: placeOf(rank, 3, server.port) })),
    );
    const sums = await onAll({ ranks }, (c) => c.allReduce(Int32Array.of(c.rank)));
    expect(sums.map(([sum]) => sum)).toEqual([3, 3, 3]);
    await Promise.all(ranks.map((rank) => rank.close()));
  });
});

describeGloo('a rank that ends without closing', () => {
  it.each([
    ['throws', /rank 1 gave up: its process ends with exit code 1/],
    ['exits', /rank 1 gave up: its process ends with exit code 3/],
  ])('%s: the others hear why', async (how, expected) => {
    const server = await serveStore();
    const joining = init({
      engine: 'gloo',
      timeoutMs: 120_000,
      silenceMs: patientMs,
      place: placeOf(0, 2, server.port),
    });
    const other = startRankProcess({ rank: 1, size: 2, port: server.port }, ['ending', how]);
    const mine = await joining;
    // Which call hears of it depends on how fast the other one ends.
    const goOn = async () => {
      for (;;) await mine.allReduce(Float32Array.of(1)).done;
    };
    await expect(goOn()).rejects.toThrow(expected);
    expect(await other.ended).toBe(how === 'exits' ? 3 : 1);
    await mine.close();
    await server.close();
  });

  it('reaches its end: it closes by itself', async () => {
    const server = await serveStore();
    const joining = init({
      engine: 'gloo',
      timeoutMs: 120_000,
      silenceMs: patientMs,
      place: placeOf(0, 2, server.port),
    });
    const other = startRankProcess({ rank: 1, size: 2, port: server.port }, ['ending', 'quietly']);
    const mine = await joining;
    await mine.allReduce(Float32Array.of(1)).done;
    await mine.close();
    expect({ ended: await other.ended, output: other.output() }).toEqual({ ended: 0, output: 'joined' });
    await server.close();
  });

  it('is ended from outside while it waits, without delay', async () => {
    const server = await serveStore();
    const joining = init({
      engine: 'gloo',
      timeoutMs: 120_000,
      silenceMs: patientMs,
      place: placeOf(0, 2, server.port),
    });
    const other = startRankProcess({ rank: 1, size: 2, port: server.port }, ['ending', 'blocked']);
    const mine = await joining;
    await mine.allReduce(Float32Array.of(1)).done;
    await other.hasSaid('joined');
    other.signal('SIGTERM');
    expect(await other.ended).toBe('SIGTERM');
    // Sooner or later: the call itself may know already.
    await expect((async () => mine.barrier().done)()).rejects.toMatchObject({
      message: expect.stringContaining('rank 1 is dead') as string,
      ranks: [1],
    });
    await mine.close();
    await server.close();
  });
});

describeGloo('a rank on a worker thread', () => {
  it('that is terminated while it waits: the others hear of it, and the process goes on', async () => {
    const server = await serveStore();
    const joining = init({
      engine: 'gloo',
      timeoutMs: 120_000,
      silenceMs: patientMs,
      place: placeOf(0, 2, server.port),
    });
    const worker = new Worker(join(import.meta.dirname, '..', 'testing', 'rankProgram.ts'), {
      argv: ['ending', 'awaits'],
      execArgv: fromSource,
      env: {
        ...process.env,
        RANK: '1',
        WORLD_SIZE: '2',
        LOCAL_RANK: '1',
        LOCAL_WORLD_SIZE: '2',
        SCMOE_RENDEZVOUS: `127.0.0.1:${server.port}`,
        SCMOE_TOKEN: 'secret-of-the-tests',
      },
    });
    const joined = once(worker, 'message');
    const mine = await joining;
    await mine.allReduce(Float32Array.of(1)).done;
    await joined;
    // Its all-reduce is on its way: cleanup has to end it, not to wait for it.
    await worker.terminate();
    await expect((async () => mine.barrier().done)()).rejects.toMatchObject({
      message: expect.stringContaining('rank 1 is dead') as string,
      ranks: [1],
    });
    await mine.close();
    await server.close();
  });
});

describeGloo('ranks that disagree', () => {
  const disagreements: [string, RegExp, (c: Communicator) => { done: Promise<unknown> }][] = [
    [
      'the operation',
      /rank 0 called allReduce\(sum, float32, 4 elements\), rank 2 called broadcast\(root 0, float32, 4 elements\)/,
      (c) => (c.rank === 2 ? c.broadcast(new Float32Array(4)) : c.allReduce(new Float32Array(4))),
    ],
    [
      'the dtype',
      /rank 2 called allReduce\(sum, int32, 4 elements\)/,
      (c) => c.allReduce(c.rank === 2 ? new Int32Array(4) : (new Float32Array(4) as Float32Array | Int32Array)),
    ],
    [
      'the length',
      /rank 2 called allReduce\(sum, float32, 5 elements\)/,
      (c) => c.allReduce(new Float32Array(c.rank === 2 ? 5 : 4)),
    ],
    [
      'the reduction',
      /rank 2 called allReduce\(max, float32, 4 elements\)/,
      (c) => c.allReduce(new Float32Array(4), { op: c.rank === 2 ? 'max' : 'sum' }),
    ],
    [
      'the root',
      /rank 2 called broadcast\(root 1, float32, 4 elements\)/,
      (c) => c.broadcast(new Float32Array(4), { root: c.rank === 2 ? 1 : 0 }),
    ],
    [
      'what travels',
      /rank 2 called allGather\(float32 as bf16, 4 elements\)/,
      (c) => c.allGather(new Float32Array(4), c.rank === 2 ? { as: 'bf16' } : {}),
    ],
    [
      'counts between two of them',
      /rank 1 sends 3 elements to rank 2, which expects 5/,
      (c) => {
        const [sendCounts, recvCounts] = [
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ];
        if (c.rank === 1) sendCounts[2] = 3;
        if (c.rank === 2) recvCounts[1] = 5;
        return c.allToAllV(new Float32Array(c.rank === 1 ? 3 : 0), { sendCounts, recvCounts });
      },
    ],
    [
      'the share of one of them',
      /rank 1 sends 3 elements to rank \d, which expects 2/,
      (c) =>
        c.allGatherV(new Float32Array(c.rank === 1 ? 3 : 2), {
          recvCounts: c.rank === 1 ? [2, 3, 2, 2] : [2, 2, 2, 2],
        }),
    ],
  ];

  it.each(disagreements)('on %s all fail, with both sides in the message', async (_, expected, call) => {
    const world = await openWorld(size);
    const errors = await Promise.all(
      world.ranks.map((c) =>
        call(c).done.then(
          () => undefined,
          (error: unknown) => error as CommError,
        ),
      ),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(CommError);
      // Whoever is told of it by the rank that saw it first has the same.
      expect(error!.code).toBe('SCMOE_COMM_MISMATCH');
      expect(error!.message).toMatch(expected);
    }
    await world.close();
  });

  it('a rank that closes while the others go on is named', async () => {
    const world = await openWorld(3);
    const works = world.ranks.map((c) => (c.rank === 1 ? c.close() : c.barrier().done));
    const results = await Promise.allSettled(works);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    for (const rank of [0, 2]) {
      expect((results[rank] as PromiseRejectedResult).reason).toMatchObject({
        code: 'SCMOE_COMM_LEFT',
        ranks: [1],
        message: expect.stringContaining('rank 1 has left by close()') as string,
      });
    }
    await world.close();
  });

  it('an abort by one rank fails the others with its text', async () => {
    const world = await openWorld(3);
    const works = world.ranks.map((c) => (c.rank === 1 ? undefined : c.allReduce(new Float32Array(4))));
    world.ranks[1]!.abort('the loss is not a number');
    for (const rank of [0, 2]) {
      await expect(works[rank]!.done).rejects.toThrow(/rank 1 gave up: the loss is not a number/);
    }
    expect(() => world.ranks[1]!.barrier()).toThrow(/It failed because the loss is not a number/);
    await world.close();
  });
});
