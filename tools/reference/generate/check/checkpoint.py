"""A checkpoint as transformers computes it: outputs, greedy continuation and gradients, from its own files."""

import copy
import re
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# The plain forms: what sdpa and the grouped experts compute differs from them in the last bits.
PLAIN = {"attn_implementation": "eager", "experts_implementation": "eager", "dtype": torch.float32}

# Buffers of routers, under the names that files have.
BIASES = ("e_score_correction_bias", "mlp.expert_bias")


def load(folder, config=None):
    """The model of a folder, in float32."""
    config = config or transformers.AutoConfig.from_pretrained(folder)
    model_class = getattr(transformers, config.architectures[0])
    return model_class.from_pretrained(folder, config=config, **PLAIN).eval()


def compute(model, reference):
    """The outputs of `reference` again, by the same names, with the graph from the weights."""
    seen, hooks = watch(model)
    if "input.pixels" in reference:
        logits = model(pixel_values=reference["input.pixels"]).logits
        outputs = {"logits": logits, "loss": F.cross_entropy(logits, reference["input.labels"].long())}
    else:
        outputs = compute_language_model(model, reference["input.ids"].long(), "output.auxLoss" in reference)
    for hook in hooks:
        hook.remove()
    return {f"output.{name}": value for name, value in (seen | outputs).items()}


def compute_language_model(model, ids, has_auxiliary_loss):
    options = {"output_router_logits": True} if has_auxiliary_loss else {}
    result = model(input_ids=ids, labels=ids, use_cache=False, **options)
    logits = result.logits
    cross_entropy = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    outputs = {"logits": logits, "crossEntropy": cross_entropy, "loss": cross_entropy}
    if has_auxiliary_loss:
        outputs["auxLoss"] = result.aux_loss
        outputs["loss"] = cross_entropy + model.config.router_aux_loss_coef * result.aux_loss
    assert torch.allclose(result.loss, outputs["loss"], atol=1e-5), (result.loss, outputs["loss"])
    return outputs


def watch(model):
    """Hooks that note the output of every block, and input, output and choice of every routed layer."""
    seen, hooks = {}, []

    def note(module, names):
        def hook(_, args, out):
            out = out if isinstance(out, tuple) else (out,)
            seen.update({name: value(args, out) for name, value in names.items()})

        hooks.append(module.register_forward_hook(hook))

    for name, module in model.named_modules():
        layer = re.search(r"(?:layers|h)\.(\d+)(?:\.(.+))?$", name)
        if layer and not layer[2]:
            note(module, {f"layer{layer[1]}": lambda args, out: out[0]})
        elif layer and re.search("(Top[kK]Router|MoEV1Gate)$", type(module).__name__):
            moe = f"moe{layer[1]}"
            note(module, {f"{moe}.weights": lambda args, out: out[1], f"{moe}.experts": lambda args, out: out[2]})
            whole = model.get_submodule(name.rsplit(".", 1)[0])
            note(whole, {f"{moe}.input": lambda args, out: args[0], f"{moe}.output": lambda args, out: out[0]})
    return seen, hooks


def greedy(model, ids, steps, use_cache):
    """(B, steps): the tokens that follow ids, greedily."""
    with torch.no_grad():
        sequences = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=steps,
            do_sample=False,
            use_cache=use_cache,
            pad_token_id=0,
            eos_token_id=None,
        )
    return sequences[:, ids.shape[1] :]


def gradients_on_disk(model, loss):
    """Gradients by the names in the file: they pass through the same renaming and splitting as the weights, in a copy
    that is saved."""
    parameters = dict(model.named_parameters())
    values = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
    holder = copy.deepcopy(model)
    with torch.no_grad():
        for (name, parameter), value in zip(holder.named_parameters(), values):
            assert name in parameters
            parameter.copy_(value)
    with tempfile.TemporaryDirectory() as scratch:
        holder.save_pretrained(scratch)
        tensors = load_file(Path(scratch) / "model.safetensors")
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(BIASES)}
