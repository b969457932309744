import * as tf from '@tensorflow/tfjs';

import { accuracies } from './accuracies.js';

const measure = (logits: number[][], labels: number[]) => {
  const result = accuracies({ logits: tf.tensor2d(logits) }, { labels: tf.tensor1d(labels, 'int32') });
  return Object.fromEntries(Object.entries(result).map(([name, share]) => [name, share.dataSync()[0]]));
};

it('accuracies count the classes that score as high', () => {
  const scores = [6, 5, 4, 3, 2, 1];
  expect(measure([scores, scores, scores, scores], [0, 1, 4, 5])).toEqual({ top1: 0.25, top5: 0.75 });
  expect(measure([[1, 2]], [1])).toEqual({ top1: 1 });
});

it('ties count against the model', () => {
  expect(measure([[0, 0, 0, 0, 0, 0]], [0])).toEqual({ top1: 0, top5: 0 });
});
