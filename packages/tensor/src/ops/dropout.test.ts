import * as tf from '@tensorflow/tfjs';

import { dropout, dropoutComposed, seedTensor } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const options = { rate: 0.3, seed: 12345678901, stream: 3 };

describe.each(availableBackends())('dropout on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it.each([[1], [255], [256], [257], [5000]])('drops what its twin drops, %d elements', (size) => {
    const x = tf.randomNormal([size], 3, 1, 'float32', 1);
    expectTwinsAgree(
      (a) => dropout(a, options),
      (a) => dropoutComposed(a, options),
      [x],
    );
    const zeros = (y: tf.Tensor) => Array.from(y.dataSync(), (value) => value === 0);
    expect(zeros(dropout(x, options))).toEqual(zeros(dropoutComposed(x, options)));
  });

  it('drops the given share and keeps the mean', () => {
    const y = dropout(tf.ones([20000]), options);
    const dropped = tf.mean(tf.cast(tf.equal(y, 0), 'float32')).dataSync()[0]!;
    // Five standard deviations of a binomial share: sqrt(0.3 * 0.7 / 20000) = 0.0032.
    expect(Math.abs(dropped - 0.3)).toBeLessThan(0.0162);
    expect(Math.abs(tf.mean(y).dataSync()[0]! - 1)).toBeLessThan(0.025);
  });

  it('gives another mask for another stream and the same for the same', () => {
    const x = tf.ones([64]);
    const values = (stream: number) => dropout(x, { ...options, stream }).dataSync();
    expect(values(1)).toEqual(values(1));
    expect(values(1)).not.toEqual(values(2));
  });

  it('takes the seed as a tensor as well', () => {
    const x = tf.ones([100]);
    for (const seed of [0, 5, 2 ** 40 + 3_000_000_000, 2 ** 53 - 1]) {
      const others = { rate: 0.4, stream: 3 };
      expect(dropout(x, { ...others, seed: seedTensor(seed) }).dataSync()).toEqual(
        dropout(x, { ...others, seed }).dataSync(),
      );
    }
    expect(() => dropout(x, { rate: 0.4, seed: tf.scalar(1) })).toThrow('dropout: seed: expected int32, got float32');
    expect(() => dropout(x, { rate: 0.4, seed: tf.tensor1d([1], 'int32') })).toThrow('as seedTensor makes it');
  });

  it('leaves no tensor behind', () => {
    const x = tf.ones([9]);
    expectNoLeak(() => tf.tidy(() => void tf.grads((a: tf.Tensor) => tf.sum(dropout(a, options)))([x])));
  });

  it('names what is out of range', () => {
    const x = tf.ones([2]);
    expect(() => dropout(x, { rate: 1, seed: 1 })).toThrow('dropout: rate: expected a number >= 0 and < 1, got 1');
    expect(() => dropout(x, { rate: 0.5, seed: -1 })).toThrow('dropout: seed: expected an integer >= 0');
    expect(() => dropout(tf.ones([2], 'int32'), options)).toThrow('dropout: x: expected float32, got int32');
  });
});
