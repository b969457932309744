import * as tf from '@tensorflow/tfjs';

import { describeUnless } from '@scmoe/testing';
import {
  backendName,
  captureKernels,
  findAddon,
  groupedFfn,
  keepsTransposed,
  linear,
  swiglu,
  toWeightFormat,
  transposedOver,
} from '../index.js';
import { loadAddon } from '../addon/loadAddon.js';
import { availableBackends } from '../testing/backends.js';
import { overwrite } from '../variables/overwrite.js';
import { bf16ToFloat32, float32ToBf16 } from './halfPrecision.js';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const bits = (x: tf.Tensor) => [...new Uint32Array(x.dataSync().slice().buffer)];
const formats = ['float32', 'bf16'] as const;

/** A weight that lies transposed, and the same numbers in order. */
function both(shape: number[], seed: number, format: (typeof formats)[number]) {
  const turned = [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
  const numbers = normal(turned, seed).dataSync() as Float32Array;
  const words = float32ToBf16(numbers);
  const exact = tf.tensor(format === 'bf16' ? bf16ToFloat32(words) : numbers, turned);
  const order = [...shape.keys()].slice(0, -2).concat([shape.length - 1, shape.length - 2]);
  const size = shape.at(-1)! * shape.at(-2)!;
  const all = format === 'bf16' ? words : numbers;
  const matrices = Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
  return { lying: transposedOver(matrices, shape), plain: tf.transpose(exact, order), matrices };
}

/** Numbers agree within a millionth of the largest: products of other kernels are summed in another order. */
function expectClose(actual: tf.Tensor, expected: tf.Tensor) {
  const largest = Math.max(...expected.abs().dataSync(), 1e-30);
  expect(actual.shape).toEqual(expected.shape);
  expect(Math.max(0, ...tf.sub(actual, expected).abs().dataSync()) / largest).toBeLessThan(2e-6);
}

describe.each(availableBackends())('transposedOver on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each(formats)('is the weight whose columns the rows are, of %s', (format) => {
    for (const shape of [
      [3, 2],
      [2, 40, 33],
    ]) {
      const { lying, plain } = both(shape, 1, format);
      expect(bits(tf.add(lying, 0))).toEqual(bits(plain));
      expectClose(tf.sum(tf.square(lying)), tf.sum(tf.square(plain)));
    }
  });

  it('wants matrices of the shape, all of one type', () => {
    const matrix = new Float32Array(6);
    expect(() => transposedOver([matrix], [6])).toThrow('shape: expected (dIn, dOut) or (N, dIn, dOut), got [6]');
    expect(() => transposedOver([matrix], [2, 2, 3])).toThrow('matrices: expected 2 of them, got 1');
    expect(() => transposedOver([matrix], [2, 4])).toThrow('matrices: expected 8 numbers each, got 6');
    expect(() => transposedOver([matrix, new Uint16Array(6)], [2, 2, 3])).toThrow('expected one type');
  });
});

describeUnless(findAddon().problem, 'weights that lie transposed', () => {
  beforeAll(() => tf.setBackend(backendName));

  describe.each(formats)('of %s', (format) => {
    // Few rows have a kernel of their own; 400 has two depths, 20 columns are no whole vectors.
    it.each([
      [1, 64, 48],
      [2, 400, 64],
      [5, 33, 16],
      [8, 1000, 20],
      [9, 64, 48],
      [40, 70, 300],
      [0, 8, 8],
    ])('linear gives what it gives for the numbers in order: %d rows, %d to %d', (rows, dIn, dOut) => {
      const { lying, plain } = both([dIn, dOut], 3, format);
      const [x, bias] = [normal([rows, dIn], 4), normal([dOut], 5)];
      const options = { activation: 'gelu' } as const;
      const y = linear(x, lying, bias, options);
      expectClose(y, linear(x, plain, bias, options));
      expect(bits(linear(x, lying, bias, options))).toEqual(bits(y));
    });

    it('so do swiglu and the experts, with and without room between them', () => {
      const [d, f] = [40, 32];
      const [gate, up, down] = [both([3, d, f], 6, format), both([3, d, f], 7, format), both([3, f, d], 8, format)];
      const counts = tf.tensor1d([2, 0, 9], 'int32');
      const lying = { gate: gate.lying, up: up.lying, down: down.lying };
      const plain = { gate: gate.plain, up: up.plain, down: down.plain };
      const biases = { b1: normal([3, f], 11), b2: normal([3, d], 12) };
      for (const [rows, capacity] of [
        [normal([12, d], 9), undefined],
        [normal([30, d], 10), 10],
      ] as const) {
        const options = { activation: 'swiglu' as const, ...(capacity && { capacity }) };
        expectClose(groupedFfn(rows, counts, lying, options), groupedFfn(rows, counts, plain, options));
        const two = { ...options, activation: 'silu' as const };
        expectClose(
          groupedFfn(rows, counts, { ...biases, w1: gate.lying, w2: down.lying }, two),
          groupedFfn(rows, counts, { ...biases, w1: gate.plain, w2: down.plain }, two),
        );
      }
      const [g, u, o] = [both([d, f], 13, format), both([d, f], 14, format), both([f, d], 15, format)];
      const x = normal([2, 5, d], 16);
      expectClose(swiglu(x, g.lying, u.lying, o.lying), swiglu(x, g.plain, u.plain, o.plain));
    });

    it('are rounded with the rows where products are in bf16, unless float32 is asked for', () => {
      const { setBf16, hasBf16 } = loadAddon();
      if (!hasBf16()) return;
      const { lying, plain } = both([96, 64], 24, format);
      const x = normal([40, 96], 25);
      const exact = linear(x, plain);
      setBf16({ on: true });
      try {
        expectClose(linear(x, lying), linear(x, plain));
        expect(bits(linear(x, lying))).not.toEqual(bits(exact));
        expectClose(linear(x, lying, undefined, { float32: true }), exact);
      } finally {
        setBf16({ on: false });
      }
    });

    it('are numbers to every other op, a gradient and a reshape as well', () => {
      const rows = normal([2, 32], 17);
      const gradients = (of: tf.Tensor) =>
        tf
          .grads((r, w) => tf.sum(linear(r, w, undefined, { activation: 'silu' })))([rows, of])
          .map(bits);
      const { lying, plain } = both([32, 16], 18, format);
      expect(gradients(lying)).toEqual(gradients(plain));
      // In order from here on.
      expect(bits(linear(rows, lying))).toEqual(bits(linear(rows, plain)));
      const other = both([32, 16], 19, format);
      const x = normal([2, 16], 20);
      expect(bits(linear(x, tf.reshape(other.lying, [16, 32])))).toEqual(
        bits(linear(x, tf.reshape(other.plain, [16, 32]))),
      );
    });

    it('are rounded as the numbers in order are, and stay as they lie', () => {
      const { lying, plain } = both([2, 70, 24], 21, format);
      for (const smaller of ['int8', 'bfloat16'] as const)
        expect(bits(tf.add(toWeightFormat(lying, smaller), 0))).toEqual(
          bits(tf.add(toWeightFormat(plain, smaller), 0)),
        );
    });
  });

  it('leave the memory to the caller, who never finds it written', () => {
    expect(keepsTransposed()).toBe(true);
    const memory = Float32Array.of(1, 2, 3, 4, 5, 6);
    const variable = tf.variable(transposedOver([memory], [3, 2]));
    overwrite(variable, tf.ones([3, 2]));
    expect([...variable.dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...memory]).toEqual([1, 2, 3, 4, 5, 6]);
    const untouched = transposedOver([memory], [3, 2]);
    const clone = tf.clone(untouched);
    untouched.dispose();
    expect([...linear(tf.ones([1, 3]), clone).dataSync()]).toEqual([6, 15]);
  });

  it('are no longer current for a captured step once they are in order', () => {
    const { lying } = both([16, 16], 22, 'float32');
    const x = normal([1, 16], 23);
    const { captured } = captureKernels(() => [linear(x, lying)]);
    expect(captured!.isCurrent).toBe(true);
    expect(bits(captured!.replay()[0]!)).toEqual(bits(linear(x, lying)));
    lying.dataSync();
    expect(captured!.isCurrent).toBe(false);
    captured!.dispose();
  });
});
