#!/bin/bash
# TensorFlow 2.21.0: with XLA's persistent cache (TF_XLA_FLAGS=--tf_xla_persistent_cache_directory) every function that is found
# in the cache writes a line at level E, "Error parsing text-format tensorflow.XlaSerializedCacheEntry". Nothing is wrong: the
# entry is tried as text before it is read in the binary form in which TensorFlow itself has written it, and is used. A program
# that ends on errors of its log, or a user who reads them, takes a working cache for a broken one.
# Seen: 1st process: 0 such lines, 1 entry written. 2nd process: 1 such line, the same result, the entry as it was.
# Prints what it sees and fails where that has changed. Needs python3 (3.10 to 3.13) with venv, and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check tensorflow-cpu==2.21.0
cat >"$folder/compiled.py" <<'PY'
import tensorflow as tf


@tf.function(jit_compile=True)
def gelu_of_product(a, b):
    return tf.nn.gelu(tf.matmul(a, b))


ones = tf.ones((32, 32))
print(float(tf.reduce_sum(gelu_of_product(ones, ones))))
PY
for process in 1 2; do
  TF_XLA_FLAGS="--tf_xla_persistent_cache_directory=$folder/cache" \
    "$folder/venv/bin/python" "$folder/compiled.py" >"$folder/result$process" 2>"$folder/log$process"
  (cd "$folder/cache" && find . -type f -exec sha256sum {} + && find . -type f -printf '%T@\n') >"$folder/entries$process"
  lines[process]=$(grep -c 'Error parsing text-format tensorflow.XlaSerializedCacheEntry' "$folder/log$process" || true)
  echo "process $process: result $(cat "$folder/result$process"), ${lines[process]} such lines, $(ls "$folder/cache" | wc -l) entries"
done
grep 'Error parsing text-format' "$folder/log2" | cut -c 1-160 || true
cmp "$folder/result1" "$folder/result2"
cmp "$folder/entries1" "$folder/entries2"
[ "${lines[1]}" = 0 ] && [ "${lines[2]}" = 1 ]
