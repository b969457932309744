"""Experts of gpt-oss as they are published: 4-bit floats in blocks of 32 with a scale."""

import json

import torch
from safetensors.torch import load_file, save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

NAMES = ("gate_up_proj", "down_proj")


def decode(blocks, scales):
    """(E, in, out) in float32, as transformers decodes them."""
    return convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)


def draw_packed(model):
    """Gives the experts codes and scales that are drawn, and the weights that these are; returns them by their names."""
    packed = {}
    for index, layer in enumerate(model.model.layers):
        for name in NAMES:
            weight = getattr(layer.mlp.experts, name)
            experts, inputs, outputs = weight.shape
            blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8)
            scales = torch.randint(122, 125, (experts, outputs, inputs // 32), dtype=torch.uint8)
            weight.data.copy_(decode(blocks, scales))
            at = f"model.layers.{index}.mlp.experts.{name}"
            packed |= {f"{at}_blocks": blocks, f"{at}_scales": scales}
    return packed


def pack(path, packed):
    """A checkpoint in float32 as one with packed experts; what it was lies beside it."""
    plain = load_file(path / "model.safetensors")
    save_file(plain, path / "dequantised.safetensors", {"format": "pt"})
    rest = {name: tensor for name, tensor in plain.items() if f"{name}_blocks" not in packed}
    save_file(rest | packed, path / "model.safetensors", {"format": "pt"})
    (path / "gradients.safetensors").unlink()
    config = json.loads((path / "config.json").read_text())
    config["quantization_config"] = {"modules_to_not_convert": ["model.layers.*.self_attn"], "quant_method": "mxfp4"}
    (path / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def unpacked(tensors):
    """All tensors as float32."""
    plain = {name: tensor.float() for name, tensor in tensors.items() if tensor.dtype != torch.uint8}
    for name in [name.removesuffix("_blocks") for name in tensors if name.endswith("_blocks")]:
        plain[name] = decode(tensors[f"{name}_blocks"], tensors[f"{name}_scales"])
    return plain
