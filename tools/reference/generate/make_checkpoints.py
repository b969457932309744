"""Draws tiny checkpoints of families of transformers, and writes them as transformers saves them, with what it computes.

A draw is taken when no choice hangs on rounding: with all weights moved by a ten-thousandth of themselves, the experts of
every token and the greedy continuation are the same.
"""

import copy

import torch
import transformers
from safetensors.torch import save_file

from . import mxfp4, store
from .check.checkpoint import PLAIN, compute, gradients_on_disk, greedy, load
from .checkpoint_cases import CASES

ATTEMPTS = 200
STEPS = 8


def make_checkpoints(folder, names):
    """Writes the named checkpoints, or all, into folders that are not there yet."""
    for name in names or CASES:
        if (folder / name).exists():
            raise SystemExit(f"make-checkpoints: {folder / name} is there already")
        make_checkpoint(name, CASES[name], folder / name)


def make_checkpoint(name, settings, path):
    model_type, is_packed = name.removesuffix("-mxfp4"), name.endswith("-mxfp4")
    config = transformers.AutoConfig.for_model(model_type, **settings)
    if hasattr(config, "router_aux_loss_coef"):
        config.router_aux_loss_coef = 0.0
    model_class = transformers.MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    for seed in range(ATTEMPTS):
        torch.manual_seed(seed)
        model = model_class._from_config(config, **PLAIN).eval()
        draw_weights(model)
        packed = is_packed and mxfp4.draw_packed(model)
        ids = torch.randint(3, config.vocab_size, (2, 14))
        if is_robust(model, ids):
            break
    else:
        raise RuntimeError(f"{model_type}: no draw without a close choice")
    model.save_pretrained(path)
    # As it is read from the files.
    write_reference(load(path), ids, path)
    if is_packed:
        mxfp4.pack(path, packed)


def draw_weights(model):
    """Weights that keep the size of what they multiply, norms around 1, and everything else away from 0."""
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if "inv_freq" in name:
                continue
            if tensor.dim() == 1 and "norm" in name and "bias" not in name:
                tensor.normal_(1, 0.3)
            elif tensor.dim() < 2 or "correction_bias" in name:
                tensor.normal_(0, 0.3)
            else:
                tensor.normal_(0, 1 if "embed" in name else tensor.shape[-1] ** -0.5)


def is_robust(model, ids):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for tensor in [*moved.parameters(), *moved.buffers()]:
            tensor *= 1 + 1e-4 * torch.randn_like(tensor)
        choices = [choices_of(each, ids) for each in (model, moved)]
    same = all(torch.equal(one, other) for one, other in zip(*choices))
    texts = [greedy(each, ids, STEPS, use_cache) for each in (model, moved) for use_cache in (True, False)]
    return same and all(torch.equal(text, texts[0]) for text in texts)


def choices_of(model, ids):
    outputs = compute(model, {"input.ids": ids})
    return [value.sort(-1).values for name, value in sorted(outputs.items()) if name.endswith(".experts")]


def write_reference(model, ids, path):
    has_loss = hasattr(model.config, "router_aux_loss_coef")
    named = {"input.ids": ids} | ({"output.auxLoss": None} if has_loss else {})
    outputs = compute(model, named)
    for name in [name for name in outputs if name.endswith(".experts")]:
        sort_choices(model, outputs, name.removesuffix(".experts"))
    tensors = {"input.ids": ids, "output.greedy": greedy(model, ids, STEPS, True)} | outputs
    metadata = {
        "class": type(model).__name__,
        "format": store.FORMAT,
        "greedy": f"the {STEPS} tokens that follow input.ids, greedily, with or without a cache",
        "loss": "mean cross-entropy of output.logits[:, :-1] against input.ids[:, 1:] + router_aux_loss_coef * output.auxLoss",
        "transformers": transformers.__version__,
    }
    store.write(path / "reference.safetensors", {k: store.stored(v) for k, v in tensors.items()}, metadata)
    gradients = gradients_on_disk(model, outputs["output.loss"])
    save_file({name: tensor.contiguous() for name, tensor in gradients.items()}, path / "gradients.safetensors")


def sort_choices(model, outputs, moe):
    """The chosen experts of each token in descending order of the score that chose them, where transformers leaves the
    order open. SparseMixer picks one after the other: that order is its own."""
    if model.config.model_type == "phimoe":
        return
    layer = model.get_submodule(f"model.layers.{moe.removeprefix('output.moe')}")
    scores = outputs[f"{moe}.weights"]
    experts = outputs[f"{moe}.experts"]
    bias = [value for name, value in [*layer.named_parameters(), *layer.named_buffers()] if "correction_bias" in name]
    if bias:
        router = next(m for n, m in layer.named_modules() if type(m).__name__.endswith(("TopkRouter", "TopKRouter")))
        rows = outputs[f"{moe}.input"].reshape(-1, router.weight.shape[-1])
        scores = (torch.sigmoid(rows @ router.weight.T) + bias[0].flatten()).gather(1, experts)
    order = scores.argsort(-1, descending=True)
    for what in ("weights", "experts"):
        outputs[f"{moe}.{what}"] = outputs[f"{moe}.{what}"].gather(1, order)
