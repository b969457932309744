"""The mathematics of every case, vectorised, in whatever dtype its arguments have.

Conventions: weights are [in, out] (y = x W + b); experts are stacked on axis 0; tokens are the flattened (batch,
sequence), batch major. A forward function takes (config, tensors), where `tensors` maps names without prefix to torch
tensors, and returns a dict of outputs. Keys that start with "_" are for the generator only: "_margin" (smallest gap of
any discrete decision), "_aux" (scalar losses), "_extraLoss" (what the differentiated loss has besides the weighted
output) and "_excludedShare" (what the DGMoE cases require).
"""

from .blocks import every_block, gpt, longcat, pair, stack
from .mixture import moe_case
from .operations import attention, attention_core, ffn, gelu, norm, rope, silu
from .plans import bias_update, capacity_case, dropless_case, router_case
from .training import adamw_case, cross_entropy_case, schedule_case

FORWARD = {
    "router": router_case,
    "biasUpdate": bias_update,
    "capacity": capacity_case,
    "dropless": dropless_case,
    "moe": moe_case,
    "pair": lambda cfg, t: pair(t["x"], t, cfg),
    "everyBlock": lambda cfg, t: every_block(t["x"], t, cfg),
    "stack": stack,
    "longcatBlock": longcat,
    "gpt": gpt,
    "attention": lambda cfg, t: {"y": attention(t["x"], t, cfg)},
    "attentionCore": lambda cfg, t: {"y": attention_core(t["q"], t["k"], t["v"], cfg["causal"])},
    "rope": lambda cfg, t: {"y": rope(t["x"], t["positions"], cfg["ropeTheta"], cfg["rope"])},
    "norm": lambda cfg, t: {"y": norm(t["x"], t, cfg["norm"], cfg["normEps"])},
    "activation": lambda cfg, t: {
        "y": silu(t["x"]) if cfg["activation"] == "silu" else gelu(t["x"], cfg["activation"])
    },
    "ffn": lambda cfg, t: {"y": ffn(t["x"], t, cfg["activation"])},
    "crossEntropy": cross_entropy_case,
    "adamw": adamw_case,
    "schedule": schedule_case,
}
