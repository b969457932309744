"""The benchmark's model in PyTorch, eager or compiled: a GPT of ScMoE pos2 pairs (arXiv 2404.05019), dropless top-1.

Written the way a good PyTorch user would: scaled_dot_product_attention, one fused q/k/v product, tokens sorted by expert
and a loop over the experts' slices, fused AdamW. Reads commands from standard input (`run N` does N steps) and answers
each with one JSON line, so that the benchmark can alternate the contenders within one run.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from blocks_torch import Attention, FeedForward


class RoutedExperts(nn.Module):
    """Dropless top-k over experts stacked on axis 0."""

    def __init__(self, d, hidden, experts, top_k):
        super().__init__()
        self.experts, self.top_k = experts, top_k
        self.router = nn.Linear(d, experts, bias=False)
        self.w1 = nn.Parameter(torch.randn(experts, d, hidden) * 0.02)
        self.b1 = nn.Parameter(torch.zeros(experts, hidden))
        self.w2 = nn.Parameter(torch.randn(experts, hidden, d) * 0.02)
        self.b2 = nn.Parameter(torch.zeros(experts, d))

    def forward(self, x):
        tokens = x.reshape(-1, x.shape[-1])
        with torch.autocast(x.device.type, enabled=False):
            scores = self.router(tokens.float()).softmax(-1)
        weights, chosen = scores.topk(self.top_k, dim=-1)
        if self.top_k > 1:
            weights = weights / weights.sum(-1, keepdim=True)
        first = F.one_hot(chosen[:, 0], self.experts).float().mean(0)
        auxiliary = self.experts * (scores.mean(0) * first).sum()
        order = chosen.reshape(-1).argsort(stable=True)
        counts = chosen.reshape(-1).bincount(minlength=self.experts).tolist()
        source = order // self.top_k
        rows = tokens.index_select(0, source)
        outputs, start = [], 0
        for e, count in enumerate(counts):
            part = rows[start : start + count]
            outputs.append(F.gelu(part @ self.w1[e] + self.b1[e]) @ self.w2[e] + self.b2[e])
            start += count
        weighted = torch.cat(outputs) * weights.reshape(-1, 1).index_select(0, order)
        return torch.zeros_like(tokens).index_add(0, source, weighted.to(tokens.dtype)).view_as(x), auxiliary


class ScMoEPair(nn.Module):
    def __init__(self, c, causal=True):
        super().__init__()
        d = c.d
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(5))
        self.attention1, self.attention2 = Attention(d, c.heads, causal), Attention(d, c.heads, causal)
        self.mlp, self.shared = FeedForward(d, c.ffn), FeedForward(d, c.ffn)
        self.routed = RoutedExperts(d, c.ffn, c.experts, c.top_k)
        self.mix = nn.Linear(d, 1, bias=False)

    def forward(self, x):
        n_attention1, n_mlp, n_attention2, n_moe, n_shortcut = self.norms
        a = x + self.attention1(n_attention1(x))
        routed, auxiliary = self.routed(n_shortcut(a))
        b = a + self.mlp(n_mlp(a))
        c = b + self.attention2(n_attention2(b))
        u = n_moe(c)
        return c + torch.sigmoid(self.mix(u)) * self.shared(u) + routed, auxiliary


class Gpt(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embedding = nn.Embedding(c.vocab, c.d)
        self.positions = nn.Parameter(torch.randn(c.sequence, c.d) * 0.02)
        self.pairs = nn.ModuleList(ScMoEPair(c) for _ in range(c.layers // 2))
        self.norm = nn.LayerNorm(c.d)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, ids, targets):
        x = self.embedding(ids) + self.positions
        auxiliary = 0.0
        for pair in self.pairs:
            x, extra = pair(x)
            auxiliary = auxiliary + extra
        logits = self.norm(x) @ self.embedding.weight.t()
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten()) + 0.01 * auxiliary


def serve(c, model, batch, started):
    """Trains or runs `model(*batch)`, a loss, and answers each `run N` with one JSON line."""
    step_model = torch.compile(model) if c.compile else model
    device = batch[0].device
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)

    def step():
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=c.precision == "bf16"):
            if c.mode == "forward":
                with torch.no_grad():
                    return step_model(*batch)
            loss = step_model(*batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    float(step())
    first = time.perf_counter() - started
    print(json.dumps({"ready": True, "version": "PyTorch " + torch.__version__, "firstStepSeconds": first, "parameters": sum(p.numel() for p in model.parameters())}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[:1] != ["run"]:
            break
        begin = time.perf_counter()
        for _ in range(int(words[1])):
            loss = step()
        loss = float(loss)  # waits for the device
        print(json.dumps({"seconds": time.perf_counter() - begin, "loss": loss}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    for name, default in dict(d=256, layers=8, heads=8, ffn=1024, sequence=256, batch=8, experts=8, top_k=1, vocab=256, threads=1).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--mode", choices=["train", "forward"], default="train")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="cpu")
    c = parser.parse_args()
    if c.compile:  # slices whose sizes are data are beyond the compiler
        RoutedExperts.forward = torch.compiler.disable(RoutedExperts.forward)
    torch.set_num_threads(c.threads)
    torch.manual_seed(0)
    started = time.perf_counter()
    ids = torch.randint(0, c.vocab, (c.batch, c.sequence + 1)).to(c.device)
    serve(c, Gpt(c).to(c.device), (ids[:, :-1], ids[:, 1:]), started)


if __name__ == "__main__":
    main()
