"""All checks of the checkpoints: what transformers computes from the files is what lies beside them."""

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

from .. import store
from .checkpoint import compute, gradients_on_disk, greedy, load
from .compare import magnitude, relative
from ..mxfp4 import unpacked
from .fp8 import dequantise

# In units of a tensor's largest magnitude. Stored are float32 results of another processor, some of another release of
# transformers.
TOLERANCE = {"outputs": 1e-5, "gradients": 5e-5}


def check_checkpoints(folder):
    width = max(len(entry["name"]) for entry in store.read_index(folder)["checkpoints"])
    for entry in store.read_index(folder)["checkpoints"]:
        errors = check_checkpoint(folder, entry)
        text = ", ".join(f"{what} {error:.1e}" for what, error in errors.items())
        print(f"{entry['name']:{width}} {text}", flush=True)
        for what, error in errors.items():
            assert error < TOLERANCE[what], (entry["name"], what, error)


def check_checkpoint(folder, entry):
    path = folder / entry["name"]
    # A layout of its own of another checkpoint's weights.
    reference, _ = store.read(folder / entry.get("sameAs", entry["name"]) / "reference.safetensors")
    model = load_decoded(path) if (path / "dequantised.safetensors").exists() else load(path)
    outputs = compute(model, reference)
    errors = {"outputs": compare_outputs(outputs, reference)}
    if "output.greedy" in reference:
        wanted = reference["output.greedy"]
        prompt = reference["input.ids"][:, : entry.get("promptLength")].long()
        for use_cache in (True, False):
            assert torch.equal(greedy(model, prompt, wanted.shape[1], use_cache).int(), wanted), (path, use_cache)
    if (path / "gradients.safetensors").exists():
        errors["gradients"] = compare_gradients(
            gradients_on_disk(model, outputs["output.loss"]), load_file(path / "gradients.safetensors")
        )
    if (path / "config.published.json").exists():
        check_published_spelling(path, reference, outputs)
    return errors


def compare_outputs(outputs, reference):
    stored = {name: tensor for name, tensor in reference.items() if name.startswith("output.")}
    assert set(outputs) == set(stored) - {"output.greedy"}, set(outputs) ^ set(stored)
    worst = 0.0
    for name, value in outputs.items():
        if name.endswith((".experts", ".weights")):
            continue
        worst = max(worst, relative(value.reshape(stored[name].shape), stored[name]))
    # The order of the chosen is open in transformers: compared by expert.
    for name in [name for name in outputs if name.endswith(".experts")]:
        weights = name.replace(".experts", ".weights")
        own, theirs = stored[name].sort(-1), outputs[name].sort(-1)
        assert torch.equal(own.values, theirs.values.int()), name
        computed = outputs[weights].gather(1, theirs.indices)
        worst = max(worst, relative(computed, stored[weights].gather(1, own.indices)))
    return worst


def compare_gradients(gradients, stored):
    assert set(gradients) == set(stored), set(gradients) ^ set(stored)
    largest = max(magnitude(tensor) for tensor in stored.values())
    worst = 0.0
    for name, tensor in stored.items():
        # Zero in exact arithmetic (a key bias without rotation): compared with the largest of all.
        scale = largest if magnitude(tensor) < 1e-6 * largest else None
        worst = max(worst, relative(gradients[name], tensor, scale))
    return worst


def check_published_spelling(path, reference, outputs):
    """config.published.json, the older spelling, is the same model."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copyfile(path / "config.published.json", Path(scratch) / "config.json")
        config = transformers.AutoConfig.from_pretrained(scratch)
    again = compute(load(path, config), reference)
    assert all(torch.equal(again[name], value) for name, value in outputs.items()), path


def load_decoded(path):
    """A checkpoint in fp8 or mxfp4 as its float32 weights: decoded here, the same to the bit as those stored beside it."""
    decoded = load_file(path / "dequantised.safetensors")
    settings = json.loads((path / "config.json").read_text())
    stored = load_file(path / "model.safetensors")
    is_mxfp4 = settings["quantization_config"]["quant_method"] == "mxfp4"
    own = unpacked(stored) if is_mxfp4 else dequantise(stored, settings)
    for name, tensor in decoded.items():
        assert torch.equal(own[name], tensor), name
    config = transformers.AutoConfig.from_pretrained(path)
    del config.quantization_config
    with tempfile.TemporaryDirectory() as scratch:
        # Without the second, from_pretrained of transformers 5.24.0 fails with a TypeError.
        shutil.copyfile(path / "dequantised.safetensors", Path(scratch) / "model.safetensors")
        shutil.copyfile(path / "generation_config.json", Path(scratch) / "generation_config.json")
        return load(Path(scratch), config)
