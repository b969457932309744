"""Low-rank adapters of the tiny checkpoints as peft writes and applies them: python -m generate make-adapters FOLDER

Each folder has `adapter_config.json` and `adapter_model.safetensors`, and in `reference.safetensors` what peft computes with
it: `output.logits`, the loss (no auxiliary one), and its gradient for every tensor of the file as `gradient.<name>`. Where
peft converts what a file has (one adapter for each expert), gradients are those of the tensors that it makes of it, as
`converted.<name>`.
"""

import json

import peft
import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from . import store
from .check.checkpoint import load

EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
LATENT = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"]
SHARED = ["gate_proj", "up_proj", "down_proj", "shared_expert_gate", "o_proj"]

# name: base, what peft is told, whether the file is written with an adapter for each expert
CASES = {
    "qwen3_moe-fused": ("qwen3_moe", {"target_modules": ["q_proj", "o_proj"], "target_parameters": EXPERTS}, False),
    "qwen3_moe-down": ("qwen3_moe", {"target_modules": ["v_proj"], "target_parameters": EXPERTS[1:]}, False),
    "mixtral-doubled": ("mixtral", {"target_modules": ["k_proj", "w1", "w2", "w3"], "use_rslora": True}, False),
    "mixtral-each": ("mixtral", {"target_modules": ["q_proj", "w1", "w2", "w3"]}, True),
    "deepseek_v3-router": ("deepseek_v3", {"target_modules": LATENT, "target_parameters": ["mlp.gate.weight"]}, False),
    "gpt_oss-fused": ("gpt_oss", {"target_modules": ["q_proj", "o_proj"], "target_parameters": EXPERTS}, False),
    "qwen2_moe-shared": ("qwen2_moe", {"target_modules": SHARED}, False),
}


def make_adapters(checkpoints, folder):
    """Writes all adapters into folders that are not there yet, and the index."""
    for name, (base, told, each) in CASES.items():
        path = folder / name
        if path.exists():
            raise SystemExit(f"make-adapters: {path} is there already")
        torch.manual_seed(sum(map(ord, name)))
        config = LoraConfig(r=2, lora_alpha=6, init_lora_weights=False, **told)
        model = get_peft_model(load(checkpoints / base), config)
        draw(model)
        model.save_pretrained(path)
        (path / "README.md").unlink(missing_ok=True)
        if each:
            for_each_expert(path, told, len(model.base_model.model.model.layers), model.config.num_local_experts)
        write_json(path / "adapter_config.json", tidy(path / "adapter_config.json", base))
        write_reference(PeftModel.from_pretrained(load(checkpoints / base), path, is_trainable=True), path)
    entries = [
        {"name": path.name, "base": CASES[path.name][0], "peft": peft.__version__}
        | {"sha256": {file.name: store.sha256(file) for file in sorted(path.iterdir())}}
        for path in sorted(folder.iterdir())
        if path.is_dir()
    ]
    store.write_index(folder, {"adapters": entries})


def draw(model):
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "lora_" in name:
                tensor.normal_(0, tensor.shape[-1] ** -0.5)


def tidy(path, base):
    """Without the path of the machine that has written it."""
    config = json.loads(path.read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    return config | {"base_model_name_or_path": base}


def for_each_expert(path, told, layers, experts):
    """The file as peft wrote it before transformers 5: an adapter for each expert and projection."""
    tensors = {k: v for k, v in load_file(path / "adapter_model.safetensors").items() if ".experts." not in k}
    width, hidden, rank = 16, 20, 2
    for layer in range(layers):
        for expert in range(experts):
            for name, (rows, columns) in {"w1": (hidden, width), "w3": (hidden, width), "w2": (width, hidden)}.items():
                start = f"base_model.model.model.layers.{layer}.block_sparse_moe.experts.{expert}.{name}"
                tensors[f"{start}.lora_A.weight"] = torch.randn(rank, columns) * columns**-0.5
                tensors[f"{start}.lora_B.weight"] = torch.randn(rows, rank)
    save_file(tensors, path / "adapter_model.safetensors")
    config = json.loads((path / "adapter_config.json").read_text())
    given = {"target_parameters": None, "rank_pattern": {}, "alpha_pattern": {}} | told
    write_json(path / "adapter_config.json", config | given)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_reference(model, path):
    ids = torch.randint(3, model.config.vocab_size, (2, 10))
    logits = model(input_ids=ids, use_cache=False).logits
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    named = {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True, materialize_grads=True)
    stored = load_file(path / "adapter_model.safetensors").keys()
    tensors = {"input.ids": ids, "output.logits": logits, "output.loss": loss}
    for name, gradient in zip(named, gradients):
        tensors[f"{'gradient' if name in stored else 'converted'}.{name}"] = gradient
    store.write(path / "reference.safetensors", {k: store.stored(v) for k, v in tensors.items()}, {"peft": peft.__version__})
