"""Verifiers of the user's own: what they may say, what becomes of one that fails, and who may name them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from arcmill.errors import UsageError
from arcmill.records import Conversation, Message
from synth.evidence import NOT_NAMED, replay
from synth.rejection.stage import RejectSamples
from synth.verifiers.own import files_of, verify_by
from synth.verifiers.verdict import Verdict

MODULE = """
from synth.verifiers.verdict import Verdict

def same(answer, expected):
    return answer.strip().lower() == expected.lower()

def unsure(answer, expected):
    return None

def broken(answer, expected):
    raise KeyError("no such unit")

def odd(answer, expected):
    return "yes"

def full(answer, expected):
    return Verdict("any name", True, expected, "read out of it", "and why")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_checks.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "own_checks", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_checks"


def test_a_function_of_ones_own_judges_and_the_others_stay(module: str) -> None:
    own = {"exact": f"{module}:same"}
    assert verify_by(own, "exact", "  PARIS ", "Paris") == Verdict(f"{module}:same", True, "Paris", "PARIS")
    assert verify_by(own, "exact", "Rome", "Paris").right is False
    assert verify_by(own, "math", "\\boxed{4}", "4").verifier == "math"
    assert verify_by({}, "exact", "paris", "Paris").verifier == "exact"


@pytest.mark.parametrize(
    ("name", "right", "detail"),
    [
        ("unsure", None, None),
        ("broken", None, "KeyError: 'no such unit'"),
        ("odd", None, "it said 'yes', which is none of True, False, None"),
        ("full", True, "and why"),
    ],
)
def test_what_it_may_say(module: str, name: str, right: bool | None, detail: str | None) -> None:
    found = verify_by({"exact": f"{module}:{name}"}, "exact", "a", "a")
    assert (found.verifier, found.right, found.detail) == (f"{module}:{name}", right, detail)


def test_its_file_is_part_of_what_it_judged_and_no_verifier_changes_nothing(module: str, tmp_path: Path) -> None:
    assert files_of({"exact": f"{module}:same", "math": f"{module}:odd"}) == [str(tmp_path / "own_checks.py")]
    assert "verifiers" not in RejectSamples().identity()
    assert RejectSamples(verifiers={"exact": f"{module}:same"}).identity()["verifiers"] == {"exact": f"{module}:same"}
    with pytest.raises(UsageError, match=r"verifier of exact: .*holds no 'none'"):
        files_of({"exact": f"{module}:none"})


def test_rows_do_not_import_what_they_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_trap.py").write_text("raise RuntimeError('imported by data')")
    monkeypatch.syspath_prepend(str(tmp_path))
    evidence = {
        "verifier": "own_trap:check",
        "verdict": "right",
        "answer_type": "exact",
        "expected": "a",
        "observed": "a",
    }
    row = Conversation("c", [Message("user", "?"), Message("assistant", "a")], "s", evidence=json.dumps(evidence))
    assert replay(row) == (f"own_trap:check{NOT_NAMED}", None)
    with pytest.raises(UsageError, match="imported by data"):
        replay(row, {"exact": "own_trap:check"})
