"""A case, and the random tensors it is made of."""

from dataclasses import dataclass, field
from typing import Callable

import torch


@dataclass
class Case:
    name: str
    kind: str
    config: dict
    draw: Callable  # Draw -> {prefixed name: float32 or int32 tensor}
    loss_output: str = "y"
    require: Callable = field(default=lambda outputs, tensors: True)  # redraw until it holds
    differentiable: bool = True


class Draw:
    """Random float32 tensors from one generator."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(*shape, generator=self.generator)

    def integers(self, low, high, shape):
        return torch.randint(low, high, shape, generator=self.generator, dtype=torch.int32)

    def weight(self, *shape, gain=1.0):
        """[..., in, out] with variance gain^2 / in."""
        return self.normal(*shape, scale=gain / shape[-2] ** 0.5)

    def bias(self, *shape):
        return self.normal(*shape, scale=0.2)


def under(prefix, tensors):
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}
