"""Agreement with the second, naive implementation."""

import numpy as np

from .. import naive
from ..evaluate import given, plain_names


def check_naively(case):
    """False where the naive implementation has no such case."""
    config, stored = case.config, case.tensors
    t = {
        name: tensor.numpy().astype(np.float64 if tensor.is_floating_point() else np.int64)
        for name, tensor in plain_names(given(stored)).items()
    }

    def close(value, name):
        atol = 2e-6 * float(stored[name].abs().max())
        np.testing.assert_allclose(value, stored[name].numpy(), rtol=2e-6, atol=atol, err_msg=f"{case.name} {name}")

    def same(value, name):
        np.testing.assert_array_equal(value, stored[name].numpy(), err_msg=f"{case.name} {name}")

    if case.kind in naive.FORWARD:
        y, experts, balance = naive.FORWARD[case.kind](t["x"], t, config)
        close(y, "output.y")
        same(experts, "output.experts")
        if "output.loadBalance" in stored:
            close(balance, "output.loadBalance")
    elif case.kind == "stack":
        close(naive.blocks(t["x"], t, config)[0], "output.y")
    elif case.kind == "gpt":
        x = np.array([[t["embedding"][i] + t["positions"][s] for s, i in enumerate(row)] for row in t["ids"]])
        x, balance = naive.blocks(x, t, config)
        x = naive.over_rows(x, lambda row: naive.norm_row(row, naive.part(t, "normFinal"), config))
        close(x @ t["embedding"].T, "output.logits")
        close(balance, "output.loadBalance")
    elif case.kind == "router" and config.get("gate") != "cosine":
        experts, weights = naive.router(t["x"], t, config)
        same(experts, "output.experts")
        close(weights, "output.weights")
    elif case.kind == "capacity":
        slots = naive.keep(t["experts"].tolist(), t["weights"].tolist(), config, config["numExperts"])
        rows, choices = range(len(t["experts"])), range(config["topK"])
        same([[slots.get((i, j), -1) for j in choices] for i in rows], "output.slots")
    elif case.kind == "attention":
        close(naive.over_sequences(t["x"], lambda rows: naive.attention_sequence(rows, t, config)), "output.y")
    else:
        return False
    return True
