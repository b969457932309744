import { relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { cachedDeltaRule, deltaHeads, RecurrentCache, type DeltaRows, type DeltaSizes } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak } from '../testing/twin.js';

// More columns than a vector has lanes, and not a multiple of them.
const sizes: DeltaSizes = { numKeyHeads: 2, numValueHeads: 4, keyHeadDim: 5, valueHeadDim: 37 };
const channels = 2 * 10 + 4 * 37;
const rowsOf = (length: number, seed: number): DeltaRows => ({
  mixed: tf.randomNormal([1, length, channels], 0, 1, 'float32', seed),
  beta: tf.randomUniform([1, length, 4], 0, 1, 'float32', seed + 1),
  logDecay: tf.randomUniform([1, length, 4], -1, 0, 'float32', seed + 2),
});
const convolution = (taps = 3) => tf.randomNormal<tf.Rank.R2>([taps, channels], 0, 1, 'float32', 9);
const part = ({ mixed, beta, logDecay }: DeltaRows, first: number, count: number): DeltaRows => {
  const own = (x: tf.Tensor3D) => tf.slice(x, [0, first, 0], [1, count, -1]);
  return { mixed: own(mixed), beta: own(beta), logDecay: own(logDecay) };
};
const joined = (all: readonly DeltaRows[]): DeltaRows => {
  const of = (name: keyof DeltaRows) => tf.concat(all.map((each) => each[name]), 1); // prettier-ignore
  return { mixed: of('mixed'), beta: of('beta'), logDecay: of('logDecay') };
};
const bits = (x: tf.Tensor) => [...new Int32Array((x.dataSync() as Float32Array).slice().buffer)];

/** Outputs of each sequence, those that are present going on together, step by step. */
function run(sequences: readonly DeltaRows[], steps: readonly (readonly number[])[], present: readonly number[]) {
  const caches = sequences.map(() => new RecurrentCache());
  const outputs: tf.Tensor4D[][] = sequences.map(() => []);
  for (const counts of steps) {
    const own = present.filter((i) => counts[i]! > 0);
    if (own.length === 0) continue;
    const rows = joined(own.map((i) => part(sequences[i]!, caches[i]!.length, counts[i]!)));
    const parts = own.map((i) => ({ cache: caches[i]!, count: counts[i]! }));
    const heads = cachedDeltaRule(rows, convolution(), sizes, parts);
    let first = 0;
    for (const i of own) {
      outputs[i]!.push(tf.slice(heads, [0, first, 0, 0], [1, counts[i]!, -1, -1]));
      first += counts[i]!;
    }
  }
  const states = caches.map((cache) => cache.get('state') && tf.clone(cache.get('state')!));
  caches.forEach((cache) => cache.dispose());
  return { outputs: outputs.map((each) => (each.length > 0 ? tf.concat(each, 1) : undefined)), states };
}

describe.each(availableBackends())('cachedDeltaRule on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  // Fewer tokens than the convolution covers, one, and many.
  const steps = [[1, 7], [1, 0], [3, 1], [1, 1]]; // prettier-ignore
  const sequences = () => [rowsOf(6, 1), rowsOf(9, 5)];

  it('gives what all tokens of a sequence give at once', () => {
    const all = sequences();
    const { outputs, states } = run(all, steps, [0, 1]);
    all.forEach((rows, i) => {
      const whole = deltaHeads(rows, convolution(), sizes);
      expect(relativeError(outputs[i]!, whole.heads)).toBeLessThan(1e-5);
      expect(relativeError(states[i]!, whole.all.state)).toBeLessThan(1e-5);
    });
  });

  it('gives each sequence, bit for bit, what it gets alone', () => {
    const all = sequences();
    const together = run(all, steps, [0, 1]);
    for (const i of [0, 1]) expect(bits(run(all, steps, [i]).outputs[i]!)).toEqual(bits(together.outputs[i]!));
  });

  it('leaves marked states as they were', () => {
    const cache = new RecurrentCache();
    const rows = rowsOf(4, 1);
    const advance = (first: number, count: number) =>
      tf.tidy(() => void cachedDeltaRule(part(rows, first, count), convolution(), sizes, [{ cache, count }]));
    advance(0, 2);
    cache.mark();
    const before = bits(cache.get('state')!);
    advance(2, 2);
    expect(bits(cache.get('state')!)).not.toEqual(before);
    const copy = cache.copy(2);
    expect(bits(copy.get('state')!)).toEqual(before);
    for (const each of [cache, copy]) each.dispose();
  });

  it('knows no convolution of one tap, or no tokens before, as anything special', () => {
    const [rows, cache, one] = [rowsOf(3, 1), new RecurrentCache(), convolution(1)];
    const heads = cachedDeltaRule(rows, one, sizes, [{ cache, count: 3 }]);
    expect(relativeError(heads, deltaHeads(rows, one, sizes).heads)).toBeLessThan(1e-5);
    cache.dispose();
  });

  it('leaves nothing but what the caches hold', () => {
    const rows = rowsOf(2, 1);
    expectNoLeak(() => {
      const cache = new RecurrentCache();
      tf.tidy(() => void cachedDeltaRule(rows, convolution(), sizes, [{ cache, count: 2 }]));
      cache.dispose();
    });
  });

  it('refuses what does not fit, by name', () => {
    const rows = rowsOf(2, 1);
    const [cache, other] = [new RecurrentCache(), new RecurrentCache()];
    const call = (change: Partial<DeltaRows>, own: Partial<DeltaSizes> = {}, parts = [{ cache, count: 2 }], taps = 3) =>
      expect(() => cachedDeltaRule({ ...rows, ...change }, convolution(taps), { ...sizes, ...own }, parts));
    call({ mixed: tf.zeros([1, 2, 5]) }).toThrow(
      'cachedDeltaRule: width of mixed: expected 168 for these heads, got 5',
    );
    call({ beta: tf.zeros([1, 3, 4]) }).toThrow(
      'cachedDeltaRule: beta: expected (1, 2, 4) for the tokens of all parts',
    );
    call({}, { numValueHeads: 3 }).toThrow('numValueHeads: expected a multiple of numKeyHeads 2, got 3');
    call({}, {}, []).toThrow('parts: expected at least one, got 0');
    call({}, {}, [{ cache, count: 1 }, { cache, count: 1 }]).toThrow('parts: expected a cache of its own'); // prettier-ignore
    call({}, {}, [{ cache, count: 1 }]).toThrow('mixed: expected (1, 1, 168) for the tokens of all parts');
    tf.tidy(() => other.advance(1, { taps: tf.zeros([1, 3, channels]), state: tf.zeros([1, 4, 5, 37]) }));
    call({}, {}, [{ cache: other, count: 2 }]).toThrow(
      'cache: expected (1, 2, 168) as the network of the tokens before',
    );
    other.dispose();
  });
});
