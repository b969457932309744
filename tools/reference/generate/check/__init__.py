"""Checks what lies in the repository."""

from .checkpoints import check_checkpoints
from .values import check_values


def check(root, thorough):
    check_values(root / "values", thorough)
    check_checkpoints(root / "checkpoints")
