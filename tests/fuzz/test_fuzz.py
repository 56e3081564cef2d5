"""The fuzzer itself, and a taste of every harness: the minute is in .ci/run, the hours are by hand."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from arcmill.errors import InputError
from arcmill.stage import Failure, Outcome
from fuzz import __main__ as command
from fuzz import harness as module
from fuzz import trial
from fuzz.harness import Harness, Unsound, attempt, told
from fuzz.harnesses import HARNESSES
from fuzz.mutate import of_bytes, of_json, shrunk


@pytest.mark.parametrize("name", HARNESSES)
def test_a_taste_of_each_parser(name: str) -> None:
    harness = HARNESSES[name]
    seeds = list(harness.seeds())
    turn = random.Random(f"taste {name}")
    tokens = [token.encode("utf-8", "surrogatepass") for token in harness.tokens]
    outcomes = {harness.run(seeds[0])}  # what it imports takes longer than an input may
    inputs = turn.sample(seeds, min(len(seeds), 6))
    for number in range(4):
        made = of_json(seeds, harness.tokens, turn) if harness.json and number % 2 else of_bytes(seeds, tokens, turn)
        inputs.append(made)
    for data in inputs:
        tried = attempt(harness, data)
        assert not tried.crash, f"{data!r:.500}\n{tried.detail}"
        outcomes.add(tried.outcome)
    assert len(outcomes) > 1, "all inputs end alike: the harness reads nothing of them"


def test_a_mistake_a_broken_promise_and_a_hang_are_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.05)

    def run(data: bytes) -> str:
        if data == b"told":
            raise InputError("no such thing")
        if data == b"unsound":
            raise Unsound("not the same")
        if data == b"late":
            try:
                while True:
                    time.monotonic()
            except Exception:
                return "swallowed"
        if data == b"hidden":
            return told([Failure("a", Outcome("unreadable", "errored", detail="TypeError: x"))])
        return str(data[7])

    kinds = {
        data: attempt(Harness("x", list, run), data).crash
        for data in (b"told", b"unsound", b"late", b"hidden", b"short", b"long enough")
    }
    assert kinds.pop(b"told") == "" and kinds.pop(b"long enough") == ""
    assert [crash.split(" at ")[0] for crash in kinds.values()] == ["Unsound", "Hang", "Unsound", "IndexError"]


def test_what_fails_is_shrunk() -> None:
    assert shrunk(b"a long input with a BUG in it" * 50, lambda data: b"BUG" in data, 2000) == b"BUG"


def test_a_seed_and_a_number_of_inputs_give_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_bound_memory", lambda: None)
    seen: list[bytes] = []

    def run(data: bytes) -> str:
        seen.append(data)
        return f"{len(data) % 7}"  # new kinds become seeds

    def tried(seed: int) -> list[bytes]:
        seen.clear()
        assert trial.fuzz(Harness("x", lambda: [b"one", b"two two"], run), 60, 80, seed, None, tmp_path)["inputs"] == 80
        return list(seen)

    first = tried(1)
    assert first == tried(1) != tried(2)


def test_an_input_that_fails_slowly_is_kept_and_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_bound_memory", lambda: None)
    monkeypatch.setattr(trial, "SHRINKING", 0.3)

    def run(data: bytes) -> str:
        if data != b"a seed":
            time.sleep(0.1)
            raise ValueError("slow")
        return "fine"

    began = time.monotonic()
    found: dict[str, Any] = trial.fuzz(Harness("x", lambda: [b"a seed"], run), 0, 5, 1, None, tmp_path)
    assert time.monotonic() - began < 10
    (file,) = found["crashes"].values()
    assert Path(file).read_bytes() != b"a seed" and "slow" in Path(file).with_suffix(".txt").read_text()


@pytest.mark.parametrize(
    ("does", "most", "idle", "ended"),
    [("0", 60, 120, True), ("time.sleep(600)", 60, 2, False), ("all(n == 0 for n in iter(int, 1))", 0.3, 120, False)],
)
def test_a_child_is_hung_by_what_it_computes(
    does: str, most: float, idle: float, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "IDLE", idle)
    child = subprocess.Popen([sys.executable, "-c", f"import time; {does}"])
    try:
        assert command._ended(child, most) == ended
    finally:
        child.kill()
        child.wait()
