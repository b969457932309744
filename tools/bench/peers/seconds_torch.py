"""A dense GPT in PyTorch that is trained for so many seconds of steps: the peer of `npm run bench -- seconds`.

Called with a folder of `train.i32` and `validation.i32` and a JSON description; prints one JSON line with its curve. With
`pace`, a step counts for so many seconds whatever it takes; with `paceSteps`, only their median is measured.
"""

import json
import math
import os
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from blocks_torch import Attention, FeedForward

VALIDATION_BATCHES = 16


class Block(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(2))
        self.attention, self.mlp = Attention(d, heads), FeedForward(d, hidden)

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.mlp(self.norms[1](x))


class Gpt(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["dModel"]
        self.tokens = nn.Embedding(c["vocabSize"], d)
        self.positions = nn.Parameter(torch.zeros(c["sequenceLength"], d))
        self.blocks = nn.ModuleList(Block(d, c["numHeads"], c["ffnHidden"]) for _ in range(c["numLayers"]))
        self.norm = nn.LayerNorm(d)
        # GPT-2's start, as ours.
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                is_added = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * c["numLayers"]) if is_added else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def loss(self, ids, targets):
        x = self.tokens(ids) + self.positions
        for block in self.blocks:
            x = block(x)
        logits = self.norm(x) @ self.tokens.weight.T
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def rate_at(c, elapsed):
    """Warm-up over a twentieth of the time, then half a cosine to a tenth of the peak."""
    total, warmup = c["seconds"], c["seconds"] / 20
    if elapsed < warmup:
        return c["lr"] * elapsed / warmup
    progress = min(1.0, (elapsed - warmup) / (total - warmup))
    return c["lr"] * (0.1 + 0.9 * (1 + math.cos(math.pi * progress)) / 2)


def main():
    folder, c = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(c["threads"])
    torch.manual_seed(c["seed"])
    read = lambda part: torch.from_file(os.path.join(folder, part), dtype=torch.int32, size=os.path.getsize(os.path.join(folder, part)) // 4).long()
    train, validation = read("train.i32"), read("validation.i32")
    length, batch = c["sequenceLength"], c["batchSize"]
    model = Gpt(c)
    weights, others = ([p for p in model.parameters() if (p.dim() > 1) == decays] for decays in (True, False))
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=c["lr"], betas=(0.9, 0.95), fused=True)
    window = torch.arange(length)

    def loss_at(ids, starts):
        places = starts[:, None] + window
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=c["precision"] == "bf16"):
            return model.loss(ids[places], ids[places + 1])

    num_windows = (len(validation) - 1) // length
    chosen = min(num_windows, VALIDATION_BATCHES * batch)
    starts = torch.arange(chosen) * num_windows // chosen * length

    def measure():
        with torch.no_grad():
            losses = [loss_at(validation, part).item() * len(part) for part in starts.split(batch)]
        return sum(losses) / chosen

    def advance(elapsed):
        begin = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = rate_at(c, elapsed)
        optimizer.zero_grad(set_to_none=True)
        loss_at(train, torch.randint(len(train) - length, (batch,))).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return time.perf_counter() - begin

    if "paceSteps" in c:
        times = [advance(0.0) for _ in range(4 + c["paceSteps"])][4:]
        print(json.dumps({"pace": statistics.median(times)}))
        return
    curve = [{"seconds": 0, "step": 0, "loss": measure()}]
    elapsed, step = 0.0, 0
    while elapsed < c["seconds"]:
        taken = advance(elapsed)
        step += 1
        elapsed = step * c["pace"] if "pace" in c else elapsed + taken
        if elapsed >= c["seconds"] * len(curve) / c["numPoints"]:
            curve.append({"seconds": elapsed, "step": step, "loss": measure()})
    count = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"numParameters": count, "numActiveParameters": count, "curve": curve}))


main()
