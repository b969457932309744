"""Bare layers: routed experts alone, and with a shared expert."""

import torch

from .case import Case, under
from .parameters import draw_mixture, draw_shared
from .sizes import SIZES


def dropped(outputs, tensors):
    return bool((outputs["kept"] == 0).any())


def all_experts_used(n):
    return lambda outputs, tensors: bool((torch.bincount(outputs["experts"].reshape(-1), minlength=n) > 0).all())


def moe_cases():
    size = SIZES["layer"]
    tokens, d, n, f = size["tokens"], size["d"], size["n"], size["f"]

    def case(name, top_k, activation, layer="standard", require=None, idle=None, **options):
        cfg = {
            "layer": layer,
            "numExperts": n,
            "topK": top_k,
            "normalizeWeights": top_k > 1,
            "activation": activation,
            "capacityFactor": 0,
        } | options

        def draw(d_):
            params = draw_mixture(d_, cfg, d, f)
            if layer == "shared":
                params |= draw_shared(d_, cfg, d, size["shared"])
            tensors = {"input.x": d_.normal(tokens, d)} | under("param", params)
            if cfg.get("correctionBias"):
                tensors["buffer.correctionBias"] = d_.normal(n + cfg.get("numZeroExperts", 0), scale=0.15)
            if idle is not None:
                tensors["buffer.correctionBias"][idle] = -10.0
            return tensors

        return Case(
            name, "moe", cfg, draw, require=require or (dropped if cfg["capacityFactor"] else all_experts_used(n))
        )

    zeros = {
        "numZeroExperts": size["zero"],
        "correctionBias": True,
        "routedScalingFactor": size["scaling"],
        "normalizeWeights": False,
    }
    zeros_used = lambda o, t: 0.15 < (o["experts"] >= n).float().mean() < 0.7
    one_idle = lambda o, t: int((torch.bincount(o["experts"].reshape(-1), minlength=n) == 0).sum()) == 1
    limited = lambda policy, **o: (
        {"capacityFactor": SIZES["capacityFactor"], "minCapacity": 0, "dropPolicy": policy} | o
    )
    cases = []
    for activation in ("gelu", "gelu_tanh", "swiglu"):
        cases += [case(f"moe-top{k}-{activation}", k, activation) for k in (1, 2)]
    cases += [
        case("moe-top1-gelu-capacity", 1, "gelu", **limited("position")),
        case("moe-top1-swiglu-capacity-probability", 1, "swiglu", **limited("probability")),
        case("moe-top2-gelu-capacity-choice", 2, "gelu", **limited("position", capacityOrder="choice")),
        case("moe-top2-gelu-capacity-token", 2, "gelu", **limited("position", capacityOrder="token")),
        case("moe-top2-swiglu-capacity-probability", 2, "swiglu", **limited("probability")),
        case("moe-top1-gelu-aux", 1, "gelu", auxLossCoefficient=SIZES["aux"]),
        case("moe-top2-swiglu-aux", 2, "swiglu", auxLossCoefficient=SIZES["aux"]),
        case("moe-top1-gelu-idle-expert", 1, "gelu", require=one_idle, idle=1, correctionBias=True),
        case("moe-top2-swiglu-idle-expert", 2, "swiglu", require=one_idle, idle=0, correctionBias=True),
        case("moe-zero-scaled", 3, "swiglu", require=zeros_used, scaleZeroExperts=True, **zeros),
        case("moe-zero-unscaled", 3, "swiglu", require=zeros_used, scaleZeroExperts=False, **zeros),
    ]
    for mix in ("add", "cg1", "cg2"):
        cases.append(case(f"shared-top1-gelu-{mix}", 1, "gelu", "shared", mix=mix))
        cases.append(case(f"shared-top1-swiglu-{mix}", 1, "swiglu", "shared", mix=mix))
    cases.append(case("shared-top2-gelu-cg1", 2, "gelu", "shared", mix="cg1"))
    cases.append(case("shared-top1-gelu-cg2-capacity", 1, "gelu", "shared", mix="cg2", **limited("position")))
    return cases
