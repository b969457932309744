"""Mixture-of-experts in every block, stacks, LongCat-Flash blocks and a small GPT."""

from .case import Case, under
from .flavours import flavour
from .layers import dropped
from .parameters import draw_attention, draw_every_block, draw_ffn, draw_mixture, draw_norm, draw_pair
from .sizes import SIZES


def block_cases():
    size = SIZES["block"]
    gpt, llama, vit = "gpt", "llama", "vit"
    base = {"numExperts": size["n"], "topK": 1, "normalizeWeights": False, "capacityFactor": 0}
    draw_x = lambda d: {"input.x": d.normal(size["batch"], size["length"], size["d"])}
    cases = []

    def every(name, style, require=None, **options):
        cfg = (
            base
            | flavour(style)
            | {"layer": "everyBlock", "position": "pos1", "mix": "cg1", "shortcutNorm": "own"}
            | options
        )
        draw = lambda d: draw_x(d) | under("param", draw_every_block(d, cfg, size))
        cases.append(
            Case(
                f"every-{name}",
                "everyBlock",
                cfg,
                draw,
                require=dropped if cfg["capacityFactor"] else lambda o, t: True,
            )
        )

    every("add", llama, mix="add")
    every("cg1", gpt)
    every("cg2", vit, mix="cg2")
    every("norm-shared", gpt, shortcutNorm="shared", sharedNormOf="sharedExpert")
    every("norm-none", llama, shortcutNorm="none")
    every("add-postnorm", llama, mix="add", postNorm=True)
    every("top2", vit, topK=2, normalizeWeights=True)
    every("capacity", gpt, capacityFactor=SIZES["capacityFactor"], minCapacity=0, dropPolicy="position")

    def stacked(name, style, blocks):
        cfg = base | flavour(style) | {"mix": "cg1", "shortcutNorm": "own", "blocks": blocks}

        def draw(d):
            tensors = draw_x(d)
            for index, own in enumerate(blocks):
                options = cfg | own
                params = (draw_every_block if own["layer"] == "everyBlock" else draw_pair)(d, options, size)
                tensors |= under(f"param.block{index}", params)
            return tensors

        cases.append(Case(f"stack-{name}", "stack", cfg, draw))

    stacked(
        "first-pos1-rest-pos2", gpt, [{"layer": "scmoe", "position": "pos1"}, {"layer": "scmoe", "position": "pos2"}]
    )
    stacked(
        "every-block", llama, [{"layer": "everyBlock", "position": "pos1"}, {"layer": "everyBlock", "position": "pos1"}]
    )

    def longcat(name, scaled):
        layer = SIZES["layer"]
        cfg = flavour("llama") | {
            "numExperts": size["n"],
            "numZeroExperts": layer["zero"],
            "topK": 3,
            "normalizeWeights": False,
            "correctionBias": True,
            "routedScalingFactor": layer["scaling"],
            "scaleZeroExperts": scaled,
            "capacityFactor": 0,
        }

        def draw(d):
            width = size["d"]
            params = {}
            for part in ("normAttn0", "normFfn0", "normAttn1", "normFfn1"):
                params |= under(part, draw_norm(d, width, "rms"))
            for part in ("attn0", "attn1"):
                params |= under(part, draw_attention(d, width, cfg))
            for part in ("ffn0", "ffn1"):
                params |= under(part, draw_ffn(d, width, size["mlp"], "swiglu"))
            params |= draw_mixture(d, cfg, width, size["f"])
            bias = d.normal(size["n"] + layer["zero"], scale=0.15)
            return draw_x(d) | under("param", params) | {"buffer.correctionBias": bias}

        used = lambda o, t: 0.15 < (o["experts"] >= size["n"]).float().mean() < 0.7
        cases.append(Case(f"longcat-block-{name}", "longcatBlock", cfg, draw, require=used))

    longcat("scaled", True)
    longcat("unscaled", False)

    def gpt_model(name, style):
        blocks = [{"layer": "scmoe", "position": "pos1"}, {"layer": "scmoe", "position": "pos2"}]
        cfg = (
            base
            | flavour(style)
            | {"mix": "cg1", "shortcutNorm": "own", "blocks": blocks, "auxLossCoefficient": SIZES["aux"]}
        )

        def draw(d):
            vocab, batch, length = SIZES["vocab"], size["batch"], size["length"]
            tensors = {
                "buffer.ids": d.integers(0, vocab, (batch, length)),
                "buffer.targets": d.integers(0, vocab, (batch, length)),
                "param.embedding": d.normal(vocab, size["d"], scale=0.5),
                "param.positions": d.normal(length, size["d"], scale=0.5),
            }
            for index, own in enumerate(blocks):
                tensors |= under(f"param.block{index}", draw_pair(d, cfg | own, size))
            return tensors | under("param.normFinal", draw_norm(d, size["d"], cfg["norm"]))

        cases.append(Case(name, "gpt", cfg, draw))

    gpt_model("model-gpt-scmoe", "gpt")
    return cases
