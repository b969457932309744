#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (the last release), backend cpu: tf.matMul whose batches are broadcast in part.
#
# Expected: batch dimensions are broadcast as elsewhere (NumPy, PyTorch, TensorFlow): (2, 1) with (1, 2) gives (2, 2).
# Does: the shape of the result is the broadcast one, but product i is of matrix i modulo the number of matrices of either
# side. That is right where nothing repeats or where one side has one matrix. Elsewhere wrong matrices are multiplied; and
# where both sides repeat, the tensor holds fewer numbers than its shape says. Nothing warns.
#
# Output seen, with Node 20.20:
#   (2,2) with (2,1): shape 2,2,1,1: 10 200 30 400
#   (2,1) with (1,2): shape 2,2,1,1: 10 200
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >matmul.cjs <<'JS'
console.warn = () => undefined; // TF.js greets
const tf = require('@tensorflow/tfjs');
tf.setBackend('cpu');
const show = (a, b) => {
  const batches = [a, b].map(({ shape }) => `(${shape.slice(0, 2)})`).join(' with ');
  const product = tf.matMul(a, b);
  console.log(`${batches}: shape ${product.shape}: ${[...product.dataSync()].join(' ')}`);
};
show(tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1]), tf.tensor4d([10, 100], [2, 1, 1, 1])); // 10 20 300 400
show(tf.tensor4d([1, 2], [2, 1, 1, 1]), tf.tensor4d([10, 100], [1, 2, 1, 1])); // 10 100 20 200
JS
node matmul.cjs | tee output
diff output - <<'TXT'
(2,2) with (2,1): shape 2,2,1,1: 10 200 30 400
(2,1) with (1,2): shape 2,2,1,1: 10 200
TXT
