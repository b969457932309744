import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../../index.js';

interface Boxes {
  corners: number[][];
  scores: number[];
}

interface Thresholds {
  most: number;
  iou: number;
  score: number;
}

type Suppress = (boxes: tf.Tensor2D, scores: tf.Tensor1D, thresholds: Thresholds) => tf.Tensor[];

const kinds: [what: string, suppress: Suppress][] = [
  ['boxes', (b, s, { most, iou, score }) => [tf.image.nonMaxSuppression(b, s, most, iou, score)]],
  [
    'boxes and how many there are',
    (b, s, { most, iou, score }) => Object.values(tf.image.nonMaxSuppressionPadded(b, s, most, iou, score)),
  ],
  [
    'boxes with zeros behind them',
    (b, s, { most, iou, score }) => Object.values(tf.image.nonMaxSuppressionPadded(b, s, most, iou, score, true)),
  ],
  [
    'boxes and scores',
    (b, s, { most, iou, score }) => Object.values(tf.image.nonMaxSuppressionWithScore(b, s, most, iou, score)),
  ],
  [
    'boxes and scores that overlaps lower',
    (b, s, { most, score }) => Object.values(tf.image.nonMaxSuppressionWithScore(b, s, most, 1, score, 0.4)),
  ],
];

/** Random boxes; on a coarse grid many scores and overlaps are equal. */
function randomBoxes(count: number, seed: number, grid?: number): Boxes {
  const on = (x: tf.Tensor) => (grid ? tf.div(tf.round(tf.mul(x, grid)), grid) : x);
  return tf.tidy(() => ({
    corners: on(tf.randomUniform([count, 4], 0, 1, 'float32', seed)).arraySync() as number[][],
    scores: on(tf.randomUniform([count], 0, 1, 'float32', seed + 1)).arraySync() as number[],
  }));
}

function kept(backend: string, suppress: Suppress, { corners, scores }: Boxes, thresholds: Thresholds) {
  void tf.setBackend(backend);
  return tf.tidy(() => {
    const results = suppress(tf.tensor2d(corners, [corners.length, 4]), tf.tensor1d(scores), thresholds);
    return results.map((tensor) => ({ shape: tensor.shape, dtype: tensor.dtype, values: tensor.arraySync() }));
  });
}

function expectSame(suppress: Suppress, boxes: Boxes, thresholds: Thresholds): void {
  expect(kept(backendName, suppress, boxes, thresholds)).toEqual(kept('cpu', suppress, boxes, thresholds));
}

describeUnless(findAddon().problem, 'native suppression of overlapping boxes', () => {
  afterAll(() => tf.setBackend(backendName));

  it.each(kinds)('keeps the %s that backend cpu keeps', (_, suppress) => {
    for (const [count, most] of [
      [60, 20],
      [60, 100],
      [1, 1],
      [9, 3],
    ] as const)
      // prettier-ignore
      for (const iou of [0.5, 0.1])
        expectSame(suppress, randomBoxes(count, 10 * count + most), { most, iou, score: 0.05 });
  });

  it.each(kinds)('keeps the same %s where scores and overlaps are equal', (_, suppress) => {
    for (let seed = 1; seed < 12; seed++)
      for (const iou of [0, 0.25, 1 / 3, 0.5, 1])
        expectSame(suppress, randomBoxes(40, seed, 4), { most: 12, iou, score: 0.25 });
  });

  it.each(kinds)('keeps the same %s of such as are no numbers, have no end or no area', (_, suppress) => {
    const corners = [
      [0, 0, 1, 1],
      [1, 1, 0, 0],
      [NaN, 0, 1, 1],
      [-Infinity, 0, Infinity, 1],
      [0, 0, Infinity, Infinity],
      [0.5, 0.5, 0.5, 0.5],
      [0.5, 0.5, 0.5, 0.5],
    ];
    const scores = [0.9, 0.9, 0.95, Infinity, 0.8, NaN, 0.7];
    for (const score of [-Infinity, 0, 0.75]) expectSame(suppress, { corners, scores }, { most: 7, iou: 0.5, score });
  });

  it('keeps nothing of no boxes, and leaves nothing behind', () => {
    void tf.setBackend(backendName);
    const held = tf.backend().numDataIds();
    for (const [, suppress] of kinds) {
      const [indices] = kept(backendName, suppress, randomBoxes(5, 1), { most: 2, iou: 0.5, score: 2 });
      expect(indices!.values).toEqual(suppress === kinds[2]![1] ? [0, 0] : []);
    }
    expect(tf.backend().numDataIds()).toBe(held);
  });
});
