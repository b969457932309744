// Registers the native backend.
import '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { resizePositions } from './resizePositions.js';

beforeAll(() => tf.setBackend(availableBackends()[0]!));

const square = (side: number, value: (row: number, column: number) => number[]) =>
  tf.tensor2d(Array.from({ length: side * side }, (_, i) => value(Math.floor(i / side), i % side)));

describe('resizePositions', () => {
  it('changes nothing where the size stays', () => {
    const positions = tf.randomNormal<tf.Rank.R2>([10, 4], 0, 1, 'float32', 1);
    const same = resizePositions(positions, { from: 3, to: 3, hasClassToken: true });
    same.dataSync().forEach((value, i) => expect(value).toBeCloseTo(positions.dataSync()[i]!, 6));
  });

  it('keeps rows and columns apart, and what is linear nearly as it is, away from the edges', () => {
    const before = square(8, (row, column) => [row, column]);
    const after = resizePositions(before, { from: 8, to: 16, hasClassToken: false }).arraySync();
    for (const row of [4, 7, 11]) {
      for (const column of [5, 8, 10]) {
        const [gotRow, gotColumn] = after[row * 16 + column]!;
        // This cubic, unlike that with a = -0.5, bends a slope of 1 by up to 3/64.
        expect(Math.abs(gotRow! - ((row + 0.5) / 2 - 0.5))).toBeLessThan(0.05);
        expect(Math.abs(gotColumn! - ((column + 0.5) / 2 - 0.5))).toBeLessThan(0.05);
      }
    }
  });

  it('weighs four neighbours by the cubic of torch, and takes the edge for what lies beyond it', () => {
    // A one in the first of two columns: at -0.25 it has the weights of both places to the left, and its own.
    const before = square(2, (_row, column) => [column === 0 ? 1 : 0]);
    const after = resizePositions(before, { from: 2, to: 4, hasClassToken: false }).arraySync();
    // With a = -0.75 the weights at a distance of 1.75, 0.75, 0.25 and 1.25 are -0.03515625, 0.26171875, 0.87890625 and
    // -0.10546875.
    expect(after[0]![0]).toBeCloseTo(1.10546875, 6);
    expect(after[3]![0]).toBeCloseTo(-0.10546875, 6);
  });

  it('leaves the class token as it is', () => {
    const positions = tf.randomNormal<tf.Rank.R2>([5, 3], 0, 1, 'float32', 2);
    const after = resizePositions(positions, { from: 2, to: 5, hasClassToken: true });
    expect(after.shape).toEqual([26, 3]);
    expect([...after.dataSync().slice(0, 3)]).toEqual([...positions.dataSync().slice(0, 3)]);
  });
});
