"""Plans against the library: every token of hostile text, for each kind of tokenizer that has one, and none for others."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer

from arcmill.stage import Outcome
from sequences import chunk_plans as plans
from sequences.chunk_merges import chunk_pattern
from sequences.chunk_plans import Plan, plan_for
from sequences.chunks import ChunkEncoder, chunks, prefixed
from sequences.pack_encode import DocumentEncoder

SIGNS = (
    *"abzAZ09.,'\"!-_/\\<>= \t\n\r", "  ", "    ", "\n\n", "\r\n", " \n", "\r\n/", "//", "'s", "'LL", "n't", "x'\u017f",
    "\u00e9", "e\u0301", "\u0301", "\u017f", "\u65e5\u672c", "\u3042\u30a2", "\u3002", "\u00a0", "\u3000", "\u2028", "\u0085",
    "\x1c", "\x1f\n", "\x0b", "\x00", "\x01", "\u200b", "\u180e", "\U0001f469\u200d\U0001f4bb", "\u0661", "\u00bd", "\u2167",
    "\u01c5", "\u0e01\u0e33", "\u1100\u1161", "\u2581", "\u2581\u2581", " the", " word", "word ", "fooBar", "IT'S", "123456",
    "<table>", "</table>", "\n</", "> <", "<0x0A>",
)  # fmt: skip
LEARNED = [
    "the word and the fooBar word, 123456 IT'S x.\n" * 30,
    "e\u0301 \u00e9 \u65e5\u672c word  the\n\n" * 20,
    "".join(SIGNS) * 3,
]


def texts(number: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(SIGNS, k=draw.randint(0, 40))) for _ in range(number)]


def byte_level(*steps: Any, use_regex: bool = False, normalizer: Any = None) -> Tokenizer:
    """A small BPE over bytes whose words are found by some steps."""
    made = Tokenizer(models.BPE())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    made.pre_tokenizer = pre_tokenizers.Sequence([*steps, to_bytes]) if steps else to_bytes
    if normalizer:
        made.normalizer = normalizer
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(LEARNED, BpeTrainer(vocab_size=700, show_progress=False, initial_alphabet=alphabet))
    return made


def split(pattern: str, behavior: str = "isolated", invert: bool = False) -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior, invert=invert)


def metaspace(merges: list[tuple[str, str]], kind: str = "prepend", added: tuple[str, ...] = ()) -> Tokenizer:
    """A tokenizer as SentencePiece makes them: U+2581 for spaces, bytes for what is unknown."""
    signs = [*sorted({*"".join(LEARNED).replace(" ", "\u2581")} - {"\n", "\x00"}), "\n"]
    tokens = [*(f"<0x{byte:02X}>" for byte in range(256)), *signs, *("".join(pair) for pair in merges), *added]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    made = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True))
    replace = normalizers.Replace(" ", "\u2581")
    if kind == "prepend":
        made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), replace])
    elif kind == "gemma":
        made.normalizer = replace
        made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=kind == "words")
    back = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence(back if kind == "gemma" else [*back, decoders.Strip(" ", 1, 0)])
    made.add_tokens([AddedToken(token, normalized=False, special=False) for token in added])
    return made


WORD = [("w", "o"), ("r", "d"), ("wo", "rd"), ("\u2581", "word"), ("t", "h"), ("th", "e"), ("\u2581", "the"), ("\u2581", "\u2581"),
        ("\u2581\u2581", "\u2581\u2581"), ("1", "2"), ("e", "."), ("<", "/")]  # fmt: skip
CROSSING = [*WORD, (">", "\u2581"), ("\n", "\n"), ("\n", "</")]

KINDS = {
    "cl100k": lambda: byte_level(split(plans.SPLIT)),
    "qwen": lambda: byte_level(split(plans.SPLIT_ONE), normalizer=normalizers.NFC()),
    "qwen 3.5": lambda: byte_level(split(plans.SPLIT_MARKS), normalizer=normalizers.NFC()),
    "o200k": lambda: byte_level(split(plans.O200K)),
    "o200k, the rest removed": lambda: byte_level(split(plans.O200K, "removed", invert=True)),
    "tekken": lambda: byte_level(split(plans.TEKKEN)),
    "gpt2": lambda: byte_level(use_regex=True),
    "gpt2 as a split": lambda: byte_level(split(plans.GPT2)),
    "starcoder": lambda: byte_level(pre_tokenizers.Digits(individual_digits=True), use_regex=True),
    "deepseek": lambda: byte_level(*map(split, plans._DEEPSEEK)),
    "llama2": lambda: metaspace(WORD),
    "gemma": lambda: metaspace(CROSSING, "gemma", ("\n\n", "\n\n\n", "\t\t", "<table>", "</table>")),
    "gemma without added tokens": lambda: metaspace(CROSSING, "gemma"),
    "mistral": lambda: metaspace(WORD, "first"),
    "words": lambda: metaspace([*WORD, ("d", "\u2581")], "words"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_the_library(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sequences.chunks.repeats", lambda text: True)
    tokenizer = KINDS[kind]()
    plan = plan_for(json.loads(tokenizer.to_str()))
    assert plan is not None
    encoder = ChunkEncoder(Tokenizer.from_str(json.dumps(plan.spec)), plan)
    sample = [*texts(3000, 7), " ", "", "\u2581", " x", "x ", "the word and the word\n" * 30]
    expected = [each.ids for each in tokenizer.encode_batch_fast(sample, add_special_tokens=False)]
    for text, ids, made in zip(sample, expected, encoder.encode([prefixed(t, plan) for t in sample]), strict=True):
        assert made == ids, (repr(text), chunks(prefixed(text, plan), plan.cut))
    assert sum(len(chunks(text, plan.cut)) for text in sample) > 1.5 * len(sample)


def test_a_merge_over_a_space_forbids_what_it_would_break() -> None:
    """The proof is not empty: with merges that reach over, the pattern of other merges gives other tokens."""
    crossing = metaspace([("d", "\u2581"), *WORD])
    assert plan_for(json.loads(crossing.to_str())) is None
    other = plan_for(json.loads(metaspace(WORD).to_str()))
    assert other is not None
    spec = {**json.loads(crossing.to_str()), "normalizer": other.spec["normalizer"]}
    encoder = ChunkEncoder(Tokenizer.from_str(json.dumps(spec)), Plan(other.cut, spec, False, "always"))
    text = "word word"
    assert encoder.encode([" " + text])[0] != crossing.encode(text, add_special_tokens=False).ids


def changed(spec: dict[str, Any], **model: Any) -> dict[str, Any]:
    return {**spec, "model": {**spec["model"], **model}}


def test_tokenizers_without_a_plan() -> None:
    spec = json.loads(byte_level(split(plans.SPLIT)).to_str())
    assert plan_for(spec)
    assert plan_for({**spec, "added_tokens": [{"content": "  "}]})
    assert not plan_for({**spec, "added_tokens": [{"content": "  ", "lstrip": True}]})
    assert not plan_for({**spec, "added_tokens": [{"content": "a b"}]})
    assert not plan_for({**spec, "added_tokens": [{"content": "word>"}]})
    assert not plan_for({**spec, "normalizer": {"type": "NFKC"}})
    assert not plan_for({**spec, "normalizer": {"type": "NFC"}, "added_tokens": [{"content": "  "}]})
    assert not plan_for({**spec, "pre_tokenizer": None})
    for unknown in (
        byte_level(split(plans.SPLIT), use_regex=True), byte_level(split(plans.SPLIT.replace("{1,3}", "{1,2}"))),
        byte_level(split(plans.SPLIT, "merged_with_next")), byte_level(split(r"\w+", "removed", invert=True)),
    ):  # fmt: skip
        assert not plan_for(json.loads(unknown.to_str()))
    spaced = json.loads(byte_level(use_regex=True).to_str())
    spaced["pre_tokenizer"]["add_prefix_space"] = True
    assert not plan_for(spaced)


def test_models_whose_merges_say_too_little() -> None:
    spec = json.loads(metaspace(WORD).to_str())
    assert plan_for(spec)
    for model in (
        {"ignore_merges": True}, {"byte_fallback": False}, {"end_of_word_suffix": "</w>"}, {"type": "Unigram"},
        {"vocab": {token: number for token, number in spec["model"]["vocab"].items() if token != "<0x41>"}},
        {"merges": [["<0x41>", "a"]]},
    ):  # fmt: skip
        assert chunk_pattern(changed(spec, **model)["model"], words=False, added=False) is None, model
    assert not plan_for({**spec, "added_tokens": [{"content": "  "}]})  # each stretch between would get a prefix
    assert not plan_for({**spec, "normalizer": {"type": "Lowercase"}})
    assert not plan_for({**spec, "pre_tokenizer": {"type": "Whitespace"}})


@pytest.mark.parametrize("kind", ["llama2", "mistral", "gpt2", "o200k", "gemma", "cl100k", "qwen"])
def test_long_texts_are_cut_where_no_token_reaches_over(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sequences.pack_encode.PIECE", 200)
    tokenizer = KINDS[kind]()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"accepted_losses": ["bytes", "characters"]}))
    encoder = DocumentEncoder.load(str(tmp_path), eos=None, pad="<|endoftext|>", fim=())
    # A word after each sign, so that there is always a place to cut.
    sample = ["".join(sign + " the word 12\n" for sign in text) for text in texts(40, 11)] + [" a  b" * 300]
    for text in sample:
        parts = encoder.parts(text)
        assert isinstance(parts, list)
        assert "".join(map(str, parts)) == text
        assert len(parts) >= len(text) // 200
        (ids,) = encoder.encode([parts])
        assert not isinstance(ids, Outcome)
        assert ids.tolist() == tokenizer.encode(text, add_special_tokens=False).ids


def test_offsets_are_those_of_the_text_as_it_is(tmp_path: Path) -> None:
    for kind, text in (
        ("llama2", "the word \u65e5\u672c"),
        ("qwen", "the word e\u0301x \u65e5"),
        ("gemma", " the> word"),
    ):
        tokenizer = KINDS[kind]()
        tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        encoder = DocumentEncoder.load(str(tmp_path), eos=None, pad="<|endoftext|>", fim=())
        (part,) = encoder.parts(text)  # type: ignore[misc]
        ids, offsets = encoder.offsets(part)  # type: ignore[arg-type]
        whole = tokenizer.encode(text, add_special_tokens=False)
        assert ids == whole.ids
        assert offsets[-1] == (len(text) - 1, len(text)) or kind == "gemma"
        assert [text[start:end] for start, end in offsets][1:] == [text[start:end] for start, end in whole.offsets][1:]
