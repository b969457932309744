import { expectGradientsMatch, relativeError } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { gatedDeltaRule, type GatedDeltaInputs, type GatedDeltaOptions } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak } from '../testing/twin.js';

interface Sizes {
  batch?: number;
  length: number;
  keyHeads?: number;
  valueHeads?: number;
}
const [keySize, valueSize] = [4, 3];

/** Keys of length 1, as a network gives them; `decay` says how much of a state is forgotten at the most. */
function inputsOf({ batch = 1, length, keyHeads = 1, valueHeads = 1 }: Sizes, { decay = 1, repeats = false } = {}) {
  const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
  const k = normal([batch, repeats ? 1 : length, keyHeads, keySize], 1);
  const unit = tf.div(k, tf.norm(k, 2, -1, true));
  return {
    q: normal([batch, length, keyHeads, keySize], 2),
    k: repeats ? tf.tile(unit, [1, length, 1, 1]) : unit,
    v: normal([batch, length, valueHeads, valueSize], 3),
    logDecay: tf.mul(tf.randomUniform([batch, length, valueHeads], 0, 1, 'float32', 4), -decay),
    beta: repeats
      ? tf.ones([batch, length, valueHeads])
      : tf.randomUniform([batch, length, valueHeads], 0, 1, 'float32', 5),
  } as GatedDeltaInputs;
}

/** The rule token by token, in float64. */
function oracle({ q, k, v, logDecay, beta }: GatedDeltaInputs, state?: tf.Tensor4D) {
  const [batch, length, valueHeads] = v.shape;
  const share = valueHeads / k.shape[2];
  const [qs, ks, vs] = [q, k, v].map((x) => x.arraySync()) as [number[][][][], number[][][][], number[][][][]];
  const [gs, bs] = [logDecay.arraySync(), beta.arraySync()];
  const states = (state ?? tf.zeros([batch, valueHeads, keySize, valueSize])).arraySync();
  const output = vs.map((tokens, b) =>
    tokens.map((token, t) =>
      token.map((value, h) => {
        const [key, query] = [ks[b]![t]![Math.floor(h / share)]!, qs[b]![t]![Math.floor(h / share)]!];
        const matrix = states[b]![h]!.map((row) => row.map((x) => x * Math.exp(gs[b]![t]![h]!)));
        const delta = value.map(
          (x, j) => bs[b]![t]![h]! * (x - key.reduce((sum, y, i) => sum + y * matrix[i]![j]!, 0)),
        );
        states[b]![h] = matrix.map((row, i) => row.map((x, j) => x + key[i]! * delta[j]!));
        return value.map((_, j) =>
          query.reduce((sum, y, i) => sum + (y * states[b]![h]![i]![j]!) / Math.sqrt(keySize), 0),
        );
      }),
    ),
  );
  return { output: tf.tensor4d(output, [batch, length, valueHeads, valueSize]), state: tf.tensor4d(states) };
}

/** Compares output and state in units of their largest magnitude: sums of at most a hundred float32 products. */
function expectRule(inputs: GatedDeltaInputs, options: GatedDeltaOptions = {}, tolerance = 1e-5): void {
  const [actual, expected] = [gatedDeltaRule(inputs, options), oracle(inputs, options.state)];
  expect(relativeError(actual.output, expected.output)).toBeLessThan(tolerance);
  expect(relativeError(actual.state, expected.state)).toBeLessThan(tolerance);
}

const rows = (x: tf.Tensor, first: number, count: number) =>
  tf.slice(x, [0, first, ...x.shape.slice(2).map(() => 0)], [-1, count, ...x.shape.slice(2).map(() => -1)]);
const part = (inputs: GatedDeltaInputs, first: number, count: number) =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, x]) => [name, rows(x as tf.Tensor, first, count)]),
  ) as unknown as GatedDeltaInputs;

describe.each(availableBackends())('gatedDeltaRule on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([
    ['one token', { length: 1, valueHeads: 2 }],
    ['less than a chunk', { length: 5, batch: 2 }],
    ['a chunk', { length: 8, keyHeads: 2, valueHeads: 4 }],
    ['several chunks, the last not full', { length: 19, batch: 2, keyHeads: 2, valueHeads: 4 }],
  ])('gives what the rule gives token by token: %s', (_, sizes) => expectRule(inputsOf(sizes), { chunkSize: 8 }));

  it('goes on from the state of earlier tokens, in chunks or one by one', () => {
    const inputs = inputsOf({ length: 21, keyHeads: 2, valueHeads: 4 });
    const { output, state } = oracle(inputs);
    let current: tf.Tensor4D | undefined;
    const outputs: tf.Tensor4D[] = [];
    for (const [first, count] of [
      [0, 1],
      [1, 1],
      [2, 17],
      [19, 2],
    ] as const) {
      // prettier-ignore
      const next = gatedDeltaRule(part(inputs, first, count), { state: current, chunkSize: 8 });
      outputs.push(next.output);
      current = next.state;
    }
    expect(relativeError(tf.concat(outputs, 1), output)).toBeLessThan(1e-5);
    expect(relativeError(current!, state)).toBeLessThan(1e-5);
  });

  it('holds where one key comes again and again and nothing is forgotten', () =>
    expectRule(inputsOf({ length: 64 }, { decay: 0, repeats: true })));

  it('holds where a state is forgotten within a few tokens', () =>
    expectRule(inputsOf({ length: 64, valueHeads: 2 }, { decay: 60 })));

  it.each([1, 3, 6])('has the gradients that finite differences show, %s tokens', (length) => {
    const inputs = inputsOf({ length, keyHeads: 1, valueHeads: 2 });
    const state = tf.randomNormal<tf.Rank.R4>([1, 2, keySize, valueSize], 0, 1, 'float32', 6);
    const [r, s] = [
      tf.randomNormal(inputs.v.shape, 0, 1, 'float32', 7),
      tf.randomNormal(state.shape, 0, 1, 'float32', 8),
    ];
    const names = Object.keys(inputs) as (keyof GatedDeltaInputs)[];
    expectGradientsMatch(
      (...x) => {
        const given = Object.fromEntries(names.map((name, i) => [name, x[i]!])) as unknown as GatedDeltaInputs;
        const result = gatedDeltaRule(given, { state: x.at(-1) as tf.Tensor4D, chunkSize: 4 });
        return tf.add(tf.sum(tf.mul(result.output, r)), tf.sum(tf.mul(result.state, s)));
      },
      [...names.map((name) => inputs[name] as tf.Tensor), state],
    );
  });

  it('leaves nothing but its results', () => {
    const inputs = inputsOf({ length: 11 });
    expectNoLeak(() => tf.dispose(gatedDeltaRule(inputs, { chunkSize: 4 })));
  });

  it('refuses what does not fit, by name', () => {
    const inputs = inputsOf({ length: 3, keyHeads: 2, valueHeads: 4 });
    const change = (own: Partial<GatedDeltaInputs>, options?: GatedDeltaOptions) => () =>
      gatedDeltaRule({ ...inputs, ...own }, options);
    expect(change({ q: tf.zeros([1, 3, 4, 4]) })).toThrow(
      'gatedDeltaRule: q: expected (1, 3, 2, 4) as k, got (1, 3, 4, 4)',
    );
    expect(change({ v: tf.zeros([1, 3, 3, 3]) })).toThrow('heads of v: expected a multiple of the 2 of k, got 3');
    expect(change({ beta: tf.zeros([1, 3, 2]) })).toThrow('beta: expected (1, 3, 4) for the tokens and heads of v');
    expect(change({ k: tf.zeros([1, 3, 2, 4], 'int32') })).toThrow('k: expected float32, got int32');
    expect(change({}, { state: tf.zeros([1, 4, 3, 4]) })).toThrow('state: expected (1, 4, 4, 3)');
    expect(change({}, { chunkSize: 48 })).toThrow('chunkSize: expected a power of two, at least 2, got 48');
  });
});
