"""Reads and writes cases. The writer's bytes depend on nothing but its arguments (safetensors' own leaves the order of
metadata open)."""

import hashlib
import json
import struct

import torch
from safetensors import safe_open

FORMAT = "scmoe-reference/1"
CODES = {torch.float32: "F32", torch.int32: "I32"}


def stored(tensor):
    """Float tensors as float32, all others as int32."""
    return tensor.detach().to(torch.float32 if tensor.is_floating_point() else torch.int32).contiguous().clone()


def write(path, tensors, metadata):
    header, offset, chunks = {"__metadata__": dict(sorted(metadata.items()))}, 0, []
    for name, tensor in sorted(tensors.items()):
        data = tensor.numpy().tobytes()
        header[name] = {
            "dtype": CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        chunks.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def read(path):
    """Tensors by name, and the metadata."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def case_path(folder, entry):
    return folder / entry["kind"] / f"{entry['name']}.safetensors"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_index(folder):
    return json.loads((folder / "index.json").read_text())


def write_index(folder, index):
    """JSON with one entry of a list on a line."""
    lines = []
    for name, value in index.items():
        rows = isinstance(value, list) and ",\n  ".join(json.dumps(row) for row in value)
        lines.append(f" {json.dumps(name)}: " + (f"[\n  {rows}\n ]" if rows else json.dumps(value)))
    (folder / "index.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
