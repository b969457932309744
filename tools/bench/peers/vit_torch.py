"""The benchmark's vision model in PyTorch, eager or compiled: a ViT of ScMoE pos2 pairs on patches that overlap.

Speaks as gpt_torch.py does, whose pairs it is made of, with attention in both directions.
"""

import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from gpt_torch import ScMoEPair, serve


class Vit(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.patches = nn.Conv2d(3, c.d, c.patch, stride=c.stride, padding=(c.patch - c.stride) // 2)
        self.positions = nn.Parameter(torch.randn((c.image // c.stride) ** 2, c.d) * 0.02)
        self.pairs = nn.ModuleList(ScMoEPair(c, causal=False) for _ in range(c.layers // 2))
        self.norm = nn.LayerNorm(c.d)
        self.head = nn.Linear(c.d, c.classes)

    def forward(self, pixels, labels):
        x = self.patches(pixels).flatten(2).transpose(1, 2) + self.positions
        auxiliary = 0.0
        for pair in self.pairs:
            x, extra = pair(x)
            auxiliary = auxiliary + extra
        logits = self.head(self.norm(x).mean(1))
        return F.cross_entropy(logits.float(), labels, label_smoothing=0.1) + 0.01 * auxiliary


def main():
    parser = argparse.ArgumentParser()
    sizes = dict(d=192, layers=6, heads=3, ffn=768, image=32, patch=6, stride=4, classes=10, batch=128, experts=8, top_k=1, threads=1)
    for name, default in sizes.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--mode", choices=["train", "forward"], default="train")
    parser.add_argument("--compile", action="store_true")
    c = parser.parse_args()
    torch.set_num_threads(c.threads)
    torch.manual_seed(0)
    started = time.perf_counter()
    # As PyTorch has pictures fastest on a CPU.
    pixels = torch.randn(c.batch, 3, c.image, c.image).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, c.classes, (c.batch,))
    serve(c, Vit(c), (pixels, labels), started)


if __name__ == "__main__":
    main()
