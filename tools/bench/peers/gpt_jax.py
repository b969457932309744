"""The benchmark's model in JAX, compiled: a GPT of ScMoE pos2 pairs (arXiv 2404.05019), dropless top-1.

Written the way a good JAX user would: one jitted step with donated state, tokens sorted by expert, jax.lax.ragged_dot over
the experts' slices, jax.nn.dot_product_attention, float32 parameters with products in bf16. It speaks as gpt_torch.py does.
"""

import argparse
import json
import os
import sys
import time


def arguments():
    parser = argparse.ArgumentParser()
    for name, default in dict(d=256, layers=8, heads=8, ffn=1024, sequence=256, batch=8, experts=8, vocab=256).items():
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    return parser.parse_args()


c = arguments()
os.environ.setdefault("JAX_PLATFORMS", c.device)

import jax
import jax.numpy as jnp

product_type = jnp.bfloat16 if c.precision == "bf16" else jnp.float32


def linear(p, x):
    return x.astype(product_type) @ p["w"].astype(product_type) + p["b"].astype(product_type)


def norm(p, x):
    x = x.astype(jnp.float32)
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p["scale"] + p["bias"]


def attention(p, x):
    b, s, d = x.shape
    q, k, v = (t.reshape(b, s, c.heads, -1) for t in jnp.split(linear(p["qkv"], x), 3, axis=-1))
    y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    return linear(p["out"], y.reshape(b, s, d))


def feed_forward(p, x):
    return linear(p["down"], jax.nn.gelu(linear(p["up"], x), approximate=False))


def routed_experts(p, x):
    tokens = x.reshape(-1, x.shape[-1])
    scores = jax.nn.softmax(tokens @ p["router"])
    chosen = scores.argmax(-1)
    weight = jnp.take_along_axis(scores, chosen[:, None], 1)
    share = jax.nn.one_hot(chosen, c.experts).mean(0)
    auxiliary = c.experts * (scores.mean(0) * share).sum()
    order = jnp.argsort(chosen, stable=True)
    counts = jnp.bincount(chosen, length=c.experts).astype(jnp.int32)
    rows, of_expert = tokens[order].astype(product_type), chosen[order]
    hidden = jax.lax.ragged_dot(rows, p["w1"].astype(product_type), counts) + p["b1"][of_expert]
    hidden = jax.nn.gelu(hidden, approximate=False).astype(product_type)
    output = jax.lax.ragged_dot(hidden, p["w2"].astype(product_type), counts) + p["b2"][of_expert]
    combined = jnp.zeros_like(tokens).at[order].set(output.astype(tokens.dtype)) * weight
    return combined.reshape(x.shape), auxiliary


def pair(p, x):
    n_attention1, n_mlp, n_attention2, n_moe, n_shortcut = p["norms"]
    a = x + attention(p["attention1"], norm(n_attention1, x))
    routed, auxiliary = routed_experts(p["routed"], norm(n_shortcut, a))
    b = a + feed_forward(p["mlp"], norm(n_mlp, a))
    h = b + attention(p["attention2"], norm(n_attention2, b))
    u = norm(n_moe, h)
    return h + jax.nn.sigmoid(u @ p["mix"]) * feed_forward(p["shared"], u) + routed, auxiliary


def loss_of(p, ids, targets):
    x, auxiliary = p["embedding"][ids] + p["positions"], 0.0
    for of_pair in p["pairs"]:
        x, extra = pair(of_pair, x)
        auxiliary = auxiliary + extra
    logits = norm(p["norm"], x).astype(product_type) @ p["embedding"].T.astype(product_type)
    chances = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.take_along_axis(chances, targets[..., None], -1).mean() + 0.01 * auxiliary


def initial(key):
    keys = iter(jax.random.split(key, 1000))
    normal = lambda *shape: 0.02 * jax.random.normal(next(keys), shape)
    layer = lambda i, o: {"w": normal(i, o), "b": jnp.zeros(o)}
    of_norm = lambda: {"scale": jnp.ones(c.d), "bias": jnp.zeros(c.d)}
    of_attention = lambda: {"qkv": layer(c.d, 3 * c.d), "out": layer(c.d, c.d)}
    of_mlp = lambda: {"up": layer(c.d, c.ffn), "down": layer(c.ffn, c.d)}
    of_experts = lambda: {
        "router": normal(c.d, c.experts),
        "w1": normal(c.experts, c.d, c.ffn),
        "b1": jnp.zeros((c.experts, c.ffn)),
        "w2": normal(c.experts, c.ffn, c.d),
        "b2": jnp.zeros((c.experts, c.d)),
    }
    of_pair = lambda: {
        "norms": [of_norm() for _ in range(5)],
        "attention1": of_attention(),
        "attention2": of_attention(),
        "mlp": of_mlp(),
        "shared": of_mlp(),
        "routed": of_experts(),
        "mix": normal(c.d, 1),
    }
    return {
        "embedding": normal(c.vocab, c.d),
        "positions": normal(c.sequence, c.d),
        "pairs": [of_pair() for _ in range(c.layers // 2)],
        "norm": of_norm(),
    }


def step(state, ids, targets):
    """AdamW with gradients clipped to norm 1."""
    parameters, first, second, count = state
    loss, gradients = jax.value_and_grad(loss_of)(parameters, ids, targets)
    scale = jnp.minimum(1.0, 1.0 / jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradients))))
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g * scale, first, gradients)
    second = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * (g * scale) ** 2, second, gradients)
    update = lambda w, m, v: w - 1e-3 * (m / (1 - 0.9**count) / (jnp.sqrt(v / (1 - 0.95**count)) + 1e-8) + 0.1 * w)
    return (jax.tree.map(update, parameters, first, second), first, second, count), loss


def main():
    started = time.perf_counter()
    parameters = initial(jax.random.key(0))
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros(), zeros(), jnp.zeros(()))
    number = sum(w.size for w in jax.tree.leaves(parameters))
    ids = jax.random.randint(jax.random.key(1), (c.batch, c.sequence + 1), 0, c.vocab)
    compiled = jax.jit(step, donate_argnums=0)
    run = lambda state: compiled(state, ids[:, :-1], ids[:, 1:])
    state, loss = run(state)
    float(loss)
    ready = {"ready": True, "version": "JAX " + jax.__version__, "firstStepSeconds": time.perf_counter() - started}
    print(json.dumps(ready | {"parameters": number}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[:1] != ["run"]:
            break
        begin = time.perf_counter()
        for _ in range(int(words[1])):
            state, loss = run(state)
        loss = float(loss)
        print(json.dumps({"seconds": time.perf_counter() - begin, "loss": loss}), flush=True)


if __name__ == "__main__":
    main()
