"""import-tokenizer on files that were made to do harm: an error that says what, at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from arcmill.errors import InputError, UsageError
from arcmill.stage import SourceFile
from sequences import tokenizer_trial
from sequences.pack_encode import DocumentEncoder
from sequences.tokenizer_import import STAGE, ImportTokenizer, find
from sequences.tokenizer_mending import import_files
from sequences.tokenizer_training import learn, write

Change = Callable[[dict[str, Any]], Any]


def files(folder: Path) -> list[SourceFile]:
    return list(find([str(folder)], ImportTokenizer())[0].files)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = learn(iter(["the quick brown fox " * 20]), 300, 2)
    tokenizer.add_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    write(tokenizer, folder)
    return (folder / "tokenizer.json").read_text("utf-8")


def last_id(number: Any) -> Change:
    return lambda known: known["added_tokens"][-1].update(id=number)


def nested(depth: int) -> dict[str, Any]:
    step: dict[str, Any] = {"type": "NFC"}
    for _ in range(depth):
        step = {"type": "Sequence", "normalizers": [step]}
    return step


def replaced(what: str, by: str, times: int) -> dict[str, Any]:
    step = {"type": "Replace", "pattern": {"String": what}, "content": by}
    return {"type": "Sequence", "normalizers": [step] * times}


def split(pattern: str) -> dict[str, Any]:
    to_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    cut = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [cut, to_bytes]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (last_id(99_999), "ids have no token, more than have one"),
        (last_id(2**31), "ids have no token, more than have one"),
        (lambda known: known.update(decoder=None), "has no decoder to turn them back"),
        (last_id(True), "cannot load it|is no id"),
        (lambda known: known["model"]["vocab"].update(x="7"), "is no id"),
        (lambda known: known["model"]["vocab"].update(x=None), "is no id"),
        (lambda known: known["model"].update(vocab=[["a", 0.5], "b"]), "no list of tokens with scores"),
        (lambda known: known.update(normalizer={"type": "Sequence"}), "its normalizer is no step"),
        (
            lambda known: known.update(pre_tokenizer={"type": "Sequence", "pretokenizers": [3]}),
            "its pre_tokenizer is no step",
        ),
        (lambda known: known.update(decoder="ByteLevel"), "its decoder is no step"),
        (lambda known: known.update(normalizer=nested(400)), "its normalizer is no step"),
        (
            lambda known: known.update(normalizer=replaced("x", "x" * 100, times=6)),
            r"normalizer of 6 steps can make .* 1e\+12 times",
        ),
        (lambda known: known.update(normalizer={"type": "Prepend", "prepend": "x" * 100_000}), "can make a text"),
        (
            lambda known: known.update(decoder={"type": "Strip", "content": "a", "start": 2**63, "stop": 2**63}),
            "cannot be encoded",
        ),
        (lambda known: known.update(pre_tokenizer=split("(a+)+b")), "cannot be encoded"),
    ],
)
def test_a_spec_that_would_take_hours_or_all_memory(tmp_path: Path, spec: str, change: Change, said: str) -> None:
    known = json.loads(spec)
    change(known)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "tokenizer.json").write_text(json.dumps(known), "utf-8")
    with pytest.raises(InputError, match=said):
        import_files(files(tmp_path / "in"), ImportTokenizer(), tmp_path)


@pytest.mark.parametrize(
    ("count", "size"), [(2**32, 2**33), (10**25, 10**26), (-1, 300), (400, 300), (1.5, 300), ("4", 300)]
)
def test_a_tekken_file_that_counts_more_special_tokens_than_there_can_be(tmp_path: Path, count: Any, size: Any) -> None:
    token = {"rank": 0, "token_bytes": "YQ==", "token_str": "a"}
    config = {"pattern": ".", "default_vocab_size": size, "default_num_special_tokens": count, "version": "v3"}
    (tmp_path / "tekken.json").write_text(json.dumps({"config": config, "vocab": [token]}), "utf-8")
    with pytest.raises(InputError, match=r"not a tekken\.json \(ValueError"):
        import_files(files(tmp_path), ImportTokenizer(), tmp_path)


def test_what_cannot_be_told_before_it_is_tried_is_ended(
    tmp_path: Path, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that tries it has used up its time, however fast the machine."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first/sitecustomize.py").write_text("import time\nwhile time.process_time() < 1.5: pass\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    monkeypatch.setattr(tokenizer_trial, "SECONDS", 1)
    (tmp_path / "tokenizer.json").write_text(spec, "utf-8")
    with pytest.raises(InputError, match="more than 1 s of the processor"):
        import_files(files(tmp_path), ImportTokenizer(), tmp_path)


def test_a_folder_that_was_not_imported_panics_into_an_error(tmp_path: Path, spec: str) -> None:
    known = json.loads(spec)
    known["pre_tokenizer"] = split("(a+)+b")
    (tmp_path / "tokenizer.json").write_text(json.dumps(known), "utf-8")
    with pytest.raises(UsageError, match="cannot be encoded"):
        DocumentEncoder.load(str(tmp_path), eos=None, pad="<|endoftext|>", fim=())


def test_json_that_is_too_deep(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        import_files(files(tmp_path), ImportTokenizer(), tmp_path)
    assert STAGE.name == "import-tokenizer"
