#!/usr/bin/env bash
# gguf 0.19.0 (gguf-py of llama.cpp): the names of a Qwen MoE whose first layers are dense.
#
# Expected: `mlp_only_layers` of Qwen2-MoE and Qwen3-MoE makes layers dense, as `first_k_dense_replace` does of DeepSeek and GLM-4,
# so there are names for their MLPs in all four.
# Does: TensorNameMap has them for DeepSeek and GLM-4 and none for both Qwens: get_name gives None. A converter that asks it can't write
# such a model, which transformers loads and trains.
#
# Output seen, with Python 3.11:
#   DEEPSEEK2 blk.0.ffn_gate.weight
#   GLM4_MOE blk.0.ffn_gate.weight
#   QWEN2MOE None
#   QWEN3MOE None
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check gguf==0.19.0

cat >names.py <<'PY'
import gguf

for name in ('DEEPSEEK2', 'GLM4_MOE', 'QWEN2MOE', 'QWEN3MOE'):
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, name), 2)
    print(name, names.get_name('model.layers.0.mlp.gate_proj.weight', try_suffixes=('.weight',)))
PY
venv/bin/python names.py | tee output
diff output - <<'TXT'
DEEPSEEK2 blk.0.ffn_gate.weight
GLM4_MOE blk.0.ffn_gate.weight
QWEN2MOE None
QWEN3MOE None
TXT
