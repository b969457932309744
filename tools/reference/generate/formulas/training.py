"""What a training step adds: cross-entropy, AdamW with clipping, the schedule of the learning rate."""

import torch


def cross_entropy(logits, targets, ignore_index, smoothing):
    """Mean over the targets that count of (1 - e) * nll + e * mean over classes of -log p."""
    counted = targets != ignore_index
    log_p = torch.log_softmax(logits, -1)
    nll = -log_p.gather(1, targets.clamp(min=0)[:, None])[:, 0]
    per_token = (1 - smoothing) * nll - smoothing * log_p.mean(-1)
    return per_token[counted].sum() / counted.sum()


def cross_entropy_case(cfg, t):
    loss = cross_entropy(t["logits"], t["targets"].long(), cfg["ignoreIndex"], cfg["labelSmoothing"])
    return {"loss": loss, "_extraLoss": loss}


def adamw_case(cfg, t):
    """Clip by global norm, then AdamW: p -= lr * decay * p (matrices only); p -= lr * mhat / (sqrt(vhat) + eps)."""
    names = cfg["parameters"]
    params = {name: t[name].clone() for name in names}
    m = {name: torch.zeros_like(params[name]) for name in names}
    v = {name: torch.zeros_like(params[name]) for name in names}
    beta1, beta2 = cfg["beta1"], cfg["beta2"]
    outputs, norms = {}, []
    for step in range(1, cfg["steps"] + 1):
        grads = {name: t[f"gradient.step{step}.{name}"] for name in names}
        total = torch.sqrt(sum((g * g).sum() for g in grads.values()))
        norms.append(total)
        scale = torch.clamp(cfg["maxNorm"] / total, max=1.0)
        rate = cfg["learningRates"][step - 1]
        for name in names:
            g = grads[name] * scale
            m[name] = beta1 * m[name] + (1 - beta1) * g
            v[name] = beta2 * v[name] + (1 - beta2) * g * g
            decay = cfg["weightDecay"] if name in cfg["decayed"] else 0.0
            params[name] = params[name] * (1 - rate * decay)
            update = (m[name] / (1 - beta1**step)) / (torch.sqrt(v[name] / (1 - beta2**step)) + cfg["epsilon"])
            params[name] = params[name] - rate * update
            outputs[f"step{step}.{name}"] = params[name]
    for name in names:
        outputs |= {f"m.{name}": m[name], f"v.{name}": v[name]}
    return outputs | {"globalNorm": torch.stack(norms)}


def schedule_case(cfg, t):
    """Learning rate at step 0, 1, ..., numSteps - 1. fromZero: first step has rate 0. fromFirst: first step has peak /
    (warmup + 1)."""
    steps = torch.arange(cfg["numSteps"], dtype=torch.float64)
    warmup, total, peak, floor = cfg["warmupSteps"], cfg["totalSteps"], cfg["peak"], cfg["minimum"]
    progress = ((steps - warmup) / (total - warmup)).clamp(0, 1)
    cosine = floor + (peak - floor) * 0.5 * (1 + torch.cos(torch.pi * progress))
    return {
        "fromZero": torch.where(steps < warmup, peak * steps / warmup, cosine),
        "fromFirst": torch.where(steps < warmup, peak * (steps + 1) / (warmup + 1), cosine),
    }
