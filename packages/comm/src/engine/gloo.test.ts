import { fromBf16, toBf16 } from '../index.js';
import { describeGloo } from '../testing/gloo.js';
import { onAll, openWorld, type World } from '../testing/openWorld.js';

const size = 4;
function ramp(length: number, f: (i: number) => number): Float32Array {
  const result = new Float32Array(length);
  for (let i = 0; i < length; i++) result[i] = f(i);
  return result;
}

/** Compares as toEqual does, in no time for long arrays, and without its leniency. */
function expectSameBits(actual: Float32Array, expected: Float32Array): void {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
  const at = actual.findIndex((x, i) => !Object.is(x, expected[i]));
  expect({ length: actual.length, at, value: actual[at] }).toEqual({
    length: expected.length,
    at: -1,
    value: undefined,
  });
  expect(Buffer.compare(bytes(actual), bytes(expected))).toBe(0);
}

describeGloo('four ranks over gloo', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld(size);
  });
  afterAll(() => world.close());

  it('allToAll gives rank r share r of everybody', async () => {
    const results = await onAll(world, (c) => c.allToAll(ramp(8, (i) => 100 * c.rank + i)));
    results.forEach((result, r) => {
      expect(Array.from(result)).toEqual([0, 1, 2, 3].flatMap((from) => [100 * from + 2 * r, 100 * from + 2 * r + 1]));
    });
  });

  it.each(['float32', 'int32', 'bf16'] as const)('allToAllV moves uneven and empty shares of %s', async (dtype) => {
    const make = { float32: Float32Array, int32: Int32Array, bf16: Uint16Array }[dtype];
    // Rank a sends (a * b) % 4 elements to rank b: rank 0 sends and gets nothing at all.
    const count = (a: number, b: number) => (a * b) % 4;
    const results = await onAll(world, (c) => {
      const sendCounts = [0, 1, 2, 3].map((b) => count(c.rank, b));
      const recvCounts = [0, 1, 2, 3].map((a) => count(a, c.rank));
      const data = make.from(
        sendCounts.flatMap((n, b) => Array.from({ length: n }, (_, i) => 1000 * c.rank + 10 * b + i)),
      );
      return c.allToAllV(data, { sendCounts, recvCounts });
    });
    results.forEach((result, b) => {
      const expected = [0, 1, 2, 3].flatMap((a) =>
        Array.from({ length: count(a, b) }, (_, i) => 1000 * a + 10 * b + i),
      );
      expect(result).toBeInstanceOf(make);
      expect(Array.from(result)).toEqual(expected);
    });
  });

  it.each([0, 1, 3, 4, 5, 1000, 100_003])('allReduce of %i elements gives all ranks the same bits', async (length) => {
    const value = (rank: number, i: number) => Math.fround(Math.sin(rank + 1 + i) * 10 ** (i % 5));
    const sums = await onAll(world, (c) => c.allReduce(ramp(length, (i) => value(c.rank, i))));
    const inOrder = ramp(length, (i) => [1, 2, 3].reduce((sum, r) => Math.fround(sum + value(r, i)), value(0, i)));
    for (const sum of sums) expectSameBits(sum, inOrder);
  });

  it('allReduce takes means and maxima, in every dtype', async () => {
    const data = (rank: number) => ramp(5, (i) => (rank + 1) * (i - 2));
    const mean = await onAll(world, (c) => c.allReduce(data(c.rank), { op: 'mean' }));
    expect(Array.from(mean[2]!)).toEqual([-5, -2.5, 0, 2.5, 5]);
    const max = await onAll(world, (c) => c.allReduce(data(c.rank), { op: 'max' }));
    expect(Array.from(max[1]!)).toEqual([-2, -1, 0, 4, 8]);
    const ints = await onAll(world, (c) => c.allReduce(Int32Array.of(c.rank, 2 ** 30, -c.rank)));
    expect(Array.from(ints[3]!)).toEqual([6, 0, -6]);
    const halves = await onAll(world, (c) => c.allReduce(toBf16(Float32Array.of(1, 0.0078125 * c.rank, -c.rank))));
    expect(Array.from(fromBf16(halves[0]!))).toEqual([4, 0.046875, -6]);
    const largest = await onAll(world, (c) => c.allReduce(Int32Array.of(c.rank, -c.rank), { op: 'max' }));
    expect(Array.from(largest[0]!)).toEqual([3, 0]);
  });

  it('sums bf16 in float32 and rounds once', async () => {
    // 256 + 1 is 256 in bf16: rounded at each step, three ones would be lost.
    const sums = await onAll(world, (c) => c.allReduce(toBf16(Float32Array.of(c.rank === 0 ? 256 : 1))));
    expect(Array.from(fromBf16(sums[1]!))).toEqual([260]);
  });

  it('a NaN on one rank is a NaN on all, in a sum and in a maximum', async () => {
    for (const op of ['sum', 'max'] as const) {
      const results = await onAll(world, (c) => c.allReduce(Float32Array.of(c.rank === 2 ? NaN : 1), { op }));
      for (const result of results) expect(result[0]).toBeNaN();
    }
  });

  it('allReduce works in place', async () => {
    const arrays = world.ranks.map((c) => ramp(1001, (i) => c.rank + i));
    const results = await onAll(world, (c) => c.allReduce(arrays[c.rank]!, { output: arrays[c.rank]! }));
    results.forEach((result, r) => {
      expect(result).toBe(arrays[r]);
      expect(result).toEqual(ramp(1001, (i) => 6 + 4 * i));
    });
  });

  it('allGather and allGatherV put the data of all ranks together', async () => {
    const even = await onAll(world, (c) => c.allGather(Int32Array.of(c.rank, -c.rank)));
    for (const all of even) expect(Array.from(all)).toEqual([0, -0, 1, -1, 2, -2, 3, -3].map((x) => x + 0));
    const recvCounts = [2, 0, 1, 3];
    const uneven = await onAll(world, (c) =>
      c.allGatherV(
        ramp(recvCounts[c.rank]!, (i) => 10 * c.rank + i),
        { recvCounts },
      ),
    );
    for (const all of uneven) expect(Array.from(all)).toEqual([0, 1, 20, 30, 31, 32]);
  });

  it('reduceScatter gives each rank its share of the reduction', async () => {
    const results = await onAll(world, (c) =>
      c.reduceScatter(
        ramp(12, (i) => i * (c.rank + 1)),
        { op: 'mean' },
      ),
    );
    results.forEach((share, r) => expect(Array.from(share)).toEqual([0, 1, 2].map((i) => (3 * r + i) * 2.5)));
  });

  it.each([0, 3, 70_001])('broadcast hands %i elements of any root to all', async (length) => {
    for (const root of [0, 3]) {
      const results = await onAll(world, (c) =>
        c.broadcast(
          ramp(length, (i) => c.rank + i),
          { root },
        ),
      );
      for (const result of results)
        expectSameBits(
          result,
          ramp(length, (i) => root + i),
        );
    }
  });

  it('sends float32 as bf16 where asked, rounded on the own rank as well', async () => {
    const data = ramp(8, (i) => 1 + i / 1000);
    const rounded = fromBf16(toBf16(data));
    expect(rounded).not.toEqual(data);
    const [moved] = await onAll(world, (c) => c.allToAll(data, { as: 'bf16' }));
    expect(moved).toEqual(Float32Array.from([0, 1, 2, 3].flatMap(() => [rounded[0]!, rounded[1]!])));
    const gathered = await onAll(world, (c) => c.allGather(data, { as: 'bf16' }));
    expect(gathered[3]!.subarray(24)).toEqual(rounded);
    const sent = await onAll(world, (c) => c.broadcast(data, { as: 'bf16', root: 1 }));
    for (const each of sent) expect(each).toEqual(rounded);
  });

  it('moves 8 MiB to each rank, both ways at once, and keeps the order of what was started', () => {
    const length = 1 << 21;
    const value = (a: number, b: number, i: number) => a * 4 + b + (i % 1021);
    const works = world.ranks.map((c) => {
      const big = c.allToAll(ramp(length, (i) => value(c.rank, Math.floor((i * 4) / length), i)));
      return { big, small: c.allReduce(Int32Array.of(1)), sum: c.allReduce(ramp(length, () => c.rank)) };
    });
    for (const { small } of works) expect(small.wait()[0]).toBe(4);
    works.forEach(({ big, sum }, b) => {
      // The small one was started later: with its result there, so is the large one.
      expect(big.isDone()).toBe(true);
      const result = big.wait();
      for (let i = 0; i < length; i += 4099) {
        const from = Math.floor((i * 4) / length);
        const at = (b * length) / 4 + (i % (length / 4));
        expect(result[i]).toBe(value(from, b, at));
      }
      expect(sum.wait()[length - 1]).toBe(6);
    });
  });

  it('starts without waiting for the others, and JavaScript goes on meanwhile', async () => {
    const first = world.ranks[0]!.allReduce(ramp(1000, (i) => i));
    let turns = 0;
    const settled = first.done.then(() => 'done');
    for (; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(first.isDone()).toBe(false);
    for (const c of world.ranks.slice(1)) c.allReduce(ramp(1000, (i) => i)).done.catch(() => undefined);
    expect(await settled).toBe('done');
    expect(first.wait()).toEqual(ramp(1000, (i) => 4 * i));
    expect(first.wait()).toBe(await first.done);
  });

  it('a barrier ends when the last rank has come', async () => {
    const early = world.ranks.slice(0, 3).map((c) => c.barrier());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(early.map((work) => work.isDone())).toEqual([false, false, false]);
    world.ranks[3]!.barrier().wait();
    for (const work of early) work.wait();
  });

  it('splits into groups by colour, ordered by key, beside the world', async () => {
    const groups = await Promise.all(world.ranks.map((c) => c.split(c.rank % 2, -c.rank)));
    expect(groups.map((g) => [g!.rank, g!.size])).toEqual([
      [1, 2],
      [1, 2],
      [0, 2],
      [0, 2],
    ]);
    const inGroups = groups.map((g, r) => g!.allGather(Int32Array.of(r)));
    const inWorld = world.ranks.map((c) => c.allReduce(Int32Array.of(c.rank)));
    expect(inGroups.map((work) => Array.from(work.wait()))).toEqual([
      [2, 0],
      [3, 1],
      [2, 0],
      [3, 1],
    ]);
    for (const work of inWorld) expect(work.wait()[0]).toBe(6);
    await Promise.all(groups.map((g) => g!.close()));
  });

  it('leaves a rank without a colour in no group, and makes groups of one', async () => {
    const groups = await Promise.all(world.ranks.map((c) => c.split(c.rank === 1 ? undefined : c.rank)));
    expect(groups.map((g) => g?.size)).toEqual([1, undefined, 1, 1]);
    expect(Array.from(groups[2]!.allGather(Int32Array.of(7)).wait())).toEqual([7]);
    for (const group of groups) await group?.close();
  });

  it('two worlds at once keep apart what they move', async () => {
    const other = await openWorld(2, { name: 'other' });
    const inOther = other.ranks.map((c) => c.allReduce(Int32Array.of(10)));
    const inWorld = world.ranks.map((c) => c.allReduce(Int32Array.of(1)));
    expect([...inOther, ...inWorld].map((work) => work.wait()[0])).toEqual([20, 20, 4, 4, 4, 4]);
    await other.close();
  });
});
