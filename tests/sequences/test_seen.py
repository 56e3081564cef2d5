from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_sequences import write_sequences

from arcmill.errors import InputError
from sequences.reader import SequenceReader
from sequences.seen import SeenLog, check_logs, log_header


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_sequences(tmp_path_factory.mktemp("sequences") / "packed", ((5, 3), (7,), (4, 4, 2)))


def reader(url: str, **settings: Any) -> SequenceReader:
    return SequenceReader(url, **{"global_batch": 4, "seed": 3, "lanes": 8, "run": 2, **settings})


def train(url: str, folder: Path, worlds: tuple[tuple[int, int, int], ...] = ((2, 0, 16), (1, 16, 32))) -> list[Path]:
    """Logs of worlds of some ranks, each from one sample to another."""
    for world, begin, end in worlds:
        for rank in range(world):
            mine = reader(url, rank=rank, world_size=world)
            log = SeenLog(folder / f"rank-{rank}.jsonl", mine)
            for batch in itertools.islice(mine.batches(begin, begin // 4), (end - begin) // 4):
                log.add(batch)
            log.close()
    return sorted(folder.glob("*.jsonl"))


def test_logs_of_a_run_that_changed_its_world_agree(url: str, tmp_path: Path) -> None:
    paths = train(url, tmp_path)
    for content in (False, True):
        seen = check_logs(paths, reader(url), content)
        assert seen.ok and not seen.complaints
        assert (seen.batches, seen.samples, seen.tokens, seen.repeated) == (12, 32, 32 * 16, 0)
    assert log_header(paths[0])["seed"] == 3


def test_steps_trained_again_after_a_crash_are_told_and_are_no_fault(url: str, tmp_path: Path) -> None:
    seen = check_logs(train(url, tmp_path, ((2, 0, 16), (2, 8, 24))), reader(url))
    assert seen.ok and (seen.samples, seen.repeated) == (24, 8)


def test_a_rank_whose_log_lacks_and_a_gap_are_missing(url: str, tmp_path: Path) -> None:
    paths = train(url, tmp_path)
    seen = check_logs(paths[:1], reader(url))
    assert not seen.ok and seen.missing == 8
    seen = check_logs(train(url, tmp_path / "gap", ((1, 0, 8), (1, 12, 16))), reader(url))
    assert not seen.ok and seen.missing == 4 and seen.complaints == ["missing: samples 8 to 11: read by no rank"]


def test_other_rows_than_there_should_be_are_found(url: str, tmp_path: Path) -> None:
    log = SeenLog(tmp_path / "log.jsonl", reader(url))
    for number, batch in enumerate(itertools.islice(reader(url).batches(), 4)):
        if number == 2:
            batch["rows"] = batch["rows"][[1, 0, 2, 3]]
        log.add(batch)
    seen = check_logs([tmp_path / "log.jsonl"], reader(url))
    assert (seen.differing, seen.missing, seen.broken) == (1, 0, 0)
    assert "step 2" in seen.complaints[0]


def test_other_tokens_are_found_where_content_is_compared(url: str, tmp_path: Path) -> None:
    log = SeenLog(tmp_path / "log.jsonl", reader(url))
    for number, batch in enumerate(itertools.islice(reader(url).batches(), 4)):
        if number == 1:
            batch["input_ids"][2, 7] += 1
        log.add(batch)
    assert check_logs([tmp_path / "log.jsonl"], reader(url)).ok
    seen = check_logs([tmp_path / "log.jsonl"], reader(url), content=True)
    assert seen.differing == 1 and "step 1" in seen.complaints[0] and "other tokens" in seen.complaints[0]


@pytest.mark.parametrize("how", ["changed", "taken out", "cut off", "text"])
def test_a_log_that_was_tampered_with_is_broken(url: str, tmp_path: Path, how: str) -> None:
    (path,) = train(url, tmp_path, ((1, 0, 16),))
    lines = path.read_text().splitlines(keepends=True)
    if how == "changed":
        line = json.loads(lines[2])
        lines[2] = json.dumps({**line, "digest": "0" * 64}) + "\n"
    elif how == "taken out":
        del lines[2]
    elif how == "cut off":
        lines[-1] = lines[-1][:20]
    else:
        lines[2] = "hello\n"
    path.write_text("".join(lines))
    assert check_logs([path], reader(url)).broken >= 1


def test_another_seed_is_told(url: str, tmp_path: Path) -> None:
    paths = train(url, tmp_path)
    seen = check_logs(paths, reader(url, seed=4))
    assert seen.differing > 3 and any("seed is 3, not 4" in line for line in seen.complaints)


def test_a_log_goes_on_after_a_kill_in_the_middle_of_a_line(url: str, tmp_path: Path) -> None:
    (path,) = train(url, tmp_path, ((1, 0, 16),))
    with path.open("a") as file:
        file.write('{"step": 4, "mi')
    (path,) = train(url, tmp_path, ((1, 16, 24),))
    assert check_logs([path], reader(url)).ok
    path.write_text("nonsense\n")
    with pytest.raises(InputError, match="not of a log"):
        SeenLog(path, reader(url))
    with pytest.raises(InputError, match="not a log"):
        log_header(path)
    with pytest.raises(InputError, match="cannot be read"):
        check_logs([tmp_path / "none.jsonl"], reader(url))
