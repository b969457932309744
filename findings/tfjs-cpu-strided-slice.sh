#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (the last release), backend cpu: tf.stridedSlice that drops one dimension (shrinkAxisMask) and takes
# steps of more than one in another.
#
# Expected: as in TensorFlow and NumPy, x[0:4:2, 1] are the elements of column 1 in every other row.
# Does: once a step is not 1 the values are read as if the dropped dimension had been there last: right shape, other elements.
# With steps of 1 all is well. Nothing warns.
#
# Output seen, with Node 20.20:
#   x[0:4:2, 1]: shape 2: 1 3
#   x[1, 0:3:2]: shape 2: 2 3
#   x[0:4, 1]: shape 4: 2 5 8 11
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >slice.cjs <<'JS'
console.warn = () => undefined; // TF.js greets
const tf = require('@tensorflow/tfjs');
tf.setBackend('cpu');
const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [4, 3]);
const show = (name, begin, end, strides, shrinkAxisMask) => {
  const slice = tf.stridedSlice(x, begin, end, strides, 0, 0, 0, 0, shrinkAxisMask);
  console.log(`${name}: shape ${slice.shape}: ${[...slice.dataSync()].join(' ')}`);
};
show('x[0:4:2, 1]', [0, 1], [4, 2], [2, 1], 2); // 2 8
show('x[1, 0:3:2]', [1, 0], [2, 3], [1, 2], 1); // 4 6
show('x[0:4, 1]', [0, 1], [4, 2], [1, 1], 2); // 2 5 8 11
JS
node slice.cjs | tee output
diff output - <<'TXT'
x[0:4:2, 1]: shape 2: 1 3
x[1, 0:3:2]: shape 2: 2 3
x[0:4, 1]: shape 4: 2 5 8 11
TXT
