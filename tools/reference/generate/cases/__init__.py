"""The list of cases. A case draws its tensors; formulas/ computes the rest."""

from .blocks import block_cases
from .case import Case, Draw
from .layers import moe_cases
from .operations import operation_cases
from .pairs import pair_cases
from .routing import bias_update_case, capacity_cases, dropless_cases, router_cases

__all__ = ["Case", "Draw", "all_cases"]


def all_cases():
    return [
        *router_cases(),
        bias_update_case(),
        *capacity_cases(),
        *dropless_cases(),
        *moe_cases(),
        *pair_cases(),
        *block_cases(),
        *operation_cases(),
    ]
