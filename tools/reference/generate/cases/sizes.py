"""Sizes and options of the cases: small, odd where that shows a mistake, and large enough that every drop and tie is
met."""

SIZES = {
    "router": {"tokens": 24, "d": 16, "n": 8, "zero": 4, "groups": 4, "topGroups": 2, "scaling": 2.5},
    # Tokens, experts, capacity factor.
    "capacity": [(24, 4, 1.0), (30, 6, 1.25), (32, 8, 0.5)],
    "layer": {"tokens": 20, "d": 16, "n": 4, "f": 14, "zero": 2, "scaling": 1.5, "shared": 18},
    "block": {"batch": 2, "length": 9, "d": 12, "n": 4, "f": 14, "shared": 16, "mlp": 20, "heads": 3, "kv": 1},
    "attention": {"d": 16, "heads": 4, "kv": 2},
    "core": {"batch": 2, "heads": 4, "kv": 2, "length": 13, "head": 8, "queries": 3},
    "vocab": 23,
    "capacityFactor": 1.0,
    "aux": 0.01,
    "theta": 10000.0,
    "layerEps": 1e-5,
    "rmsEps": 1e-6,
    "smoothing": 0.1,
    "combined": [
        ("llama", dict(position="pos1", mix="cg2", shortcutNorm="none", postNorm=True, topK=2, normalizeWeights=True)),
        ("vit", dict(position="pos3", mix="add", shortcutNorm="shared", sharedNormOf="mlp", postNorm=True)),
        (
            "gpt",
            dict(
                position="pos2", mix="cg1", scoreFunction="sigmoid", correctionBias=True, topK=2, normalizeWeights=True
            ),
        ),
    ],
    "adamw": {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weightDecay": 0.1, "maxNorm": 1.0, "rate": 3e-3},
    "schedule": {"warmupSteps": 10, "totalSteps": 50, "numSteps": 56, "peak": 3e-4, "minimum": 3e-5},
}
