import * as tf from '@tensorflow/tfjs';

import { fromBf16, init, toBf16, type Communicator } from '../index.js';
import { describeGloo } from '../testing/gloo.js';

/** What holds for a world of one, whatever the engine. */
function behavesAlone(engine: 'self' | 'gloo'): void {
  let alone: Communicator;
  beforeEach(async () => {
    alone = await init({ engine });
  });
  afterEach(() => alone.close());

  it('gives back a copy of what it got', async () => {
    const data = Float32Array.of(1, 2, 3);
    const results = [
      alone.allToAll(data),
      alone.allToAllV(data, { sendCounts: [3], recvCounts: [3] }),
      alone.allReduce(data),
      alone.allReduce(data, { op: 'mean' }),
      alone.allReduce(data, { op: 'max' }),
      alone.allGather(data),
      alone.allGatherV(data, { recvCounts: [3] }),
      alone.reduceScatter(data),
      alone.broadcast(data),
    ];
    for (const work of results) {
      expect(work.wait()).toEqual(data);
      expect(work.wait()).not.toBe(data);
      expect(await work.done).toBe(work.wait());
      expect(work.isDone()).toBe(true);
    }
    expect(alone.barrier().wait()).toBeUndefined();
    expect(alone.allReduce(Int32Array.of(7)).wait()).toEqual(Int32Array.of(7));
    expect(alone.allReduce(Uint16Array.of(0x3f80)).wait()).toEqual(Uint16Array.of(0x3f80));
    expect(
      alone
        .allReduce(tf.tensor2d([[1, 2]]))
        .wait()
        .arraySync(),
    ).toEqual([[1, 2]]);
  });

  it('rounds what would travel as bf16', () => {
    const data = Float32Array.of(1.001, NaN, -3e38, 0);
    const rounded = fromBf16(toBf16(data));
    expect(alone.allToAll(data, { as: 'bf16' }).wait()).toEqual(rounded);
    expect(alone.broadcast(data, { as: 'bf16' }).wait()).toEqual(rounded);
    expect(data[0]).toBe(Math.fround(1.001));
  });

  it('writes into an output that it is given', () => {
    const output = new Float32Array(2);
    expect(alone.allToAll(Float32Array.of(1, 2), { output }).wait()).toBe(output);
    expect(Array.from(output)).toEqual([1, 2]);
  });

  it('counts its collectives and records them', () => {
    alone.allReduce(Float32Array.of(1)).wait();
    alone.barrier().wait();
    const { rank, size, reason, entries } = alone.flightRecord();
    expect({ rank, size, reason }).toEqual({ rank: 0, size: 1, reason: '' });
    expect(entries.slice(-2).map(({ operation, bytes, state }) => ({ operation, bytes, state }))).toEqual([
      { operation: 'allReduce', bytes: 4, state: 'done' },
      { operation: 'barrier', bytes: 0, state: 'done' },
    ]);
  });

  it('splits into itself, or into nothing', async () => {
    const group = await alone.split(3);
    expect([group!.rank, group!.size, group!.engine]).toEqual([0, 1, engine]);
    expect(await alone.split(undefined)).toBeUndefined();
    await group!.close();
  });

  it('refuses everything after close, by name; closing twice is harmless', async () => {
    const pending = alone.allReduce(Float32Array.of(1));
    await Promise.all([alone.close(), alone.close()]);
    await alone.close();
    expect(pending.wait()).toEqual(Float32Array.of(1));
    const closed = {
      code: 'SCMOE_COMM_CLOSED',
      message: expect.stringMatching(/on rank 0 of 1: this communicator is closed/) as string,
    };
    const attempts = [
      () => alone.allReduce(Float32Array.of(1)),
      () => alone.allToAll(Float32Array.of(1)),
      () => alone.barrier(),
      () => alone.broadcast(tf.scalar(1)),
    ];
    const before = tf.memory().numTensors;
    for (const attempt of attempts.slice(0, 3)) {
      expect(attempt).toThrow(expect.objectContaining(closed) as Error);
    }
    expect(tf.memory().numTensors).toBe(before);
    await expect(alone.split(0)).rejects.toMatchObject(closed);
  });

  it('an abort ends it', () => {
    alone.abort('enough');
    expect(() => alone.barrier()).toThrow(/has failed and can't be used any more.*because enough/);
  });

  const bad: [string, (c: Communicator) => unknown, RegExp][] = [
    [
      'a list of numbers',
      (c) => c.allReduce([1, 2] as never),
      /allReduce on rank 0 of 1: expected a Float32Array.*got Array/,
    ],
    ['nothing', (c) => c.allReduce(undefined as never), /got undefined/],
    ['float64', (c) => c.allReduce(new Float64Array(2) as never), /got Float64Array/],
    ['a tensor of booleans', (c) => c.allGather(tf.tensor1d([true])), /expected a float32 or int32 tensor, got bool/],
    ['a scalar without rows', (c) => c.allGather(tf.scalar(1)), /expected a tensor with a first axis/],
    [
      'an unknown reduction',
      (c) => c.allReduce(new Float32Array(1), { op: 'min' as never }),
      /op: expected one of sum, mean, max, got min/,
    ],
    ['a mean of integers', (c) => c.allReduce(new Int32Array(1), { op: 'mean' }), /a mean needs float32 or bf16/],
    ['integers as bf16', (c) => c.allToAll(new Int32Array(1), { as: 'bf16' }), /expected float32 data, got int32/],
    [
      'another type to travel',
      (c) => c.allToAll(new Float32Array(1), { as: 'fp8' as never }),
      /as: expected 'bf16', got "fp8"/,
    ],
    [
      'a reduction as bf16',
      (c) => c.allReduce(new Float32Array(1), { as: 'bf16' } as never),
      /for collectives that only move data/,
    ],
    [
      'a root that is not there',
      (c) => c.broadcast(new Float32Array(1), { root: 1 }),
      /root: expected a rank from 0 to 0, got 1/,
    ],
    [
      'no counts',
      (c) => c.allToAllV(new Float32Array(1), {} as never),
      /sendCounts: expected an array of 1 counts, got undefined/,
    ],
    [
      'too many counts',
      (c) => c.allToAllV(new Float32Array(1), { sendCounts: [1, 0], recvCounts: [1] }),
      /expected 1 counts, one a rank, got 2/,
    ],
    [
      'counts that are too small',
      (c) => c.allToAllV(new Float32Array(2), { sendCounts: [1], recvCounts: [1] }),
      /sendCounts add up to 1, expected the 2/,
    ],
    [
      'a negative count',
      (c) => c.allToAllV(new Float32Array(0), { sendCounts: [0], recvCounts: [-1] }),
      /recvCounts\[0\]: expected a whole number.*got -1/,
    ],
    [
      'a wrong share of its own',
      (c) => c.allGatherV(new Float32Array(2), { recvCounts: [3] }),
      /this rank's own share: expected 2, got 3/,
    ],
    [
      'an output of another length',
      (c) => c.allToAll(new Float32Array(2), { output: new Float32Array(3) }),
      /output: expected float32 of length 2, got float32 of length 3/,
    ],
    [
      'an output of another type',
      (c) => c.allToAll(new Float32Array(2), { output: new Int32Array(2) as never }),
      /got int32 of length 2/,
    ],
    ['no time at all', (c) => c.barrier({ timeoutMs: 0 }), /timeoutMs: expected more than 0/],
  ];
  it.each(bad)('refuses %s, and goes on', (_, call, expected) => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      expect(() => call(alone)).toThrow(expected);
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(alone.allReduce(Float32Array.of(2)).wait()).toEqual(Float32Array.of(2));
  });

  it('refuses an output that overlaps the input, except for an all-reduce in place', () => {
    const memory = new Float32Array(6);
    const [input, output] = [memory.subarray(0, 4), memory.subarray(2, 6)];
    expect(() => alone.allToAll(input, { output })).toThrow(/overlaps the input/);
    expect(() => alone.allReduce(input, { output })).toThrow(/overlaps the input/);
    expect(alone.allReduce(input, { output: input }).wait()).toBe(input);
  });

  it('refuses a colour that is no int32', async () => {
    await expect(alone.split(0.5)).rejects.toThrow(/color: expected an int32, got 0.5/);
    await expect(alone.split(2 ** 31)).rejects.toThrow(/color/);
  });
}

describe('a world of one on the self engine', () => behavesAlone('self'));
describeGloo('a world of one on the gloo engine', () => behavesAlone('gloo'));
