"""A case as it lies in the repository."""

import json
from dataclasses import dataclass

from .. import store


@dataclass
class StoredCase:
    name: str
    kind: str
    config: dict
    tensors: dict
    smallest_margin: float

    @property
    def differentiable(self):
        return "output.loss" in self.tensors


def read_cases(folder):
    cases = []
    for entry in store.read_index(folder)["cases"]:
        tensors, metadata = store.read(store.case_path(folder, entry))
        assert (metadata["name"], metadata["kind"]) == (entry["name"], entry["kind"]), entry
        cases.append(
            StoredCase(
                entry["name"], entry["kind"], json.loads(metadata["config"]), tensors, entry.get("smallestMargin", 1)
            )
        )
    return cases
