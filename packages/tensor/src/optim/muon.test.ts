import * as tf from '@tensorflow/tfjs';

import { relativeError } from '@scmoe/testing';
import { AdamW, Muon, orthogonalize } from '../index.js';
import { availableBackends } from '../testing/backends.js';

type Matrix = number[][];

const multiply = (x: Matrix, y: Matrix): Matrix =>
  x.map((row) => y[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * y[k]![j]!, 0)));
const transpose = (x: Matrix): Matrix => x[0]!.map((_, j) => x.map((row) => row[j]!));
const combine = (x: Matrix, y: Matrix, of: (a: number, b: number) => number): Matrix =>
  x.map((row, i) => row.map((value, j) => of(value, y[i]![j]!)));
const scale = (x: Matrix, by: number): Matrix => x.map((row) => row.map((value) => value * by));

/** The iteration of Jordan et al. in double precision, always over X X^T, as they write it. */
function orthogonalizeInDouble(x: Matrix): Matrix {
  const tall = x.length > x[0]!.length;
  const norm = Math.sqrt(x.flat().reduce((sum, value) => sum + value * value, 0));
  let y = scale(tall ? transpose(x) : x, 1 / (norm + 1e-7));
  for (let round = 0; round < 5; round++) {
    const gram = multiply(y, transpose(y));
    const polynomial = combine(gram, multiply(gram, gram), (g, square) => -4.775 * g + 2.0315 * square);
    y = combine(y, multiply(polynomial, y), (a, b) => 3.4445 * a + b);
  }
  return tall ? transpose(y) : y;
}

/** Numbers that repeat, of about unit size. */
const matrix = (rows: number, columns: number, seed: number): Matrix =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => Math.sin(1 + seed + 3.7 * i * columns + 1.3 * j + i * j)),
  );

// Five rounds, each of which multiplies a rounding error by up to 3.4.
const tolerance = 1e-4;

describe.each(availableBackends())('Muon on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([
    [3, 5],
    [5, 3],
    [4, 4],
    [1, 6],
  ])('orthogonalises (%i, %i) as in double precision, each matrix of a stack by itself', (rows, columns) => {
    const stack = [matrix(rows, columns, 1), scale(matrix(rows, columns, 2), 1e-3)];
    const got = orthogonalize(tf.tensor3d(stack));
    expect(relativeError(got, tf.tensor3d(stack.map(orthogonalizeInDouble)))).toBeLessThan(tolerance);
  });

  it('brings singular values near 1, and leaves zeros', () => {
    // Singular values 5 and 1, rotated on both sides.
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
    const y = orthogonalize(
      tf.tensor2d(multiply([[c, -s], [s, c]], multiply([[5, 0], [0, 1]], [[s, c], [-c, s]]))), // prettier-ignore
    );
    const gram = tf.matMul(y, y, false, true).arraySync() as Matrix;
    const [mean, half] = [(gram[0]![0]! + gram[1]![1]!) / 2, (gram[0]![0]! - gram[1]![1]!) / 2];
    const spread = Math.hypot(half, gram[0]![1]!);
    for (const square of [mean - spread, mean + spread]) {
      expect(Math.sqrt(square)).toBeGreaterThan(0.65);
      expect(Math.sqrt(square)).toBeLessThan(1.25);
    }
    expect(orthogonalize(tf.zeros([2, 2, 3])).dataSync()).toEqual(new Float32Array(12));
    expect(orthogonalize(tf.zeros([0, 2, 3])).shape).toEqual([0, 2, 3]);
  });

  it('moves matrices as in double precision, over several steps with clipping and decay', () => {
    const [learningRate, weightDecay, momentum, gradScale] = [0.05, 0.2, 0.9, 0.5];
    const shapes = { wide: [3, 5], tall: [5, 2] } as const;
    const optimizer = new Muon({ momentum, weightDecay });
    const variables: Record<string, tf.Variable> = {};
    const expected: Record<string, { p: Matrix; m: Matrix }> = {};
    for (const [name, [rows, columns]] of Object.entries(shapes)) {
      const p = matrix(rows, columns, 7);
      variables[name] = tf.variable(tf.tensor2d(p));
      expected[name] = { p, m: scale(p, 0) };
    }
    for (let step = 0; step < 4; step++) {
      const gradients: Record<string, tf.Tensor> = {};
      for (const [name, [rows, columns]] of Object.entries(shapes)) {
        const gradient = matrix(rows, columns, 20 + step);
        gradients[name] = tf.tensor2d(gradient);
        const { p, m } = expected[name]!;
        const g = scale(gradient, gradScale);
        const next = combine(m, g, (a, b) => momentum * a + b);
        const update = orthogonalizeInDouble(combine(g, next, (a, b) => a + momentum * b));
        const size = learningRate * 0.2 * Math.sqrt(Math.max(rows, columns));
        const moved = combine(p, update, (a, b) => a * (1 - learningRate * weightDecay) - size * b);
        expected[name] = { p: moved, m: next };
      }
      optimizer.step(variables, gradients, { learningRate, gradScale: tf.scalar(gradScale) });
    }
    const state = optimizer.state();
    for (const [name, { p, m }] of Object.entries(expected)) {
      expect(relativeError(variables[name]!, tf.tensor2d(p))).toBeLessThan(tolerance);
      expect(relativeError(state[`momentum.${name}`]!, tf.tensor2d(m))).toBeLessThan(tolerance);
    }
  });

  it('moves by rates on the device as by numbers, also after its state was set back in place', () => {
    const start = {
      w: tf.tensor2d(matrix(3, 5, 1)),
      stack: tf.tensor3d([matrix(2, 4, 2), matrix(2, 4, 3)]),
      b: tf.ones([3]),
    };
    const variables = () =>
      Object.fromEntries(Object.entries(start).map(([name, value]) => [name, tf.variable(value as tf.Tensor)]));
    const gradients = {
      w: tf.tensor2d(matrix(3, 5, 4)),
      stack: tf.tensor3d([matrix(2, 4, 5), matrix(2, 4, 6)]),
      b: tf.ones([3]),
    };
    const [a, b] = [variables(), variables()];
    const [plain, onDevice] = [new Muon(), new Muon()];
    onDevice.prepare(b);
    const none = onDevice.state();
    for (const round of [1, 2]) {
      if (round === 2) {
        plain.loadState({}, 0);
        onDevice.loadState(none, 0);
        for (const name of Object.keys(start)) [a, b].forEach((own) => own[name]!.assign(start[name as 'w']));
      }
      for (const learningRate of [0.1, 0.05]) {
        const gradScale = tf.scalar(0.5);
        plain.step(a, gradients, { learningRate, gradScale });
        onDevice.update(b, gradients, { rates: tf.tensor1d(onDevice.advance(learningRate)), gradScale });
      }
      expect(onDevice.stepCount).toBe(2);
      for (const name of Object.keys(start)) expect(relativeError(b[name]!, a[name]!)).toBeLessThan(tolerance);
    }
    expect(() => onDevice.update(b, { w: start.w }, { rates: tf.tensor1d([1, 2, 3]) })).toThrow(
      /gradients: expected one for/,
    );
    [plain, onDevice].forEach((optimizer) => optimizer.dispose());
  });

  it('leaves the others to AdamW, bit for bit', () => {
    const start = {
      'experts.b1': tf.randomNormal([2, 3], 0, 1, 'float32', 1),
      table: tf.randomNormal([4, 2], 0, 1, 'float32', 2),
      w: tf.randomNormal([3, 3], 0, 1, 'float32', 3),
    };
    const gradients = {
      'experts.b1': tf.ones([2, 3]),
      table: tf.randomNormal([4, 2], 0, 1, 'float32', 4),
      w: tf.ones([3, 3]),
    };
    const variables = () => ({
      'experts.b1': tf.variable(start['experts.b1']),
      table: tf.variable(start.table),
      w: tf.variable(start.w),
    });
    const [muons, adams] = [variables(), variables()];
    new Muon({ matrices: (name) => name === 'w' }).step(muons, gradients, { learningRate: 0.1 });
    new AdamW().step(adams, gradients, { learningRate: 0.1 });
    for (const name of ['experts.b1', 'table'] as const) expect(muons[name].dataSync()).toEqual(adams[name].dataSync());
    expect(muons.w.dataSync()).not.toEqual(adams.w.dataSync());
  });

  it('moves the experts of a shard as they move in the whole', () => {
    const [whole, gradient] = [
      tf.randomNormal([4, 3, 5], 0, 1, 'float32', 5),
      tf.randomNormal([4, 3, 5], 0, 1, 'float32', 6),
    ];
    const after = (first: number, count: number) => {
      const part = (x: tf.Tensor) => tf.slice(x, [first, 0, 0], [count, 3, 5]);
      const variables = { 'experts.w1': tf.variable(part(whole)) };
      const optimizer = new Muon();
      for (let i = 0; i < 2; i++) optimizer.step(variables, { 'experts.w1': part(gradient) }, { learningRate: 0.1 });
      return variables['experts.w1'];
    };
    const parts = tf.concat([after(0, 2), after(2, 2)]);
    expect(relativeError(parts, after(0, 4))).toBeLessThan(1e-6);
  });

  it('continues bit for bit from a saved state', () => {
    const gradients = { w: tf.randomNormal([7, 5], 0, 1, 'float32', 7), b: tf.randomNormal([5], 0, 1, 'float32', 8) };
    const whole = { w: tf.variable(tf.randomNormal([7, 5], 0, 1, 'float32', 9)), b: tf.variable(tf.zeros([5])) };
    const first = new Muon();
    for (let i = 0; i < 2; i++) first.step(whole, gradients, { learningRate: 0.01 });
    const resumed = { w: tf.variable(whole.w.clone()), b: tf.variable(whole.b.clone()) };
    const second = new Muon();
    second.loadState(first.state(), first.stepCount);
    for (const [variables, optimizer] of [[whole, first] as const, [resumed, second] as const])
      optimizer.step(variables, gradients, { learningRate: 0.01 });
    expect(second.stepCount).toBe(3);
    for (const name of ['w', 'b'] as const) expect(resumed[name].dataSync()).toEqual(whole[name].dataSync());
    expect(Object.keys(second.state()).sort()).toEqual(['m.b', 'momentum.w', 'v.b']);
  });

  it('leaks no tensors', () => {
    const variables = { w: tf.variable(tf.ones([3, 2])), b: tf.variable(tf.ones([2])) };
    const gradients = { w: tf.ones([3, 2]), b: tf.ones([2]) };
    const before = tf.memory().numTensors;
    const optimizer = new Muon();
    for (let i = 0; i < 3; i++) optimizer.step(variables, gradients, { learningRate: 0.1 });
    expect(tf.memory().numTensors).toBe(before + 3);
    tf.dispose(optimizer.state());
    expect(tf.memory().numTensors).toBe(before + 3);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what is missing or does not fit, before anything has moved', () => {
    const variables = { b: tf.variable(tf.ones([2])), w: tf.variable(tf.ones([3, 2])) };
    const optimizer = new Muon();
    const step = (w?: tf.Tensor) => () =>
      optimizer.step(variables, { b: tf.ones([2]), ...(w && { w }) }, { learningRate: 1 });
    expect(step()).toThrow("gradients: expected one for 'w', got none");
    expect(step(tf.ones([2, 3]))).toThrow("gradient of 'w': expected (3, 2), got (2, 3)");
    expect(step(tf.ones([3, 2], 'int32'))).toThrow('expected float32, got float32 and int32');
    expect(variables.b.dataSync()).toEqual(new Float32Array(2).fill(1));
    expect(() => new Muon({ momentum: 1 })).toThrow('momentum: expected a number in [0, 1), got 1');
    expect(() => orthogonalize(tf.ones([2]))).toThrow('x: expected (..., m, n), got (2)');
  });
});
