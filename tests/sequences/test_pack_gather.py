"""What the windows of tasks leave is laid out anew: fuller, whole, and the same whatever the workers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import EngineError
from arcmill.execute import execute
from arcmill.records import Document, documents_to_batch
from arcmill.stage import Rest, Stage
from sequences import pack_layout
from sequences.pack import STAGE, Pack, core, gathers, setup
from sequences.pack_gather import gather, segments_of
from sequences.tokenizer import STAGE as TRAIN
from sequences.tokenizer import TrainTokenizer

Digest = Callable[[Path | str], str]
ROOT = Path(__file__).parents[2]
CODE = "def area(side):\n    return side * side\n\n"


def _documents(split: str, config: StageConfig) -> Iterator[Document]:
    draw = random.Random(int(split))
    for number in range(60):
        text = "".join(draw.choices(["words ", "of a page, ", "1234 ", "\n", CODE], k=draw.randrange(1, 60)))
        metadata = {"epoch": str(number % 2), "mix_source": "abc"[number % 3]}
        if number % 4 == 0:
            metadata["programming_language"] = "python"
        yield Document(f"{split}-{number // 2}", text, f"web{split}", metadata=metadata)


TEXTS = Stage(
    name="texts", version=1, help="x", config=StageConfig, writes="Document", engine="datatrove", core=_documents,
    splits=lambda config: [str(number) for number in range(12)],
)  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("given")
    documents = execute(TEXTS, StageConfig(max_error_rate=0), {}, str(folder / "documents")).dataset
    assert len(documents.parts) == 12
    config = TrainTokenizer(vocab_size=512)
    model = execute(TRAIN, config, {"input": [documents.url]}, str(folder / "tokenizer")).dataset.url
    return {"input": [documents.url], "tokenizer": [model]}


@pytest.fixture
def many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task for each part, small as it is."""
    monkeypatch.setattr("arcmill.engines.datatrove.group_by_bytes", lambda sizes: [[n] for n, _ in enumerate(sizes)])


def rows_of(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


@pytest.mark.parametrize("mode", ["concat", "best_fit"])
@pytest.mark.parametrize("fim", [0.0, 0.5])
def test_one_row_of_padding_for_all_tasks(
    tmp_path: Path, inputs: dict[str, list[str]], many_tasks: None, mode: Any, fim: float
) -> None:
    config = Pack(sequence_length=700, mode=mode, context_fim={"rate": fim})  # type: ignore[arg-type]
    dataset = execute(STAGE, config, inputs, str(tmp_path / "packed")).dataset
    facts, rows = dataset.statistics, rows_of(dataset)
    assert len(dataset.parts) > 4
    assert list(dataset.problems()) == []
    if mode == "concat" and not fim:
        assert facts["rows"] == facts["rows_at_least"]
        assert facts["padding"] < 700
    assert facts["rows"] <= facts["rows_at_least"] + 1
    # All that is said of the rows is so.
    segments = [segment for row in rows for segment in row["segments"]]
    held = sum(segment["length"] for segment in segments)
    first = {(s["id"], s["epoch"]) for s in segments if s["offset"] == 0}
    cut = {(s["id"], s["epoch"]) for s in segments if s["offset"] != 0}
    marks = 3 * sum(segment["role"] in ("psm", "spm") for segment in segments)
    assert bool(marks) == bool(fim)
    assert len(first) == facts["occurrences"] == dataset.counts["kept"]
    expected = {
        "rows": len(rows),
        "padding": 700 * len(rows) - held,
        "fill": round(held / (700 * len(rows)), 6),
        "sentinels": marks,
        "documents": sum(epoch == 0 for _, epoch in first),
        "documents_cut": len(cut),
        "segments": len(segments),
        "tokens": held - marks,
        "tokens_in_loss": held - marks,
        "tokens_repeated": sum(s["length"] - 3 * (s["role"] in ("psm", "spm")) for s in segments if s["epoch"]),
    }
    expected["tokens_in_loss_repeated"] = expected["tokens_repeated"]  # fmt: skip
    assert {key: facts[key] for key in expected} == expected
    assert [entry["source"] for entry in sorted(facts["sources"], key=lambda e: e["source"])] == ["a", "b", "c"]
    for field in ("documents", "occurrences", "tokens", "tokens_in_loss", "tokens_repeated", "tokens_in_loss_repeated"):
        assert sum(entry[field] for entry in facts["sources"]) == facts[field]
    if mode == "best_fit":
        assert facts["documents_cut"] == facts["documents_longer"]


@pytest.mark.parametrize("mode", ["concat", "best_fit"])
def test_small_windows_hold_the_same_documents(
    tmp_path: Path, inputs: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    def runs(dataset: Dataset) -> dict[tuple[str, int], list[int]]:
        parts: dict[tuple[str, int], list[tuple[int, list[int]]]] = defaultdict(list)
        for row in rows_of(dataset):
            for s in row["segments"]:
                parts[s["id"], s["epoch"]].append(
                    (s["offset"], row["input_ids"][s["start"] : s["start"] + s["length"]])
                )
        return {key: [token for _, run in sorted(found) for token in run] for key, found in parts.items()}

    config = Pack(sequence_length=256, mode=mode)
    whole = execute(STAGE, config, inputs, str(tmp_path / "whole")).dataset
    monkeypatch.setattr(pack_layout, "WINDOW_DOCUMENTS", 9)
    cut = execute(STAGE, config, inputs, str(tmp_path / "cut")).dataset
    assert runs(cut) == runs(whole)
    # The last step has windows of nine runs here, too, which is few for a best fit.
    assert whole.rows <= cut.rows <= whole.rows * (1.3 if mode == "best_fit" else 1)


def test_best_fit_leaves_its_emptiest_rows_alone() -> None:
    left = pack_layout.emptiest(np.array([100.0, 50, 100, 20, 99.95, 60]), 100)
    assert left.tolist() == [False, True, False, True, False, True]
    many = pack_layout.emptiest(np.arange(100.0), 100)
    assert np.flatnonzero(many).tolist() == list(range(pack_layout.LEFT))


def test_what_was_rearranged_is_never_cut(inputs: dict[str, list[str]]) -> None:
    """A rest of runs of both kinds: those with sentinels stay as they are, the others fill what is beside them."""
    config = Pack(sequence_length=128, context_fim={"rate": 1.0, "min_tokens": 4})  # type: ignore[arg-type]
    state = setup(config, {"tokenizer": inputs["tokenizer"][0]})
    rests, expected = [], Counter[tuple[Any, ...]]()
    for number in range(30):
        documents = [
            Document(f"{number}-{n}", CODE * (n + 1), "s", metadata={"programming_language": "python"}) for n in (0, 1)
        ]
        documents.append(Document(f"{number}-plain", "words " * number + "x", "s"))
        for made in core(iter([documents_to_batch(documents)]), config, state):
            if isinstance(made, Rest):
                rests.append(made.rows)
                for origin, tokens, offset, _ in segments_of(made.rows, 128):
                    if origin.role in ("psm", "spm"):
                        expected[origin.id, offset, tuple(tokens.tolist())] += 1
    assert expected
    found: Counter[tuple[Any, ...]] = Counter()
    for made in gathers(iter(rests), config, state):
        if isinstance(made, Mapping):
            assert made["rows"] < 30
            continue
        for row in made.to_pylist():
            for s in row["segments"]:
                if s["role"] in ("psm", "spm"):
                    found[s["id"], s["offset"], tuple(row["input_ids"][s["start"] : s["start"] + s["length"]])] += 1
    assert found == expected


def test_no_rest_makes_no_row() -> None:
    (tallies,) = gather(iter([]), 16, 0, cuts=True)
    assert not tallies


def test_workers_do_not_show(tmp_path: Path, inputs: dict[str, list[str]], digest: Digest, many_tasks: None) -> None:
    found = set()
    for workers in (1, 4):
        execute(
            STAGE, Pack(sequence_length=512, mode="best_fit"), inputs, str(tmp_path / str(workers)), workers=workers
        )
        found.add(digest(tmp_path / str(workers)))
    assert len(found) == 1


STUCK = """
import sys, time
from pathlib import Path
import arcmill.engines.datatrove as engine
from pipelines.cli import main
engine.group_by_bytes = lambda sizes: [[n] for n, _ in enumerate(sizes)]
gather = engine.PartTask._gather
def stuck(self, unit, writer):
    if "stuck" in sys.argv:
        Path(self.job.staging, "stuck").touch()
        time.sleep(600)
    gather(self, unit, writer)
engine.PartTask._gather = stuck
main([each for each in sys.argv[1:] if each != "stuck"])
"""


def test_killed_before_the_last_step_it_is_taken_up(
    tmp_path: Path, inputs: dict[str, list[str]], digest: Digest
) -> None:
    environment = dict(os.environ, PYTHONPATH=str(ROOT))

    def command(output: str, *more: str) -> list[str]:
        return [sys.executable, "-c", STUCK, *more, "pack", "--input", inputs["input"][0], "--input",
                f"tokenizer={inputs['tokenizer'][0]}", "--output", str(tmp_path / output), "--set", "sequence_length=256"]  # fmt: skip

    process = subprocess.Popen(command("cut", "stuck"), env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "cut/_staging/stuck").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list((tmp_path / "cut/_staging").glob("task-*.json"))) == 12
    for output in ("cut", "whole"):
        done = subprocess.run(command(output), env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


def test_a_gather_that_loses_a_document_is_found(
    tmp_path: Path, inputs: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    def forgets(batches: Iterator[pa.RecordBatch], *rest: Any) -> Iterator[pa.RecordBatch | Mapping[str, int]]:
        next(batches)
        return gathers(batches, *rest)

    stage = replace(STAGE, gathers=forgets)
    with pytest.raises(EngineError, match="were lost"):
        execute(stage, Pack(sequence_length=256), inputs, str(tmp_path / "packed"))


def test_sources_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    from sequences import pack_receipt

    monkeypatch.setattr(pack_receipt, "MOST_SOURCES", 2)
    receipt = pack_receipt.Receipt(8)
    for number, source in enumerate("abcda"):
        receipt.add(source, 0, 10 * number, 5)
    made = pack_receipt.summary("concat", 8, {**receipt.tallies(), "rows": 13, "padding": 4})
    assert [(entry["source"], entry["tokens"]) for entry in made["sources"]] == [("a", 40), ("b", 10), ("(others)", 50)]
    assert made["documents_longer"] == 4
    assert (made["fill"], made["rows_at_least"]) == (round(1 - 4 / 104, 6), 13)
    assert json.loads(json.dumps(made)) == made
