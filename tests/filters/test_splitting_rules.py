"""The kept splitting rules are spaCy's, and whatever is wrong with the file they are made anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from filters.web import splitting_rules as module
from filters.web.splitting_rules import SplittingRules, read_from_spacy, splitting_rules
from filters.web.tokenizer import ChunkTokenizer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "arcmill"


@pytest.mark.parametrize("code", ["en", "xx", "de", "fr"])
def test_kept_rules_are_those_read(folder: Path, code: str) -> None:
    read = splitting_rules(code)
    assert len(list(folder.iterdir())) == 1
    assert splitting_rules(code) == read == module._compile(read_from_spacy(code))


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes | None) -> None:
    splitting_rules("en")
    [path] = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-10] if damage is None else damage)
    assert isinstance(splitting_rules("en"), SplittingRules)
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert splitting_rules("xx").specials


def test_kept_rules_do_without_spacy(folder: Path) -> None:
    splitting_rules("en")
    program = (
        "import sys; from filters.web.tokenizer import ChunkTokenizer; "
        "print(*ChunkTokenizer('en').words(\"don't!\"), 'spacy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["do", "n't", "!", "False"]


def test_punctuation_is_spacys() -> None:
    from spacy.lang.lex_attrs import is_punct

    for number in range(0x30000):
        assert ChunkTokenizer.is_punctuation(chr(number)) == is_punct(chr(number))
    for word in ("", "...", ".a", "a.", "\u3002!"):
        assert ChunkTokenizer.is_punctuation(word) == is_punct(word)
