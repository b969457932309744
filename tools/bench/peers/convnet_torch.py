"""The benchmark's convolutional net in PyTorch, eager or compiled. Speaks as gpt_torch.py does."""

import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from gpt_torch import serve


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 64, 512), nn.ReLU(), nn.Linear(512, 10))

    def forward(self, pixels, labels):
        return F.cross_entropy(self.head(self.features(pixels)).float(), labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--mode", choices=["train", "forward"], default="train")
    parser.add_argument("--compile", action="store_true")
    c = parser.parse_args()
    torch.set_num_threads(c.threads)
    torch.manual_seed(0)
    started = time.perf_counter()
    # As PyTorch has pictures fastest on a CPU.
    pixels = torch.randn(c.batch, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (c.batch,))
    serve(c, ConvNet(), (pixels, labels), started)


if __name__ == "__main__":
    main()
