"""python -m generate.tokenizer_cases make FOLDER | check FOLDER: the tokenizers with what `tokenizers` does with them."""

import json
import sys
from pathlib import Path

import tokenizers
from tokenizers.decoders import DecodeStream

from .cases import CASES
from .texts import TEXTS


def attempt(run):
    try:
        return run()
    except BaseException as error:  # what the library raises is not always an Exception
        return {"error": str(error)}


def streamed(tokenizer, ids):
    """The pieces of the library's own stream put together."""
    stream = DecodeStream(skip_special_tokens=True)
    return "".join(stream.step(tokenizer, id) or "" for id in ids)


def expected(content):
    tokenizer = tokenizers.Tokenizer.from_str(content)
    # A training text is never cut or filled up, as in transformers unless its caller asks.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    results = []
    for text in TEXTS:
        ids = attempt(lambda: tokenizer.encode(text, add_special_tokens=False).ids)
        if isinstance(ids, dict):
            results.append(ids)
            continue
        result = {"ids": ids, "decoded": attempt(lambda: tokenizer.decode(ids))}
        template = tokenizer.encode(text).ids
        if template != ids:
            result["template"] = template
        stream = attempt(lambda: streamed(tokenizer, ids))
        if stream != result["decoded"]:
            result["streamed"] = stream
        results.append(result)
    return results


def main():
    command, folder = sys.argv[1], Path(sys.argv[2])
    if command == "make":
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "texts.json", TEXTS)
        for name, make in CASES.items():
            content = json.loads(make().to_str())
            write(folder / f"{name}.json", {"tokenizer": content, "expected": expected(json.dumps(content))})
        print(f"{len(CASES)} tokenizers in {folder}, by tokenizers {tokenizers.__version__}")
        return
    # Training is not the same twice; what a stored tokenizer gives is.
    different = []
    for file in sorted(folder.glob("*.json")):
        if file.name == "texts.json":
            continue
        stored = json.loads(file.read_text("utf-8"))
        if expected(json.dumps(stored["tokenizer"])) != stored["expected"]:
            different.append(file.stem)
    print(f"tokenizers {tokenizers.__version__}: different {different or 'none'}")
    sys.exit(1 if different else 0)


def write(file, value):
    file.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
