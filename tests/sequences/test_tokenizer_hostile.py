"""import-tokenizer on files that were made to do harm: an error that says what, at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from arcmill.errors import InputError
from arcmill.stage import SourceFile
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


def test_json_that_is_too_deep(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        import_files(files(tmp_path), ImportTokenizer(), tmp_path)
    assert STAGE.name == "import-tokenizer"
