"""The stored outputs and gradients once more, in float64 from the stored tensors alone."""

import torch

from ..evaluate import cotangent_of, evaluate, given
from .compare import EXACT, magnitude, relative


def check_recomputed(case):
    loss_output, cotangent = cotangent_of(case.tensors)
    outputs, gradients = evaluate(
        case.kind, case.config, given(case.tensors), torch.float64, loss_output, cotangent, case.differentiable
    )
    computed = outputs | gradients
    expected = {name for name in case.tensors if name.startswith(("output.", "grad.", "gradOf."))}
    assert expected == set(computed), (case.name, expected ^ set(computed))
    largest = max((magnitude(case.tensors[name]) for name in gradients), default=0)
    for name, value in computed.items():
        if not value.is_floating_point():
            assert torch.equal(value.int(), case.tensors[name]), (case.name, name)
        elif not (name.startswith("grad") and magnitude(value) < 1e-12 * largest):
            error = relative(value, case.tensors[name])
            assert error < EXACT, (case.name, name, error)
