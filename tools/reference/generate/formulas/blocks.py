"""Whole blocks, pairs of blocks, stacks of them, and a small GPT."""

from math import inf

from .mixture import choice_outputs, mixed_with_shared, mixture, with_aux
from .operations import attention, ffn, norm, sub
from .training import cross_entropy


def pair(x, p, cfg):
    """Block-MLP then Block-MoE of any kind: standard, shared, scmoe, dgmoe. x (B, S, d)."""
    shape, flat = x.shape, lambda t: t.reshape(-1, x.shape[-1])
    n = lambda t, name: norm(t, sub(p, name), cfg["norm"], cfg["normEps"])
    a = x + attention(n(x, "normAttn1"), sub(p, "attn1"), cfg)
    b = a + ffn(n(a, "normMlp"), sub(p, "mlp"), cfg["activation"])
    c = b + attention(n(b, "normAttn2"), sub(p, "attn2"), cfg)
    u = flat(n(c, "normMoe"))
    outputs = {"a": a, "b": b, "c": c, "u": u.reshape(shape)}
    if cfg["layer"] in ("standard", "shared"):
        s = u
    else:
        s = flat(shortcut_input({"pos1": b, "pos2": a, "pos3": x}[cfg["position"]], n, cfg))
        outputs["s"] = s.reshape(shape)
    routed, choice = mixture(s, p, cfg)
    choices = [choice]
    outputs |= choice_outputs(choice)
    if cfg["layer"] == "dgmoe":
        current, second = mixture(u, p, cfg, excluded=choice["experts"])
        outputs |= choice_outputs(second, "current")
        outputs["_excludedShare"] = float(
            (second["scores"].argmax(-1, keepdim=True) == choice["experts"]).double().mean()
        )
        outputs["routedCurrent"] = current.reshape(shape)
        choices.append(second)
        merged, parts = routed + current, {}
    elif cfg["layer"] == "standard":
        merged, parts = routed, {}
    else:
        merged, parts = mixed_with_shared(u, routed, p, cfg)
    if cfg.get("postNorm"):
        merged = n(merged, "normPost")
    outputs["routed"] = routed.reshape(shape)
    outputs |= {name: part.reshape(*shape[:-1], -1) for name, part in parts.items()}
    outputs["y"] = c + merged.reshape(shape)
    return with_aux(outputs, choices, cfg)


def shortcut_input(tap, n, cfg):
    """own: a norm of its own. shared: the parameters of the norm that feeds the MLP or the shared expert, applied to
    the tap. none: the tap."""
    if cfg["shortcutNorm"] == "none":
        return tap
    if cfg["shortcutNorm"] == "own":
        return n(tap, "normShortcut")
    return n(tap, {"mlp": "normMlp", "sharedExpert": "normMoe"}[cfg["sharedNormOf"]])


def every_block(x, p, cfg):
    """MoE in every block, shortcut from the block's input (pos1). x (B, S, d)."""
    shape, flat = x.shape, lambda t: t.reshape(-1, x.shape[-1])
    n = lambda t, name: norm(t, sub(p, name), cfg["norm"], cfg["normEps"])
    c = x + attention(n(x, "normAttn"), sub(p, "attn"), cfg)
    u = flat(n(c, "normMoe"))
    s = flat(shortcut_input(x, n, cfg))
    routed, choice = mixture(s, p, cfg)
    merged, parts = mixed_with_shared(u, routed, p, cfg)
    if cfg.get("postNorm"):
        merged = n(merged, "normPost")
    outputs = {"c": c, "s": s.reshape(shape), "routed": routed.reshape(shape), "y": c + merged.reshape(shape)}
    outputs |= choice_outputs(choice)
    return with_aux(outputs, [choice], cfg)


def stack(cfg, t):
    """Blocks one after the other; config.blocks overrides options per block; parameters are below block<i>."""
    x, outputs, margin = t["x"], {}, inf
    for index, own in enumerate(cfg["blocks"]):
        options = {**cfg, **own}
        result = (every_block if options["layer"] == "everyBlock" else pair)(x, sub(t, f"block{index}"), options)
        x, margin = result["y"], min(margin, result["_margin"])
        outputs |= {f"block{index}.{name}": result[name] for name in ("y", "experts")}
    return outputs | {"y": x, "_margin": margin}


def longcat(cfg, t):
    """LongCat-Flash block with plain multi-head attention: u feeds both the dense FFN and the routed experts, no
    shared expert."""
    x = t["x"]
    shape = x.shape
    n = lambda v, name: norm(v, sub(t, name), cfg["norm"], cfg["normEps"])
    a = x + attention(n(x, "normAttn0"), sub(t, "attn0"), cfg)
    u = n(a, "normFfn0")
    routed, choice = mixture(u.reshape(-1, shape[-1]), t, cfg)
    b = a + ffn(u, sub(t, "ffn0"), cfg["activation"])
    c = b + attention(n(b, "normAttn1"), sub(t, "attn1"), cfg)
    y = c + ffn(n(c, "normFfn1"), sub(t, "ffn1"), cfg["activation"]) + routed.reshape(shape)
    outputs = {"a": a, "u": u, "b": b, "c": c, "routed": routed.reshape(shape), "y": y} | choice_outputs(choice)
    return outputs | {"_margin": choice["margin"]}


def gpt(cfg, t):
    """Embedding + learned positions, block pairs, final norm, head tied to the embedding; mean cross-entropy +
    auxiliary loss."""
    ids = t["ids"].long()
    x = t["embedding"][ids] + t["positions"][: ids.shape[1]]
    margin, aux, outputs = inf, 0.0, {}
    for index, own in enumerate(cfg["blocks"]):
        options = {**cfg, **own}
        result = pair(x, sub(t, f"block{index}"), options)
        x, margin, aux = result["y"], min(margin, result["_margin"]), aux + result["loadBalance"]
        outputs[f"block{index}.experts"] = result["experts"]
    x = norm(x, sub(t, "normFinal"), cfg["norm"], cfg["normEps"])
    logits = x @ t["embedding"].t()
    loss = cross_entropy(logits.reshape(-1, logits.shape[-1]), t["targets"].long().reshape(-1), -100, 0.0)
    outputs |= {"logits": logits, "crossEntropy": loss, "loadBalance": aux}
    return outputs | {"_margin": margin, "_extraLoss": loss + cfg["auxLossCoefficient"] * aux}
