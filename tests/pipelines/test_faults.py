"""Damaged inputs, full and read-only disks, jumping clocks, runs that meet: a clear error, nothing used silently, the same bytes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tiny_sequences import write_sequences
from tiny_stages import DROP, MAKE, MEASURE, DropConfig, MakeConfig

from arcmill import execute as running
from arcmill import lock
from arcmill.config import StageConfig, validate
from arcmill.dataset import MANIFEST, Dataset
from arcmill.engines.llm.journal import Journal
from arcmill.engines.spark import _one_line
from arcmill.errors import EngineError, InputError, UsageError
from arcmill.execute import Result, execute
from filters.quality import fasttext_process
from pipelines.catalogue import get_stage
from sequences.blocks import Store

Digest = Callable[[Path | str], str]
EMBEDDED = {"spark.master": "embedded"}


def make(folder: Path, **values: Any) -> Dataset:
    return execute(MAKE, MakeConfig(**values), {}, str(folder)).dataset


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two parts, each with rows that compress badly enough for every page to have bytes worth flipping."""
    folder = tmp_path_factory.mktemp("whole") / "made"
    make(folder, splits=2, rows=400)
    return folder


def pages(part: Path) -> Iterator[tuple[int, int]]:
    """(first, last) byte of each column's pages, headers included."""
    metadata = pq.ParquetFile(part).metadata
    for group, column in itertools.product(range(metadata.num_row_groups), range(metadata.num_columns)):
        chunk = metadata.row_group(group).column(column)
        begin = min(place for place in (chunk.data_page_offset, chunk.dictionary_page_offset) if place)
        yield begin, begin + chunk.total_compressed_size


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(place)
        (old,) = stream.read(1)
        stream.seek(place)
        stream.write(bytes([old ^ 1 << bit]))


def damage_told(folder: Path) -> str | None:
    try:
        for _ in Dataset.open(str(folder)).batches():
            pass
    except InputError as error:
        return str(error)
    return None


# -- what is read is damaged -------------------------------------------------------------------------------------


def test_a_flipped_bit_never_becomes_other_rows(whole: Path, tmp_path: Path) -> None:
    """Headers of pages and footers have no checksum: what a flip does there is an error, too, or nothing."""
    rows = [batch.to_pylist() for batch in Dataset.open(str(whole)).batches()]
    chance = random.Random(1)
    places = [
        place for begin, end in pages(whole / "part-00000.parquet") for place in chance.sample(range(begin, end), 12)
    ]
    noticed = 0
    for place in places:
        copy = tmp_path / "copy"
        shutil.copytree(whole, copy)
        flip(copy / "part-00000.parquet", place, chance.randrange(8))
        told = damage_told(copy)
        assert told is None or "part-00000.parquet: a damaged part" in told
        assert told is not None or [batch.to_pylist() for batch in Dataset.open(str(copy)).batches()] == rows
        noticed += told is not None
        shutil.rmtree(copy)
    assert noticed > len(places) // 2


@pytest.mark.parametrize("engine", ["datatrove", "local", "embedded", "local[2]"])
def test_each_engine_names_the_part(whole: Path, tmp_path: Path, engine: str) -> None:
    from arcmill.engines.session import find_java

    if engine == "local[2]" and find_java()[0] is None:
        pytest.skip("no Java for Spark")
    shutil.copytree(whole, tmp_path / "in")
    begin, end = max(pages(whole / "part-00001.parquet"), key=lambda page: page[1] - page[0])  # of the texts
    flip(tmp_path / "in" / "part-00001.parquet", (begin + end) // 2, 3)
    stage, config = {"datatrove": (DROP, DropConfig()), "local": (get_stage("train-tokenizer"), None)}.get(
        engine, (get_stage("dedup-exact"), None)
    )
    settings = {"spark.master": engine} if stage.engine == "spark" else {}
    with pytest.raises((InputError, EngineError), match=r"part-00001\.parquet"):
        execute(
            stage,
            config or validate(stage.config, {}, "test"),
            {"input": [str(tmp_path / "in")]},
            str(tmp_path / "out"),
            settings=settings,
        )
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert [
        problem
        for problem in Dataset.open(str(tmp_path / "in")).problems()
        if "part-00001.parquet: checksum" in problem
    ]


def test_the_reader_of_a_training_job_refuses_a_flipped_bit(tmp_path: Path) -> None:
    url = write_sequences(tmp_path / "packed", parts=((64,),), length=64, write_page_checksum=True)
    part = tmp_path / "packed" / "part-00000.parquet"
    (begin, end), *_ = pages(part)
    assert Store([url]).read(0, 0) is not None
    flip(part, (begin + end) // 2, 0)
    with pytest.raises(InputError, match=r"part-00000\.parquet"):
        Store([url]).read(0, 0)


def test_a_damaged_model_is_named_before_anything_runs(whole: Path, tmp_path: Path) -> None:
    execute(MEASURE, StageConfig(), {"input": [str(whole)]}, str(tmp_path / "model"))
    flip(tmp_path / "model" / "model.txt", 0, 0)
    stage = get_stage("score-quality")
    with pytest.raises(InputError, match=r"model\.txt: its checksum differs from the manifest"):
        execute(
            stage,
            validate(stage.config, {}, "test"),
            {"input": [str(whole)], "model": [str(tmp_path / "model")]},
            str(tmp_path / "out"),
        )


def test_a_cut_manifest_is_named(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "in")
    text = (whole / MANIFEST).read_text()
    for left in (0, 1, 100, len(text) // 2, len(text) - 3):
        (tmp_path / "in" / MANIFEST).write_text(text[:left])
        with pytest.raises(InputError, match=r"manifest\.json"):
            execute(DROP, DropConfig(), {"input": [str(tmp_path / "in")]}, str(tmp_path / "out"))
        assert not (tmp_path / "out").exists()
    with pytest.raises(
        UsageError, match="--force rebuilds it"
    ):  # as an output it is left alone, until that is asked for
        make(tmp_path / "in", splits=2, rows=400)


# -- where is written --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def disk(place: Path, options: str) -> Iterator[None]:
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here (root is needed)")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("name", ["dedup-exact", "train-tokenizer", "drop"])
@pytest.mark.parametrize(
    ("options", "told"), [("size=24k", "no space left on device"), ("size=64m,ro", "read-only file system")]
)
def test_a_full_or_read_only_disk_is_told_and_taken_up(
    whole: Path,
    tmp_path: Path,
    digest: Digest,
    name: str,
    options: str,
    told: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """By an engine each: Spark, a model's library, documents one by one (whose log lies on the full disk, too)."""
    stage = DROP if name == "drop" else get_stage(name)
    config = validate(stage.config, {}, "test")
    inputs = {"input": [str(whole)]}
    settings = EMBEDDED if stage.engine == "spark" else {}
    execute(stage, config, inputs, str(tmp_path / "undisturbed"), settings=settings)
    with disk(tmp_path / "disk", options):
        output = tmp_path / "disk" / "out"
        with pytest.raises(EngineError, match=told) as raised:
            execute(stage, config, inputs, str(output), settings=settings)
        assert ("once there is room" in str(raised.value)) == ("no space" in told)
        assert "Traceback" not in capfd.readouterr().err
        subprocess.run(["mount", "-o", "remount,rw,size=64m", str(tmp_path / "disk")], check=True)
        execute(stage, config, inputs, str(output), settings=settings)
        assert digest(output) == digest(tmp_path / "undisturbed")


@pytest.mark.parametrize("name", ["manifest.json", "metrics.json"])
def test_what_could_not_be_put_in_place_leaves_nothing_beside_the_dataset(
    tmp_path: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make(tmp_path / "alone")
    replace = os.replace

    def full(source: str, target: str) -> None:
        if str(target).endswith(f"/{name}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(EngineError, match="no space left"):
            make(tmp_path / "out")
    # A kill between the two leaves the file where the next run sweeps.
    (tmp_path / "out" / "_staging" / "left").touch()
    make(tmp_path / "out")
    assert digest(tmp_path / "out") == digest(tmp_path / "alone")


def test_a_journal_on_a_full_disk_says_so(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "size=8k"):
        (tmp_path / "disk" / "filler").write_bytes(b"x" * 4096)
        with pytest.raises(OSError, match="no space left on device or one that fails"):
            Journal(tmp_path / "disk" / "journal")


def test_a_training_does_not_outlive_the_stage_that_was_killed(tmp_path: Path) -> None:
    """Its process waits for settings that never come; whoever began it is killed."""
    os.mkfifo(tmp_path / "settings")
    program = f"""if True:
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, {fasttext_process.__file__!r}, {str(tmp_path / "settings")!r}])
        print(child.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        with (tmp_path / "settings").open("w"):  # opened by both: it is under way
            parent.kill()
            parent.wait()
            deadline = time.monotonic() + 30
            while child.exists() and " Z " not in (child / "stat").read_text() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not child.exists() or " Z " in (child / "stat").read_text()


# -- clocks and other runs ---------------------------------------------------------------------------------------


def test_a_jumping_clock_changes_nothing(
    whole: Path, tmp_path: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(DROP, DropConfig(), {"input": [str(whole)]}, str(tmp_path / "steady"))
    chance, now = random.Random(2), time.time
    monkeypatch.setattr(time, "time", lambda: now() + chance.choice((-1, 1)) * chance.random() * 1e9)
    result = execute(DROP, DropConfig(), {"input": [str(whole)]}, str(tmp_path / "jumping"))
    assert digest(tmp_path / "jumping") == digest(tmp_path / "steady")
    assert 0 <= result.seconds < 60


def test_a_run_that_ends_between_our_look_and_our_lock_is_not_undone(
    tmp_path: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "alone")
    held, other = lock.locked, []

    def late(*given: Any) -> Any:
        if not other:
            other.append(None)
            other[0] = make(tmp_path / "out")
        return held(*given)

    monkeypatch.setattr(running, "locked", late)
    result: Result = execute(MAKE, MakeConfig(), {}, str(tmp_path / "out"))
    assert result.skipped and len(other) == 1
    assert digest(tmp_path / "out") == digest(tmp_path / "alone")
    assert not (tmp_path / "out" / "_staging").exists()


def test_a_lock_that_its_run_took_away_holds_nothing(
    tmp_path: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run ends between our opening its lock and our locking it: what we hold is a file without a name."""
    make(tmp_path / "alone")
    taken, flock = [], fcntl.flock

    def late(handle: Any, how: int) -> None:
        if not taken:
            taken.append(1)
            shutil.rmtree(tmp_path / "out" / "_staging")
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    make(tmp_path / "out")
    assert taken and digest(tmp_path / "out") == digest(tmp_path / "alone")


def test_an_error_of_spark_names_the_cause_and_the_file() -> None:
    told = (
        "An error occurred while calling o77.parquet.\n: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 "
        "failed 1 times: Encountered error while reading file file:///data/a/part-00001.parquet. SQLSTATE: KD001\n\tat a.b(C.scala:1)\n"
        "Caused by: org.apache.parquet.io.ParquetDecodingException: could not verify page integrity\n\tat d.e(F.java:2)\n\t... 1 more\n"
    )
    named = (
        "/data/a/part-00001.parquet: org.apache.parquet.io.ParquetDecodingException: could not verify page integrity"
    )
    assert _one_line(RuntimeError(told)) == named
    assert _one_line(RuntimeError("no more")) == "no more"
