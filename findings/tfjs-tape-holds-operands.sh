#!/usr/bin/env bash
# TensorFlow.js 4.22.0 (tfjs-core): what a gradient of add keeps until the backward pass.
#
# Expected: nothing. The gradient of a sum is a gradient of each operand's shape; no number of them is read.
# Does: both operands are saved whole (`inputsToSave: ['a', 'b']`), although only their shapes are read, and a tensor that was
# disposed still has its shape. So every activation that is added, as in each residual connection, stays in memory. The same for
# sub, sum, reshape, slice, concat, expandDims, addN and pad; neg saves nothing.
#
# Output seen, with Node 20.20, of eight operations in a row whose inputs are disposed as soon as they were read:
#   neg: 1 buffer held
#   add: 8 buffers held
#   reshape, then neg: 8 buffers held
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >held.cjs <<'JS'
const tf = require('@tensorflow/tfjs');

/** Buffers that are there after eight operations, beside those before them. */
function held(step) {
  let buffers;
  tf.grad((x) => {
    const before = tf.memory().numDataBuffers;
    let y = x;
    for (let i = 0; i < 8; i++) {
      const next = step(y);
      if (y !== x) y.dispose();
      y = next;
    }
    buffers = tf.memory().numDataBuffers - before;
    return tf.sum(y);
  })(tf.ones([1000]));
  return `${buffers} buffer${buffers === 1 ? '' : 's'} held`;
}

tf.setBackend('cpu').then(() => {
  const one = tf.ones([1000]);
  console.log(`neg: ${held((y) => tf.neg(y))}`);
  console.log(`add: ${held((y) => tf.add(y, one))}`);
  console.log(`reshape, then neg: ${held((y) => tf.neg(tf.reshape(y, [10, 100])))}`);
});
JS
node held.cjs 2>/dev/null | grep held | tee output
diff output - <<'TXT'
neg: 1 buffer held
add: 8 buffers held
reshape, then neg: 8 buffers held
TXT
