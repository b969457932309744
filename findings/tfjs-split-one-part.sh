#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (the last release): the gradient of tf.split into one part.
#
# Expected: tf.split(x, 1)[0] is x, so that the gradient of its sum is 1 for each element, as it is for two parts.
# Does: the gradient function concatenates no tensors, and throws; the value is right. Nobody writes tf.split(x, 1), but code
# that splits by heads, chunks or groups meets it as soon as there is one of them.
#
# Output seen, with Node 20.20:
#   2 parts: 1 1 0 0
#   1 part: Pass at least one tensor to concat
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >split.cjs <<'JS'
console.warn = () => undefined; // TF.js greets
const tf = require('@tensorflow/tfjs');
const x = tf.tensor1d([1, 2, 3, 4]);
const gradient = (parts) => {
  try {
    return [...tf.grad((x) => tf.sum(tf.split(x, parts)[0]))(x).dataSync()].join(' ');
  } catch (error) {
    return error.message;
  }
};
console.log(`2 parts: ${gradient(2)}`);
console.log(`1 part: ${gradient(1)}`);
JS
node split.cjs | tee output
diff output - <<'TXT'
2 parts: 1 1 0 0
1 part: Pass at least one tensor to concat
TXT
