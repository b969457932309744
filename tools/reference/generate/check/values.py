"""All checks of the values."""

from .against_torch import check_against_torch
from .coverage import check_coverage
from .differences import check_directions, check_jacobian
from .naively import check_naively
from .recomputed import check_recomputed
from .remade import check_remade
from .routers import check_router
from .stored_case import read_cases

JACOBIAN = (
    "router-softmax-top2",
    "router-groups-top2",
    "router-cosine-top2",
    "moe-top1-gelu-capacity",
    "shared-top1-swiglu-cg2",
    "norm-layer-small",
    "attention-core-continued",
    "cross-entropy-ignore-smoothing",
)
SLOW_JACOBIAN = (
    "attention-causal-gqa-rope",
    "pair-scmoe-pos2-cg1",
    "pair-dgmoe-pos1",
    "every-capacity",
    "longcat-block-scaled",
)


def check_values(folder, thorough):
    cases = read_cases(folder)
    same, worst = check_remade(folder)
    print(f"made again: {same} of {len(cases)} files the same to the bit, the others within {worst:.1e}")

    for case in cases:
        check_recomputed(case)
    print(f"recomputed in float64 from the stored inputs: {len(cases)}")

    differentiable = [case for case in cases if case.differentiable]
    worst = max(check_directions(case) for case in differentiable)
    print(f"finite differences in random directions: {len(differentiable)}, within {worst:.1e} of the gradient's norm")
    every_derivative = [case for case in cases if case.name in (JACOBIAN + SLOW_JACOBIAN if thorough else JACOBIAN)]
    for case in every_derivative:
        check_jacobian(case)
    print(f"finite differences of every derivative: {len(every_derivative)}")

    print(f"the naive implementation agrees on {sum(map(check_naively, cases))}")
    print(f"torch's own functions agree on {sum(map(check_against_torch, cases))}")
    routers = [case for case in cases if case.kind == "router"]
    print(f"transformers' routers agree on {sum(map(check_router, routers))}")
    check_coverage(cases)
