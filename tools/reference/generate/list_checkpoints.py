"""Writes the index of the checkpoints from their folders."""

import json

from . import store


def list_checkpoints(folder):
    """Keeps what an entry says by hand: `sameAs` (the checkpoint whose weights a folder holds in another layout) and
    `promptLength`."""
    index = folder / "index.json"
    known = {entry["name"]: entry for entry in store.read_index(folder)["checkpoints"]} if index.exists() else {}
    entries = [entry_of(path, known.get(path.name, {})) for path in sorted(folder.iterdir()) if path.is_dir()]
    store.write_index(folder, {"checkpoints": entries})


def entry_of(path, known):
    config = json.loads((path / "config.json").read_text())
    entry = {
        "name": path.name,
        "modelType": config["model_type"],
        "class": config["architectures"][0],
        "transformers": config["transformers_version"],
    }
    entry |= {key: known[key] for key in ("sameAs", "promptLength") if key in known}
    return entry | {"sha256": {file.name: store.sha256(file) for file in sorted(path.iterdir())}}
