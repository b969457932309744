"""Cases of routing without a layer around: router, bias update, capacity, dropless order."""

import torch

from .capacity import capacity_of, place
from .mixture import num_total
from .routing import auxiliary_losses, route


def router_case(cfg, t):
    choice = route(t["x"], t, cfg)
    outputs = {name: choice[name] for name in ("logits", "scores", "experts", "weights")}
    if cfg.get("auxiliaryLosses"):
        losses = auxiliary_losses(choice, num_total(cfg))
        outputs |= losses | {"_aux": losses}
    return outputs | {"_margin": choice["margin"]}


def bias_update(cfg, t):
    counts, bias = t["counts"].to(t["bias"].dtype), t["bias"]
    ffn_counts, n = counts[: cfg["numExperts"]], cfg["numExperts"]
    sign = cfg["updateRate"] * torch.sign(ffn_counts.mean() - ffn_counts)
    target = cfg["expectedTopK"] / cfg["topK"] / n
    proportional = cfg["updateRate"] * (target - ffn_counts / (cfg["topK"] * cfg["numTokens"]))
    extend = lambda delta: bias + torch.cat((delta, torch.zeros(counts.numel() - n, dtype=bias.dtype)))
    return {"biasSign": extend(sign), "biasProportional": extend(proportional)}


def capacity_case(cfg, t):
    experts, weights = t["experts"].long(), t["weights"]
    capacity = capacity_of(experts.shape[0], cfg)
    slots, margin = place(experts, weights, cfg["numExperts"], capacity, cfg["dropPolicy"], cfg["capacityOrder"])
    kept = slots >= 0
    count = lambda chosen: torch.bincount(chosen, minlength=cfg["numExperts"])
    return {
        "capacity": torch.tensor([capacity]),
        "slots": slots,
        "kept": kept.long(),
        "counts": count(experts.reshape(-1)),
        "keptCounts": count(experts[kept]),
        "_margin": margin,
    }


def dropless_case(cfg, t):
    experts = t["experts"].long()
    flat = experts.reshape(-1)
    counts = torch.bincount(flat, minlength=cfg["numExperts"])
    outputs = {"counts": counts, "offsets": counts.cumsum(0) - counts, "order": flat.argsort(stable=True)}
    for ranks in cfg["worldSizes"]:
        outputs[f"sendCounts.world{ranks}"] = counts.reshape(ranks, -1).sum(1)
    return outputs
