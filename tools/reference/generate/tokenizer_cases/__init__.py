"""tokenizer.json files of every kind, and what Python's `tokenizers` makes of the same texts with them."""
