#!/usr/bin/env bash
# TensorFlow.js 4.22.0 (tfjs-backend-cpu): tf.image.transform of several pictures.
#
# Expected: every picture of the batch is transformed, by its matrix or by the one for all.
# Does: transforms the first picture and leaves the others at the fill value, without an error.
#
# Output seen, with Node 20.20:
#   two pictures by the identity, should be 1,2,3,4,11,12,13,14: 1,2,3,4,0,0,0,0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >transform.cjs <<'JS'
const tf = require('@tensorflow/tfjs');

tf.setBackend('cpu').then(() => {
  const pictures = tf.tensor4d([1, 2, 3, 4, 11, 12, 13, 14], [2, 2, 2, 1]);
  const identity = tf.tensor2d([[1, 0, 0, 0, 1, 0, 0, 0]]);
  const result = tf.image.transform(pictures, identity).dataSync().join();
  console.log(`two pictures by the identity, should be 1,2,3,4,11,12,13,14: ${result}`);
});
JS
output=$(node transform.cjs 2>/dev/null)
echo "$output"
[ "$output" = 'two pictures by the identity, should be 1,2,3,4,11,12,13,14: 1,2,3,4,0,0,0,0' ]
