import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { useBackend, valueAndGrads } from '@scmoe/tensor';
import { availableBackends, runRanks } from '@scmoe/testing';

import { finishAllToAllV, init, startAllToAllV, StoreServer, type Communicator } from '../index.js';
import { describeGloo } from '../testing/gloo.js';
import { openWorld, type World } from '../testing/openWorld.js';

const d = 3;
const values = (rows: number, seed: number) =>
  tf.tensor2d(
    Float32Array.from({ length: rows * d }, (_, i) => Math.sin(seed + 1.3 * i)),
    [rows, d],
  );

/** Sends everything to itself through the exchange, and makes a number of it. */
function lossThrough(communicator: Communicator, x: tf.Tensor2D): tf.Scalar {
  const counts = [x.shape[0]];
  const inFlight = startAllToAllV(x.mul<tf.Tensor2D>(2), counts, counts, communicator);
  const y = finishAllToAllV(inFlight);
  return y.square().mul(values(x.shape[0], 5)).sum();
}

describe.each(availableBackends())('the exchange in a world of one, on %s', (backend) => {
  let alone: Communicator;
  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
    alone = await init({ engine: 'self' });
  });

  it('has the gradient of doing nothing, under tf.grads and valueAndGrads, by finite differences', () => {
    const x = tf.variable(values(4, 1));
    const { value, grads } = valueAndGrads(() => lossThrough(alone, x), { x });
    const [grad] = tf.grads((v: tf.Tensor) => lossThrough(alone, v as tf.Tensor2D))([x]);
    const direct = tf.grads((v: tf.Tensor) => v.mul(2).square().mul(values(4, 5)).sum())([x])[0]!;
    expect(Array.from(grads['x']!.dataSync())).toEqual(Array.from(direct.dataSync()));
    expect(Array.from(grad!.dataSync())).toEqual(Array.from(direct.dataSync()));
    const shifted = (by: number) => {
      const data = Float32Array.from(x.dataSync());
      data[5]! += by;
      return lossThrough(alone, tf.tensor2d(data, [4, d])).dataSync()[0]!;
    };
    expect((shifted(0.01) - shifted(-0.01)) / 0.02).toBeCloseTo(grads['x']!.dataSync()[5]!, 2);
    expect(value.dataSync()[0]).toBeCloseTo(shifted(0), 4);
  });

  it('leaves no tensor and no buffer behind', async () => {
    const x = tf.variable(values(4, 1));
    const step = () => {
      const { value, grads } = valueAndGrads(() => lossThrough(alone, x), { x });
      tf.dispose([value, grads]);
    };
    step();
    const before = { ...tf.memory(), ids: tf.backend().numDataIds() };
    for (let i = 0; i < 3; i++) step();
    await new Promise((resolve) => setImmediate(resolve));
    const after = { ...tf.memory(), ids: tf.backend().numDataIds() };
    expect([after.numTensors, after.numDataBuffers, after.ids]).toEqual([
      before.numTensors,
      before.numDataBuffers,
      before.ids,
    ]);
    x.dispose();
  });

  it('takes zero rows', () => {
    const x = tf.variable(tf.zeros<tf.Rank.R2>([0, d]));
    const { grads } = valueAndGrads(
      () => finishAllToAllV(startAllToAllV(x as unknown as tf.Tensor2D, [0], [0], alone)).sum(),
      { x },
    );
    expect(grads['x']!.shape).toEqual([0, d]);
  });

  it('finishes once, and says so; refuses what has no rows', () => {
    const inFlight = startAllToAllV(values(2, 1), [2], [2], alone);
    finishAllToAllV(inFlight);
    expect(() => finishAllToAllV(inFlight)).toThrow(/has been finished already, or never started/);
    expect(() => startAllToAllV(tf.ones([2]) as never, [2], [2], alone)).toThrow(
      /expected float32 of shape \(rows, d\)/,
    );
    expect(() => startAllToAllV(values(2, 1), [3], [2], alone)).toThrow(/sendCounts add up to 3, expected the 2/);
  });
});

describeGloo('the exchange between four ranks', () => {
  let world: World;
  beforeAll(async () => {
    await useBackend('cpu');
    world = await openWorld(4);
  });
  afterAll(() => world.close());

  it('moves tensors by rows, started on all ranks before any finishes', () => {
    const count = (a: number, b: number) => (a + b) % 3;
    const ranks = [0, 1, 2, 3];
    const flights = world.ranks.map((c) => {
      const sendCounts = ranks.map((b) => count(c.rank, b));
      const recvCounts = ranks.map((a) => count(a, c.rank));
      const rows = sendCounts.flatMap((n, b) => Array.from({ length: n }, () => [c.rank, b, 1]));
      return startAllToAllV(tf.tensor2d(rows.flat(), [rows.length, 3]), sendCounts, recvCounts, c);
    });
    flights.forEach((inFlight, b) => {
      const expected = ranks.flatMap((a) => Array.from({ length: count(a, b) }, () => [a, b, 1]));
      expect(finishAllToAllV(inFlight).arraySync()).toEqual(expected);
    });
  });

  it.each(['allReduce', 'allGather', 'broadcast', 'reduceScatter', 'allToAll'] as const)(
    '%s takes tensors and leaves none behind',
    async (name) => {
      const inputs = world.ranks.map((c) => tf.fill([4, 2], c.rank + 1));
      const before = tf.memory().numTensors;
      const works = world.ranks.map((c) => c[name](inputs[c.rank]!));
      const results = works.map((work) => work.wait());
      const expected = {
        allReduce: { shape: [4, 2], last: 10 },
        allGather: { shape: [16, 2], last: 4 },
        broadcast: { shape: [4, 2], last: 1 },
        reduceScatter: { shape: [1, 2], last: 10 },
        allToAll: { shape: [4, 2], last: 4 },
      }[name];
      for (const result of results) {
        expect(result.shape).toEqual(expected.shape);
        expect(result.dataSync().at(-1)).toBe(expected.last);
      }
      tf.dispose(results);
      await new Promise((resolve) => setImmediate(resolve));
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose(inputs);
    },
  );

  it('sums scalars and int32 tensors', () => {
    const sums = world.ranks.map((c) => c.allReduce(tf.scalar(c.rank, 'int32')));
    for (const sum of sums)
      expect([sum.wait().dtype, sum.wait().shape, sum.wait().dataSync()[0]]).toEqual(['int32', [], 6]);
  });
});

// A backward pass is one call that waits inside: each rank needs a thread, or a process, of its own.
describeGloo('the gradient between ranks of their own processes', () => {
  it('equals that of one rank with all rows', async () => {
    await useBackend('cpu');
    const size = 3;
    const program = join(import.meta.dirname, '..', 'testing', 'gradientProgram.ts');
    const results = await runRanks<unknown>(program, size, (token) => StoreServer.listen({ token }));
    // Rank a holds rows for rank b: (a * 2 + b) % 3 of them; rank b weighs what it gets by b + 1 and its place.
    const count = (a: number, b: number) => (a * 2 + b) % size;
    for (let a = 0; a < size; a++) {
      const expected: number[] = [];
      for (let b = 0; b < size; b++) {
        const before = Array.from({ length: a }, (_, other) => count(other, b)).reduce((x, y) => x + y, 0);
        for (let i = 0; i < count(a, b); i++) {
          for (let j = 0; j < 2; j++) {
            const x = a + 0.5 * b + 0.25 * i + 0.125 * j;
            // d/dx of (b + 1) (place + 1) (3 x)^2
            expected.push((b + 1) * (before + i + 1) * 18 * x);
          }
        }
      }
      const { grads, viaTfGrads } = results[a] as { grads: number[]; viaTfGrads: number[] };
      expect(grads.map((g) => g.toFixed(3))).toEqual(expected.map((g) => g.toFixed(3)));
      expect(viaTfGrads).toEqual(grads);
    }
  });
});
