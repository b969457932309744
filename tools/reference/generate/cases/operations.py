"""Building blocks: attention, rotary positions, norms, activations, feed-forward networks, cross-entropy, AdamW,
schedule."""

import torch

from .case import Case, under
from .parameters import draw_attention, draw_ffn, draw_norm
from .sizes import SIZES


def operation_cases():
    size, core = SIZES["block"] | SIZES["attention"], SIZES["core"]
    d, heads, kv = size["d"], size["heads"], size["kv"]
    cases = []

    def attention(name, causal, kv_heads, bias, rope):
        cfg = {"numHeads": heads, "numKvHeads": kv_heads, "attentionBias": bias, "causal": causal, "rope": rope}
        cfg |= {"ropeTheta": SIZES["theta"]} if rope else {}
        draw = lambda g: (
            {"input.x": g.normal(size["batch"], core["length"], d)} | under("param", draw_attention(g, d, cfg))
        )
        cases.append(Case(f"attention-{name}", "attention", cfg, draw))

    attention("causal", True, heads, True, None)
    attention("full", False, heads, True, None)
    attention("causal-gqa", True, kv, False, None)
    attention("causal-mqa", True, 1, False, None)
    attention("causal-rope-half", True, heads, False, "half")
    attention("causal-rope-interleaved", True, heads, False, "interleaved")
    attention("causal-gqa-rope", True, kv, True, "half")

    def attention_core(name, queries, keys, kv_heads, causal):
        shape = lambda count, length: (core["batch"], count, length, core["head"])
        draw = lambda g: {
            "input.q": g.normal(*shape(core["heads"], queries)),
            "input.k": g.normal(*shape(kv_heads, keys)),
            "input.v": g.normal(*shape(kv_heads, keys)),
        }
        cases.append(Case(f"attention-core-{name}", "attentionCore", {"causal": causal}, draw))

    attention_core("causal", core["length"], core["length"], core["heads"], True)
    attention_core("full-gqa", core["length"], core["length"], core["kv"], False)
    attention_core("continued", core["queries"], core["length"], core["kv"], True)

    for style in ("half", "interleaved"):
        positions = torch.arange(5, 5 + core["length"], dtype=torch.int32)
        draw = lambda g, positions=positions: {
            "input.x": g.normal(core["batch"], core["heads"], core["length"], core["head"]),
            "buffer.positions": positions,
        }
        cases.append(Case(f"rope-{style}", "rope", {"rope": style, "ropeTheta": SIZES["theta"]}, draw))

    for kind, eps in (("layer", SIZES["layerEps"]), ("rms", SIZES["rmsEps"])):
        draw = lambda g, kind=kind: (
            {"input.x": g.normal(size["batch"], core["length"], d, scale=2.0, mean=0.5)}
            | under("param", draw_norm(g, d, kind))
        )
        cases.append(Case(f"norm-{kind}", "norm", {"norm": kind, "normEps": eps}, draw))
        # Rows with a tiny spread, where eps decides.
        small = lambda g, kind=kind: {"input.x": g.normal(4, d, scale=1e-3)} | under("param", draw_norm(g, d, kind))
        cases.append(Case(f"norm-{kind}-small", "norm", {"norm": kind, "normEps": eps}, small))

    for activation in ("gelu", "gelu_tanh", "silu"):
        special = torch.tensor([0.0, -0.0, 1e-6, -1e-6, 0.5, -0.5, 3.0, -3.0, 6.0, -6.0, 12.0, -12.0, 40.0, -40.0])
        draw = lambda g: {"input.x": torch.cat((special, g.normal(82, scale=2.0)))}
        cases.append(Case(f"activation-{activation}", "activation", {"activation": activation}, draw))

    for activation in ("gelu", "gelu_tanh", "swiglu"):
        draw = lambda g, activation=activation: (
            {"input.x": g.normal(size["batch"], size["length"], d)}
            | under("param", draw_ffn(g, d, size["mlp"], activation))
        )
        cases.append(Case(f"ffn-{activation}", "ffn", {"activation": activation}, draw))

    def cross_entropy(name, ignored, smoothing, scale):
        cfg = {"ignoreIndex": -100, "labelSmoothing": smoothing}

        def draw(g):
            tokens, vocab = size["batch"] * core["length"], SIZES["vocab"]
            targets = g.integers(0, vocab, (tokens,))
            if ignored:
                targets[::4] = -100
            return {"input.logits": g.normal(tokens, vocab, scale=scale), "buffer.targets": targets}

        cases.append(Case(f"cross-entropy-{name}", "crossEntropy", cfg, draw))

    cross_entropy("plain", False, 0.0, 2.0)
    cross_entropy("ignore", True, 0.0, 2.0)
    cross_entropy("smoothing", False, SIZES["smoothing"], 2.0)
    cross_entropy("ignore-smoothing", True, SIZES["smoothing"], 2.0)
    cross_entropy("large", False, 0.0, 60.0)

    options = SIZES["adamw"]
    steps, shapes = 5, {"weight": (d, size["f"]), "bias": (size["f"],), "embedding": (11, d)}
    cfg = {name: value for name, value in options.items() if name != "rate"} | {
        "steps": steps,
        "parameters": list(shapes),
        "decayed": ["weight", "embedding"],
        "learningRates": [options["rate"] * factor for factor in (0.25, 0.5, 1.0, 0.75, 0.5)],
    }

    def draw_adamw(g):
        tensors = {f"buffer.{name}": g.normal(*shape, scale=0.3) for name, shape in shapes.items()}
        for step in range(1, steps + 1):
            scale = 0.005 if step == 3 else 0.1  # step 3 stays below the clipping norm
            tensors |= {
                f"buffer.gradient.step{step}.{name}": g.normal(*shape, scale=scale) for name, shape in shapes.items()
            }
        return tensors

    both = lambda o, t: bool(
        (o["globalNorm"] > options["maxNorm"]).any() and (o["globalNorm"] < options["maxNorm"]).any()
    )
    cases.append(Case("adamw", "adamw", cfg, draw_adamw, differentiable=False, require=both))
    cases.append(Case("schedule-cosine", "schedule", dict(SIZES["schedule"]), lambda g: {}, differentiable=False))
    return cases
