"""transformers' own routers on the router cases that they can express."""

from types import SimpleNamespace

import torch
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2TopkRouter
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter
from transformers.models.longcat_flash.modeling_longcat_flash import LongcatFlashTopkRouter


def check_router(case):
    """Experts and weights of the DeepSeek and LongCat-Flash routers; False where none of them has the options."""
    t = case.tensors
    router = router_of(case.config, t["input.x"].shape[-1])
    if router is None:
        return False
    with torch.no_grad():
        weight = router.classifier.weight if isinstance(router, LongcatFlashTopkRouter) else router.weight
        weight.copy_(t["param.router.weight"].T)
        if case.config.get("correctionBias"):
            router.e_score_correction_bias.copy_(t["buffer.correctionBias"])
        weights, experts = router(t["input.x"])[-2:]
    own, theirs = t["output.experts"].sort(-1), experts.sort(-1)
    assert torch.equal(own.values, theirs.values.int()), case.name
    agree = torch.allclose(t["output.weights"].gather(1, own.indices), weights.gather(1, theirs.indices), atol=1e-6)
    assert agree, case.name
    return True


def router_of(config, width):
    sigmoid = config["scoreFunction"] == "sigmoid"
    plain = not (config.get("noisy") or config.get("gate") == "cosine")
    total = config["numExperts"] + config.get("numZeroExperts", 0)
    shared = dict(
        num_experts_per_tok=config["topK"],
        hidden_size=width,
        routed_scaling_factor=config.get("routedScalingFactor", 1.0),
        n_group=config.get("numGroups", 1),
        topk_group=config.get("topKGroups", 1),
    )
    if sigmoid and plain and config.get("groupScore") != "max":
        own = dict(num_local_experts=total, norm_topk_prob=config["normalizeWeights"])
        return DeepseekV3TopkRouter(SimpleNamespace(**own, **shared))
    if not sigmoid and config.get("groupScore") == "max":
        own = dict(num_experts=total, topk_method="group_limited_greedy")
        return DeepseekV2TopkRouter(SimpleNamespace(**own, **shared))
    if not sigmoid and plain and not config.get("numGroups") and not config["normalizeWeights"]:
        own = dict(
            num_local_experts=total,
            n_routed_experts=config["numExperts"],
            zero_expert_num=config.get("numZeroExperts", 0),
            router_bias=False,
        )
        return LongcatFlashTopkRouter(SimpleNamespace(**own, **shared))
    return None
