"""Differences between a computed and a stored tensor."""

# Stored float32 against float64, in units of the tensor's largest magnitude.
EXACT = 2e-6


def magnitude(tensor):
    return float(tensor.detach().double().abs().max()) if tensor.numel() else 0.0


def relative(value, stored, scale=None):
    """Largest difference in units of the stored tensor's largest magnitude, or of `scale`."""
    if value.shape != stored.shape:
        raise AssertionError(f"shapes differ: got {tuple(value.shape)}, expected {tuple(stored.shape)}")
    if value.numel() == 0:
        return 0.0
    return magnitude(value.detach().double() - stored.double()) / max(scale or magnitude(stored), 1e-12)
