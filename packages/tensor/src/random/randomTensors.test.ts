import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { findAddon, philox4x32, randomNormal, randomUniform, useBackend } from '../index.js';

beforeAll(() => useBackend('auto', { threads: 1 }));

const moment = (values: Float32Array, power: number) =>
  values.reduce((sum, value) => sum + value ** power, 0) / values.length;

describe('randomUniform', () => {
  it('makes element i of word i of the sequence', () => {
    const values = randomUniform([3, 3], { seed: 5, stream: 9 }).dataSync();
    const words = [0, 1, 2].flatMap((block) => Array.from(philox4x32(5, 9, block)));
    expect(Array.from(values)).toEqual(words.slice(0, 9).map((word) => (word >>> 8) / 2 ** 24));
  });

  it('stays in [0, 1) and is uniform', () => {
    const values = randomUniform([100_000], { seed: 1 }).dataSync<'float32'>();
    expect(Math.min(...values.subarray(0, 10_000))).toBeGreaterThanOrEqual(0);
    expect(values.every((value) => value < 1)).toBe(true);
    // Means over 1e5 draws are within 5 standard deviations.
    expect(Math.abs(moment(values, 1) - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / 1e5));
    expect(Math.abs(moment(values, 2) - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / 1e5));
  });
});

describe('randomNormal', () => {
  it('has the moments of a normal distribution', () => {
    const values = randomNormal([99_999], { seed: 3 }).dataSync<'float32'>();
    const deviations = 5 / Math.sqrt(1e5);
    expect(Math.abs(moment(values, 1))).toBeLessThan(deviations);
    expect(Math.abs(moment(values, 2) - 1)).toBeLessThan(deviations * Math.sqrt(2));
    expect(Math.abs(moment(values, 3))).toBeLessThan(deviations * Math.sqrt(15));
    expect(Math.abs(moment(values, 4) - 3)).toBeLessThan(deviations * Math.sqrt(96));
  });

  it('applies mean and standard deviation before it rounds', () => {
    const [plain, moved] = [{}, { mean: 3, standardDeviation: 0.25 }].map((options) =>
      randomNormal([64], { seed: 4, ...options }).dataSync(),
    );
    moved!.forEach((value, i) => expect(value).toBeCloseTo(3 + 0.25 * plain![i]!, 5));
  });

  it.each([0, 1, 4095, 4096, 4097])('gives a longer tensor the same beginning: %d elements', (length) => {
    const short = randomNormal([length], { seed: 6 }).dataSync();
    const long = randomNormal([10_000], { seed: 6 }).dataSync();
    expect(short).toEqual(long.slice(0, length));
  });

  it.each([1, 2, 3, 4, 4097, 9000])('continues from an offset as if it had made what comes before: %d', (offset) => {
    const options = { seed: 6, stream: 2 };
    for (const make of [randomNormal, randomUniform]) {
      const all = make([10_001], options).dataSync();
      expect(make([7, 13], { ...options, offset }).dataSync()).toEqual(all.slice(offset, offset + 91));
    }
  });

  it('differs between seeds and between streams', () => {
    const first = ([seed, stream]: [number, number]) => randomNormal([1], { seed, stream }).dataSync()[0];
    const all: [number, number][] = [
      [1, 0],
      [2, 0],
      [1, 1],
      [1 + 2 ** 32, 0],
      [1, 2 ** 32],
    ];
    expect(new Set(all.map(first)).size).toBe(all.length);
  });

  it('is the same on every backend', async () => {
    const ours = randomNormal([100], { seed: 8 }).dataSync();
    await useBackend('cpu');
    expect(randomNormal([100], { seed: 8 }).dataSync()).toEqual(ours);
    await useBackend('auto', { threads: 1 });
  });

  it('rejects what is no whole number', () => {
    expect(() => randomNormal([2, 1.5], { seed: 1 })).toThrow('shape[1]: expected an integer >= 0, got 1.5');
    expect(() => randomNormal([2], { seed: -1 })).toThrow('seed: expected an integer >= 0');
    expect(() => randomUniform([2], { seed: 1, stream: 1.5 })).toThrow('stream: expected an integer >= 0');
  });
});

describeUnless(findAddon().problem, 'random numbers of the native backend', () => {
  const options = { seed: 2 ** 40 + 17, stream: 3 };
  const on = async (backend: string, make: typeof randomUniform, offset: number) => {
    await tf.setBackend(backend);
    return make([50_001], { ...options, offset }).dataSync<'float32'>();
  };

  afterAll(() => tf.setBackend('scmoe'));

  it.each([0, 3, 2 ** 34 + 1])('are those of the host, uniform from element %d on', async (offset) => {
    expect(await on('scmoe', randomUniform, offset)).toEqual(await on('cpu', randomUniform, offset));
  });

  it.each([0, 3])('are those of the host but for last bits, normal from element %d on', async (offset) => {
    const [own, host] = [await on('scmoe', randomNormal, offset), await on('cpu', randomNormal, offset)];
    const different = [...own.keys()].filter((i) => own[i] !== host[i]);
    expect(different.length).toBeLessThan(5);
    for (const i of different) expect(Math.abs(own[i]! / host[i]! - 1)).toBeLessThan(2 ** -23);
  });

  it('are the same bits by any number of threads', async () => {
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      await useBackend('scmoe', { threads });
      results.push(randomNormal([50_001], options).dataSync<'float32'>());
    }
    const [one, ...more] = results;
    for (const other of more) expect(other).toEqual(one);
    await useBackend('scmoe', { threads: 1 });
  });
});
