"""Building blocks: linear, norms, activations, feed-forward networks, rotary positions, attention."""

from math import inf

import torch


def sub(tensors, prefix):
    """The entries below `prefix.`, with the prefix removed."""
    start = prefix + "."
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def linear(x, weight, bias=None):
    y = x @ weight
    return y if bias is None else y + bias


def norm(x, p, kind, eps):
    """LayerNorm over the last axis (biased variance) or RMSNorm; eps inside the root."""
    if kind == "layer":
        centred = x - x.mean(-1, keepdim=True)
        return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + eps) * p["weight"] + p["bias"]
    if kind == "rms":
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * p["weight"]
    raise ValueError(kind)


def gelu(x, form):
    if form == "gelu":
        return 0.5 * x * (1 + torch.erf(x / 2**0.5))
    if form == "gelu_tanh":
        return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    raise ValueError(form)


def silu(x):
    return x * torch.sigmoid(x)


def ffn(x, p, activation):
    """gelu, gelu_tanh: act(x w1 + b1) w2 + b2. swiglu: (silu(x gate) * (x up)) down, no bias."""
    if activation == "swiglu":
        return (silu(x @ p["gate"]) * (x @ p["up"])) @ p["down"]
    return linear(gelu(linear(x, p["w1"], p.get("b1")), activation), p["w2"], p.get("b2"))


def rope(x, positions, theta, style):
    """x (B, H, S, D). half: dimension i is paired with i + D/2. interleaved: 2i with 2i + 1."""
    half = x.shape[-1] // 2
    frequency = theta ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = positions.to(x.dtype)[:, None] * frequency  # (S, D/2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    if style == "half":
        first, second = x[..., :half], x[..., half:]
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)
    first, second = x[..., 0::2], x[..., 1::2]
    return torch.stack((first * cos - second * sin, second * cos + first * sin), -1).flatten(-2)


def attention_core(q, k, v, causal):
    """q (B, H, Sq, D), k and v (B, Hkv, Sk, D). Query head h reads key head h // (H / Hkv). The causal mask is aligned
    to the last key."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        queries, keys = scores.shape[-2:]
        allowed = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
        scores = scores.masked_fill(~allowed, -inf)
    return torch.softmax(scores, -1) @ v


def attention(x, p, cfg):
    """x (B, S, d) -> (B, S, d). Head h owns columns h*D ... (h+1)*D - 1 of wq and rows of wo."""
    batch, length, _ = x.shape
    heads, kv_heads = cfg["numHeads"], cfg["numKvHeads"]
    split = lambda y, count: y.reshape(batch, length, count, -1).transpose(1, 2)
    q = split(linear(x, p["wq"], p.get("bq")), heads)
    k = split(linear(x, p["wk"], p.get("bk")), kv_heads)
    v = split(linear(x, p["wv"], p.get("bv")), kv_heads)
    if cfg.get("rope"):
        positions = torch.arange(length)
        q = rope(q, positions, cfg["ropeTheta"], cfg["rope"])
        k = rope(k, positions, cfg["ropeTheta"], cfg["rope"])
    mixed = attention_core(q, k, v, cfg["causal"]).transpose(1, 2).reshape(batch, length, -1)
    return linear(mixed, p["wo"], p.get("bo"))
