"""filter-search-qa with a fake server (`fake_search_model.py`), and its mechanical half without any."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from search_world import PAGES, QUESTIONS, given, ledger, question, rows, world

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Document
from synth.search_qa.attempts import CALLS_A_TURN
from synth.search_qa.filter import STAGE as FILTER
from synth.search_qa.filter import FilterSearchQa
from synth.search_qa.pages import STAGE as LINK
from synth.search_qa.pages import LinkPages

HOPS = [("q1", "directed_by", "q2", "node"), ("q2", "born_in", "q3", "node")]
PROMPT = "Where was the director of that film born?"


@pytest.fixture(scope="module")
def player() -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    program = str(Path(__file__).with_name("fake_search_model.py"))
    process = subprocess.Popen([sys.executable, program, str(port)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=1).close()
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def linked(folder: Path, words: list[str]) -> dict[str, list[str]]:
    """Questions of the two hops, each with a word for the player, linked to pages."""
    inputs = world(folder)
    inputs["input"] = [given(folder / "asked", [question(word, HOPS, "q3", f"{PROMPT} ({word})") for word in words])]
    execute(LINK, LinkPages(), inputs, str(folder / "linked"))
    return {"input": [str(folder / "linked")], "index": inputs["index"]}


def filtered(
    inputs: dict[str, list[str]], output: Path, url: str = "", **config: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(kept rows, ledger rows) by the word of the question."""
    settings = {"llm.endpoint": url, "llm.retries": 1} if url else {}
    made = FilterSearchQa(**{"model": "player", "max_error_rate": 1, **config})
    execute(FILTER, made, inputs, str(output), settings=settings)
    words = {row.id: row.prompt.rpartition("(")[2].rstrip(")") for row in rows(inputs["input"][0])}
    kept = {words[row.id]: row for row in rows(str(output))}
    return kept, {words[name]: row for name, row in ledger(str(output)).items()}


def test_every_check_drops_what_it_is_for(tmp_path: Path, player: str) -> None:
    inputs = linked(tmp_path, ["known", "easy", "misread", "plain", "lost", "broken", "loops"])
    kept, left = filtered(inputs, tmp_path / "out", player, attempts=2, max_turns=5, one_search_pages=1)
    assert {word: row["rule"] for word, row in left.items()} == {
        "known": "closed-book", "easy": "one-search", "misread": "wrong-in-corpus",
    }  # fmt: skip
    assert left["known"]["score"] == 4 and "query" in left["easy"]["detail"] and "lyon" in left["misread"]["detail"]
    assert {word: (row.difficulty, row.pass_rate, row.attempts) for word, row in kept.items()} == {
        "plain": ("easy", 1.0, 2), "lost": ("unsolved", 0.0, 2), "broken": ("unsolved", 0.0, 2), "loops": ("unsolved", 0.0, 2),
    }  # fmt: skip
    found = {word: json.loads(row.evidence)["filter"] for word, row in kept.items()}
    assert found["plain"]["closed_book"] == {"tries": 4, "right": 0}
    assert (
        found["plain"]["corpus"] == {"tries": 3, "right": 3, "wrong": 0, "agreed": 0}
        and found["plain"]["model"] == "player"
    )
    solve = {
        word: {key: told["solve"][key] for key in ("turns", "calls", "refused_calls", "unanswered")}
        for word, told in found.items()
    }
    assert solve["plain"] == {"turns": 6, "calls": 4, "refused_calls": 0, "unanswered": 0}
    assert solve["loops"] == {"turns": 10, "calls": 8, "refused_calls": 0, "unanswered": 2}
    assert solve["broken"] == {"turns": 10, "calls": 8, "refused_calls": 6, "unanswered": 2}
    assert Dataset.open(str(tmp_path / "out")).statistics["unsolved"] == 3


def test_mistakes_are_told_to_the_model_and_may_be_mended(tmp_path: Path, player: str) -> None:
    inputs = linked(tmp_path, ["broken", "huge"])
    kept, _ = filtered(inputs, tmp_path / "out", player, checks=["solve"], attempts=2, max_turns=8)
    assert kept["broken"].pass_rate == 1.0
    # A conversation that grew too long for the server is an attempt that failed, not a row that erred.
    assert (kept["huge"].pass_rate, json.loads(kept["huge"].evidence)["filter"]["solve"]["unanswered"]) == (0.0, 2)


def test_calls_may_stand_in_the_text(tmp_path: Path, player: str) -> None:
    inputs = linked(tmp_path, ["plain", "broken", "loops"])
    kept, _ = filtered(inputs, tmp_path / "out", player, checks=["solve"], attempts=1, max_turns=8, tool_calls="text")
    found = {word: json.loads(row.evidence)["filter"]["solve"] for word, row in kept.items()}
    assert {word: (solve["passes"], solve["calls"], solve["refused_calls"]) for word, solve in found.items()} == {
        "plain": (1, 2, 0), "broken": (1, 5, 3), "loops": (0, 7, 0),
    }  # fmt: skip


def test_the_same_for_any_workers(tmp_path: Path, player: str) -> None:
    inputs = linked(tmp_path, ["plain", "lost", "known", "loops"])
    manifests = []
    for workers in (1, 4):
        config = FilterSearchQa(model="player", attempts=2, max_turns=3, one_search_pages=1)
        settings = {"llm.endpoint": player}
        execute(FILTER, config, inputs, str(tmp_path / str(workers)), settings=settings, workers=workers)
        manifests.append(Dataset.open(str(tmp_path / str(workers))).manifest)
    assert manifests[0] == manifests[1] and manifests[0]["counts"]["dropped"] == 1


def test_classes_may_be_left_out(tmp_path: Path, player: str) -> None:
    inputs = linked(tmp_path, ["plain", "lost"])
    kept, left = filtered(inputs, tmp_path / "out", player, checks=["solve"], attempts=2, keep=["moderate", "unsolved"])
    assert list(kept) == ["lost"] and left["plain"]["rule"] == "easy" and left["plain"]["score"] == 1.0


def test_the_mechanical_half_needs_no_server(tmp_path: Path) -> None:
    inputs = linked(tmp_path, ["plain", "comes from Roanne, a town"])
    kept, left = filtered(inputs, tmp_path / "out", ask_model=False)
    assert list(kept) == ["plain"] and left["comes from Roanne, a town"]["rule"] == "one-search"
    assert json.loads(kept["plain"].evidence)["filter"]["one_search"][0]["rank"] is None
    assert "metrics" not in Dataset.open(str(tmp_path / "out")).manifest and not (tmp_path / "out.journal").exists()


def test_a_hop_without_a_page_is_wrong_in_the_corpus(tmp_path: Path) -> None:
    inputs = world(tmp_path)
    execute(LINK, LinkPages(require="none"), inputs, str(tmp_path / "linked"))
    taken = {"input": [str(tmp_path / "linked")], "index": inputs["index"]}
    execute(FILTER, FilterSearchQa(checks=["corpus"], ask_model=False), taken, str(tmp_path / "out"))
    assert [row["rule"] for row in ledger(str(tmp_path / "out")).values()] == ["wrong-in-corpus"]
    assert len(rows(str(tmp_path / "out"))) == len(QUESTIONS) - 1


def test_pages_that_were_never_linked_or_are_of_another_index_are_told(tmp_path: Path) -> None:
    inputs = world(tmp_path)
    config = FilterSearchQa(checks=["corpus"], ask_model=False, max_error_rate=1)
    execute(FILTER, config, {"input": inputs["input"], "index": inputs["index"]}, str(tmp_path / "out"))
    assert all("run link-pages first" in row["detail"] for row in ledger(str(tmp_path / "out")).values())
    execute(LINK, LinkPages(), inputs, str(tmp_path / "linked"))
    from arcmill.search.stage import STAGE as INDEX
    from arcmill.search.stage import IndexDocuments

    pages = given(tmp_path / "more", [*PAGES, Document("p9", "One page more.", "tiny")])
    execute(INDEX, IndexDocuments(), {"input": [pages]}, str(tmp_path / "other"))
    execute(
        FILTER, config, {"input": [str(tmp_path / "linked")], "index": [str(tmp_path / "other")]}, str(tmp_path / "two")
    )
    assert all("another index" in row["detail"] for row in ledger(str(tmp_path / "two")).values())


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Answer: x", []),
        ('<tool_call>{"name": "open", "arguments": {"id": "a"}}</tool_call>', [("open", '{"id": "a"}')]),
        ('<tool_call>{"name": "search"}', [("search", "{}")]),
        ("<tool_call>search</tool_call><tool_call>[]</tool_call>", [("", "search"), ("", "[]")]),
        ("<tool_call>" + "[" * 100_000, [("", "[" * 100_000)]),
    ],
)
def test_calls_in_texts(text: str, calls: list[tuple[str, str]]) -> None:
    from synth.search_qa.attempts import _in_text

    assert _in_text(text) == calls


def test_calls_of_one_message_are_bounded(tmp_path: Path) -> None:
    from arcmill.generation import Choice
    from arcmill.records import ToolCall
    from synth.search_qa.attempts import Attempt, _said

    attempt = Attempt([])
    _said(attempt, Choice("\ud800", tool_calls=tuple(ToolCall("x", "search", "[\ud800") for _ in range(500))), 5)
    assert len(attempt.waiting) == CALLS_A_TURN and len({name for name, _, _ in attempt.waiting}) == CALLS_A_TURN
    json.dumps(attempt.messages, ensure_ascii=False).encode()
    sent = attempt.messages[0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"malformed": "[?"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"ask_model": False, "checks": ["solve"]}, "one-search or corpus is needed"),
        ({"max_closed_book": 4}, "can never be exceeded"),
        ({"checks": []}, "checks"),
        ({"keep": ["hard"]}, "keep"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        validate(FilterSearchQa, values, "filter-search-qa")
