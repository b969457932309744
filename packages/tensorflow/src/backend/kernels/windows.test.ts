import { RandomStream } from '@scmoe/tensor';
import { describeUnless, expectGradientsMatch } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { compileStep } from '../../compile/compileStep.js';
import { tensorFlowProblem } from '../../testing/tensorFlowProblem.js';
import { useTensorFlow } from '../../testing/useTensorFlow.js';

type Images = (...inputs: never[]) => tf.Tensor;

const explicit: [[0, 0], [number, number], [number, number], [0, 0]] = [
  [0, 0],
  [1, 2],
  [0, 1],
  [0, 0],
];
const images = [2, 5, 4, 3];
const volumes = [1, 4, 3, 3, 2];

/** Each operation, the shapes of its inputs, and the one of TensorFlow's that XLA has not. */
const operations: Record<string, { run: Images; shapes: number[][]; gradients?: boolean; compiled?: string }> = {
  'a convolution, padding same': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.conv2d(x, f, [2, 1], 'same'),
    shapes: [images, [3, 2, 3, 2]],
  },
  'a convolution, padding of its own': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.conv2d(x, f, [2, 1], explicit),
    shapes: [images, [3, 2, 3, 2]],
  },
  'a convolution, channels first': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.conv2d(x, f, 1, 'same', 'NCHW'),
    shapes: [
      [2, 3, 5, 4],
      [3, 2, 3, 2],
    ],
  },
  'a dilated convolution': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.conv2d(x, f, 1, 'same', 'NHWC', 2),
    shapes: [images, [2, 2, 3, 2]],
    gradients: false,
  },
  'a convolution that rounds its size up': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.conv2d(x, f, 3, 0, 'NHWC', 1, 'ceil'),
    shapes: [images, [2, 2, 3, 2]],
  },
  'a transposed convolution': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.conv2dTranspose(x, f, [2, 10, 4, 2], [2, 1], 'same'),
    shapes: [images, [3, 2, 2, 3]],
  },
  'a convolution with bias and activation': {
    run: (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D) =>
      tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias, activation: 'elu' }),
    shapes: [images, [3, 2, 3, 2], [2]],
  },
  'a convolution of each channel': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.depthwiseConv2d(x, f, 1, explicit),
    shapes: [images, [3, 2, 3, 2]],
  },
  'a dilated convolution of each channel': {
    run: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.depthwiseConv2d(x, f, 1, 'same', 'NHWC', [2, 3]),
    shapes: [images, [3, 2, 3, 2]],
    gradients: false,
  },
  'a convolution of volumes': {
    run: (x: tf.Tensor5D, f: tf.Tensor5D) => tf.conv3d(x, f, [1, 2, 1], 'same'),
    shapes: [volumes, [2, 2, 3, 2, 2]],
  },
  'a dilated convolution of volumes': {
    run: (x: tf.Tensor5D, f: tf.Tensor5D) => tf.conv3d(x, f, 1, 'same', 'NDHWC', [2, 1, 2]),
    shapes: [volumes, [2, 2, 2, 2, 2]],
    gradients: false,
  },
  'the largest of each window': {
    run: (x: tf.Tensor4D) => tf.maxPool(x, [3, 2], [2, 1], 'same'),
    shapes: [images],
  },
  'the largest of each window, with padding of its own': {
    run: (x: tf.Tensor4D) => tf.maxPool(x, 3, 2, 1),
    shapes: [images],
  },
  'the mean of each window': { run: (x: tf.Tensor4D) => tf.avgPool(x, [3, 2], [2, 1], 'same'), shapes: [images] },
  'the mean of each window, with padding of its own': {
    run: (x: tf.Tensor4D) => tf.avgPool(x, 3, 2, 1),
    shapes: [images],
  },
  'the mean of each window, their number rounded up': {
    run: (x: tf.Tensor4D) => tf.avgPool(x, 2, 3, 0, 'ceil'),
    shapes: [images],
  },
  'the largest of each volume': { run: (x: tf.Tensor5D) => tf.maxPool3d(x, [2, 3, 2], 1, 1), shapes: [volumes] },
  'the mean of each volume': { run: (x: tf.Tensor5D) => tf.avgPool3d(x, [2, 3, 2], 1, 1), shapes: [volumes] },
  'bilinear resizing': {
    run: (x: tf.Tensor4D) => tf.image.resizeBilinear(x, [7, 3], true),
    shapes: [images],
  },
  'resizing by the nearest pixel': {
    run: (x: tf.Tensor4D) => tf.image.resizeNearestNeighbor(x, [7, 3], false, true),
    shapes: [images],
  },
  'response normalization': {
    run: (x: tf.Tensor4D) => tf.localResponseNormalization(x, 1, 1, 0.5, 0.7),
    shapes: [images],
  },
  'batch normalization': {
    run: (x: tf.Tensor4D, mean: tf.Tensor1D, variance: tf.Tensor1D, offset: tf.Tensor1D, scale: tf.Tensor1D) =>
      tf.batchNorm(x, mean, variance.abs().add(1), offset, scale),
    shapes: [images, [3], [3], [3], [3]],
  },
  'a mirrored image': { run: (x: tf.Tensor4D) => tf.image.flipLeftRight(x), shapes: [images], gradients: false },
  'a turned image': {
    run: (x: tf.Tensor4D) => tf.image.rotateWithOffset(x, 0.7, [1, 2, 3], [0.4, 0.5]),
    shapes: [images],
    gradients: false,
  },
  'a moved image': {
    run: (x: tf.Tensor4D) => tf.image.transform(x, tf.tensor2d([[1, 0.1, 0.2, 0.1, 0.9, 0.3, 0.01, 0.02]]), 'bilinear'),
    // TF.js' own backend moves the first image alone.
    shapes: [[1, 5, 4, 3]],
    gradients: false,
    compiled: 'ImageProjectiveTransformV3',
  },
  'parts of images': {
    run: (x: tf.Tensor4D) =>
      tf.image.cropAndResize(x, tf.tensor2d([0.1, 0.2, 0.7, 0.9], [1, 4]), tf.tensor1d([1], 'int32'), [3, 4]),
    shapes: [images],
    gradients: false,
    compiled: 'CropAndResize',
  },
  'dilation by a filter': {
    run: (x: tf.Tensor4D, f: tf.Tensor3D) => tf.dilation2d(x, f, 2, 'same', 2),
    shapes: [images, [2, 2, 3]],
    compiled: 'Dilation2D',
  },
  'the largest of each window, and where': {
    run: (x: tf.Tensor4D) => {
      const { result, indexes } = tf.maxPoolWithArgmax(x, 3, 2, 1, true);
      return tf.concat([result!, indexes!.cast('float32')]);
    },
    shapes: [images],
    gradients: false,
    compiled: 'MaxPoolWithArgmax',
  },
};

describeUnless(tensorFlowProblem(), 'operations on images on TensorFlow', () => {
  beforeAll(useTensorFlow);

  /** Evenly spaced numbers in a random order, the same in every run: no maximum of one tensor is near another. */
  const inputsOf = (shapes: number[][]) => {
    const random = new RandomStream({ seed: 1 });
    return shapes.map((shape, i) => {
      const size = tf.util.sizeFromShape(shape);
      const order = random.shuffle(Array.from({ length: size }, (_, at) => at));
      const values = order.map((at) => (2 * at) / size - 1 + i / 7);
      return tf.tensor(values, shape, 'float32');
    });
  };
  const call = ({ run }: { run: Images }, inputs: tf.Tensor[]) => run(...(inputs as never[]));

  describe.each(Object.entries(operations))('%s', (_name, operation) => {
    let inputs: tf.Tensor[];
    beforeEach(() => {
      inputs = inputsOf(operation.shapes);
    });
    afterEach(() => tf.dispose(inputs));

    it('gives what TF.js gives', () => {
      const ours = tf.tidy(() => call(operation, inputs));
      const values = Array.from(ours.dataSync());
      const given = inputs.map((input) => [input.dataSync().slice(), input.shape] as const);
      void tf.setBackend('cpu');
      const expected = tf.tidy(() =>
        call(
          operation,
          given.map(([data, shape]) => tf.tensor(data, shape)),
        ),
      );
      expect(ours.shape).toEqual(expected.shape);
      const theirs = expected.dataSync();
      values.forEach((value, i) => expect(value).toBeCloseTo(theirs[i]!, 4));
      tf.dispose([ours, expected]);
      void tf.setBackend('tensorflow');
    });

    if (operation.gradients !== false) {
      it('has the gradient of its values', () => {
        const f = (...given: tf.Tensor[]) => call(operation, given).square().sum();
        expectGradientsMatch(f, inputs, { samples: 2, step: 2e-3, tolerance: 5e-2 });
      });
    }
  });

  it('are the same in a compiled step', () => {
    const compiled = Object.values(operations).filter(({ compiled }) => compiled === undefined);
    const inputs = compiled.map(({ shapes }) => inputsOf(shapes));
    const step = compileStep((all: tf.Tensor[][]) => compiled.map((operation, i) => call(operation, all[i]!)));
    const [eager, fast] = [step(inputs), step(inputs)];
    eager.forEach((tensor, i) => {
      expect(fast[i]!.shape).toEqual(tensor.shape);
      const values = fast[i]!.dataSync();
      tensor.dataSync().forEach((value, at) => expect(values[at]!).toBeCloseTo(value, 4));
    });
    tf.dispose([inputs, eager, fast]);
    step.dispose();
  });

  it.each(Object.values(operations).filter(({ compiled }) => compiled !== undefined))(
    'are named where XLA has none: $compiled',
    (operation) => {
      const inputs = inputsOf(operation.shapes);
      const named = compileStep((all: tf.Tensor[]) => call(operation, all));
      named(inputs).dispose();
      expect(() => named(inputs)).toThrow(`XLA has no compiled form of ${operation.compiled}, which runs at`);
      const uncompiled = compileStep((all: tf.Tensor[]) => call(operation, all), { compile: false });
      const [eager, inOneCall] = [uncompiled(inputs), uncompiled(inputs)];
      expect(Array.from(inOneCall.dataSync())).toEqual(Array.from(eager.dataSync()));
      tf.dispose([inputs, eager, inOneCall]);
      named.dispose();
      uncompiled.dispose();
    },
  );
});
