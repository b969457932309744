// Copies along walks at random, in and out of their arrays; see addon/nativeCalls.test.ts.
import { loadAddon } from '../addon/loadAddon.js';
import { RandomStream } from '../random/RandomStream.js';

const random = new RandomStream({ seed: 7 });
const upTo = (most: number) => Math.floor(random.uniform() * (most + 1));
const bad: string[] = [];
let inside = 0;
let tried = 0;

/** Smallest and largest offset that a walk reads; undefined where it reads nothing. */
function reach(sizes: number[], strides: number[]): [number, number] | undefined {
  if (sizes.includes(0)) return undefined;
  const ends = sizes.map((size, d) => (size - 1) * strides[d]!);
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  return [sum(ends.map((end) => Math.min(end, 0))), sum(ends.map((end) => Math.max(end, 0)))];
}

for (; tried < 20_000; tried++) {
  const rank = upTo(4);
  const sizes = Array.from({ length: rank }, () => upTo(3));
  const strides = [0, 1].map(() => Array.from({ length: rank }, () => upTo(8) - 4));
  const offsets = [upTo(12), upTo(12)];
  const arrays = [new Float32Array(upTo(30)), new Float32Array(upTo(30))];
  const fits = [0, 1].every((o) => {
    const [low, high] = reach(sizes, strides[o]!) ?? [0, -1 - offsets[o]!];
    return offsets[o]! + low >= 0 && offsets[o]! + high < arrays[o]!.length;
  });
  let outcome = true;
  try {
    loadAddon().copyStrided({
      walk: Float64Array.of(rank, ...sizes, ...strides.flat()),
      sourceOffset: offsets[0]!,
      targetOffset: offsets[1]!,
      source: arrays[0]!,
      target: arrays[1]!,
    });
  } catch {
    outcome = false;
  }
  if (fits) inside++;
  if (outcome !== fits)
    bad.push(JSON.stringify({ sizes, strides, offsets, lengths: arrays.map((a) => a.length), fits }));
}
process.stdout.write(`${JSON.stringify({ tried, inside, bad })}\n`);
