import * as tf from '@tensorflow/tfjs';

import { describeUnless } from '@scmoe/testing';
import {
  backendName,
  bytesToSettle,
  captureKernels,
  findAddon,
  groupedFfn,
  linear,
  settleWeight,
  swiglu,
  transposedOver,
} from '../index.js';
import { loadAddon } from '../addon/loadAddon.js';
import { overwrite } from '../variables/overwrite.js';
import { float32ToBf16 } from './halfPrecision.js';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const bits = (x: tf.Tensor) => [...new Uint32Array(x.dataSync().slice().buffer)];
const formats = ['float32', 'bf16'] as const;
const used = () => (tf.memory() as unknown as { bytesInUse: number }).bytesInUse;

/** A weight of matrices that lie transposed. */
function lying(shape: number[], seed: number, format: (typeof formats)[number]) {
  const numbers = normal(shape, seed).dataSync() as Float32Array;
  const all = format === 'bf16' ? float32ToBf16(numbers) : numbers;
  const size = shape.at(-1)! * shape.at(-2)!;
  return transposedOver(
    Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size)),
    shape,
  );
}

it('settles nothing on another backend', async () => {
  await tf.setBackend('cpu');
  const weight = transposedOver([Float32Array.of(1, 2)], [2, 1]);
  expect([bytesToSettle(weight), settleWeight(weight)]).toEqual([0, 0]);
});

describeUnless(findAddon().problem, 'settleWeight', () => {
  beforeAll(() => tf.setBackend(backendName));

  describe.each(formats)('of %s', (format) => {
    const bytes = format === 'bf16' ? 2 : 4;

    // One row and several, more than have a kernel of their own, several depths, a part of a panel, columns that are no vectors.
    it.each([
      [1, 400, 128],
      [3, 64, 80],
      [8, 1000, 64],
      [9, 64, 48],
      [40, 70, 300],
      [2, 33, 20],
    ])('changes no bit of a product: %d rows, %d to %d', (rows, dIn, dOut) => {
      const weight = lying([dIn, dOut], 1, format);
      const x = normal([rows, dIn], 2);
      const before = bits(linear(x, weight));
      expect(bytesToSettle(weight)).toBe(dIn * dOut * bytes);
      expect(settleWeight(weight)).toBe(dIn * dOut * bytes);
      expect(bits(linear(x, weight))).toEqual(before);
      expect(settleWeight(weight)).toBe(0);
      const numbers = bits(tf.add(lying([dIn, dOut], 1, format), 0));
      expect(bits(tf.add(weight, 0))).toEqual(numbers);
    });

    it('nor of experts and swiglu, and takes the other weights of a kernel along', () => {
      const [d, f] = [40, 64];
      const [gate, up, down] = [lying([3, d, f], 3, format), lying([3, d, f], 4, format), lying([3, f, d], 5, format)];
      const rows = normal([11, d], 6);
      const counts = tf.tensor1d([2, 0, 9], 'int32');
      const experts = () => groupedFfn(rows, counts, { gate, up, down }, { activation: 'swiglu' });
      const two = () => groupedFfn(rows, counts, { w1: gate, w2: down }, { activation: 'silu' });
      const before = [experts(), two()].map(bits);
      settleWeight(up);
      expect([experts(), two()].map(bits)).toEqual(before);
      expect([gate, up, down].map(bytesToSettle)).toEqual([0, 0, 0]);
      const [g, u, o] = [lying([d, f], 7, format), lying([d, f], 8, format), lying([f, d], 9, format)];
      const alone = bits(swiglu(rows, g, u, o));
      for (const weight of [g, u, o]) settleWeight(weight);
      expect(bits(swiglu(rows, g, u, o))).toEqual(alone);
    });
  });

  it('leaves numbers to every other op, to a gradient and to whoever writes, and memory behind none of them', () => {
    const before = used();
    tf.tidy(() => {
      const x = normal([2, 32], 10);
      const gradient = (of: tf.Tensor) => bits(tf.grad((w: tf.Tensor) => tf.sum(linear(x, w)))(of));
      const weight = lying([32, 64], 11, 'float32');
      settleWeight(weight);
      expect(gradient(weight)).toEqual(gradient(lying([32, 64], 11, 'float32')));
      expect(settleWeight(weight)).toBe(0);
      const reshaped = lying([32, 64], 11, 'float32');
      const plain = tf.tensor(reshaped.dataSync().slice(), [64, 32]);
      const other = lying([32, 64], 11, 'float32');
      settleWeight(other);
      const y = normal([2, 64], 12);
      expect(bits(linear(y, tf.reshape(other, [64, 32])))).toEqual(bits(linear(y, plain)));
      const variable = tf.variable(lying([32, 64], 13, 'float32'));
      settleWeight(variable);
      overwrite(variable, tf.ones([32, 64]));
      expect(variable.dataSync().every((value) => value === 1)).toBe(true);
      variable.dispose();
    });
    expect(used()).toBe(before);
  });

  it('rounds rows where products are in bf16, with weights of bf16, and leaves those of float32 where they lie', () => {
    const { setBf16, hasBf16 } = loadAddon();
    if (!hasBf16()) return;
    const [half, whole] = [lying([898, 80], 16, 'bf16'), lying([16, 64], 17, 'float32')];
    const x = normal([40, 898], 18);
    const exact = linear(x, half);
    setBf16({ on: true });
    try {
      expect(settleWeight(whole)).toBe(0);
      const before = linear(x, half);
      expect(settleWeight(half)).toBe(2 * 898 * 80);
      const largest = tf.max(tf.abs(before)).dataSync()[0]!;
      expect(tf.max(tf.abs(tf.sub(linear(x, half), before))).dataSync()[0]! / largest).toBeLessThan(2e-6);
      expect(tf.max(tf.abs(tf.sub(linear(x, half), exact))).dataSync()[0]! / largest).toBeGreaterThan(1e-4);
      expect(bits(linear(x, half, undefined, { float32: true }))).toEqual(bits(exact));
    } finally {
      setBf16({ on: false });
    }
    expect(bits(linear(x, half))).toEqual(bits(exact));
  });

  it('makes a captured step one of yesterday, and the next one is captured from panels', () => {
    const weight = lying([16, 64], 14, 'float32');
    const x = normal([1, 16], 15);
    const first = captureKernels(() => [linear(x, weight)]).captured!;
    settleWeight(weight);
    expect(first.isCurrent).toBe(false);
    const second = captureKernels(() => [linear(x, weight)]).captured!;
    expect(second.isCurrent).toBe(true);
    expect(bits(second.replay()[0]!)).toEqual(bits(linear(x, weight)));
    first.dispose();
    second.dispose();
  });
});
