#!/usr/bin/env bash
# TensorFlow.js 4.22.0: tf.einsum that sums over labels of both operands and over labels of one alone.
#
# Expected: a sum over every label that the result has not, as in NumPy.
# Does: leaves the second of the sums out, so that the result has an axis more than its equation says, without an error.
#
# Output seen, with Node 20.20:
#   'ij,j->' of (2, 3) and (3), should be [] and -4.75: [3] and 2.5,1.75,-9
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >einsum.cjs <<'JS'
const tf = require('@tensorflow/tfjs');

tf.setBackend('cpu').then(() => {
  const a = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const result = tf.einsum('ij,j->', a, tf.tensor1d([0.5, 0.25, -1]));
  console.log(`'ij,j->' of (2, 3) and (3), should be [] and -4.75: [${result.shape}] and ${result.dataSync()}`);
});
JS
output=$(node einsum.cjs 2>/dev/null)
echo "$output"
[ "$output" = "'ij,j->' of (2, 3) and (3), should be [] and -4.75: [3] and 2.5,1.75,-9" ]
