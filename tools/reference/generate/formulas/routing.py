"""Routers: scores, groups, choice, weights, auxiliary losses."""

from math import inf, log

import torch
import torch.nn.functional as F

from .operations import linear


def smallest_gap(ranked, count):
    """Smallest distance between neighbours among the first `count` + 1 entries of each descending row."""
    width = min(count + 1, ranked.shape[-1])
    gaps = ranked[..., : width - 1] - ranked[..., 1:width]
    gaps = gaps[torch.isfinite(gaps)]
    return float(gaps.min()) if gaps.numel() else inf


def group_mask(choice_scores, cfg):
    """Group-limited choice: only the best groups stay. Group score: its best entry, or the sum of its best two."""
    tokens, total = choice_scores.shape
    groups = choice_scores.reshape(tokens, cfg["numGroups"], -1)
    best = 1 if cfg["groupScore"] == "max" else 2
    scores = groups.topk(best, -1).values.sum(-1)
    ranked = scores.sort(-1, descending=True)
    stay = torch.zeros_like(scores, dtype=torch.bool).scatter(1, ranked.indices[:, : cfg["topKGroups"]], True)
    edge = ranked.values[:, cfg["topKGroups"] - 1] - ranked.values[:, cfg["topKGroups"]]
    return stay.repeat_interleave(total // cfg["numGroups"], 1), float(edge.min())


def router_logits(s, p, cfg):
    if cfg.get("gate", "linear") == "cosine":
        scale = torch.clamp(p["router.temperature"], max=log(100.0)).exp()
        direction = F.normalize(linear(s, p["router.projection"], p["router.projectionBias"]), dim=-1)
        return direction @ F.normalize(p["router.similarity"], dim=0) * scale
    logits = s @ p["router.weight"]
    if cfg.get("noisy"):
        logits = logits + p["noise"] * F.softplus(s @ p["router.noiseWeight"])
    return logits


def route(s, p, cfg, excluded=None):
    """s (T, d) -> experts (T, k) in descending order of the score used for choosing, weights (T, k), and what they
    came from."""
    logits = router_logits(s, p, cfg)
    sigmoid = cfg.get("scoreFunction", "softmax") == "sigmoid"
    scores = torch.sigmoid(logits) if sigmoid else torch.softmax(logits, -1)
    choice = scores.detach()
    if cfg.get("correctionBias"):
        choice = choice + p["correctionBias"]
    margin = inf
    if cfg.get("numGroups"):
        stay, margin = group_mask(choice, cfg)
        choice = choice.masked_fill(~stay, -inf)
    if excluded is not None:
        choice = choice.scatter(1, excluded, -inf)
    k = cfg["topK"]
    ranked = choice.sort(-1, descending=True)
    experts = ranked.indices[:, :k]
    margin = min(margin, smallest_gap(ranked.values, k))
    weights = scores.gather(1, experts)
    if cfg["normalizeWeights"]:
        weights = weights / weights.sum(-1, keepdim=True)
    weights = weights * cfg.get("routedScalingFactor", 1)
    return {"logits": logits, "scores": scores, "experts": experts, "weights": weights, "margin": margin}


def auxiliary_losses(choice, total):
    """Each over the T tokens of the choice; `scores` is the full row of probabilities."""
    tokens = choice["scores"].shape[0]
    first = F.one_hot(choice["experts"][:, 0], total).to(choice["scores"].dtype).mean(0)
    gates = torch.zeros_like(choice["scores"]).scatter(1, choice["experts"], choice["weights"])
    squared_variation = lambda v, correction: v.var(correction=correction) / v.mean() ** 2
    return {
        "loadBalance": total * (choice["scores"].mean(0) * first).sum(),
        "importanceOfGates": squared_variation(gates.sum(0), 0),
        "importanceOfScores": squared_variation(choice["scores"].sum(0), 1),
        "zLoss": (torch.logsumexp(choice["logits"], -1) ** 2).sum() / tokens,
    }
