import { describeUnless } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../../index.js';

const numbered = (...shape: number[]) => tf.reshape(tf.range(0, tf.util.sizeFromShape(shape)), shape);

describeUnless(findAddon().problem, 'native copies of blocks', () => {
  beforeAll(() => tf.setBackend(backendName));

  it('cut pictures into a batch and put them together again', () => {
    tf.tidy(() => {
      const x = numbered(2, 4, 6, 3) as tf.Tensor4D;
      const cut = tf.spaceToBatchND(x, [2, 3], [[1, 1], [0, 3]]); // prettier-ignore
      expect(cut.shape).toEqual([12, 3, 3, 3]);
      const whole = tf.batchToSpaceND(cut, [2, 3], [[1, 1], [0, 3]]); // prettier-ignore
      expect(whole.arraySync()).toEqual(x.arraySync());
    });
  });

  it('lay channels side by side as pixels', () => {
    tf.tidy(() => {
      const x = numbered(1, 1, 2, 4) as tf.Tensor4D;
      expect(tf.depthToSpace(x, 2, 'NHWC').arraySync()).toEqual([[[[0], [1], [4], [5]], [[2], [3], [6], [7]]]]); // prettier-ignore
    });
  });

  it('mirror what lies before an edge, with the edge or without', () => {
    tf.tidy(() => {
      const x = numbered(2, 3);
      const rows = (mode: 'reflect' | 'symmetric') => tf.mirrorPad(x, [[1, 1], [2, 1]], mode).arraySync(); // prettier-ignore
      expect(rows('reflect')).toEqual([
        [5, 4, 3, 4, 5, 4],
        [2, 1, 0, 1, 2, 1],
        [5, 4, 3, 4, 5, 4],
        [2, 1, 0, 1, 2, 1],
      ]);
      expect(rows('symmetric')).toEqual([
        [1, 0, 0, 1, 2, 2],
        [1, 0, 0, 1, 2, 2],
        [4, 3, 3, 4, 5, 5],
        [4, 3, 3, 4, 5, 5],
      ]);
    });
  });

  it.each([
    ['bij,bjk->bik', [3, 4, 5], [3, 5, 6]],
    ['bij,bkj->kbi', [3, 4, 5], [3, 6, 5]],
    ['aibj,cjb->aci', [2, 3, 4, 5], [6, 5, 4]],
    ['ij,ij->', [3, 4], [3, 4]],
    ['i,j->ij', [3], [4]],
  ])('make a product of %s as its definition says', (equation, first, second) => {
    const [expected, actual] = ['cpu', backendName].map((backend) => {
      void tf.setBackend(backend);
      return tf.tidy(() =>
        tf
          .einsum(equation, tf.randomNormal(first, 0, 1, 'float32', 1), tf.randomNormal(second, 0, 1, 'float32', 2))
          .dataSync()
          .slice(),
      );
    });
    actual!.forEach((value, i) => expect(value).toBeCloseTo(expected![i] as number, 4));
  });
});
