"""Capacity of an expert, and the slot of each choice in it."""

from fractions import Fraction
from math import ceil, inf

import torch
import torch.nn.functional as F


def capacity_of(tokens, cfg):
    """ceil(k * factor * T / N), at least minCapacity; None where dropless. Exact arithmetic, and no case on a rounding
    edge."""
    if not cfg["capacityFactor"]:
        return None
    k, n, factor = cfg["topK"], cfg["numExperts"], cfg["capacityFactor"]
    exact = ceil(Fraction(k) * Fraction(str(factor)) * tokens / n)
    orders = {
        ceil(k * factor * tokens / n),
        ceil(factor * tokens / n * k),
        ceil(k * tokens / n * factor),
        ceil(factor * tokens * k / n),
    }
    assert orders == {exact}, f"capacity on a rounding edge: {orders} against {exact}"
    return max(exact, cfg.get("minCapacity", 0))


def place(experts, weights, total, capacity, policy, order):
    """Slots of each choice, (T, k), -1 where dropped; and the gap at the drop boundary."""
    tokens, k = experts.shape
    margin = inf
    if policy == "probability":
        table = torch.full((tokens, total), -inf, dtype=weights.dtype).scatter(1, experts, weights.detach())
        ranked = table.sort(0, descending=True)
        if capacity < tokens:
            edge = ranked.values[capacity - 1] - ranked.values[capacity]
            edge = edge[torch.isfinite(edge)]
            margin = float(edge.min()) if edge.numel() else inf
        rank = ranked.indices.argsort(0)
        kept = (rank < capacity) & torch.isfinite(table)
        slot_table = kept.long().cumsum(0) - 1
        slot_table = torch.where(kept, slot_table, -1)
        return slot_table.gather(1, experts), margin
    sequence = experts.t().reshape(-1) if order == "choice" else experts.reshape(-1)
    position = (F.one_hot(sequence, total).cumsum(0) - 1).gather(1, sequence[:, None])[:, 0]
    position = torch.where(position < capacity, position, -1)
    return (position.reshape(k, tokens).t() if order == "choice" else position.reshape(tokens, k)), margin
