"""Makes the values: one file per case, and the index.

Everything is drawn in float32, computed in float64 and stored in float32. A case is redrawn until every discrete
decision in it (which expert, which token is dropped) has a margin that float32 rounding cannot cross, and until it
exercises what it is named for.
"""

import hashlib
import json
from math import inf

import torch

from . import store
from .cases import Draw, all_cases
from .evaluate import evaluate, plain_names, to_dtype
from .formulas import FORWARD

SEED = 1
MARGIN = 1e-3
ATTEMPTS = 4000


def make(folder, seed=SEED):
    """Writes all cases below an empty or absent folder."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"make: expected an empty folder, got {folder}")
    entries = [make_case(case, seed, folder) for case in all_cases()]
    if len({entry["name"] for entry in entries}) != len(entries):
        raise RuntimeError("two cases have the same name")
    store.write_index(folder, {"seed": seed, "torch": torch.__version__.split("+")[0], "cases": entries})
    return entries


def make_case(case, seed, folder):
    tensors, cotangent, margin = draw_accepted(case, seed)
    arguments = (case.kind, case.config, tensors)
    outputs, gradients = evaluate(*arguments, torch.float64, case.loss_output, cotangent, case.differentiable)
    low_outputs, low_gradients = evaluate(*arguments, torch.float32, case.loss_output, cotangent, case.differentiable)
    contents = tensors | outputs | gradients
    if cotangent is not None:
        contents[f"r.{case.loss_output}"] = cotangent
    contents = {name: store.stored(tensor) for name, tensor in contents.items()}
    for name, tensor in contents.items():
        assert not tensor.is_floating_point() or torch.isfinite(tensor).all(), f"{case.name} {name} is not finite"
    entry = {"name": case.name, "kind": case.kind}
    path = store.case_path(folder, entry)
    store.write(path, contents, metadata_of(case))
    return {
        **entry,
        "sha256": store.sha256(path),
        **({"smallestMargin": round(margin, 6)} if margin != inf else {}),
        "float32Error": {
            "outputs": float(f"{float32_error(outputs, low_outputs):.2g}"),
            "gradients": float(f"{float32_error(gradients, low_gradients):.2g}"),
        },
    }


def metadata_of(case):
    metadata = {
        "format": store.FORMAT,
        "name": case.name,
        "kind": case.kind,
        "config": json.dumps(case.config, sort_keys=True),
    }
    return metadata | ({"loss": loss_text(case)} if case.differentiable else {})


def seed_of(*parts):
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:7], "big")


def draw_accepted(case, seed):
    """Draws until the margins and the case's own requirement hold."""
    for attempt in range(ATTEMPTS):
        draw = Draw(seed_of(seed, case.name, attempt))
        tensors = case.draw(draw)
        with torch.no_grad():
            outputs = FORWARD[case.kind](case.config, plain_names(to_dtype(tensors, torch.float64, False)))
        visible = {name: value for name, value in outputs.items() if name not in ("_aux", "_extraLoss")}
        margin = outputs.get("_margin", inf)
        if margin >= MARGIN and case.require(visible, plain_names(tensors)):
            weighted = case.differentiable and case.loss_output in outputs
            return tensors, draw.normal(*outputs[case.loss_output].shape) if weighted else None, margin
    raise RuntimeError(f"{case.name}: no draw accepted in {ATTEMPTS} attempts")


def float32_error(exact, rounded):
    """Largest |float32 - float64| in units of the tensor's largest magnitude, over outputs or gradients.

    Left out: gradients that are zero but for rounding (a key bias: softmax does not see it), and the loss, whose terms
    cancel.
    """
    worst = 0.0
    floats = [value for value in exact.values() if value.is_floating_point() and value.numel()]
    largest = max((float(value.abs().max()) for value in floats), default=0)
    for name, value in exact.items():
        other = rounded[name]
        if not value.is_floating_point():
            assert torch.equal(value, other), f"{name}: float32 decides differently"
            continue
        scale = float(value.abs().max()) if value.numel() else 0
        if scale > 1e-12 * largest and name != "output.loss":
            worst = max(worst, float((value - other.to(value.dtype)).abs().max()) / scale)
    return worst


def loss_text(case):
    if case.kind == "gpt":
        return "output.crossEntropy + auxLossCoefficient * output.loadBalance"
    if case.kind == "crossEntropy":
        return "output.loss"
    text = f"sum(output.{case.loss_output} * r.{case.loss_output})"
    return text + (" + auxLossCoefficient * output.loadBalance" if case.config.get("auxLossCoefficient") else "")
