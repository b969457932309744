import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch } from '@scmoe/testing';
import { linearCrossEntropy, linearCrossEntropyComposed, valueAndGrads } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const targetsFor = (rows: number, classes: number) =>
  tf.tensor1d(
    Int32Array.from({ length: rows }, (_, i) => (i % 4 === 3 ? -100 : (i * 7) % classes)),
    'int32',
  );

describe.each(availableBackends())('linearCrossEntropy on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  for (const transposeWeight of [false, true]) {
    for (const labelSmoothing of [0, 0.1]) {
      const weightOf = (width: number, classes: number) =>
        normal(transposeWeight ? [classes, width] : [width, classes], 2);
      const options = { transposeWeight, labelSmoothing };
      const about = `${transposeWeight ? 'a transposed' : 'a'} weight, smoothing ${labelSmoothing}`;

      it.each([
        [1, 4, 3],
        [9, 8, 17],
        [40, 9, 70],
      ])(`agrees with its twin, ${about}, %d x %d to %d`, (rows, width, classes) => {
        const targets = targetsFor(rows, classes);
        const inputs = [normal([rows, width], 1), weightOf(width, classes), normal([classes], 3)];
        expectTwinsAgree(
          (x, weight, bias) => linearCrossEntropy(x, weight, targets, { ...options, bias: bias }),
          (x, weight, bias) => linearCrossEntropyComposed(x, weight, targets, { ...options, bias: bias }),
          inputs,
        );
      });

      it(`has the gradients of finite differences, ${about}`, () => {
        const targets = targetsFor(6, 5);
        expectGradientsMatch(
          (x, weight) => linearCrossEntropy(x, weight, targets, options),
          [normal([6, 4], 1), weightOf(4, 5)],
        );
      });
    }
  }

  it('gives the loss alone, the same, where no gradient is taken', () => {
    const [x, weight, targets] = [normal([9, 4], 1), normal([4, 7], 2), targetsFor(9, 7)];
    const variable = tf.variable(x);
    const { value } = valueAndGrads(() => linearCrossEntropy(variable, weight, targets), { variable });
    expect(linearCrossEntropy(x, weight, targets).dataSync()).toEqual(value.dataSync());
  });

  it('adds to what else is taken of its weight, and is scaled by what comes after it', () => {
    const [x, weight, targets] = [normal([5, 4], 1), normal([7, 4], 2), targetsFor(5, 7)];
    const gradientBy = (loss: typeof linearCrossEntropy) =>
      tf.grad((table: tf.Tensor) =>
        tf.add(tf.mul(loss(x, table, targets, { transposeWeight: true }), 3), tf.sum(tf.square(table))),
      )(weight);
    const [own, twin] = [gradientBy(linearCrossEntropy), gradientBy(linearCrossEntropyComposed)];
    expect(tf.max(tf.abs(tf.sub(own, twin))).dataSync()[0]).toBeLessThan(1e-5);
  });

  it('leaves no tensor behind', () => {
    const [x, weight, targets] = [normal([4, 3], 1), normal([3, 6], 2), targetsFor(4, 6)];
    const loss = (a: tf.Tensor, b: tf.Tensor) => linearCrossEntropy(a, b, targets);
    expectNoLeak(() => tf.tidy(() => void tf.grads(loss)([x, weight])));
  });

  it('names what does not fit', () => {
    const [x, weight] = [normal([2, 3], 1), normal([3, 5], 2)];
    const targets = tf.zeros([2], 'int32');
    expect(() => linearCrossEntropy(x, weight, targets, { transposeWeight: true })).toThrow(
      'linearCrossEntropy: weight: expected (3, 3) for the width of x, got (3, 5)',
    );
    expect(() => linearCrossEntropy(x, weight, targets, { bias: tf.zeros([3]) })).toThrow(
      'linearCrossEntropy: bias: expected (5) for the classes of weight, got (3)',
    );
    expect(() => linearCrossEntropy(x, weight, tf.zeros([3], 'int32'))).toThrow(
      'linearCrossEntropy: targets: expected (2) for the rows of x, got (3)',
    );
  });
});

it('names a target that is no class, natively', async () => {
  if (!availableBackends().includes('scmoe')) return;
  await tf.setBackend('scmoe');
  const call = () => linearCrossEntropy(normal([2, 3], 1), normal([3, 5], 2), tf.tensor1d([0, 5], 'int32'));
  expect(call).toThrow('linearCrossEntropy: targets[1]: expected 0 to 4 or -100, got 5');
});
