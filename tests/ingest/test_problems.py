"""Rows of benchmarks become Problems; a bad row becomes an errored ledger row, and never takes another with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from ingest.problems import STAGE, IngestProblems

Digest = Callable[[Path | str], str]


def ingest(source: Path, output: Path, workers: int = 1, **settings: Any) -> Dataset:
    config = validate(IngestProblems, {"max_error_rate": 1, **settings}, "test")
    return execute(STAGE, config, {"input": [str(source)]}, str(output), workers=workers).dataset


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def ledger(dataset: Dataset) -> list[tuple[str, str]]:
    return [(row["outcome"], row["rule"]) for batch in dataset.ledger() for row in batch.to_pylist()]


def write(path: Path, values: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(value) for value in values), encoding="utf-8")
    return path


def test_prompt_is_put_together_and_the_answer_becomes_a_letter(tmp_path: Path) -> None:
    source = write(
        tmp_path / "moons.jsonl",
        [
            {"q": "Which moon is largest?", "story": "Moons circle planets.", "options": ["Io", "Ganymede"], "gold": 1},
            {"q": "Which is inner?", "story": "", "options": ["Io", "Ganymede"], "gold": "a"},
            {"q": "Which is icy?", "story": None, "options": ["Io", "Ganymede"], "gold": "Ganymede"},
        ],
    )
    dataset = ingest(
        source, tmp_path / "out", columns={"prompt": "q", "answer": "gold"}, choices=["options"], passage="story"
    )
    first, second, third = rows(dataset)
    assert first["prompt"] == "Passage: Moons circle planets.\n\nQuestion: Which moon is largest?\nA. Io\nB. Ganymede"
    assert (first["answer"], first["answer_type"], first["source"]) == ("B", "choice", "moons")
    assert second["prompt"] == "Which is inner?\nA. Io\nB. Ganymede"
    assert (second["answer"], third["answer"]) == ("A", "B")
    assert dataset.record == "Problem" and list(dataset.problems()) == []


def test_the_id_is_from_the_origin(tmp_path: Path) -> None:
    values = [{"prompt": f"How many is {n} and one?", "answer": n + 1} for n in range(4)]
    one = rows(ingest(write(tmp_path / "sums.jsonl", values), tmp_path / "a"))
    (tmp_path / "other").mkdir()
    two = rows(ingest(write(tmp_path / "other" / "sums.jsonl", values[::-1]), tmp_path / "b"))
    assert {row["id"]: row["prompt"] for row in one} == {row["id"]: row["prompt"] for row in two}
    assert len({row["id"] for row in one}) == 4
    assert [row["answer"] for row in one] == ["1", "2", "3", "4"]
    named = rows(ingest(write(tmp_path / "n.jsonl", [{"prompt": "x y", "id": 7, "source": "own"}]), tmp_path / "c"))
    assert (named[0]["id"], named[0]["source"], named[0]["answer_type"]) == ("7", "own", "exact")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"answer": "4"}, "missing-prompt"),
        ({"prompt": "  \n"}, "empty-prompt"),
        ({"prompt": 3.5, "answer_type": "riddle"}, "bad-answer-type"),
        ({"prompt": ["a"]}, "not-a-string"),
        ({"prompt": "a\0b"}, "nul-bytes"),
        ({"prompt": "Which?", "options": ["x", "y"], "answer": 2}, "bad-answer"),
        ({"prompt": "Which?", "options": ["x", "y"], "answer": "neither"}, "bad-answer"),
        ({"prompt": "Which?", "options": ["x", "y"], "answer": "²"}, "bad-answer"),
        ({"prompt": "Which?", "options": ["x", "y"], "answer": "1" * 5000}, "bad-answer"),
        ({"prompt": "Which?", "options": ["x", ""], "answer": 0}, "bad-choices"),
        ({"prompt": "Which?", "options": ["x", "y"], "pass_rate": "often"}, "not-a-number"),
        (["no object"], "not-an-object"),
    ],
)
def test_a_bad_row_is_errored_alone(tmp_path: Path, row: Any, rule: str) -> None:
    good = {"prompt": "Which?", "options": ["x", "y"], "answer": 0}
    if not (isinstance(row, dict) and "options" in row):
        good, settings = {"prompt": "Why?"}, {}
    else:
        settings = {"choices": ["options"]}
    dataset = ingest(write(tmp_path / "b.jsonl", [good, row, good | {"prompt": "When?"}]), tmp_path / "out", **settings)
    assert ledger(dataset) == [("errored", rule)]
    assert dataset.counts["in"] == 3 and dataset.rows == 2


def test_bad_lines_and_lone_surrogates_are_errored(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(b'{"prompt": "a b"}\n{"prompt": \n{"prompt": "\xff"}\n{"prompt": "\\ud800"}\n')
    dataset = ingest(tmp_path / "b.jsonl", tmp_path / "out")
    assert dataset.rows == 1
    assert {outcome for outcome, _ in ledger(dataset)} == {"errored"} and len(ledger(dataset)) == 3


def test_csv_without_a_header_and_parquet(tmp_path: Path) -> None:
    (tmp_path / "quiz.csv").write_text('"What, then?",red,blue,B\nAnd now?,one,two,A\ntoo,few\n', encoding="utf-8")
    names = ["question", "a", "b", "gold"]
    settings: dict[str, Any] = {"columns": {"prompt": "question", "answer": "gold"}, "choices": ["a", "b"]}
    dataset = ingest(tmp_path / "quiz.csv", tmp_path / "csv", header=names, **settings)
    assert [(row["prompt"], row["answer"]) for row in rows(dataset)] == [
        ("What, then?\nA. red\nB. blue", "B"),
        ("And now?\nA. one\nB. two", "A"),
    ]
    assert ledger(dataset) == [("errored", "bad-csv")]
    table = pa.table({"question": ["What?"], "a": ["x"], "b": ["y"], "gold": [1], "left": [2.5]})
    pq.write_table(table, tmp_path / "quiz.parquet")
    assert [row["answer"] for row in rows(ingest(tmp_path / "quiz.parquet", tmp_path / "pq", **settings))] == ["B"]


def test_mistakes_are_named(tmp_path: Path) -> None:
    (tmp_path / "quiz.csv").write_text("question,gold\nWhy?,x\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"no column 'prompt'.*question"):
        ingest(tmp_path / "quiz.csv", tmp_path / "a")
    with pytest.raises(InputError, match=r"no column 'options' for 'choices'"):
        ingest(tmp_path / "quiz.csv", tmp_path / "b", columns={"prompt": "question"}, choices=["options"])
    with pytest.raises(UsageError, match="'text' is no field of problem"):
        ingest(tmp_path / "quiz.csv", tmp_path / "c", columns={"text": "question"})
    with pytest.raises(UsageError, match="names a column twice"):
        ingest(tmp_path / "quiz.csv", tmp_path / "d", header=["a", "a"])


def test_the_same_bytes_for_any_number_of_workers(tmp_path: Path, digest: Digest) -> None:
    (tmp_path / "in").mkdir()
    for part in range(3):
        lines = "\n".join(json.dumps({"prompt": f"Question {part} {n}?", "tests": {"n": n}}) for n in range(300))
        (tmp_path / "in" / f"p{part}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    one = ingest(tmp_path / "in", tmp_path / "one")
    ingest(tmp_path / "in", tmp_path / "two", workers=2)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert rows(one)[0]["tests"] == '{"n":0}'
