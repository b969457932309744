import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { embedding, embeddingComposed, linearCrossEntropy, valueAndGrads } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const table = () => tf.randomNormal([7, 5], 0, 1, 'float32', 3);

describe.each(availableBackends())('embedding on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('looks rows up', () => {
    const rows = embedding(tf.tensor2d([[1, 0]], [1, 2], 'int32'), tf.tensor2d([1, 2, 3, 4], [2, 2]));
    expect(rows.arraySync()).toEqual([[[3, 4], [1, 2]]]); // prettier-ignore
  });

  it.each([[[3]], [[2, 6, 2, 2]], [[]]])('agrees with its twin for ids %j', (ids) => {
    const tensor = tf.tensor1d(ids, 'int32');
    expectTwinsAgree(
      (i, t) => embedding(i, t),
      (i, t) => embeddingComposed(i, t),
      [tensor, table()],
    );
  });

  it('adds up the gradients of a repeated id', () => {
    const ids = tf.tensor2d([0, 3, 3, 6, 3, 0], [2, 3], 'int32');
    expectGradientsMatch((t) => tf.sum(tf.square(embedding(ids, t))), [table()]);
  });

  it('adds to the gradient of a head that is the same matrix what a sum of both is, bit for bit', () => {
    const ids = tf.tensor1d([0, 3, 3, 6, 3, 0], 'int32');
    const [x, shared] = [tf.randomNormal<tf.Rank.R2>([6, 5], 0, 1, 'float32', 4), tf.variable(table())];
    const head = () => linearCrossEntropy(x, shared, ids, { transposeWeight: true });
    const rows = () => tf.sum<tf.Scalar>(tf.square(embedding(ids, shared)));
    const gradientOf = (loss: () => tf.Scalar) => valueAndGrads(loss, { shared }).grads['shared']!;
    // The head comes last, so that its gradient is there when the rows' is taken.
    const both = gradientOf(() => tf.add(rows(), head()));
    expect(both.dataSync()).toEqual(tf.add(gradientOf(head), gradientOf(rows)).dataSync());
    const scaledBy3 = gradientOf(() => tf.mul(tf.add(rows(), head()), 3));
    expect(tf.max(tf.abs(tf.sub(scaledBy3, tf.mul(both, 3)))).dataSync()[0]).toBeLessThan(1e-5);
    shared.dispose();
  });

  it('leaves no tensor behind', () => {
    const [ids, t] = [tf.tensor1d([1, 2], 'int32'), table()] as const;
    expectNoLeak(() => tf.tidy(() => void tf.grads((x: tf.Tensor) => tf.sum(embedding(ids, x)))([t])));
  });

  it('names what does not fit', () => {
    expect(() => embedding(tf.tensor1d([1]), table())).toThrow('embedding: ids: expected int32, got float32');
    expect(() => embedding(tf.tensor1d([1], 'int32'), tf.zeros([3]))).toThrow(
      'embedding: table: expected (vocabSize, d)',
    );
    if (backend === 'scmoe')
      expect(() => embedding(tf.tensor1d([2, 7], 'int32'), table())).toThrow(
        'embedding: ids[1]: expected 0 to 6, got 7',
      );
  });
});
