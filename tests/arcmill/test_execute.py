"""Skip, refuse, force, resume, conservation, and the same bytes for any number of workers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_stages import COUNT, DROP, FORGET, HALVE, LINES, LOSE, MAKE, MEASURE, DropConfig, MakeConfig

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import EngineError, InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document, documents_to_batch
from arcmill.stage import Failure, Outcome, Stage

Digest = Callable[[Path | str], str]


def make(folder: Path, **settings: object) -> Dataset:
    return execute(MAKE, MakeConfig.model_validate(settings), {}, str(folder)).dataset


def test_every_row_is_kept_or_in_the_ledger(tmp_path: Path) -> None:
    dataset = make(tmp_path / "a", errors=1)
    assert dataset.counts == {"in": 1200, "kept": 1194, "dropped": 0, "merged": 0, "errored": 6, "created": 0}
    assert dataset.rows == 1194
    ledger = [row for batch in dataset.ledger() for row in batch.to_pylist()]
    assert {(row["outcome"], row["rule"]) for row in ledger} == {("errored", "bad-row")}
    assert len(ledger) == 6
    assert list(dataset.problems()) == []
    assert not (tmp_path / "a" / "_staging").exists()


def test_a_done_dataset_is_skipped(tmp_path: Path) -> None:
    make(tmp_path / "a")
    before = (tmp_path / "a" / "manifest.json").stat().st_mtime_ns
    assert execute(MAKE, MakeConfig(), {}, str(tmp_path / "a")).skipped
    assert (tmp_path / "a" / "manifest.json").stat().st_mtime_ns == before


def test_drift_is_refused_with_the_difference_and_forced(tmp_path: Path) -> None:
    make(tmp_path / "a", rows=200)
    with pytest.raises(UsageError, match=r"config rows: 200 -> 7"):
        make(tmp_path / "a", rows=7)
    forced = execute(MAKE, MakeConfig(rows=7), {}, str(tmp_path / "a"), force=True)
    assert forced.dataset.rows == 42
    assert list(forced.dataset.problems()) == []
    listed = {file["path"] for file in forced.dataset.manifest["files"]}
    assert {path.name for path in (tmp_path / "a").glob("part-*")} == {p for p in listed if p.startswith("part-")}


def test_an_upstream_change_is_drift(tmp_path: Path) -> None:
    make(tmp_path / "a", rows=10)
    make(tmp_path / "b", rows=11)
    execute(DROP, DropConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "c"))
    with pytest.raises(UsageError, match="input input: "):
        execute(DROP, DropConfig(), {"input": [str(tmp_path / "b")]}, str(tmp_path / "c"))


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path, force: bool) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        execute(MAKE, MakeConfig(), {}, str(tmp_path / "mine"), force=force)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_an_input_is_never_the_output(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with pytest.raises(UsageError, match="inputs are never changed"):
        execute(DROP, DropConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "a"), force=True)


def test_the_same_bytes_for_any_number_of_workers(tmp_path: Path, digest: Digest) -> None:
    seen = set()
    for workers in (1, 2, 4):
        root = tmp_path / str(workers)
        execute(MAKE, MakeConfig(rows=400), {}, str(root / "a"), workers=workers)
        execute(DROP, DropConfig(), {"input": [str(root / "a")]}, str(root / "b"), workers=workers)
        seen.add((digest(root / "a"), digest(root / "b")))
    assert len(seen) == 1


def test_parts_roll_and_rows_keep_their_order(tmp_path: Path) -> None:
    dataset = make(tmp_path / "a", part_bytes=200_000)
    assert len(dataset.parts) >= 6
    rows = [row for batch in dataset.batches(["metadata"]) for row in batch.column(0).to_pylist()]
    assert [int(dict(row)["row"]) for row in rows] == list(range(200)) * 6


def test_a_row_that_breaks_the_core_errs_alone(tmp_path: Path) -> None:
    make(tmp_path / "a")
    dataset = execute(DROP, DropConfig(break_on=7), {"input": [str(tmp_path / "a")]}, str(tmp_path / "b")).dataset
    errors = [row for batch in dataset.ledger() for row in batch.to_pylist() if row["outcome"] == "errored"]
    assert len(errors) == 6  # row 7 of each of the six units
    assert errors[0]["detail"] == "ValueError: row 7 breaks the core"
    assert dataset.counts["dropped"] == 6 * 67


def test_too_many_errors_stop_the_stage_and_keep_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"12 of 1200 rows errored.*\n.*bad-row: 12 rows"):
        make(tmp_path / "a", errors=2, max_error_rate=0.005)
    assert not (tmp_path / "a" / "manifest.json").exists()
    with pytest.raises(InputError, match="unfinished"):
        Dataset.open(str(tmp_path / "a"))
    # The guard is no part of the identity: the finished parts are taken up.
    assert make(tmp_path / "a", errors=2, max_error_rate=0.5).counts["errored"] == 12


def test_a_core_that_loses_rows_is_stopped(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with pytest.raises(EngineError, match="values of 'text'"):
        execute(LOSE, StageConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "b"))


def test_a_document_lost_silently_is_noticed(tmp_path: Path) -> None:
    make(tmp_path / "a", splits=1)
    with pytest.raises(EngineError, match="rows were lost: in 200, kept 199"):
        execute(FORGET, StageConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "b"))
    assert not (tmp_path / "b" / "manifest.json").exists()


def test_a_dead_worker_ends_the_run_with_an_error(tmp_path: Path) -> None:
    make(tmp_path / "a", splits=24, rows=1000, part_bytes=100_000)
    with pytest.raises(EngineError, match="a worker process died"):
        execute(DROP, DropConfig(die_on=150), {"input": [str(tmp_path / "a")]}, str(tmp_path / "b"), workers=2)
    assert not (tmp_path / "b" / "manifest.json").exists()


def test_a_second_run_on_one_output_refuses(tmp_path: Path) -> None:
    (tmp_path / "a" / "_staging").mkdir(parents=True)
    with open(tmp_path / "a" / "_staging" / "lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run is writing"):
            make(tmp_path / "a")


RUN = """
import sys
from tiny_stages import COUNT, DROP, MAKE, DropConfig, MakeConfig
from arcmill.execute import execute
from arcmill.records import Document, documents_to_batch
from arcmill.stage import Failure, Outcome, Stage
root, workers = sys.argv[1], int(sys.argv[2])
execute(MAKE, MakeConfig(splits=8, rows=300, slow=0.03), {}, root + "/a", workers=workers)
execute(DROP, DropConfig(), {"input": [root + "/a"]}, root + "/b", workers=workers)
"""


def running_with(variable: str) -> list[str]:
    """The processes that have `variable` in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if variable.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_it_ends_in_the_same_bytes(tmp_path: Path, digest: Digest, workers: int) -> None:
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    environment = dict(os.environ, PYTHONPATH=paths, ARCMILL_TEST=str(tmp_path))

    def start(root: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", RUN, str(root), str(workers)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait(timeout=120) == 0
    chance = random.Random(5)
    kills = 0
    for _ in range(6):
        process = start(tmp_path / "killed")
        time.sleep(chance.uniform(0.4, 1.2))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills
    deadline = time.monotonic() + 10
    while (left := running_with(f"ARCMILL_TEST={tmp_path}")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left, "workers outlived the run that was killed"
    assert start(tmp_path / "killed").wait(timeout=120) == 0
    for name in "ab":
        assert digest(tmp_path / "whole" / name) == digest(tmp_path / "killed" / name)


def test_staging_that_outlived_its_run_is_swept(tmp_path: Path) -> None:
    make(tmp_path / "a")
    (tmp_path / "a" / "_staging" / "x").mkdir(parents=True)
    make(tmp_path / "a")
    assert not (tmp_path / "a" / "_staging").exists()


def test_raw_files_keep_their_relative_names(tmp_path: Path, digest: Digest) -> None:
    for place in ("here", "there"):
        folder = tmp_path / place / "deep"
        folder.mkdir(parents=True)
        (folder / "x.txt").write_text("one\ntwo\n")
        (folder / "ignored.bin").write_text("three\n")
        execute(LINES, StageConfig(), {"input": [str(tmp_path / place)]}, str(tmp_path / f"{place}-out"))
    assert digest(tmp_path / "here-out") == digest(tmp_path / "there-out")
    assert Dataset.open(str(tmp_path / "here-out")).rows == 2


def test_a_file_that_cannot_be_decoded_is_one_errored_row(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"fine\n\xff\xfe broken\nnever read\n")
    (tmp_path / "in" / "b.txt").write_text("also fine\n")
    config = StageConfig(max_error_rate=1)
    dataset = execute(LINES, config, {"input": [str(tmp_path / "in")]}, str(tmp_path / "out")).dataset
    assert dataset.counts == {"in": 3, "kept": 2, "dropped": 0, "merged": 0, "errored": 1, "created": 0}


@pytest.mark.parametrize(
    ("given", "told"),
    [("nowhere", "no such file or folder"), ("empty", r"holds none of \.txt"), ("*.nothing", "matches no file")],
)
def test_an_input_that_is_not_there(tmp_path: Path, given: str, told: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=told):
        execute(LINES, StageConfig(), {"input": [str(tmp_path / given)]}, str(tmp_path / "out"))


def test_a_model_stage(tmp_path: Path) -> None:
    make(tmp_path / "a", rows=5)
    dataset = execute(MEASURE, StageConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "m")).dataset
    assert dataset.record == "Model"
    assert (tmp_path / "m" / "model.txt").read_text() == "30"
    assert dataset.statistics == {"rows": 30}
    assert list(dataset.problems()) == []
    with pytest.raises(UsageError, match="holds Model rows; Document is needed"):
        execute(DROP, DropConfig(), {"input": [str(tmp_path / "m")]}, str(tmp_path / "b"))


def test_spark_decisions_are_applied_in_order(tmp_path: Path, digest: Digest, spark_master: str) -> None:
    make(tmp_path / "a")
    seen = set()
    for workers in (1, 3):
        output = tmp_path / f"h{workers}"
        dataset = execute(
            HALVE, StageConfig(), {"input": [str(tmp_path / "a")]}, str(output), workers=workers,
            settings={"spark.master": spark_master},
        ).dataset  # fmt: skip
        seen.add(digest(output))
    assert len(seen) == 1
    assert dataset.counts["dropped"] == 600
    rows = [row for batch in dataset.batches() for row in batch.to_pylist()]
    assert {row["quality_bucket"] for row in rows if row["quality_score"] >= 0.9} == {4}
    assert {row["quality_bucket"] for row in rows if row["quality_score"] < 0.9} == {None}
    assert [row["quality_score"] for row in rows[:50]] == [n / 100 for n in range(50, 100)]
    ledger = [row for batch in dataset.ledger() for row in batch.to_pylist()]
    assert {row["rule"] for row in ledger} == {"low"}
    assert max(row["score"] for row in ledger) == 0.49
    assert dataset.statistics == {"threshold": 0.5}


def test_a_broken_part_is_named(tmp_path: Path) -> None:
    make(tmp_path / "a")
    part = tmp_path / "a" / "part-00000.parquet"
    part.write_bytes(b"not Parquet")
    with pytest.raises(EngineError, match=r"part-00000\.parquet"):
        execute(
            HALVE, StageConfig(), {"input": [str(tmp_path / "a")]}, str(tmp_path / "h"),
            settings={"spark.master": "embedded"},
        )  # fmt: skip


def test_the_manifest_holds_no_clock_host_or_path(tmp_path: Path) -> None:
    make(tmp_path / "a")
    text = (tmp_path / "a" / "manifest.json").read_text()
    assert str(tmp_path) not in text
    assert os.uname().nodename not in text
    assert set(json.loads(text)) == {
        "format_version", "stage", "stage_version", "record", "schema", "config", "inputs", "files", "counts",
        "fingerprint", "models",
    }  # fmt: skip


def test_a_store_without_renames() -> None:
    """fsspec's in-memory filesystem stands in for an object store: no rename, no lock, no local path."""
    for settings in (MakeConfig(errors=1), MakeConfig(rows=100)):
        dataset = execute(MAKE, settings, {}, "memory://store/a", force=True).dataset
        assert list(dataset.problems()) == []
        assert execute(MAKE, settings, {}, "memory://store/a").skipped
        dropped = execute(DROP, DropConfig(), {"input": ["memory://store/a"]}, "memory://store/b", force=True).dataset
        assert list(dropped.problems()) == []
        stored = {path.removeprefix("/store/b/") for path in dropped.filesystem.find("/store/b")}
        listed = {file["path"] for file in dropped.manifest["files"]}
        assert stored == listed | {"manifest.json", "metrics.json"}
    with pytest.raises(InputError, match="bad-row"):
        execute(MAKE, MakeConfig(errors=9, max_error_rate=0), {}, "memory://store/c")


def test_a_full_disk_is_told_and_taken_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("a small tmpfs cannot be mounted here (root is needed)")
    try:
        with pytest.raises(EngineError, match="no space left on device"):
            make(disk / "a", splits=12, rows=2000)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        dataset = make(disk / "a", splits=12, rows=2000)
        assert dataset.rows == 24_000
        assert list(dataset.problems()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_a_core_counts_is_in_the_manifest_and_its_setup_sees_every_dataset(tmp_path: Path) -> None:
    for name, rows in (("a", 30), ("b", 40), ("c", 50)):
        make(tmp_path / name, splits=3, rows=rows)
    inputs = {"input": [str(tmp_path / "a")], "others": [str(tmp_path / "b"), str(tmp_path / "c")]}
    for workers in (1, 2):
        dataset = execute(COUNT, StageConfig(), inputs, str(tmp_path / f"out{workers}"), workers=workers).dataset
        assert dataset.statistics == {"rows": 90, "others of a row": 90 * 270}
        assert list(dataset.problems()) == []


def test_a_stage_may_find_its_units_and_say_what_is_read_of_them(tmp_path: Path) -> None:
    from dataclasses import replace

    from arcmill.stage import SourceFile

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.data").write_text("one\ntwo\n")

    def find(urls: list[str], config: StageConfig) -> list[SourceFile]:
        return [SourceFile(f"{url}/a.data", "a", 8, "the second edition") for url in urls]

    stage = replace(LINES, find=find)
    inputs = {"input": [str(tmp_path / "in")]}
    made = execute(stage, StageConfig(), inputs, str(tmp_path / "out"))
    assert made.dataset.rows == 2
    (tmp_path / "in" / "a.data").write_text("one\ntwo\nthree\n")  # the digest says that the same is read
    assert execute(stage, StageConfig(), inputs, str(tmp_path / "out")).skipped

    def other(urls: list[str], config: StageConfig) -> list[SourceFile]:
        return [replace(unit, digest="the third edition") for unit in find(urls, config)]

    with pytest.raises(UsageError, match="made from something else"):
        execute(replace(LINES, find=other), StageConfig(), inputs, str(tmp_path / "out"))

    def folder(urls: list[str], config: StageConfig) -> list[SourceFile]:
        return [SourceFile(urls[0], "a", 8, "a tree")]

    with pytest.raises(UsageError, match="lies in a folder that is read"):
        execute(replace(LINES, find=folder), StageConfig(), inputs, str(tmp_path / "in" / "out"))


def _mixed(split: str, config: StageConfig) -> Any:
    yield Document("a", "one", "mixed")
    yield documents_to_batch([Document("b", "two", "mixed"), Document("c", "three", "mixed")])
    yield {"seen": 3}
    yield Failure("d", Outcome("unwanted"))
    yield Document("e", "four", "mixed")
    yield {"seen": 2}


def test_a_core_over_raw_input_yields_rows_batches_and_counts_in_their_order(tmp_path: Path) -> None:
    stage = Stage(
        name="mixed", version=1, help="Rows of all forms.", config=StageConfig, writes="Document", engine="datatrove",
        core=_mixed, splits=lambda _: ["all"],
    )  # fmt: skip
    made = execute(stage, StageConfig(), {}, str(tmp_path / "out")).dataset
    assert [row["id"] for batch in made.batches() for row in batch.to_pylist()] == ["a", "b", "c", "e"]
    assert (made.counts["in"], made.counts["kept"], made.counts["dropped"]) == (5, 4, 1)
    assert made.statistics == {"seen": 5}
