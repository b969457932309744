import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { AdamW, clipScale, Muon, type AdamWOptions } from '../index.js';
import { availableBackends } from '../testing/backends.js';

/** Rows that tiles do not divide, a vector, a scalar, and more rows than tiles. */
const shapes: Record<string, number[]> = { stack: [7, 6, 10], matrix: [12, 9], vector: [37], scalar: [] };
const small = 3 * 6 * 10;

const random = (seed: number) =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => [name, tf.randomNormal(shape, 0, 1, 'float32', seed + i)]),
  );

type Make = (options: AdamWOptions) => AdamW | Muon;
const optimizers: [string, Make][] = [
  ['AdamW', (options) => new AdamW(options)],
  ['Muon', (options) => new Muon(options)],
];

/** Parameters and state after three steps. */
function trained(make: Make, options: AdamWOptions): Record<string, Float32Array> {
  const start = random(1);
  const variables = Object.fromEntries(Object.entries(start).map(([name, value]) => [name, tf.variable(value)]));
  const optimizer = make(options);
  for (let step = 0; step < 3; step++) {
    const [gradients, norm] = [random(10 * step + 20), tf.scalar(4)];
    const gradScale = clipScale(norm, 1);
    optimizer.step(variables, gradients, { learningRate: 0.1, gradScale });
    tf.dispose([gradients, norm, gradScale]);
  }
  const state = optimizer.state();
  const read = Object.entries({ ...variables, ...state }).map(([name, tensor]) => [name, tensor.dataSync()]);
  tf.dispose([start, variables, state]);
  optimizer.dispose();
  return Object.fromEntries(read) as Record<string, Float32Array>;
}

describe.each(availableBackends())('an update in tiles on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each(optimizers)('is the whole one, bit for bit, and leaves nothing behind: %s', (_, make) => {
    const before = tf.memory().numTensors;
    const whole = trained(make, {});
    for (const tileValues of [1, small]) expect(trained(make, { tileValues })).toEqual(whole);
    expect(tf.memory().numTensors).toBe(before);
  });

  // The native AdamW makes nothing: see below.
  it.each(backend === 'scmoe' ? optimizers.slice(1) : optimizers)('makes little on the way: %s', async (_, make) => {
    const makeAll = () => tf.randomNormal([8, 6, 6], 0, 1, 'float32', 1);
    const variables = { a: tf.variable(makeAll()), b: tf.variable(makeAll()) };
    const gradients = { a: makeAll(), b: makeAll() };
    const madeBy = async (tileValues: number) => {
      const optimizer = make({ tileValues });
      const before = tf.memory().numBytes;
      const { peakBytes } = await tf.profile(() => {
        optimizer.step(variables, gradients, { learningRate: 0.1 });
        return [];
      });
      optimizer.dispose();
      return (peakBytes - before) / (4 * variables.a.size);
    };
    const [whole, tiled] = [await madeBy(10_000), await madeBy(36)];
    // The state of both parameters, new values of one, and the tiles that these are put together of.
    expect(tiled).toBeLessThan(10);
    expect(whole).toBeGreaterThan(tiled + 2);
    tf.dispose([variables, gradients]);
  });

  it('refuses tiles of nothing', () => {
    expect(() => new Muon({ tileValues: 0 })).toThrow(/tileValues: expected a positive integer, got 0/);
  });
});

describeUnless(availableBackends().includes('scmoe') ? undefined : 'no native backend', 'the native AdamW', () => {
  it('writes over parameters and moments where they are', async () => {
    await tf.setBackend('scmoe');
    const variables = { w: tf.variable(tf.tidy(() => tf.ones([5, 4]))) };
    const gradients = { w: tf.fill([5, 4], 0.5) };
    const optimizer = new AdamW();
    const places = () => {
      const state = optimizer.state();
      const ids = [variables.w, ...Object.values(state)].map(({ dataId }) => dataId);
      tf.dispose(state);
      return ids;
    };
    optimizer.step(variables, gradients, { learningRate: 0.1 });
    const before = places();
    optimizer.step(variables, gradients, { learningRate: 0.1 });
    places().forEach((place, i) => expect(place).toBe(before[i]));
  });
});
