import { softmaxCrossEntropy, valueAndGrads } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { expectGradientsOf } from '../testing/centralDifferences.js';
import { softTargetLoss } from './softTargetLoss.js';

const logits = () => tf.variable(tf.randomNormal<tf.Rank.R2>([6, 5], 0, 2, 'float32', 1));
const soft = () => tf.softmax(tf.randomNormal<tf.Rank.R2>([6, 5], 0, 2, 'float32', 2));
const labels = () => tf.tensor1d([0, 4, 2, 2, 1, 3], 'int32');
const hard = () => tf.oneHot(labels(), 5).toFloat() as tf.Tensor2D;

describe.each(availableBackends())('softTargetLoss on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([0, 0.1, 1])('is the mean of -target * log p, the targets smoothed by %f', (labelSmoothing) => {
    tf.tidy(() => {
      const [x, targets] = [logits(), soft()];
      const [rows, wanted] = [x.arraySync(), targets.arraySync()];
      const expected = rows.map((row, i) => {
        const logSum = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
        return row.reduce(
          (sum, z, c) => sum - ((1 - labelSmoothing) * wanted[i]![c]! + labelSmoothing / 5) * (z - logSum),
          0,
        );
      });
      const mean = expected.reduce((sum, each) => sum + each, 0) / 6;
      expect(softTargetLoss(x, targets, { labelSmoothing }).dataSync()[0]).toBeCloseTo(mean, 5);
    });
  });

  it('has the gradients of central differences', () => {
    tf.tidy(() => {
      const [x, targets] = [logits(), soft()];
      expectGradientsOf({ x }, () => softTargetLoss(x, targets, { labelSmoothing: 0.1 }), {
        tolerance: 2e-3,
      });
    });
  });

  it.each([0, 0.1])('is the cross-entropy of labels, and so is its gradient, where targets are one class: %f', (e) => {
    tf.tidy(() => {
      const [x, targets, ids] = [logits(), hard(), labels()];
      const run = (loss: () => tf.Scalar) => {
        const { value, grads } = valueAndGrads(loss, { x });
        return [value.dataSync()[0]!, ...grads.x!.dataSync()];
      };
      const ofTargets = run(() => softTargetLoss(x, targets, { labelSmoothing: e }));
      const ofLabels = run(() => softmaxCrossEntropy(x, ids, { labelSmoothing: e }));
      ofTargets.forEach((value, i) => expect(value).toBeCloseTo(ofLabels[i]!, 5));
    });
  });

  it('stays finite for logits that are far apart', () => {
    tf.tidy(() => {
      const x = tf.variable(tf.tensor2d([[1e4, -1e4]]));
      const targets = tf.tensor2d([[0.5, 0.5]]);
      const { value, grads } = valueAndGrads(() => softTargetLoss(x, targets), { x });
      expect(value.dataSync()[0]).toBeCloseTo(1e4, 0);
      expect([...grads.x!.dataSync()]).toEqual([0.5, -0.5]);
    });
  });

  it('rejects what does not fit', () => {
    tf.tidy(() => {
      const x = logits() as tf.Tensor2D;
      expect(() => softTargetLoss(x, tf.zeros([6, 4]))).toThrow(
        /^targets: expected float32 \(6, 5\), got float32 \(6, 4\)$/,
      );
      expect(() => softTargetLoss(x, tf.zeros([6, 5], 'int32'))).toThrow(/got int32 \(6, 5\)$/);
      expect(() => softTargetLoss(x, soft(), { labelSmoothing: 1.5 })).toThrow(/^labelSmoothing: /);
    });
  });
});
