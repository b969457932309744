import * as tf from '@tensorflow/tfjs';

import { expectGradientsMatch, itMatchesReference, relativeError } from '@scmoe/testing';
import { softmaxCrossEntropy, softmaxCrossEntropyComposed } from '../index.js';
import { availableBackends } from '../testing/backends.js';
import { expectNoLeak, expectTwinsAgree } from '../testing/twin.js';

const logits = (rows: number, classes: number) => tf.randomNormal([rows, classes], 0, 2, 'float32', 5);
const targetsFor = (rows: number, classes: number) =>
  tf.tensor1d(
    Int32Array.from({ length: rows }, (_, i) => (i % 4 === 3 ? -100 : (i * 7) % classes)),
    'int32',
  );

describe.each(availableBackends())('softmaxCrossEntropy on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  for (const labelSmoothing of [0, 0.1]) {
    it.each([
      [1, 3],
      [9, 17],
      [130, 301],
      [5, 2],
    ])(`agrees with its twin, smoothing ${labelSmoothing}, %d x %d`, (rows, classes) => {
      const inputs = [logits(rows, classes), targetsFor(rows, classes)];
      expectTwinsAgree(
        (x, t) => softmaxCrossEntropy(x, t, { labelSmoothing }),
        (x, t) => softmaxCrossEntropyComposed(x, t, { labelSmoothing }),
        inputs,
      );
    });

    it(`has the gradients of finite differences, smoothing ${labelSmoothing}`, () => {
      const targets = targetsFor(6, 5);
      expectGradientsMatch((x) => softmaxCrossEntropy(x, targets, { labelSmoothing }), [logits(6, 5)]);
    });
  }

  itMatchesReference('matches the reference values', 'crossEntropy', ({ tensors, config }) => {
    const options = config as { ignoreIndex?: number; labelSmoothing?: number };
    const targets = tensors['buffer.targets']!;
    const loss = (x: tf.Tensor) => softmaxCrossEntropy(x, targets, options);
    expect(relativeError(loss(tensors['input.logits']!), tensors['output.loss']!)).toBeLessThan(1e-5);
    const gradient = tf.grad(loss)(tensors['input.logits']!);
    expect(relativeError(gradient, tensors['grad.input.logits']!)).toBeLessThan(5e-5);
  });

  it('is 0 with gradient 0 when no target counts', () => {
    const targets = tf.fill([3], -100, 'int32');
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => softmaxCrossEntropy(x, targets))(logits(3, 4));
    expect(value.dataSync()[0]).toBe(0);
    expect(tf.max(tf.abs(grad)).dataSync()[0]).toBe(0);
  });

  it('is finite, with finite gradients, where classes or whole rows that do not count are ruled out by -Infinity', () => {
    // As PyTorch's cross_entropy: ln(1 + 3) for the first row, twice ln 2 of two equal logits, the last row ignored.
    const x = tf.tensor2d([
      [0, -Infinity, Math.log(3)],
      [-Infinity, 5, 5],
      [-Infinity, -Infinity, -Infinity],
    ]);
    const targets = tf.tensor1d([0, 2, -100], 'int32');
    for (const loss of [softmaxCrossEntropy, softmaxCrossEntropyComposed]) {
      const { value, grad } = tf.valueAndGrad((logits: tf.Tensor) => loss(logits, targets))(x);
      expect(value.dataSync()[0]).toBeCloseTo((Math.log(4) + Math.log(2)) / 2, 6);
      const expected = [-0.375, 0, 0.375, 0, 0.25, -0.25, 0, 0, 0];
      Array.from(grad.dataSync()).forEach((g, i) => expect(g).toBeCloseTo(expected[i]!, 6));
    }
  });

  it('leaves no tensor behind', () => {
    const [x, targets] = [logits(4, 6), targetsFor(4, 6)] as const;
    expectNoLeak(() => tf.tidy(() => void tf.grads((a: tf.Tensor) => softmaxCrossEntropy(a, targets))([x])));
  });

  it('names what does not fit', () => {
    const x = logits(2, 3);
    expect(() => softmaxCrossEntropy(x, tf.zeros([3], 'int32'))).toThrow(
      'targets: expected (2) for the rows of logits',
    );
    expect(() => softmaxCrossEntropy(x, tf.zeros([2]))).toThrow('targets: expected int32, got float32');
    expect(() => softmaxCrossEntropy(x, tf.zeros([2], 'int32'), { labelSmoothing: 1 })).toThrow(
      'labelSmoothing: expected a number >= 0 and < 1',
    );
    if (backend === 'scmoe')
      expect(() => softmaxCrossEntropy(x, tf.tensor1d([0, 3], 'int32'))).toThrow(
        'softmaxCrossEntropy: targets[1]: expected 0 to 2 or -100, got 3',
      );
  });
});
