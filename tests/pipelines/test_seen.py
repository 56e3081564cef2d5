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


def test_logs_that_all_end_too_early_show_beside_a_state(run: tuple[str, Path], tmp_path: Path) -> None:
    """Chains cannot tell that the last lines of every rank are gone."""
    url, logs = run
    state = tmp_path / "state.json"
    state.write_text(json.dumps(SequenceReader(url, global_batch=4, seed=1).state(20, 5)))
    assert "saw what it should" in arcmill("seen", logs, "--state", state).stdout
    for log in logs.glob("*.jsonl"):
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    assert "saw what it should" in arcmill("seen", logs).stdout
    assert "samples 16 to 19: the state says" in arcmill("seen", logs, "--state", state, status=3).stdout
    state.write_text("[]")
    assert "not a state" in arcmill("seen", logs, "--state", state, status=3).stderr


@pytest.mark.parametrize(
    ("line", "change", "told"),
    [
        (0, {"lanes": "x"}, "lanes is 'x'"),
        (0, {"datasets": None}, "datasets is None"),
        (0, {"seed": None}, "seed is None"),
        (2, {"first": float("inf")}, "not a line of a batch"),
        (2, {"first": -3}, "not a line of a batch"),
        (2, {"chain": 5}, "was changed"),
    ],
)
def test_a_line_with_values_that_cannot_be(
    run: tuple[str, Path], line: int, change: dict[str, object], told: str
) -> None:
    path = run[1] / "rank-0.jsonl"
    lines = path.read_text().splitlines()
    lines[line] = json.dumps({**json.loads(lines[line]), **change})
    path.write_text("\n".join(lines) + "\n")
    ended = arcmill("seen", run[1], status=3)
    assert told in ended.stdout + ended.stderr
