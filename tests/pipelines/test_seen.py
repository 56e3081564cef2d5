"""`arcmill seen`: the logs of a run against its data, from the shell."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from test_cli import arcmill
from tiny_sequences import write_sequences

from sequences.reader import SequenceReader
from sequences.seen import SeenLog


@pytest.fixture
def run(tmp_path: Path) -> tuple[str, Path]:
    url = write_sequences(tmp_path / "packed")
    for rank in range(2):
        reader = SequenceReader(url, global_batch=4, seed=1, rank=rank, world_size=2)
        log = SeenLog(tmp_path / "seen" / f"rank-{rank}.jsonl", reader)
        for batch in itertools.islice(reader.batches(), 5):
            log.add(batch)
    return url, tmp_path / "seen"


def test_a_run_that_saw_what_it_should(run: tuple[str, Path]) -> None:
    url, logs = run
    shown = arcmill("seen", logs, "--input", url, "--content").stdout
    assert "10 batches, 20 samples, 320 tokens" in shown and "The run saw what it should." in shown
    assert json.loads(arcmill("seen", logs, "--json").stdout)["ok"] is True, "the log says where the data lies"


def test_a_run_that_did_not(run: tuple[str, Path], tmp_path: Path) -> None:
    _, logs = run
    shown = arcmill("seen", logs / "rank-0.jsonl", status=3).stdout
    assert "did NOT" in shown and "read by no rank" in shown
    other = write_sequences(tmp_path / "other", seed=4)
    assert "the log is of data" in arcmill("seen", logs, "--input", other, status=3).stderr
    assert "no log there" in arcmill("seen", tmp_path / "nothing", status=3).stderr
