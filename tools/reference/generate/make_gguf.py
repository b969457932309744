"""Models in GGUF as gguf-py writes them: python -m generate make-gguf FOLDER

Each folder has one `model.gguf`: the tensors of a checkpoint in half precision (vectors in float32) under the names of gguf-py's own
table, with the changes that llama.cpp's converter makes (rows of queries and keys in another order, experts stacked). `types` has
a model of matrices drawn here in every type of numbers that is read, and in `decoded.safetensors` what gguf-py decodes of them,
under the names of transformers.
"""

import json
import re

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

from . import store

ARCH = gguf.MODEL_ARCH
# checkpoint: architecture, whether rows of queries and keys are permuted
CASES = {
    "mixtral": (ARCH.LLAMA, True),
    "qwen2_moe": (ARCH.QWEN2MOE, False),
    "qwen3": (ARCH.QWEN3, False),
    "qwen3_moe": (ARCH.QWEN3MOE, False),
    "olmo2": (ARCH.OLMO2, False),
    "olmoe": (ARCH.OLMOE, False),
    "granitemoeshared": (ARCH.GRANITE_MOE, True),
    "glm4_moe": (ARCH.GLM4_MOE, False),
    "minimax_m2": (ARCH.MINIMAXM2, False),
    "gpt_oss-mxfp4": (ARCH.GPT_OSS, False),
}
Q = gguf.GGMLQuantizationType
TYPES = [Q.F32, Q.F16, Q.BF16, Q.Q8_0, Q.MXFP4]


def make_gguf(checkpoints, folder):
    """Writes all files into folders that are not there yet, and the index."""
    for name, (arch, permuted) in CASES.items():
        config = json.loads((checkpoints / name / "config.json").read_text())
        floats = "dequantised.safetensors" if name.endswith("-mxfp4") else "model.safetensors"
        tensors = load_file(checkpoints / name / floats)
        path = new_folder(folder, name)
        write(path / "model.gguf", arch, config, converted(arch, config, tensors, permuted), lambda _: Q.F16)
    write_types(new_folder(folder, "types"))
    entries = [
        {"name": path.name, "gguf": gguf_version()}
        | {"sha256": {file.name: store.sha256(file) for file in sorted(path.iterdir())}}
        for path in sorted(folder.iterdir())
        if path.is_dir()
    ]
    store.write_index(folder, {"gguf": entries})


def new_folder(folder, name):
    path = folder / name
    if path.exists():
        raise SystemExit(f"make-gguf: {path} is there already")
    path.mkdir(parents=True)
    return path


def gguf_version():
    from importlib.metadata import version

    return version("gguf")


def permute(rows, heads):
    """The order that llama.cpp's converter makes: what turns together side by side."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def converted(arch, config, tensors, permuted):
    """Tensors by the names of gguf-py, which has a table of those of transformers."""
    table = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    heads = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
    result, stacks = {}, {}
    for name, tensor in tensors.items():
        rows = re.search(r"\.self_attn\.([qk])_proj\.(weight|bias)$", name)
        if rows and permuted:
            tensor = permute(tensor, heads[rows[1]])
        expert = re.match(r"(.*\.experts\.)(\d+)\.(\w+)\.weight$", name)
        if expert:
            stacks.setdefault(expert[1] + expert[3] + ".weight", []).append((int(expert[2]), tensor))
        elif arch is ARCH.GPT_OSS and ".experts." in name:
            # (E, in, out), columns of gate and up in turns -> (E, out, in), apart.
            layer, kind = name.split(".")[2], "bias" if name.endswith("_bias") else "weight"
            turned = tensor.swapaxes(1, 2) if tensor.ndim == 3 else tensor
            if "down_proj" in name:
                result[f"blk.{layer}.ffn_down_exps.{kind}"] = turned
            else:
                result |= {f"blk.{layer}.ffn_gate_exps.{kind}": turned[:, ::2], f"blk.{layer}.ffn_up_exps.{kind}": turned[:, 1::2]}
        elif name.endswith("input_linear.weight"):
            # Gate and up, which a file has apart.
            gate, up = np.split(tensor, 2, axis=-2)
            layer = name.split(".")[2]
            kind = "shexp" if ".shared_mlp." in name else "exps"
            result |= {f"blk.{layer}.ffn_gate_{kind}.weight": gate, f"blk.{layer}.ffn_up_{kind}.weight": up}
        else:
            plain = name.replace("e_score_correction_bias", "e_score_correction.bias").replace("sinks", "sinks.weight")
            result[renamed(table, plain)] = tensor
    for name, experts in stacks.items():
        result[renamed(table, name)] = np.stack([tensor for _, tensor in sorted(experts, key=lambda each: each[0])])
    return result


# Of Qwen's dense layers among sparse ones llama.cpp knows nothing; they have the names that other families have.
DENSE = gguf.get_tensor_name_map(ARCH.DOTS1, 8)


def renamed(table, name):
    suffixes = (".weight", ".bias")
    found = table.get_name(name, try_suffixes=suffixes) or DENSE.get_name(name, try_suffixes=suffixes)
    return found or exit(f"make-gguf: no name for {name}")


def write(path, arch, config, tensors, type_of, alignment=None):
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    if alignment:
        writer.add_custom_alignment(alignment)
    describe(writer, arch, config)
    for name, tensor in tensors.items():
        # As in llama.cpp's converter, vectors and routers stay as they are.
        kind = type_of(name) if tensor.ndim > 1 and "ffn_gate_inp" not in name else Q.F32
        writer.add_tensor(name, gguf.quantize(tensor.astype(np.float32), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe(writer, arch, config):
    """The keys that llama.cpp's converter writes of these families."""
    writer.add_vocab_size(config["vocab_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if config.get("head_dim"):
        writer.add_key_length(head)
        writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head * rope.get("partial_rotary_factor", 0.5 if arch is ARCH.GLM4_MOE else 1)))
    experts = next((config[key] for key in ("num_local_experts", "num_experts", "n_routed_experts") if key in config), 0)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if "moe_intermediate_size" in config:
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    if "shared_expert_intermediate_size" in config:
        writer.add_expert_shared_feed_forward_length(config["shared_expert_intermediate_size"])
    if arch in (ARCH.QWEN2MOE, ARCH.OLMOE) and config.get("norm_topk_prob"):
        writer.add_expert_weights_norm(True)
    if arch is ARCH.OLMOE and config["clip_qkv"]:
        writer.add_clamp_kqv(config["clip_qkv"])
    if arch is ARCH.GRANITE_MOE:
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])
    if arch is ARCH.GLM4_MOE:
        writer.add_expert_shared_count(config["n_shared_experts"])
        writer.add_leading_dense_block_count(config["first_k_dense_replace"])
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        writer.add_expert_group_count(config["n_group"])
        writer.add_expert_group_used_count(config["topk_group"])
        writer.add_expert_weights_scale(config["routed_scaling_factor"])
        writer.add_expert_weights_norm(config["norm_topk_prob"])
    if arch is ARCH.GPT_OSS:
        writer.add_expert_feed_forward_length(config["intermediate_size"])
        writer.add_sliding_window(config["sliding_window"])
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if arch is ARCH.MINIMAXM2:
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token {i}" for i in range(config["vocab_size"])])
    if config["eos_token_id"] is not None:
        writer.add_eos_token_id(config["eos_token_id"])
    if config["bos_token_id"] is not None:
        writer.add_bos_token_id(config["bos_token_id"])


def write_types(path):
    """Two layers of Mixtral whose tensors take turns in their types: 32 numbers in a row at least, and zeros and large ones among them."""
    config = {
        "vocab_size": 40,
        "num_hidden_layers": 2,
        "max_position_embeddings": 64,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_theta": 10000.0},
        "num_local_experts": 3,
        "num_experts_per_tok": 2,
        "eos_token_id": 2,
        "bos_token_id": 1,
    }
    random = np.random.default_rng(20)

    def draw(*shape):
        values = random.standard_normal(shape, dtype=np.float32) * np.float32(10) ** random.integers(-4, 3, shape[:-1] + (1,))
        values[..., : shape[-1] // 4] *= random.integers(0, 2)
        return values.astype(np.float32)

    layers = range(config["num_hidden_layers"])
    tensors = {"model.embed_tokens.weight": draw(40, 32), "model.norm.weight": draw(32), "lm_head.weight": draw(40, 32)}
    for i in layers:
        at = f"model.layers.{i}"
        tensors |= {f"{at}.{norm}.weight": draw(32) for norm in ("input_layernorm", "post_attention_layernorm")}
        tensors |= {f"{at}.self_attn.{p}_proj.weight": draw(16 if p in "kv" else 32, 32) for p in "qkvo"}
        tensors[f"{at}.block_sparse_moe.gate.weight"] = draw(3, 32)
        for e in range(3):
            expert = f"{at}.block_sparse_moe.experts.{e}"
            tensors |= {f"{expert}.w1.weight": draw(64, 32), f"{expert}.w3.weight": draw(64, 32)}
            tensors[f"{expert}.w2.weight"] = draw(32, 64)
    files = converted(ARCH.LLAMA, config, tensors, True)
    matrices = sorted(name for name, tensor in files.items() if tensor.ndim > 1)
    type_of = {name: TYPES[i % len(TYPES)] for i, name in enumerate(matrices)}
    # Gate and up of a layer are read as one.
    for i in layers:
        type_of[f"blk.{i}.ffn_up_exps.weight"] = type_of[f"blk.{i}.ffn_gate_exps.weight"] = (Q.MXFP4, Q.Q8_0)[i]
    write(path / "model.gguf", ARCH.LLAMA, config, files, type_of.get, alignment=64)
    reader = gguf.GGUFReader(path / "model.gguf")
    decoded = {each.name: gguf.dequantize(each.data, each.tensor_type) for each in reader.tensors}
    # Undone: the name of every tensor, and where its numbers are, are those of numbered tensors taken the same way.
    save_file(undone(config, tensors, decoded), path / "decoded.safetensors")


def undone(config, tensors, decoded):
    """What was decoded, in the layout of transformers: found by sending the places of all numbers the way of the numbers."""
    sizes = np.cumsum([0] + [tensor.size for tensor in tensors.values()])
    places = {
        name: np.arange(first, first + tensor.size).reshape(tensor.shape)
        for first, (name, tensor) in zip(sizes, tensors.items())
    }
    flat = np.zeros(sizes[-1], np.float32)
    for name, at in converted(ARCH.LLAMA, config, places, True).items():
        flat[at.ravel()] = decoded[name].ravel()
    return {name: flat[at] for name, at in places.items()}
