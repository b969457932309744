#!/usr/bin/env bash
# @tensorflow/tfjs 4.22.0 (the last release): random numbers of seed 0.
#
# Expected: a seed gives the same numbers each time, 0 as well as 1.
# Does: for tf.randomNormal and tf.truncatedNormal 0 counts as no seed: they give other numbers in every call. tf.randomUniform
# repeats. Whoever numbers his seeds from 0 has one tensor that does not repeat. Nothing warns.
#
# Output seen, with Node 20.20:
#   randomNormal: seed 1 repeats, seed 0 does not
#   randomUniform: seed 1 repeats, seed 0 repeats
#   truncatedNormal: seed 1 repeats, seed 0 does not
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 >/dev/null

cat >seeds.cjs <<'JS'
console.warn = () => undefined; // TF.js greets
const tf = require('@tensorflow/tfjs');
tf.setBackend('cpu');
for (const name of ['randomNormal', 'randomUniform', 'truncatedNormal']) {
  const draw = (seed) => [...tf[name]([4], 0, 1, 'float32', seed).dataSync()].join();
  const says = [1, 0].map((seed) => `seed ${seed} ${draw(seed) === draw(seed) ? 'repeats' : 'does not'}`);
  console.log(`${name}: ${says.join(', ')}`);
}
JS
node seeds.cjs | tee output
diff output - <<'TXT'
randomNormal: seed 1 repeats, seed 0 does not
randomUniform: seed 1 repeats, seed 0 repeats
truncatedNormal: seed 1 repeats, seed 0 does not
TXT
