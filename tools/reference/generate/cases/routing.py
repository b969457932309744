"""Routers, bias update, capacity and dropless order."""

import torch

from .case import Case
from .sizes import SIZES


def router_cases():
    size = SIZES["router"]
    tokens, d, n = size["tokens"], size["d"], size["n"]

    def case(name, top_k, normalize, require=None, **options):
        cfg = {"numExperts": n, "topK": top_k, "normalizeWeights": normalize, "scoreFunction": "softmax"} | options
        total = n + cfg.get("numZeroExperts", 0)

        def draw(d_):
            tensors = {"input.x": d_.normal(tokens, d)}
            if cfg.get("gate") == "cosine":
                width = d // 2
                tensors |= {
                    "param.router.projection": d_.weight(d, width),
                    "param.router.projectionBias": d_.bias(width),
                    "param.router.similarity": d_.normal(width, total),
                    "param.router.temperature": d_.normal(1, scale=0.1, mean=1.2),
                }
            else:
                tensors["param.router.weight"] = d_.weight(d, total, gain=1.5)
            if cfg.get("noisy"):
                tensors |= {"param.router.noiseWeight": d_.weight(d, total), "buffer.noise": d_.normal(tokens, total)}
            if cfg.get("correctionBias"):
                tensors["buffer.correctionBias"] = d_.normal(total, scale=0.15)
            return tensors

        return Case(name, "router", cfg, draw, "weights", require or (lambda o, t: True))

    def bias_matters(outputs, tensors):
        plain = outputs["scores"].topk(outputs["experts"].shape[1], -1).indices.sort(-1).values
        changed = (plain != outputs["experts"].sort(-1).values).any(-1).float().mean()
        return 0.1 < changed < 0.9

    def zeros_used(outputs, tensors):
        share = (outputs["experts"] >= n).float().mean()
        return 0.15 < share < 0.7 and bias_matters(outputs, tensors)

    losses = {"auxiliaryLosses": True}
    groups = {"numGroups": size["groups"], "topKGroups": size["topGroups"]}
    return [
        case("router-softmax-top1", 1, False, **losses),
        case("router-softmax-top2", 2, True, **losses),
        case("router-softmax-top2-raw", 2, False, **losses),
        case("router-softmax-top3", 3, True),
        case("router-softmax-top3-raw", 3, False),
        case("router-softmax-top2-scaled", 2, True, routedScalingFactor=size["scaling"]),
        case("router-softmax-top2-bias", 2, True, bias_matters, correctionBias=True),
        case("router-sigmoid-top1", 1, False, scoreFunction="sigmoid"),
        case("router-sigmoid-top2", 2, True, scoreFunction="sigmoid"),
        case(
            "router-sigmoid-top3-bias-scaled",
            3,
            True,
            bias_matters,
            scoreFunction="sigmoid",
            correctionBias=True,
            routedScalingFactor=size["scaling"],
        ),
        case(
            "router-zero-experts",
            3,
            False,
            zeros_used,
            numZeroExperts=size["zero"],
            correctionBias=True,
            routedScalingFactor=size["scaling"],
        ),
        case("router-groups-max", 2, False, groupScore="max", **groups),
        case(
            "router-groups-top2",
            2,
            True,
            scoreFunction="sigmoid",
            groupScore="top2sum",
            correctionBias=True,
            routedScalingFactor=size["scaling"],
            **groups,
        ),
        case("router-noisy-top2", 2, True, noisy=True),
        case("router-cosine-top2", 2, True, gate="cosine"),
    ]


def bias_update_case():
    size = SIZES["router"]
    n, zero, tokens, top_k = size["n"], size["zero"], size["tokens"] * 4, 3
    cfg = {
        "numExperts": n,
        "numZeroExperts": zero,
        "numTokens": tokens,
        "topK": top_k,
        "expectedTopK": 2,
        "updateRate": 0.01,
    }

    def draw(d):
        chosen = torch.stack([torch.randperm(n + zero, generator=d.generator)[:top_k] for _ in range(tokens)])
        counts = torch.bincount(chosen.reshape(-1), minlength=n + zero).to(torch.int32)
        return {"buffer.counts": counts, "buffer.bias": d.normal(n + zero, scale=0.1)}

    balanced = lambda outputs, t: bool((t["counts"][:n] != t["counts"][:n].double().mean()).all())
    return Case("bias-update", "biasUpdate", cfg, draw, differentiable=False, require=balanced)


def draw_choice(d, tokens, n, top_k, empty):
    """A skewed choice: expert 1 crowded, expert `empty` unused."""
    logits = d.normal(tokens, n)
    logits[:, 1] += 1.5
    logits[:, empty] = -1e9
    probabilities = torch.softmax(logits, -1)
    ranked = probabilities.sort(-1, descending=True)
    weights = ranked.values[:, :top_k]
    weights = weights / weights.sum(-1, keepdim=True) if top_k > 1 else weights
    return {"buffer.experts": ranked.indices[:, :top_k].to(torch.int32), "buffer.weights": weights}


def capacity_cases():
    cases = []
    for tokens, n, factor in SIZES["capacity"]:
        for top_k in (1, 2):
            for policy in ("position", "probability"):
                for order in ("choice", "token") if (top_k, policy) == (2, "position") else ("choice",):
                    cfg = {
                        "numExperts": n,
                        "topK": top_k,
                        "capacityFactor": factor,
                        "minCapacity": 0,
                        "dropPolicy": policy,
                        "capacityOrder": order,
                    }
                    suffix = f"-{order}" if (top_k, policy) == (2, "position") else ""
                    name = f"capacity-n{n}-top{top_k}-{policy}{suffix}"
                    drops = lambda o, t, n=n: bool((o["kept"] == 0).any() and (o["counts"] == 0).sum() == 1)
                    draw = lambda d, tokens=tokens, n=n, k=top_k: draw_choice(d, tokens, n, k, n - 1)
                    cases.append(Case(name, "capacity", cfg, draw, differentiable=False, require=drops))
    tokens, n, _ = SIZES["capacity"][0]
    cfg = {
        "numExperts": n,
        "topK": 1,
        "capacityFactor": 0.25,
        "minCapacity": 4,
        "dropPolicy": "position",
        "capacityOrder": "choice",
    }
    cases.append(
        Case("capacity-minimum", "capacity", cfg, lambda d: draw_choice(d, tokens, n, 1, 0), differentiable=False)
    )
    return cases


def dropless_cases():
    cases = []
    for index, (tokens, n, _) in enumerate(SIZES["capacity"]):
        for top_k in (1, 2):
            cfg = {"numExperts": n, "topK": top_k, "worldSizes": [w for w in (1, 2, 4) if n % w == 0]}
            draw = lambda d, tokens=tokens, n=n, k=top_k: {
                "buffer.experts": draw_choice(d, tokens, n, k, 0)["buffer.experts"]
            }
            cases.append(Case(f"dropless-n{n}-top{top_k}", "dropless", cfg, draw, differentiable=False))
    return cases
