"""Finite differences of the losses, in float64, against the stored gradients."""

import torch

from ..evaluate import cotangent_of, given, plain_names
from ..formulas import FORWARD

TOLERANCE = 2e-6


def in_float64(tensors):
    return {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def check_directions(case):
    """d/dh loss(z + h v) by central differences against grad . v, for three random directions v over all inputs and
    parameters."""
    leaves = in_float64(given(case.tensors))
    moving = [name for name in leaves if f"grad.{name}" in case.tensors]
    h = 1e-6 if case.name.endswith("-small") else 1e-5
    generator = torch.Generator().manual_seed(5)
    worst = 0.0
    for _ in range(3):
        direction = {name: torch.randn(leaves[name].shape, generator=generator, dtype=torch.float64) for name in moving}
        shifted = lambda step: leaves | {name: leaves[name] + step * direction[name] for name in moving}
        up, down = losses(case, shifted(h)), losses(case, shifted(-h))
        for prefix in up:
            gradients = {name: case.tensors[f"{prefix}.{name}"].double() for name in moving}
            slope = sum(float((gradients[name] * direction[name]).sum()) for name in moving)
            scale = max(sum(float((gradient**2).sum()) for gradient in gradients.values()) ** 0.5, 1e-12)
            worst = max(worst, abs((up[prefix] - down[prefix]) / (2 * h) - slope) / scale)
    assert worst < TOLERANCE, (case.name, worst)
    return worst


def losses(case, point):
    """Each differentiated scalar at a point, by the prefix of its gradients."""
    loss_output, cotangent = cotangent_of(case.tensors)
    outputs = FORWARD[case.kind](case.config, plain_names(point))
    total = outputs.get("_extraLoss", 0.0)
    if loss_output in outputs:
        total = total + (outputs[loss_output] * cotangent.double()).sum()
    return {"grad": float(total)} | {f"gradOf.{name}": float(value) for name, value in outputs.get("_aux", {}).items()}


def check_jacobian(case):
    """torch.autograd.gradcheck: every derivative of every output element."""
    leaves = in_float64(given(case.tensors))
    moving = [name for name in leaves if f"grad.{name}" in case.tensors]
    loss_output = cotangent_of(case.tensors)[0]

    def function(*values):
        outputs = FORWARD[case.kind](case.config, plain_names(leaves | dict(zip(moving, values))))
        return outputs[loss_output] if loss_output in outputs else outputs["_extraLoss"]

    inputs = [leaves[name].clone().requires_grad_() for name in moving]
    assert torch.autograd.gradcheck(function, inputs, eps=1e-6, atol=1e-6, rtol=1e-4), case.name
