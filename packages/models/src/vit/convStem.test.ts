import '@scmoe/tensor';
import { initializeParameters } from '@scmoe/layer';
import { valueAndGrads } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { expectGradientsOf } from '../testing/centralDifferences.js';
import { convolutionsOf, convStem, convStemSpecs } from './convStem.js';
import { resolveVit } from './VitConfig.js';

const config = resolveVit({
  stem: 'convolutions',
  imageSize: 8,
  patchSize: 4,
  numChannels: 2,
  numClasses: 3,
  numLayers: 2,
  dModel: 6,
  numHeads: 2,
});

const images = () => tf.randomNormal<tf.Rank.R4>([2, 8, 8, 2], 0, 1, 'float32', 1);

/** The stem by TF.js's own convolution. */
function byConv2d(x: tf.Tensor4D, parameters: Record<string, tf.Tensor>): tf.Tensor {
  const ofStem = convolutionsOf(config).reduce<tf.Tensor4D>((y, { name, channelsIn, channelsOut }) => {
    const part = (of: string) => parameters[`${name}.${of}`]!;
    const filter = tf.reshape(part('weight'), [3, 3, channelsIn, channelsOut]);
    const padded = tf.pad(y, [
      [0, 0],
      [1, 0],
      [1, 0],
      [0, 0],
    ]);
    const sum = tf.add(tf.conv2d(padded, filter as tf.Tensor4D, 2, 'valid'), part('bias'));
    const active = tf.mul(tf.mul(sum, 0.5), tf.add(tf.erf(tf.mul(sum, Math.SQRT1_2)), 1));
    const { mean, variance } = tf.moments(active, -1, true);
    const normed = tf.div(tf.sub(active, mean), tf.sqrt(tf.add(variance, config.normEpsilon ?? 1e-5)));
    return tf.add(tf.mul(normed, part('norm.weight')), part('norm.bias'));
  }, x);
  return tf.reshape(ofStem, [2, 4, 6]);
}

describe.each(availableBackends())('convStem on %s', (backend) => {
  let parameters: Record<string, tf.Variable>;
  beforeAll(async () => {
    await tf.setBackend(backend);
    const initial = initializeParameters(convStemSpecs(config), { seed: 3 });
    // Biases and norms that do something.
    parameters = Object.fromEntries(
      Object.entries(initial).map(([name, value], i) => [
        name,
        tf.variable(tf.add(value, tf.randomNormal(value.shape, 0, 0.3, 'float32', i + 1))),
      ]),
    );
  });
  afterAll(() => tf.dispose(parameters));

  it('is a convolution with a stride of 2 after the other, and so are its gradients', () => {
    tf.tidy(() => {
      const x = tf.variable(images());
      const weights = tf.randomNormal([2, 4, 6], 0, 1, 'float32', 2);
      const run = (stem: (x: tf.Tensor4D) => tf.Tensor) =>
        valueAndGrads(() => tf.sum<tf.Scalar>(tf.mul(stem(x as tf.Tensor4D), weights)), { ...parameters, x });
      const ours = run((pixels) => convStem(pixels, parameters, config));
      const theirs = run((pixels) => byConv2d(pixels, parameters));
      const y = convStem(images(), parameters, config);
      expect(y.shape).toEqual([2, 4, 6]);
      const expected = byConv2d(images(), parameters).dataSync();
      y.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4));
      for (const [name, grad] of Object.entries(ours.grads)) {
        const other = theirs.grads[name]!;
        const largest = tf.max(tf.abs(other)).dataSync()[0]!;
        expect(largest).toBeGreaterThan(1e-3);
        expect(tf.max(tf.abs(tf.sub(grad, other))).dataSync()[0]).toBeLessThan(1e-4 * largest + 1e-5);
      }
    });
  });

  it('has the gradients of central differences', () => {
    tf.tidy(() => {
      const x = images();
      const weights = tf.randomNormal([2, 4, 6], 0, 1, 'float32', 2);
      expectGradientsOf(parameters, () => tf.mean<tf.Scalar>(tf.mul(convStem(x, parameters, config), weights)));
    });
  });

  it('starts with activations that vary as much as the pixels', () => {
    tf.tidy(() => {
      const wide = { ...config, dModel: 64, numChannels: 3 };
      const spec = convStemSpecs(wide)['stem0.weight']!;
      const weight = initializeParameters({ weight: spec }, { seed: 1 })['weight']!;
      const { variance } = tf.moments(weight);
      expect(variance.dataSync()[0]! * 27).toBeGreaterThan(1.7);
      expect(variance.dataSync()[0]! * 27).toBeLessThan(2.3);
    });
  });
});
