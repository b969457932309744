#!/usr/bin/env bash
# TensorFlow.js 4.22.0 (tfjs-backend-cpu): gradients of resized pictures and of pooled volumes.
#
# Expected: the gradient that follows from the values, which are right.
# Does:
#   - resizeBilinear: the gradient's shape has height and width exchanged, so that only square pictures have one;
#   - resizeNearestNeighbor: the gradients of all pictures of a batch but the first are other numbers, for it looks for them at
#     the place of the picture, which has another size;
#   - both: `halfPixelCenters` is handed to the gradient and not heeded;
#   - maxPool3d: in windows that are wider than high, the gradient goes to another place, or nowhere.
#
# Output seen, with Node 20.20:
#   resizeBilinear, 2 x 3 to 4 x 6: Error in gradient for op ResizeBilinear. The gradient of input 'images' has shape '1,3,2,1', which does not match the shape of the input '1,2,3,1'
#   resizeNearestNeighbor, 1 x 1 to 2 x 2, two pictures, should be 4,20: 4,8
#   with halfPixelCenters, 2 x 2 to 1 x 1, should be 0.25,0.25,0.25,0.25: 1,0,0,0
#   maxPool3d, windows 1 x 2 x 3, the fourth of six is the largest, should be 0,0,0,1,0,0: 0,0,1,0,0,0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >gradients.cjs <<'JS'
const tf = require('@tensorflow/tfjs');

const gradient = (op, x, dy) => {
  try {
    return tf.grad(op)(x, dy).dataSync().join();
  } catch (error) {
    return error.message;
  }
};
tf.setBackend('cpu').then(() => {
  const { resizeBilinear, resizeNearestNeighbor } = tf.image;
  console.log('resizeBilinear, 2 x 3 to 4 x 6:', gradient((x) => resizeBilinear(x, [4, 6]), tf.ones([1, 2, 3, 1])));
  const dy = tf.tensor4d([1, 1, 1, 1, 5, 5, 5, 5], [2, 2, 2, 1]);
  const nearest = gradient((x) => resizeNearestNeighbor(x, [2, 2]), tf.ones([2, 1, 1, 1]), dy);
  console.log('resizeNearestNeighbor, 1 x 1 to 2 x 2, two pictures, should be 4,20:', nearest);
  const middles = gradient((x) => resizeBilinear(x, [1, 1], false, true), tf.ones([1, 2, 2, 1]));
  console.log('with halfPixelCenters, 2 x 2 to 1 x 1, should be 0.25,0.25,0.25,0.25:', middles);
  const volume = tf.tensor5d([1, 2, 3, 9, 5, 6], [1, 1, 2, 3, 1]);
  const largest = gradient((x) => tf.maxPool3d(x, [1, 2, 3], 1, 'valid'), volume);
  console.log('maxPool3d, windows 1 x 2 x 3, the fourth of six is the largest, should be 0,0,0,1,0,0:', largest);
});
JS
node gradients.cjs 2>/dev/null
