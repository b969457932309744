"""Pairs of a dense and a mixture-of-experts block, of every kind and position."""

from .case import Case, under
from .flavours import flavour
from .layers import dropped
from .parameters import draw_pair
from .sizes import SIZES


def pair_requirement(cfg):
    if cfg["layer"] == "dgmoe":  # the exclusion must change some choices and leave others
        return lambda outputs, tensors: 0.2 < outputs["_excludedShare"] < 0.8
    return dropped if cfg["capacityFactor"] else lambda outputs, tensors: True


def pair_cases():
    size = SIZES["block"]
    gpt, llama, vit = "gpt", "llama", "vit"
    limited = lambda policy: {"capacityFactor": SIZES["capacityFactor"], "minCapacity": 0, "dropPolicy": policy}

    def case(name, layer, style, top_k=1, **options):
        cfg = {
            "layer": layer,
            "numExperts": size["n"],
            "topK": top_k,
            "normalizeWeights": top_k > 1,
            "capacityFactor": 0,
        }
        cfg |= flavour(style) | options

        def draw(d):
            tensors = {"input.x": d.normal(size["batch"], size["length"], size["d"])} | under(
                "param", draw_pair(d, cfg, size)
            )
            return tensors | (
                {"buffer.correctionBias": d.normal(size["n"], scale=0.15)} if cfg.get("correctionBias") else {}
            )

        return Case(f"pair-{name}", "pair", cfg, draw, require=pair_requirement(cfg))

    scmoe = lambda name, style, position, mix="cg1", norm="own", top_k=1, **o: case(
        f"scmoe-{name}", "scmoe", style, top_k, **({"position": position, "mix": mix, "shortcutNorm": norm} | o)
    )
    cases = [
        case("top1", "standard", gpt),
        case("top2", "standard", gpt, 2),
        case("top2-noncausal-capacity", "standard", vit, 2, capacityOrder="choice", **limited("position")),
        case("top2-rms", "standard", llama, 2),
        case("shared-add", "shared", llama, mix="add"),
        case("shared-cg1", "shared", gpt, mix="cg1"),
        case("shared-cg2", "shared", vit, mix="cg2"),
        case("shared-cg1-postnorm", "shared", gpt, mix="cg1", postNorm=True),
    ]
    for style, position in zip((gpt, llama, vit), ("pos1", "pos2", "pos3")):
        cases.append(case(f"dgmoe-{position}", "dgmoe", style, position=position, shortcutNorm="own"))
    for row, position in enumerate(("pos1", "pos2", "pos3")):
        for column, mix in enumerate(("add", "cg1", "cg2")):
            cases.append(scmoe(f"{position}-{mix}", (gpt, llama, vit)[(row + column) % 3], position, mix))
    shared_of = (
        ("pos1", "sharedExpert"),
        ("pos2", "mlp"),
        ("pos2", "sharedExpert"),
        ("pos3", "mlp"),
        ("pos3", "sharedExpert"),
    )
    for index, (position, source) in enumerate(shared_of):
        style = (gpt, llama, vit)[index % 3]
        cases.append(scmoe(f"{position}-norm-shared-{source}", style, position, norm="shared", sharedNormOf=source))
    for style, position in zip((vit, gpt, llama), ("pos1", "pos2", "pos3")):
        cases.append(scmoe(f"{position}-norm-none", style, position, norm="none"))
    for style, position in zip((gpt, llama, vit), ("pos1", "pos2", "pos3")):
        cases.append(scmoe(f"{position}-postnorm", style, position, postNorm=True))
    for style, position, mix in zip((llama, gpt, vit), ("pos1", "pos2", "pos3"), ("cg1", "cg2", "add")):
        cases.append(scmoe(f"{position}-top2", style, position, mix, top_k=2))
    cases += [
        scmoe("pos1-capacity", gpt, "pos1", **limited("position")),
        scmoe("pos2-capacity", llama, "pos2", **limited("position")),
        scmoe("pos3-capacity", vit, "pos3", **limited("position")),
        scmoe("pos2-capacity-probability", gpt, "pos2", **limited("probability")),
        scmoe("pos2-top2-capacity-choice", vit, "pos2", top_k=2, capacityOrder="choice", **limited("position")),
        scmoe("pos2-aux", gpt, "pos2", auxLossCoefficient=SIZES["aux"]),
        scmoe("pos2-all", llama, "pos2", "cg2", postNorm=True, auxLossCoefficient=SIZES["aux"], **limited("position")),
    ]
    for index, (style, options) in enumerate(SIZES["combined"]):
        cases.append(scmoe(f"combined{index}", style, **({"minCapacity": 0} | options)))
    return cases
