"""tokenizer.json, tokenizer_config.json, tiktoken and tekken files of others, up to their checks."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

from ..harness import Harness

FOLDER = tempfile.TemporaryDirectory(prefix="arcmill-fuzz-")
NAMES = ("tokenizer.json", "tekken.json", "x.tiktoken", "tokenizer_config.json")


@cache
def _bpe() -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["the theme then there thereby"] * 3, trainer)
    return made.to_str()


def seeds() -> list[bytes]:
    import base64

    ranks = b"".join(base64.b64encode(bytes([number])) + b" %d\n" % number for number in range(256))
    vocab = [
        {"rank": number, "token_bytes": base64.b64encode(bytes([number])).decode(), "token_str": None}
        for number in range(256)
    ]
    tekken = {
        "config": {"pattern": ".", "default_vocab_size": 260, "default_num_special_tokens": 4, "version": "v3"},
        "vocab": vocab,
    }
    small = json.loads(_bpe())
    small["model"]["vocab"] = dict(list(small["model"]["vocab"].items())[:40])
    small["model"]["merges"] = small["model"]["merges"][:1]
    texts = [
        _bpe().encode(),
        json.dumps(tekken).encode(),
        ranks,
        json.dumps({"eos_token": "<|endoftext|>", "chat_template": "x"}).encode(),
    ]
    return [
        *(json.dumps([number, text.decode()]).encode() for number, text in enumerate(texts)),
        json.dumps([0, json.dumps(small)]).encode(),
        json.dumps([0, small]).encode(),
    ]


def run(data: bytes) -> str:
    from arcmill.stage import SourceFile
    from sequences import tokenizer_checks as checks
    from sequences.tokenizer_import import ImportTokenizer
    from sequences.tokenizer_mending import _mend, _named, read
    from sequences.tokenizer_trial import load

    try:
        number, text = json.loads(data)
        name = NAMES[number % 4]
    except (ValueError, TypeError, RecursionError):
        return "none"
    held = {"tokenizer.json": _bpe().encode()} if name == "tokenizer_config.json" else {}
    held[name] = (text if isinstance(text, str) else json.dumps(text)).encode("utf-8", "surrogatepass")
    files = []
    for name, content in held.items():
        path = Path(FOLDER.name, name)
        path.write_bytes(content)
        files.append(SourceFile(str(path), name, len(content)))
    config = ImportTokenizer(eos_token="<|endoftext|>", encoding="gpt2", add_missing=True)
    source = read(files, config)
    _named(source, "eos_token")
    _mend(source.spec, ("<|endoftext|>",), config)
    problems = checks.structure(source.spec)
    if not problems:
        tokenizer = load(source.spec, source.form)  # as the process of its own does, within the fuzzer's bounds here
        try:
            problems = list(checks.control(source.spec, tokenizer, ("<|endoftext|>",)))
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # told as a refusal by that process
                raise
            return f"{source.form} panics"
    return f"{source.form} {'refused' if problems else 'sound'}"


WORDS = ("model", "vocab", "merges", "added_tokens", "content", "id", "special", "type", "BPE", "Unigram", "WordPiece", "normalizer", "pre_tokenizer", "decoder", "Sequence",
         "pattern", "rank", "token_bytes", "config", "post_processor")  # fmt: skip
HARNESS = Harness("tokenizer", seeds, run, json=True, tokens=WORDS)
