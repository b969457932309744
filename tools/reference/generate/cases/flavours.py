"""The three kinds of transformer whose blocks the cases are made of."""

from .sizes import SIZES


def flavour(name):
    heads, kv = SIZES["block"]["heads"], SIZES["block"]["kv"]
    layer = {
        "norm": "layer",
        "normEps": SIZES["layerEps"],
        "numHeads": heads,
        "numKvHeads": heads,
        "attentionBias": True,
        "rope": None,
    }
    if name == "gpt":
        return layer | {"activation": "gelu_tanh", "causal": True}
    if name == "vit":
        return layer | {"activation": "gelu", "causal": False}
    rms = {"norm": "rms", "normEps": SIZES["rmsEps"], "numHeads": heads, "numKvHeads": kv, "attentionBias": False}
    return rms | {"activation": "swiglu", "causal": True, "rope": "half", "ropeTheta": SIZES["theta"]}
