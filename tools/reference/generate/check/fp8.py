"""Decodes weights of DeepSeek's fp8 format."""

import torch


def dequantise(tensors, config):
    """All tensors as float32; an fp8 matrix (out, in) times its `weight_scale_inv`, one number a block, partial at the
    edges."""
    rows, columns = config["quantization_config"]["weight_block_size"]
    out = {}
    for name, tensor in tensors.items():
        if name.endswith("_scale_inv"):
            continue
        value = tensor.float()
        if tensor.dtype == torch.float8_e4m3fn:
            scale = tensors[f"{name}_scale_inv"].float()
            scale = scale.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
            value = value * scale[: value.shape[0], : value.shape[1]]
        out[name] = value
    return out
