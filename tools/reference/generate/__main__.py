"""python -m generate make FOLDER | check [--thorough] | make-checkpoints FOLDER [NAME...] | list-checkpoints | make-adapters FOLDER | make-gguf FOLDER | make-templates"""

import argparse
from pathlib import Path

import torch

from .list_checkpoints import list_checkpoints
from .make import SEED, make

ROOT = Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(prog="python -m generate", description="Makes and checks the reference values.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="write all values into an empty folder")
    making.add_argument("folder", type=Path)
    making.add_argument("--seed", type=int, default=SEED, help="other draws of the same cases (default: %(default)s)")
    checking = commands.add_parser("check", help="check the values and checkpoints of the repository")
    checking.add_argument("--thorough", action="store_true", help="differentiate whole blocks numerically: 2 min more")
    drawing = commands.add_parser("make-checkpoints", help="draw checkpoints of families of transformers")
    drawing.add_argument("folder", type=Path)
    drawing.add_argument("names", nargs="*", help="all by default")
    commands.add_parser("list-checkpoints", help="write the index of the repository's checkpoints")
    adapting = commands.add_parser("make-adapters", help="draw low-rank adapters of the checkpoints with peft")
    adapting.add_argument("folder", type=Path)
    packing = commands.add_parser("make-gguf", help="write checkpoints as files of GGUF with gguf-py")
    packing.add_argument("folder", type=Path)
    commands.add_parser("make-templates", help="render the chat templates of the repository again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "make":
        print(f"{len(make(options.folder, options.seed))} cases in {options.folder}")
        return
    if options.command == "make-checkpoints":
        from .make_checkpoints import make_checkpoints

        make_checkpoints(options.folder, options.names)
        return
    if options.command == "make-templates":
        from .make_templates import make_templates

        make_templates(ROOT / "templates.json")
        return
    if options.command == "make-adapters":
        from .make_adapters import make_adapters

        make_adapters(ROOT / "checkpoints", options.folder)
        return
    if options.command == "make-gguf":
        from .make_gguf import make_gguf

        make_gguf(ROOT / "checkpoints", options.folder)
        return
    if options.command == "list-checkpoints":
        list_checkpoints(ROOT / "checkpoints")
        return
    # Here, for it loads transformers, which takes seconds.
    from .check import check

    check(ROOT, options.thorough)


if __name__ == "__main__":
    main()
