"""Parameters of norms, feed-forward networks, attention, mixtures, pairs and blocks."""

from .case import under


def draw_norm(draw, d, kind):
    weight = {"weight": draw.normal(d, scale=0.2, mean=1.0)}
    return weight if kind == "rms" else weight | {"bias": draw.bias(d)}


def draw_ffn(draw, d, f, activation, experts=()):
    if activation == "swiglu":
        return {
            "gate": draw.weight(*experts, d, f),
            "up": draw.weight(*experts, d, f),
            "down": draw.weight(*experts, f, d),
        }
    return {
        "w1": draw.weight(*experts, d, f),
        "b1": draw.bias(*experts, f),
        "w2": draw.weight(*experts, f, d),
        "b2": draw.bias(*experts, d),
    }


def draw_attention(draw, d, cfg):
    head = d // cfg["numHeads"]
    widths = {
        "q": (d, cfg["numHeads"] * head),
        "k": (d, cfg["numKvHeads"] * head),
        "v": (d, cfg["numKvHeads"] * head),
        "o": (cfg["numHeads"] * head, d),
    }
    tensors = {}
    for name, shape in widths.items():
        tensors[f"w{name}"] = draw.weight(*shape)
        if cfg["attentionBias"]:
            tensors[f"b{name}"] = draw.bias(shape[1])
    return tensors


def draw_mixture(draw, cfg, d, f):
    n = cfg["numExperts"]
    tensors = {"router.weight": draw.weight(d, n + cfg.get("numZeroExperts", 0), gain=1.5)}
    return tensors | under("experts", draw_ffn(draw, d, f, cfg["activation"], (n,)))


def draw_shared(draw, cfg, d, f):
    tensors = under("shared", draw_ffn(draw, d, f, cfg["activation"]))
    if cfg["mix"] != "add":
        tensors["mix.weight"] = draw.weight(d, {"cg1": 1, "cg2": 2}[cfg["mix"]])
    return tensors


def draw_pair(draw, cfg, size):
    d = size["d"]
    norms = ["normAttn1", "normMlp", "normAttn2", "normMoe"]
    if cfg["layer"] in ("scmoe", "dgmoe") and cfg["shortcutNorm"] == "own":
        norms.append("normShortcut")
    if cfg.get("postNorm"):
        norms.append("normPost")
    tensors = {}
    for name in norms:
        tensors |= under(name, draw_norm(draw, d, cfg["norm"]))
    tensors |= under("attn1", draw_attention(draw, d, cfg)) | under("attn2", draw_attention(draw, d, cfg))
    tensors |= under("mlp", draw_ffn(draw, d, size["mlp"], cfg["activation"]))
    tensors |= draw_mixture(draw, cfg, d, size["f"])
    return tensors | (draw_shared(draw, cfg, d, size["shared"]) if cfg["layer"] in ("shared", "scmoe") else {})


def draw_every_block(draw, cfg, size):
    d = size["d"]
    norms = (
        ["normAttn", "normMoe"]
        + (["normShortcut"] if cfg["shortcutNorm"] == "own" else [])
        + (["normPost"] if cfg.get("postNorm") else [])
    )
    tensors = {}
    for name in norms:
        tensors |= under(name, draw_norm(draw, d, cfg["norm"]))
    tensors |= under("attn", draw_attention(draw, d, cfg)) | draw_mixture(draw, cfg, d, size["f"])
    return tensors | draw_shared(draw, cfg, d, size["shared"])
