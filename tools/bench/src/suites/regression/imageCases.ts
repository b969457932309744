import * as tf from '@tensorflow/tfjs';

/** What a net of convolutions is made of: an operation on pictures and the tensors that it has gradients for. */
interface ImageCase {
  name: string;
  inputs: tf.Tensor[];
  fused: (...inputs: tf.Tensor[]) => tf.Tensor;
}

const pictures = (...shape: [number, number, number, number]) => tf.randomNormal<tf.Rank.R4>(shape);
const pictureCase =
  (
    name: string,
    shape: [number, number, number, number],
    fused: (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor,
    filter?: [number, number, number, number],
  ) =>
  (): ImageCase => ({
    name,
    inputs: [pictures(...shape), ...(filter ? [pictures(...filter)] : [])],
    fused: (x, weights) => fused(x as tf.Tensor4D, weights as tf.Tensor4D),
  });

export const imageCases: (() => ImageCase)[] = [
  pictureCase('conv 3 x 3, 56 x 56 x 32', [4, 56, 56, 32], (x, f) => tf.conv2d(x, f, 1, 'same'), [3, 3, 32, 32]),
  pictureCase('conv 1 x 1, 28 x 28 x 128', [4, 28, 28, 128], (x, f) => tf.conv2d(x, f, 1, 'same'), [1, 1, 128, 128]),
  pictureCase('conv 7 x 7 by 2, 112 x 112 x 3', [4, 112, 112, 3], (x, f) => tf.conv2d(x, f, 2, 'same'), [7, 7, 3, 32]),
  pictureCase('depthwise 3 x 3, 56 x 56 x 64', [4, 56, 56, 64], (x, f) => tf.depthwiseConv2d(x, f, 1, 'same'), [3, 3, 64, 1]), // prettier-ignore
  pictureCase('max pool 2 x 2, 56 x 56 x 64', [4, 56, 56, 64], (x) => tf.maxPool(x, 2, 2, 'same')),
  pictureCase('mean pool 3 x 3, 56 x 56 x 64', [4, 56, 56, 64], (x) => tf.avgPool(x, 3, 1, 'same')),
  pictureCase('resize 32 x 32 x 32 to 64 x 64', [4, 32, 32, 32], (x) => tf.image.resizeBilinear(x, [64, 64])),
];
