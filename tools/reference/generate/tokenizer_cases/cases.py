"""The constructions: functions that give a tokenizer each, by name."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .texts import TEXTS

CASES = {}
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = GPT4.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Half of the texts, so that the others hold what is unknown.
SEEN = TEXTS[::2]


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


def many(prefix, options, make):
    """A case for each of the named options."""
    for name, option in options.items():
        CASES[f"{prefix}-{name}"] = lambda option=option: make(option)


def train(tokenizer, trainer, texts=SEEN):
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def special(*names):
    return [AddedToken(name, special=True, normalized=False) for name in names]


# Byte-level byte-pair encoding


def byte_level(split=None, normalizer=None, post=None, decoder=None, size=330, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = split or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoder or decoders.ByteLevel()
    if post:
        tokenizer.post_processor = post
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train(tokenizer, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens(special("<|endoftext|>", "</s>"))
    return tokenizer


def split_by(*patterns, behavior="isolated"):
    splits = [pre_tokenizers.Split(Regex(pattern), behavior) for pattern in patterns]
    return pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


@case
def gpt2():
    return byte_level(post=processors.ByteLevel(trim_offsets=False))


@case
def byte_level_prefix_space():
    return byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), post=processors.ByteLevel())


@case
def llama3():
    tokenizer = byte_level(split_by(GPT4), size=300, ignore_merges=True)
    template = processors.TemplateProcessing("</s> $A", "</s> $A </s> $B", [("</s>", tokenizer.token_to_id("</s>"))])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


@case
def qwen2():
    return byte_level(split_by(QWEN), normalizers.NFC())


@case
def o200k():
    return byte_level(split_by(O200K))


@case
def deepseek():
    digits = pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated")
    cjk = pre_tokenizers.Split(Regex(r"[一-龥぀-ゟ゠-ヿ]+"), "isolated")
    words = pre_tokenizers.Split(
        Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
        "isolated",
    )
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return byte_level(pre_tokenizers.Sequence([digits, cjk, words, last]), normalizers.Sequence([]))


@case
def starcoder():
    digits = pre_tokenizers.Digits(individual_digits=True)
    return byte_level(pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]))


@case
def gpt_neox():
    tokenizer = byte_level(normalizer=normalizers.NFC())
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in (2, 3, 4, 8)])
    return tokenizer


@case
def bloom():
    pattern = r" ?[^(\s|[.,!?…。，、।۔،])]+"
    return byte_level(split_by(pattern))


@case
def roberta():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    ends = ("</s>", tokenizer.token_to_id("</s>")), ("<|endoftext|>", tokenizer.token_to_id("<|endoftext|>"))
    tokenizer.post_processor = processors.RobertaProcessing(*ends, trim_offsets=True, add_prefix_space=True)
    return tokenizer


@case
def byte_level_normalizer():
    split = pre_tokenizers.Split(Regex(r"\s+"), "isolated")
    return byte_level(split, normalizers.ByteLevel())


@case
def byte_level_some_bytes_missing():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return train(tokenizer, trainers.BpeTrainer(vocab_size=120, show_progress=False), TEXTS[:3])


# Byte-pair encoding over characters


def byte_names():
    return [f"<0x{byte:02X}>" for byte in range(256)]


def characters(texts=SEEN):
    return sorted({c for text in texts for c in text.replace(" ", "▁")})


def bpe_with_bytes(prepare, fuse_unk=True, byte_fallback=True):
    """A vocabulary in LLaMA's order: controls, bytes, characters, merges."""
    other = Tokenizer(models.BPE())
    prepare(other)
    # The trainer's normaliser makes words of the whole text otherwise.
    other.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Split(Regex(r"\p{P}+|\s+"), "isolated")])
    train(other, trainers.BpeTrainer(vocab_size=240, show_progress=False), TEXTS[:3] + TEXTS[16:18])
    model = json.loads(other.to_str())["model"]
    pieces = list(model["vocab"])
    names = ["<unk>", "<s>", "</s>", *(byte_names() if byte_fallback else []), *pieces]
    vocab = {name: id for id, name in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(
        models.BPE(vocab, [tuple(pair) for pair in model["merges"]], unk_token="<unk>", fuse_unk=fuse_unk, byte_fallback=byte_fallback)
    )
    prepare(tokenizer)
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>"))
    return tokenizer


LLAMA_DECODER = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]


def llama_like(tokenizer):
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(LLAMA_DECODER)


@case
def llama2():
    tokenizer = bpe_with_bytes(llama_like)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", 1)])
    return tokenizer


@case
def gemma():
    def prepare(tokenizer):
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        tokenizer.decoder = decoders.Sequence(LLAMA_DECODER[:3])

    tokenizer = bpe_with_bytes(prepare)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return tokenizer


def metaspace(options):
    def prepare(tokenizer):
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", **options)
        tokenizer.decoder = decoders.Metaspace("▁", **options)

    tokenizer = bpe_with_bytes(prepare)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", **options)
    return tokenizer


many(
    "metaspace",
    {
        "always": {"prepend_scheme": "always"},
        "first": {"prepend_scheme": "first"},
        "never": {"prepend_scheme": "never"},
        "whole": {"prepend_scheme": "first", "split": False},
    },
    metaspace,
)

many("bpe-unknown", {"fused": True, "each": False}, lambda fused: bpe_with_bytes(llama_like, fused, False))


@case
def bpe_without_unknown():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return train(tokenizer, trainers.BpeTrainer(vocab_size=120, show_progress=False), TEXTS[:3])


@case
def bpe_subword_prefix():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.BpeTrainer(
        vocab_size=260, show_progress=False, continuing_subword_prefix="##", special_tokens=["<unk>"]
    )
    return train(tokenizer, trainer)


@case
def clip():
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=620, show_progress=False, end_of_word_suffix="</w>", initial_alphabet=alphabet, special_tokens=["<|endoftext|>"]
    )
    return train(tokenizer, trainer)


@case
def bpe_end_of_word():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=260, show_progress=False, end_of_word_suffix="</w>", special_tokens=["<unk>"]
    )
    return train(tokenizer, trainer)


# Unigram


def unigram(prepare, byte_fallback=False, names=("<unk>", "<s>", "</s>")):
    other = Tokenizer(models.Unigram())
    prepare(other)
    trainer = trainers.UnigramTrainer(vocab_size=220, show_progress=False, special_tokens=["<unk>"], unk_token="<unk>")
    train(other, trainer)
    learnt = [(piece, round(score, 3)) for piece, score in json.loads(other.to_str())["model"]["vocab"] if piece not in names]
    bytes_of = [(name, 0.0) for name in byte_names()] if byte_fallback else []
    tokenizer = Tokenizer(models.Unigram([(name, 0.0) for name in names] + bytes_of + learnt, 0, byte_fallback))
    prepare(tokenizer)
    tokenizer.add_special_tokens(special(*names))
    return tokenizer


def t5_like(tokenizer):
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()


@case
def t5():
    tokenizer = unigram(t5_like)
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 2)])
    return tokenizer


@case
def unigram_byte_fallback():
    def prepare(tokenizer):
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
        tokenizer.decoder = decoders.Sequence(LLAMA_DECODER[:3])

    return unigram(prepare, byte_fallback=True)


@case
def xlm_roberta():
    def prepare(tokenizer):
        t5_like(tokenizer)
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip(True, True)]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])

    tokenizer = unigram(prepare)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


@case
def albert():
    def prepare(tokenizer):
        t5_like(tokenizer)
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
        )

    return unigram(prepare)


# A table of sentencepiece's own form (its trainer with `normalization_rule_tsv`): full width, ligatures, spaces, two pairs.


def precompiled_charsmap():
    import base64
    from pathlib import Path

    return base64.b64decode((Path(__file__).parent / "charsmap.txt").read_text())


@case
def precompiled():
    def prepare(tokenizer):
        t5_like(tokenizer)
        tokenizer.normalizer = normalizers.Precompiled(precompiled_charsmap())

    return unigram(prepare)


# WordPiece


def wordpiece(normalizer=None, decoder=None, pre=None, prefix="##", **options):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", continuing_subword_prefix=prefix, **options))
    tokenizer.normalizer = normalizer or normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre or pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoder or decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=420, show_progress=False, special_tokens=special(*names), continuing_subword_prefix=prefix
    )
    train(tokenizer, trainer)
    ids = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ids)
    return tokenizer


many(
    "bert",
    {
        "uncased": {},
        "cased": {"lowercase": False},
        "accents-kept": {"strip_accents": False},
        "accents-stripped-cased": {"strip_accents": True, "lowercase": False},
        "control-kept": {"clean_text": False},
        "chinese-whole": {"handle_chinese_chars": False},
    },
    lambda options: wordpiece(normalizers.BertNormalizer(**options)),
)


@case
def bert_processing():
    tokenizer = wordpiece()
    ends = ("[SEP]", tokenizer.token_to_id("[SEP]")), ("[CLS]", tokenizer.token_to_id("[CLS]"))
    tokenizer.post_processor = processors.BertProcessing(*ends)
    return tokenizer


@case
def wordpiece_prefix():
    return wordpiece(prefix="@@", decoder=decoders.WordPiece(prefix="@@", cleanup=False))


@case
def wordpiece_short_words():
    return wordpiece(max_input_chars_per_word=6)


@case
def wordpiece_whitespace():
    return wordpiece(normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]), pre=pre_tokenizers.Whitespace())


# Words: what a pre-tokeniser cuts and a normaliser makes shows in the ids


def words(pre=None, normalizer=None, unknown="<unk>"):
    tokenizer = Tokenizer(models.WordLevel(unk_token=unknown or "<none>"))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    pieces = []
    for text in SEEN:
        normal = normalizer.normalize_str(text) if normalizer else text
        pieces += [piece for piece, _ in pre.pre_tokenize_str(normal)] if pre else [normal]
    names = [*([unknown] if unknown else []), *sorted(set(pieces))]
    tokenizer.model = models.WordLevel({name: id for id, name in enumerate(dict.fromkeys(names))}, unk_token=unknown or "<none>")
    if unknown:
        tokenizer.add_special_tokens(special(unknown))
    return tokenizer


P = pre_tokenizers
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
many(
    "words",
    {
        "whitespace": P.Whitespace(),
        "whitespace-split": P.WhitespaceSplit(),
        "bert": P.BertPreTokenizer(),
        "digits": P.Digits(),
        "digits-individual": P.Digits(individual_digits=True),
        "delimiter": P.CharDelimiterSplit("e"),
        "scripts": P.UnicodeScripts(),
        "fixed-length": P.FixedLength(5),
        "sequence": P.Sequence([P.WhitespaceSplit(), P.Punctuation("contiguous"), P.Digits(True)]),
        **{f"punctuation-{b.replace('_', '-')}": P.Punctuation(b) for b in BEHAVIORS},
        **{f"split-text-{b.replace('_', '-')}": P.Split("e", b) for b in BEHAVIORS},
        **{f"split-{b.replace('_', '-')}": P.Split(Regex(r"\w+|[^\w\s]"), b) for b in BEHAVIORS},
        **{f"split-inverted-{b.replace('_', '-')}": P.Split(Regex(r"[\w.]+"), b, invert=True) for b in BEHAVIORS},
        "split-digits": P.Split(Regex(r"\d+"), "isolated"),
        "split-spaces": P.Split(Regex(r"\s+"), "removed"),
        "split-boundaries": P.Split(Regex(r"\b"), "isolated"),
        "split-ignoring-case": P.Split(Regex(r"(?i:s|the)"), "isolated"),
    },
    words,
)

N = normalizers
many(
    "normalizer",
    {
        "nfc": N.NFC(),
        "nfd": N.NFD(),
        "nfkc": N.NFKC(),
        "nfkd": N.NFKD(),
        "lowercase": N.Lowercase(),
        "strip": N.Strip(),
        "strip-left": N.Strip(True, False),
        "strip-right": N.Strip(False, True),
        "strip-accents": N.StripAccents(),
        "nfd-strip-accents": N.Sequence([N.NFD(), N.StripAccents()]),
        "nmt": N.Nmt(),
        "replace": N.Replace("e", "E$1"),
        "replace-pattern": N.Replace(Regex(r"(\w)\s"), "$1_"),
        "prepend": N.Prepend("e"),
        "bert": N.BertNormalizer(),
    },
    lambda normalizer: words(P.Split(Regex(" ?[^ ]+"), "isolated"), normalizer),
)


@case
def words_without_unknown():
    return words(P.WhitespaceSplit(), unknown=None)


# Added tokens


def with_tokens(tokens, normalizer=None):
    tokenizer = byte_level(normalizer=normalizer, size=290)
    tokenizer.add_tokens(tokens)
    return tokenizer


many(
    "added",
    {
        "plain": [AddedToken("<tok>", normalized=False), AddedToken("token", normalized=False)],
        "left-strip": [AddedToken("<tok>", lstrip=True, normalized=False), AddedToken("<mask>", lstrip=True, normalized=False)],
        "right-strip": [AddedToken("<tok>", rstrip=True, normalized=False), AddedToken("<mask>", rstrip=True, normalized=False)],
        "both-strip": [AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False)],
        "single-word": [AddedToken("token", single_word=True, normalized=False), AddedToken("ö", single_word=True, normalized=False)],
        "single-word-strip": [AddedToken("token", single_word=True, lstrip=True, rstrip=True, normalized=False)],
        "overlapping": [AddedToken("tok", normalized=False), AddedToken("token", normalized=False), AddedToken("okens", normalized=False)],
    },
    with_tokens,
)
many(
    "added-normalized",
    {"lowercase": N.Lowercase(), "nfkc": N.NFKC(), "replace": N.Replace(" ", "▁")},
    lambda normalizer: with_tokens(
        [AddedToken("TOKEN", normalized=True), AddedToken("to ken", normalized=True), AddedToken("Token", normalized=False)], normalizer
    ),
)


def changed(tokenizer, change):
    content = json.loads(tokenizer.to_str())
    change(content)
    return Tokenizer.from_str(json.dumps(content))


@case
def ids_not_contiguous():
    def change(content):
        content["model"]["vocab"] = {name: 3 * id + (1000 if id > 100 else 0) for name, id in content["model"]["vocab"].items()}
        content["added_tokens"] = [{**token, "id": 3 * token["id"] + 1000} for token in content["added_tokens"]]
        for token in content["added_tokens"]:
            content["model"]["vocab"][token["content"]] = token["id"]

    return changed(byte_level(), change)


@case
def truncation_and_padding():
    tokenizer = byte_level()
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16, pad_id=5)
    return tokenizer


# Decoders


def decoded_by(decoder):
    tokenizer = bpe_with_bytes(llama_like)
    tokenizer.decoder = decoder
    return tokenizer


D = decoders
many(
    "decoder",
    {
        "ctc": D.CTC(pad_token="<unk>", word_delimiter_token="▁"),
        "ctc-uncleaned": D.CTC(pad_token="<unk>", word_delimiter_token="▁", cleanup=False),
        "fuse": D.Fuse(),
        "byte-fallback": D.ByteFallback(),
        "wordpiece": D.WordPiece(prefix="a", cleanup=True),
        "bpe": D.BPEDecoder(suffix="e"),
        "replace-pattern": D.Sequence([D.Replace(Regex("[▁e]"), "_"), D.Fuse()]),
        "metaspace-first": D.Metaspace("▁", prepend_scheme="first"),
        "metaspace-never": D.Metaspace("▁", prepend_scheme="never"),
    },
    decoded_by,
)


@case
def decoder_none():
    def change(content):
        content["decoder"] = None

    return changed(bpe_with_bytes(llama_like), change)
