"""The same layers a second time, on purpose naive: numpy, one token, one head, one expert at a time, nothing shared
with formulas/."""

import math

import numpy as np


def part(t, prefix):
    return {name[len(prefix) + 1 :]: value for name, value in t.items() if name.startswith(prefix + ".")}


def norm_row(row, p, cfg):
    d = len(row)
    if cfg["norm"] == "layer":
        mean = sum(row) / d
        variance = sum((v - mean) ** 2 for v in row) / d
        return np.array(
            [(row[i] - mean) / math.sqrt(variance + cfg["normEps"]) * p["weight"][i] + p["bias"][i] for i in range(d)]
        )
    square = sum(v * v for v in row) / d
    return np.array([row[i] / math.sqrt(square + cfg["normEps"]) * p["weight"][i] for i in range(d)])


def act(v, kind):
    if kind == "gelu":
        return 0.5 * v * (1 + math.erf(v / math.sqrt(2)))
    if kind == "gelu_tanh":
        return 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))
    return v / (1 + math.exp(-v))


def ffn_row(row, p, kind):
    if kind == "swiglu":
        hidden = np.array([act(g, "silu") * u for g, u in zip(row @ p["gate"], row @ p["up"])])
        return hidden @ p["down"]
    hidden = np.array([act(v, kind) for v in row @ p["w1"] + p["b1"]])
    return hidden @ p["w2"] + p["b2"]


def rotate(vector, position, cfg):
    size = len(vector)
    out = vector.copy()
    for i in range(size // 2):
        a, b = (i, i + size // 2) if cfg["rope"] == "half" else (2 * i, 2 * i + 1)
        angle = position / cfg["ropeTheta"] ** (2 * i / size)
        out[a] = vector[a] * math.cos(angle) - vector[b] * math.sin(angle)
        out[b] = vector[b] * math.cos(angle) + vector[a] * math.sin(angle)
    return out


def attention_sequence(rows, p, cfg):
    heads, kv_heads = cfg["numHeads"], cfg["numKvHeads"]
    size = p["wq"].shape[1] // heads
    project = lambda row, name: row @ p["w" + name] + (p["b" + name] if "b" + name in p else 0)
    turn = (lambda v, s: rotate(v, s, cfg)) if cfg.get("rope") else (lambda v, s: v)
    out = []
    for s, row in enumerate(rows):
        pieces = []
        for h in range(heads):
            kv = h // (heads // kv_heads)
            cut = lambda v, head: v[head * size : (head + 1) * size]
            query = turn(cut(project(row, "q"), h), s)
            reach = range(s + 1) if cfg["causal"] else range(len(rows))
            scores = [query @ turn(cut(project(rows[j], "k"), kv), j) / math.sqrt(size) for j in reach]
            top = max(scores)
            weights = [math.exp(v - top) for v in scores]
            pieces.append(sum(w / sum(weights) * cut(project(rows[j], "v"), kv) for w, j in zip(weights, reach)))
        out.append(project(np.concatenate(pieces), "o"))
    return np.array(out)


def route_row(row, t, cfg, noise=None, excluded=None):
    """Experts, weights, full scores and logits of one token."""
    logits = row @ t["router.weight"]
    if noise is not None:
        logits = logits + noise * np.log1p(np.exp(row @ t["router.noiseWeight"]))
    if cfg.get("scoreFunction", "softmax") == "sigmoid":
        scores = 1 / (1 + np.exp(-logits))
    else:
        scores = np.exp(logits - logits.max())
        scores = scores / scores.sum()
    choosing = list(scores + t["correctionBias"]) if cfg.get("correctionBias") else list(scores)
    if cfg.get("numGroups"):
        width = len(scores) // cfg["numGroups"]
        value = []
        for g in range(cfg["numGroups"]):
            members = sorted(choosing[g * width : (g + 1) * width], reverse=True)
            value.append(members[0] if cfg["groupScore"] == "max" else members[0] + members[1])
        stay = sorted(range(cfg["numGroups"]), key=lambda g: -value[g])[: cfg["topKGroups"]]
        choosing = [v if i // width in stay else -math.inf for i, v in enumerate(choosing)]
    if excluded is not None:
        choosing[excluded] = -math.inf
    experts = sorted(range(len(choosing)), key=lambda i: -choosing[i])[: cfg["topK"]]
    weights = [scores[e] for e in experts]
    if cfg["normalizeWeights"]:
        weights = [w / sum(weights) for w in weights]
    return experts, [w * cfg.get("routedScalingFactor", 1) for w in weights], scores, logits


def keep(experts, weights, cfg, total):
    """Which (token, rank) pairs find room, and their slot; a dictionary."""
    tokens, k = len(experts), cfg["topK"]
    if not cfg["capacityFactor"]:
        return {(t, j): -1 for t in range(tokens) for j in range(k)}
    room = max(math.ceil(k * cfg["capacityFactor"] * tokens / cfg["numExperts"] - 1e-9), cfg.get("minCapacity", 0))
    slots = {}
    if cfg["dropPolicy"] == "probability":
        for e in range(total):
            wanting = [(weights[t][j], t, j) for t in range(tokens) for j in range(k) if experts[t][j] == e]
            winners = sorted(wanting, reverse=True)[:room]
            for slot, (_, t, j) in enumerate(sorted(winners, key=lambda w: w[1])):
                slots[t, j] = slot
        return slots
    by_choice = [(t, j) for j in range(k) for t in range(tokens)]
    by_token = [(t, j) for t in range(tokens) for j in range(k)]
    taken = [0] * total
    for t, j in by_choice if cfg.get("capacityOrder", "choice") == "choice" else by_token:
        e = experts[t][j]
        if taken[e] < room:
            slots[t, j] = taken[e]
            taken[e] += 1
    return slots


def mixture_rows(rows, t, cfg, excluded=None):
    chosen = [route_row(row, t, cfg, excluded=None if excluded is None else excluded[i]) for i, row in enumerate(rows)]
    experts, weights = [c[0] for c in chosen], [c[1] for c in chosen]
    slots = keep(experts, weights, cfg, cfg["numExperts"])
    out = np.zeros_like(rows)
    for i, row in enumerate(rows):
        for j, (e, w) in enumerate(zip(experts[i], weights[i])):
            if (i, j) not in slots:
                continue
            if e >= cfg["numExperts"]:
                out[i] += (w if cfg["scaleZeroExperts"] else w / cfg["routedScalingFactor"]) * row
            else:
                out[i] += w * ffn_row(
                    row, {name: value[e] for name, value in part(t, "experts").items()}, cfg["activation"]
                )
    first = [sum(e[0] == n for e in experts) / len(rows) for n in range(cfg["numExperts"])]
    balance = cfg["numExperts"] * sum(f * sum(c[2][n] for c in chosen) / len(rows) for n, f in enumerate(first))
    return out, experts, balance


def merge_row(u, routed, t, cfg):
    shared = ffn_row(u, part(t, "shared"), cfg["activation"])
    if cfg["mix"] == "add":
        return shared + routed
    gate = u @ t["mix.weight"]
    if cfg["mix"] == "cg1":
        return shared / (1 + math.exp(-gate[0])) + routed
    total = math.exp(gate[0]) + math.exp(gate[1])
    return math.exp(gate[0]) / total * shared + math.exp(gate[1]) / total * routed


def over_sequences(x, function):
    return np.array([function(sequence) for sequence in x])


def over_rows(x, function):
    return np.array([[function(row) for row in sequence] for sequence in x])


def finish(base, u, routed, t, cfg):
    """base + (post-normed) merge, per token."""
    out = np.array(base)
    for index in np.ndindex(*base.shape[:2]):
        row = routed[index] if cfg["layer"] in ("standard", "dgmoe") else merge_row(u[index], routed[index], t, cfg)
        out[index] = base[index] + (norm_row(row, part(t, "normPost"), cfg) if cfg.get("postNorm") else row)
    return out


def shortcut(tap, t, cfg):
    if cfg["shortcutNorm"] == "none":
        return tap
    name = (
        "normShortcut"
        if cfg["shortcutNorm"] == "own"
        else {"mlp": "normMlp", "sharedExpert": "normMoe"}[cfg["sharedNormOf"]]
    )
    return over_rows(tap, lambda row: norm_row(row, part(t, name), cfg))


def pair(x, t, cfg):
    n = lambda v, name: over_rows(v, lambda row: norm_row(row, part(t, name), cfg))
    attend = lambda v, name: over_sequences(v, lambda rows: attention_sequence(rows, part(t, name), cfg))
    a = x + attend(n(x, "normAttn1"), "attn1")
    b = a + over_rows(n(a, "normMlp"), lambda row: ffn_row(row, part(t, "mlp"), cfg["activation"]))
    c = b + attend(n(b, "normAttn2"), "attn2")
    u = n(c, "normMoe")
    s = (
        u
        if cfg["layer"] in ("standard", "shared")
        else shortcut({"pos1": b, "pos2": a, "pos3": x}[cfg["position"]], t, cfg)
    )
    flat = lambda v: v.reshape(-1, v.shape[-1])
    routed, experts, balance = mixture_rows(flat(s), t, cfg)
    if cfg["layer"] == "dgmoe":
        again, _, second = mixture_rows(flat(u), t, cfg, [e[0] for e in experts])
        routed, balance = routed + again, balance + second
    return finish(c, u, routed.reshape(x.shape), t, cfg), np.array(experts), balance


def every_block(x, t, cfg):
    n = lambda v, name: over_rows(v, lambda row: norm_row(row, part(t, name), cfg))
    c = x + over_sequences(n(x, "normAttn"), lambda rows: attention_sequence(rows, part(t, "attn"), cfg))
    s = shortcut(x, t, cfg)
    routed, experts, balance = mixture_rows(s.reshape(-1, s.shape[-1]), t, cfg)
    return finish(c, n(c, "normMoe"), routed.reshape(x.shape), t, cfg), np.array(experts), balance


def moe(x, t, cfg):
    routed, experts, balance = mixture_rows(x, t, cfg)
    y = np.array([merge_row(u, r, t, cfg) for u, r in zip(x, routed)]) if cfg["layer"] == "shared" else routed
    return y, np.array(experts), balance


def longcat(x, t, cfg):
    n = lambda v, name: over_rows(v, lambda row: norm_row(row, part(t, name), cfg))
    attend = lambda v, name: over_sequences(v, lambda rows: attention_sequence(rows, part(t, name), cfg))
    feed = lambda v, name: over_rows(v, lambda row: ffn_row(row, part(t, name), cfg["activation"]))
    a = x + attend(n(x, "normAttn0"), "attn0")
    u = n(a, "normFfn0")
    routed, experts, balance = mixture_rows(u.reshape(-1, u.shape[-1]), t, cfg)
    b = a + feed(u, "ffn0")
    c = b + attend(n(b, "normAttn1"), "attn1")
    return c + feed(n(c, "normFfn1"), "ffn1") + routed.reshape(x.shape), np.array(experts), balance


def blocks(x, t, cfg):
    total = 0.0
    for index, own in enumerate(cfg["blocks"]):
        options = {**cfg, **own}
        x, _, balance = (every_block if options["layer"] == "everyBlock" else pair)(
            x, part(t, f"block{index}"), options
        )
        total += balance
    return x, total


def router(x, t, cfg):
    rows = [route_row(row, t, cfg, t["noise"][i] if cfg.get("noisy") else None) for i, row in enumerate(x)]
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows])


FORWARD = {"pair": pair, "everyBlock": every_block, "moe": moe, "longcatBlock": longcat}
