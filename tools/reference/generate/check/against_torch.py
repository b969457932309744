"""Building blocks against torch's own functions, modules and optimizer, and transformers' schedule."""

from math import cos, pi

import torch
import torch.nn.functional as F
from transformers import get_cosine_schedule_with_warmup

from ..evaluate import given, plain_names
from .compare import EXACT, relative
from .differences import in_float64


def check_against_torch(case):
    """False where torch has no such function."""
    of_kind = EXPECTED.get(case.kind)
    expected = of_kind and of_kind(case.config, plain_names(in_float64(given(case.tensors))))
    if not expected:
        return False
    tolerance = 1e-5 if case.kind == "adamw" else EXACT
    for key, value in expected.items():
        error = relative(value, case.tensors[f"output.{key}"])
        assert error < tolerance, (case.name, key, error)
    return True


def norm(config, t):
    width = t["x"].shape[-1:]
    if config["norm"] == "layer":
        return {"y": F.layer_norm(t["x"], width, t["weight"], t["bias"], config["normEps"])}
    return {"y": F.rms_norm(t["x"], width, t["weight"], config["normEps"])}


def activation(config, t):
    if config["activation"] == "silu":
        return {"y": F.silu(t["x"])}
    return {"y": F.gelu(t["x"], approximate="tanh" if "tanh" in config["activation"] else "none")}


def cross_entropy(config, t):
    smoothing = config["labelSmoothing"]
    return {"loss": F.cross_entropy(t["logits"], t["targets"].long(), ignore_index=-100, label_smoothing=smoothing)}


def attention_core(config, t):
    queries, keys = t["q"].shape[2], t["k"].shape[2]
    mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries) if config["causal"] else None
    return {"y": F.scaled_dot_product_attention(t["q"], t["k"], t["v"], attn_mask=mask, enable_gqa=True)}


def attention(config, t):
    if config["rope"] or config["numKvHeads"] != config["numHeads"]:
        return None
    module = torch.nn.MultiheadAttention(t["x"].shape[-1], config["numHeads"], batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.cat([t["wq"].T, t["wk"].T, t["wv"].T]))
        module.in_proj_bias.copy_(torch.cat([t["bq"], t["bk"], t["bv"]]))
        module.out_proj.weight.copy_(t["wo"].T)
        module.out_proj.bias.copy_(t["bo"])
        length = t["x"].shape[1]
        mask = torch.ones(length, length, dtype=torch.bool).triu(1) if config["causal"] else None
        return {"y": module(t["x"], t["x"], t["x"], attn_mask=mask, need_weights=False)[0]}


def adamw(config, t):
    parameters = {name: torch.nn.Parameter(t[name].clone()) for name in config["parameters"]}
    decayed = lambda name: name in config["decayed"]
    groups = [
        {"params": [p for name, p in parameters.items() if decayed(name)], "weight_decay": config["weightDecay"]},
        {"params": [p for name, p in parameters.items() if not decayed(name)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(config["beta1"], config["beta2"]), eps=config["epsilon"])
    expected, norms = {}, []
    for step, rate in enumerate(config["learningRates"], 1):
        for name, parameter in parameters.items():
            parameter.grad = t[f"gradient.step{step}.{name}"].clone()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), config["maxNorm"]))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        expected |= {f"step{step}.{name}": parameter.detach().clone() for name, parameter in parameters.items()}
    return expected | {"globalNorm": torch.stack(norms)}


def schedule(config, t):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    warmup, total = config["warmupSteps"], config["totalSteps"]
    theirs = get_cosine_schedule_with_warmup(optimizer, warmup, total)
    low, high = config["minimum"], config["peak"]
    from_zero, from_first = [], []
    for step in range(config["numSteps"]):
        factor = theirs.get_last_lr()[0] if step <= total else 0.0  # theirs rises again after the end
        from_zero.append(high * factor if step < warmup else low + (high - low) * factor)
        progress = min((step - warmup) / (total - warmup), 1)
        cosine = low + 0.5 * (1 + cos(pi * progress)) * (high - low)
        from_first.append(high * (step + 1) / (warmup + 1) if step < warmup else cosine)
        optimizer.step()
        theirs.step()
    return {"fromZero": torch.tensor(from_zero), "fromFirst": torch.tensor(from_first)}


EXPECTED = {
    "norm": norm,
    "activation": activation,
    "crossEntropy": cross_entropy,
    "attentionCore": attention_core,
    "attention": attention,
    "adamw": adamw,
    "schedule": schedule,
}
