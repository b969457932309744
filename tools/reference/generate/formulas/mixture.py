"""The routed sum over experts, the shared expert and how the two are mixed."""

import torch

from .capacity import capacity_of, place
from .operations import ffn, gelu, silu, sub
from .routing import auxiliary_losses, route


def num_total(cfg):
    return cfg["numExperts"] + cfg.get("numZeroExperts", 0)


def all_experts(s, p, cfg):
    """Every expert on every token, (T, N_total, d); identity experts come after the others."""
    if cfg["activation"] == "swiglu":
        hidden = silu(torch.einsum("td,ndf->tnf", s, p["gate"])) * torch.einsum("td,ndf->tnf", s, p["up"])
        out = torch.einsum("tnf,nfd->tnd", hidden, p["down"])
    else:
        hidden = gelu(torch.einsum("td,ndf->tnf", s, p["w1"]) + p["b1"], cfg["activation"])
        out = torch.einsum("tnf,nfd->tnd", hidden, p["w2"]) + p["b2"]
    zeros = cfg.get("numZeroExperts", 0)
    return torch.cat((out, s[:, None].expand(-1, zeros, -1)), 1) if zeros else out


def mixture(s, p, cfg, excluded=None):
    """Routed sum over tokens s (T, d) -> (T, d), with the choice that led to it."""
    choice = route(s, p, cfg, excluded)
    capacity = capacity_of(s.shape[0], cfg)
    weights = choice["weights"]
    if capacity is None:
        choice["kept"] = torch.ones_like(choice["experts"])
    else:
        slots, edge = place(
            choice["experts"], weights, num_total(cfg), capacity, cfg["dropPolicy"], cfg.get("capacityOrder", "choice")
        )
        choice["slots"], choice["kept"] = slots, (slots >= 0).long()
        choice["margin"] = min(choice["margin"], edge)
        weights = weights * (slots >= 0)
    if cfg.get("numZeroExperts") and not cfg["scaleZeroExperts"]:
        identity = choice["experts"] >= cfg["numExperts"]
        weights = torch.where(identity, weights / cfg["routedScalingFactor"], weights)
    dense = torch.zeros_like(choice["scores"]).scatter(1, choice["experts"], weights)
    return torch.einsum("tn,tnd->td", dense, all_experts(s, sub(p, "experts"), cfg)), choice


def coefficients(u, p, mix):
    """u (T, d) -> c_s and c_r, each (T, 1) or 1."""
    if mix == "add":
        return 1.0, 1.0
    if mix == "cg1":
        return torch.sigmoid(u @ p["mix.weight"]), 1.0
    both = torch.softmax(u @ p["mix.weight"], -1)
    return both[:, :1], both[:, 1:]


def mixed_with_shared(u, routed, p, cfg):
    """c_s SE(u) + c_r routed, with the parts."""
    shared = ffn(u, sub(p, "shared"), cfg["activation"])
    c_s, c_r = coefficients(u, p, cfg["mix"])
    parts = {"shared": shared}
    if cfg["mix"] != "add":
        parts["coefficients"] = c_s if cfg["mix"] == "cg1" else torch.cat((c_s, c_r), 1)
    return c_s * shared + c_r * routed, parts


def choice_outputs(choice, prefix=""):
    name = lambda part: prefix + part[0].upper() + part[1:] if prefix else part
    return {name(part): choice[part] for part in ("experts", "weights", "kept", "slots") if part in choice}


def with_aux(outputs, choices, cfg):
    if cfg.get("auxLossCoefficient"):
        total = sum(auxiliary_losses(choice, cfg["numExperts"])["loadBalance"] for choice in choices)
        outputs["loadBalance"] = total
        outputs["_extraLoss"] = cfg["auxLossCoefficient"] * total
    outputs["_margin"] = min(choice["margin"] for choice in choices)
    return outputs


def moe_case(cfg, t):
    """A bare layer: no norm, no residual. layer: standard, or shared (with the shared expert and its mix)."""
    routed, choice = mixture(t["x"], t, cfg)
    outputs = {"y": routed} | choice_outputs(choice)
    if cfg["layer"] == "shared":
        merged, parts = mixed_with_shared(t["x"], routed, t, cfg)
        outputs |= parts | {"routed": routed, "y": merged}
    return with_aux(outputs, [choice], cfg)
