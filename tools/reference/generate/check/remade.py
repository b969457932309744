"""Makes all cases again and compares them with those of the repository."""

import tempfile
from pathlib import Path

import torch

from .. import store
from ..make import make
from .compare import magnitude, relative
from .stored_case import read_cases

# A float32 softmax in the drawing differs in its last bits with the vector width of the processor.
TOLERANCE = 3e-7


def check_remade(folder):
    """How many files are the same to the bit, and the largest difference among the others."""
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / "values"
        make(again, store.read_index(folder)["seed"])
        old, new = read_cases(folder), read_cases(again)
    assert [case.name for case in old] == [case.name for case in new]
    same, worst = 0, 0.0
    for before, after in zip(old, new):
        assert (before.config, before.tensors.keys()) == (after.config, after.tensors.keys()), before.name
        differing = [name for name, tensor in before.tensors.items() if not torch.equal(tensor, after.tensors[name])]
        same += not differing
        largest = max(magnitude(tensor) for tensor in before.tensors.values())
        for name in differing:
            assert before.tensors[name].is_floating_point(), (before.name, name)
            # Zero in exact arithmetic (a key bias without RoPE): what is stored is rounding.
            scale = largest if magnitude(before.tensors[name]) < 1e-12 * largest else None
            worst = max(worst, relative(after.tensors[name], before.tensors[name], scale))
            assert worst < TOLERANCE, (before.name, name, worst)
    return same, worst
