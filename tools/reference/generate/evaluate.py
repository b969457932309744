"""A case's outputs and gradients in a given precision."""

import torch

from .formulas import FORWARD


def plain_names(tensors):
    return {name.split(".", 1)[1]: tensor for name, tensor in tensors.items()}


def given(tensors):
    """What goes into a case, without what comes out."""
    return {name: tensor for name, tensor in tensors.items() if name.startswith(("input.", "param.", "buffer."))}


def cotangent_of(tensors):
    """The output that the loss weights, and its weights; ("y", None) where the loss is the output itself."""
    found = [(name[2:], tensor) for name, tensor in tensors.items() if name.startswith("r.")]
    return found[0] if found else ("y", None)


def to_dtype(tensors, dtype, differentiable):
    out = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().clone().to(dtype) if tensor.is_floating_point() else tensor
        out[name] = tensor.requires_grad_() if differentiable and name.startswith(("input.", "param.")) else tensor
    return out


def evaluate(kind, config, tensors, dtype, loss_output, cotangent, differentiable):
    """Outputs, and gradients of sum(output * cotangent) + extra loss; further gradients for each auxiliary loss on its
    own."""
    leaves = to_dtype(tensors, dtype, differentiable)
    outputs = FORWARD[kind](config, plain_names(leaves))
    gradients = {}
    if differentiable:
        names = [name for name, leaf in leaves.items() if leaf.requires_grad]
        loss = outputs.get("_extraLoss", 0)
        if loss_output in outputs:
            loss = loss + (outputs[loss_output] * cotangent.to(dtype)).sum()
        gradients = gradients_of(loss, leaves, names, "grad", allow_unused=True)
        for which, value in outputs.get("_aux", {}).items():
            gradients |= gradients_of(value, leaves, names, f"gradOf.{which}")
        outputs = outputs | {"loss": loss}
    shown = {f"output.{name}": value.detach() for name, value in outputs.items() if not name.startswith("_")}
    return shown, gradients


def gradients_of(loss, leaves, names, prefix, **options):
    values = torch.autograd.grad(
        loss, [leaves[name] for name in names], retain_graph=True, materialize_grads=True, **options
    )
    return {f"{prefix}.{name}": value for name, value in zip(names, values)}
