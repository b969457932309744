#!/usr/bin/env bash
# @tensorflow/tfjs-backend-wasm 4.22.0 beside backend cpu of the same version: plain operations on float32.
#
# Expected: the same numbers up to the last digits.
# Does: a mean or sum has one float32 accumulator, which at a million elements is 1 % off; log1p adds 1 first, and has lost what
# was small; clipByValue makes -1 of a NaN, so that a run that diverges looks healthy.
#
# Output seen, with Node 20.20:
#   cpu: mean of a million 0.1 is 0.1000, log1p(1e-7) is 1.00e-7, NaN clipped to -1..1 is NaN
#   wasm: mean of a million 0.1 is 0.1010, log1p(1e-7) is 1.19e-7, NaN clipped to -1..1 is -1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0 >/dev/null

cat >numbers.cjs <<'JS'
console.warn = () => undefined; // TF.js greets
const tf = require('@tensorflow/tfjs');
const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
setWasmPaths(`${__dirname}/node_modules/@tensorflow/tfjs-backend-wasm/dist/`);
(async () => {
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    const number = (tensor) => tensor.dataSync()[0];
    const mean = number(tf.mean(tf.fill([1_000_000], 0.1)));
    const log1p = number(tf.log1p(tf.tensor1d([1e-7])));
    const clipped = number(tf.clipByValue(tf.tensor1d([NaN]), -1, 1));
    const clip = `NaN clipped to -1..1 is ${clipped}`;
    console.log(`${backend}: mean of a million 0.1 is ${mean.toFixed(4)}, log1p(1e-7) is ${log1p.toExponential(2)}, ${clip}`);
  }
})();
JS
node numbers.cjs | tee output
diff output - <<'TXT'
cpu: mean of a million 0.1 is 0.1000, log1p(1e-7) is 1.00e-7, NaN clipped to -1..1 is NaN
wasm: mean of a million 0.1 is 0.1010, log1p(1e-7) is 1.19e-7, NaN clipped to -1..1 is -1
TXT
