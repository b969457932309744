import * as tf from '@tensorflow/tfjs';

import { splitRows, splitRowsComposed } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (...shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', shape.length);

describe.each(availableBackends())('splitRows on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('gives equal parts, and puts their gradients together', () => {
    // Each part is weighted otherwise, so that a gradient in the wrong place is seen.
    const weighted = (parts: tf.Tensor[]) => tf.concat(parts.map((part, i) => tf.mul(part, i + 1)));
    for (const [shape, parts] of [
      [[6, 2], 3],
      [[4, 3, 5], 2],
      [[4], 4],
      [[0, 3], 2],
    ] as const) {
      const x = random(...shape);
      expectTwinsAgree(
        (x) => weighted(splitRows(x, parts)),
        (x) => weighted(splitRowsComposed(x, parts)),
        [x],
      );
      expect(splitRows(x, parts).map((part) => part.shape)).toEqual(
        Array.from({ length: parts }, () => [shape[0] / parts, ...shape.slice(1)]),
      );
    }
  });

  it('keeps the parts when the whole is disposed, and the whole when they are', () => {
    const x = tf.tensor2d([[1, 2], [3, 4]]); // prettier-ignore
    const [first, second] = splitRows(x, 2);
    first!.dispose();
    expect(x.arraySync()).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    x.dispose();
    // What is made now would get the memory if it had been given back.
    const others = [tf.zeros([2, 2]), tf.zeros([1, 2])];
    expect(second!.arraySync()).toEqual([[3, 4]]);
    tf.dispose([second!, ...others]);
  });

  it('leaves nothing behind', () => {
    const x = random(4, 8);
    expectNoLeak(() =>
      tf.tidy(() => void tf.grad((x) => tf.addN(splitRows(x, 2).map((part) => tf.sum(tf.square(part)))))(x)),
    );
    x.dispose();
  });

  it('refuses parts that do not divide the rows', () => {
    expect(() => splitRows(random(4, 2), 3)).toThrow('splitRows: parts: expected a divisor of 4 rows, got 3');
  });
});
