import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { decode, decodeComposed, encode, encodeComposed } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const random = (...shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', shape.length);
// Token 1 loses one choice, token 3 both; rows 2 and 6 stay empty.
const slots = () => tf.tensor2d([[0, 3], [1, -1], [5, 4], [-1, -1]], [4, 2], 'int32'); // prettier-ignore
const numRows = 7;

describe.each(availableBackends())('encode and decode on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('put tokens into rows and back', () => {
    const x = tf.tensor2d([[1, 2], [3, 4], [5, 6], [7, 8]]); // prettier-ignore
    const rows = encode(x, slots(), { numRows });
    expect(rows.arraySync()).toEqual([[1, 2], [3, 4], [0, 0], [1, 2], [5, 6], [5, 6], [0, 0]]); // prettier-ignore
    const weights = tf.tensor2d([[1, 2], [1, 9], [0.5, 0.5], [9, 9]]); // prettier-ignore
    expect(decode(rows, weights, slots()).arraySync()).toEqual([[3, 6], [3, 4], [5, 6], [0, 0]]); // prettier-ignore
  });

  it('agree with their twins', () => {
    for (const d of [1, 5, 64]) {
      const s = slots();
      expectTwinsAgree(
        (x) => encode(x, s, { numRows }),
        (x) => encodeComposed(x, s, { numRows }),
        [random(4, d)],
      );
      expectTwinsAgree(
        (r, w) => decode(r, w, s),
        (r, w) => decodeComposed(r, w, s),
        [random(numRows, d), random(4, 2)],
      );
    }
  });

  it('agree with their twins over many tokens', () => {
    const tokens = 500;
    const s = tf.tensor2d(
      Array.from({ length: tokens }, (_, t) => [(t * 7) % tokens]),
      [tokens, 1],
      'int32',
    );
    expectTwinsAgree(
      (x) => encode(x, s, { numRows: tokens }),
      (x) => encodeComposed(x, s, { numRows: tokens }),
      [random(tokens, 24)],
    );
    expectTwinsAgree(
      (r, w) => decode(r, w, s),
      (r, w) => decodeComposed(r, w, s),
      [random(tokens, 24), random(tokens, 1)],
    );
  });

  it('have the gradients of finite differences', () => {
    expectGradientsMatch((x) => tf.sum(tf.square(encode(x, slots(), { numRows }))), [random(4, 3)]);
    expectGradientsMatch((r, w) => tf.sum(tf.square(decode(r, w, slots()))), [random(numRows, 3), random(4, 2)]);
  });

  it('give zeros where every choice is dropped, and there are no rows', () => {
    const dropped = tf.fill([4, 2], -1, 'int32');
    for (const [rows, d] of [
      [0, 3],
      [7, 3],
      [7, 0],
    ] as const)
      // prettier-ignore
      expectTwinsAgree(
        (r, w) => decode(r, w, dropped),
        (r, w) => decodeComposed(r, w, dropped),
        [random(rows, d), random(4, 2)],
      );
    expect(decode(tf.zeros([0, 3]), random(4, 2), dropped).arraySync()).toEqual(Array(4).fill([0, 0, 0]));
  });

  it('handle no tokens', () => {
    const none = tf.zeros([0, 2], 'int32');
    expect(encode(tf.zeros([0, 3]), none, { numRows: 2 }).arraySync()).toEqual([[0, 0, 0], [0, 0, 0]]); // prettier-ignore
    expect(decode(tf.zeros([2, 3]), tf.zeros([0, 2]), none).shape).toEqual([0, 3]);
  });

  it('send no row where there is no choice', () => {
    const none = tf.zeros([3, 0], 'int32');
    expectTwinsAgree(
      (x) => encode(x, none, { numRows: 2 }),
      (x) => encodeComposed(x, none, { numRows: 2 }),
      [random(3, 2)],
    );
    expect(encode(random(3, 2), none, { numRows: 2 }).arraySync()).toEqual([[0, 0], [0, 0]]); // prettier-ignore
  });

  it('leave no tensor behind', () => {
    const [x, w, s] = [random(4, 3), random(4, 2), slots()] as const;
    expectNoLeak(() =>
      tf.tidy(() => void tf.grads((a: tf.Tensor) => tf.sum(decode(encode(a, s, { numRows }), w, s)))([x])),
    );
  });

  it('name what does not fit', () => {
    expect(() => encode(random(3, 2), slots(), { numRows })).toThrow(
      'encode: slots: expected (3, 2) for the tokens of x',
    );
    expect(() => encode(random(4, 2), random(4, 2), { numRows })).toThrow('encode: slots: expected int32, got float32');
    expect(() => decode(random(7, 2), random(4, 1), slots())).toThrow(
      'decode: slots: expected (4, 1) like weights, got (4, 2)',
    );
    if (backend === 'scmoe') {
      expect(() => encode(random(4, 2), slots(), { numRows: 5 })).toThrow(
        'encode: slots[4]: expected a free row below 5, got 5',
      );
      expect(() => decode(random(5, 2), random(4, 2), slots())).toThrow(
        'decode: slots[4]: expected a free row below 5, got 5',
      );
      // Before a gradient is asked for: TF.js would keep what it has saved for one that throws.
      const twice = tf.tensor2d([0, 1, 2, 1], [2, 2], 'int32');
      expect(() => decode(random(4, 2), random(2, 2), twice)).toThrow(
        'decode: slots[3]: expected a free row below 4, got 1',
      );
    }
  });
});
