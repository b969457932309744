import * as tf from '@tensorflow/tfjs';

import { describeUnless } from '@scmoe/testing';
import {
  backendName,
  findAddon,
  groupedFfn,
  linear,
  swiglu,
  toWeightFormat,
  weightFormats,
  type WeightFormat,
} from '../index.js';
import { availableBackends } from '../testing/backends.js';

const small = ['bfloat16', 'int8'] as const satisfies WeightFormat[];
const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const bits = (x: tf.Tensor) => [...new Uint32Array(x.dataSync().slice().buffer)];

describe.each(availableBackends())('weight formats on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('int8 keeps 127 steps to the largest of 32 in a column, rounded to even', () => {
    const column = [127, 2.5, 3.5, -2.5, 0.4, -127, ...new Array<number>(26).fill(0), 0.5, 63.5];
    const stored = toWeightFormat(tf.tensor2d(column, [34, 1]), 'int8');
    // The last two rows have a scale of their own, 0.5.
    expect([...stored.dataSync()]).toEqual([127, 2, 4, -2, 0, -127, ...new Array<number>(26).fill(0), 0.5, 63.5]);
  });

  it('bfloat16 keeps the upper half of the bits, rounded to even', () => {
    const stored = toWeightFormat(tf.tensor2d([[1 + 2 ** -8, 1 + 3 * 2 ** -8, NaN, -Infinity]]), 'bfloat16');
    expect([...stored.dataSync()]).toEqual([1, 1 + 2 ** -6, NaN, -Infinity]);
  });

  it('float32 is the weight itself, and what is stored twice stays', () => {
    const weight = normal([33, 5], 1);
    expect(bits(toWeightFormat(weight, 'float32'))).toEqual(bits(weight));
    const once = toWeightFormat(weight, 'bfloat16');
    expect(bits(toWeightFormat(once, 'bfloat16'))).toEqual(bits(once));
  });

  it('refuses what is no weight, and int8 for numbers that are not finite', () => {
    expect(() => toWeightFormat(tf.ones([3]), 'int8')).toThrow(
      'weight: expected (dIn, dOut) or (N, dIn, dOut), got [3]',
    );
    expect(() => toWeightFormat(tf.ones([3, 2], 'int32'), 'int8')).toThrow('weight: expected float32, got int32');
    const format = 'int4' as WeightFormat;
    expect(() => toWeightFormat(tf.ones([3, 2]), format)).toThrow(`expected one of ${weightFormats.join(', ')}`);
    const numTensors = tf.memory().numTensors;
    const weight = tf.tensor2d([[1, Infinity]]);
    expect(() => toWeightFormat(weight, 'int8')).toThrow('weight: expected finite numbers for int8');
    weight.dispose();
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});

describeUnless(findAddon().problem, 'stored weights', () => {
  beforeAll(() => tf.setBackend(backendName));

  describe.each(small)('in %s', (format) => {
    /** The same numbers in float32. */
    const expanded = (weight: tf.Tensor) => tf.tensor(weight.dataSync(), weight.shape, 'float32');

    it('are the numbers that other backends round to', async () => {
      const weight = normal([3, 70, 24], 2);
      const native = toWeightFormat(weight, format).dataSync();
      const values = weight.dataSync();
      await tf.setBackend('cpu');
      const other = toWeightFormat(tf.tensor(values, [3, 70, 24]), format).dataSync();
      await tf.setBackend(backendName);
      expect(native).toEqual(other);
    });

    // Few rows are multiplied as they are stored, more after expanding; 400 has two depths, 20 columns are no whole vectors.
    it.each([
      [1, 64, 48],
      [2, 400, 64],
      [5, 33, 16],
      [8, 1000, 32],
      [9, 64, 48],
      [3, 70, 20],
      [0, 8, 8],
    ])('linear gives what it gives for the numbers in float32: %d rows, %d to %d', (rows, dIn, dOut) => {
      const weight = toWeightFormat(normal([dIn, dOut], 3), format);
      const [x, bias] = [normal([rows, dIn], 4), normal([dOut], 5)];
      const options = { activation: 'gelu' } as const;
      expect(bits(linear(x, weight, bias, options))).toEqual(bits(linear(x, expanded(weight), bias, options)));
    });

    it('so do swiglu and the experts, with and without room between them', () => {
      const [d, f] = [40, 32];
      const [gate, up, down] = [
        toWeightFormat(normal([3, d, f], 6), format),
        toWeightFormat(normal([3, d, f], 7), format),
        toWeightFormat(normal([3, f, d], 8), format),
      ] as const;
      const counts = tf.tensor1d([2, 0, 9], 'int32');
      const packed = normal([12, d], 9);
      const apart = normal([30, d], 10);
      for (const [rows, options] of [
        [packed, { activation: 'silu' as const }],
        [apart, { activation: 'silu' as const, capacity: 10 }],
      ] as const) {
        const experts = { gate, up, down };
        const plain = { gate: expanded(gate), up: expanded(up), down: expanded(down) };
        const swigluOptions = { ...options, activation: 'swiglu' as const };
        expect(bits(groupedFfn(rows, counts, experts, swigluOptions))).toEqual(
          bits(groupedFfn(rows, counts, plain, swigluOptions)),
        );
        const two = { w1: gate, w2: down, b1: normal([3, f], 11), b2: normal([3, d], 12) };
        const plainTwo = { ...two, w1: plain.gate, w2: plain.down };
        expect(bits(groupedFfn(rows, counts, two, options))).toEqual(bits(groupedFfn(rows, counts, plainTwo, options)));
      }
      const one = (weight: tf.Tensor) =>
        toWeightFormat(tf.reshape(tf.slice(weight, [0, 0, 0], [1, -1, -1]), weight.shape.slice(1)), format);
      const [g, u, o] = [one(gate), one(up), one(down)];
      expect(bits(swiglu(packed, g, u, o))).toEqual(bits(swiglu(packed, expanded(g), expanded(u), expanded(o))));
    });

    it('are numbers to every other op, a gradient and a reshape as well', () => {
      const weight = toWeightFormat(normal([32, 16], 13), format);
      const plain = expanded(weight);
      expect(bits(tf.add(weight, 1))).toEqual(bits(tf.add(plain, 1)));
      const x = normal([2, 16], 14);
      expect(bits(linear(x, tf.reshape(weight, [16, 32])))).toEqual(bits(linear(x, tf.reshape(plain, [16, 32]))));
      const rows = normal([2, 32], 15);
      const gradients = (of: tf.Tensor) =>
        tf
          .grads((r, w) => tf.sum(linear(r, w, undefined, { activation: 'silu' })))([rows, of])
          .map(bits);
      expect(gradients(weight)).toEqual(gradients(plain));
    });

    it('take their share of the memory, and give it back', () => {
      const weight = normal([512, 256], 16);
      const { numTensors, bytesInUse } = tf.memory() as unknown as { numTensors: number; bytesInUse: number };
      const stored = toWeightFormat(weight, format);
      const used = (tf.memory() as unknown as { bytesInUse: number }).bytesInUse - bytesInUse;
      expect(used / (512 * 256)).toBeCloseTo(format === 'int8' ? 1.125 : 2, 5);
      const clone = tf.clone(stored);
      stored.dispose();
      expect(clone.dataSync()[0]).not.toBe(0);
      clone.dispose();
      expect(tf.memory()).toMatchObject({ numTensors, bytesInUse });
    });
  });
});
