"""Every kind of engine, the commit, the lock and their faults on a real S3-compatible server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from object_store import SECRET
from tiny_stages import DROP, HALVE, LINES, MAKE, MEASURE, DropConfig, MakeConfig

from arcmill import lock
from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import EngineError, InputError, UsageError
from arcmill.execute import execute
from arcmill.identity import standing
from arcmill.storage import is_local, locate

ROOT = Path(__file__).parents[2]
Digest = Callable[[Path | str], str]
Fetch = Callable[[str, Path], Path]


def chain(base: str, raw: str, workers: int = 1, master: str = "embedded") -> None:
    """A stage of each engine: raw files and splits, documents, decisions of Spark, a model."""
    execute(LINES, StageConfig(), {"input": [raw]}, f"{base}/lines", workers=workers)
    execute(MAKE, MakeConfig(errors=2), {}, f"{base}/made", workers=workers)
    execute(DROP, DropConfig(), {"input": [f"{base}/made"]}, f"{base}/dropped", workers=workers)
    spark: dict[str, Any] = {"workers": workers, "settings": {"spark.master": master}}
    execute(HALVE, StageConfig(), {"input": [f"{base}/dropped"]}, f"{base}/halved", **spark)
    execute(MEASURE, StageConfig(), {"input": [f"{base}/halved"]}, f"{base}/model")


def test_every_engine_writes_the_same_bytes_as_on_a_disk(
    bucket: str, tmp_path: Path, fetch: Fetch, digest: Digest, spark_master: str
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(3):
        (raw / f"{number}.txt").write_text("".join(f"line {n} of {number}\n" for n in range(50)))
    filesystem, path = locate(bucket)
    filesystem.put(str(raw), f"{path}/raw", recursive=True)
    chain(str(tmp_path / "disk"), str(raw))
    # In a process of its own: a JVM that another test has begun knows nothing of this store's keys.
    code = "import sys; from test_object_storage import chain; chain(sys.argv[1], sys.argv[2], 2, sys.argv[3])"
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests/arcmill")))
    command = [sys.executable, "-c", code, f"{bucket}/run", f"{bucket}/raw", spark_master]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    fetched = fetch(f"{bucket}/run", tmp_path / "fetched")
    for step in ("lines", "made", "dropped", "halved", "model"):
        assert list(Dataset.open(f"{bucket}/run/{step}").problems()) == []
        assert digest(fetched / step) == digest(tmp_path / "disk" / step), step  # and nothing of staging is left
    assert execute(MAKE, MakeConfig(errors=2), {}, f"{bucket}/run/made").skipped


PROGRAM = """
import sys
from tiny_stages import DROP, MAKE, DropConfig, MakeConfig
from arcmill.execute import execute
base = sys.argv[1]
execute(MAKE, MakeConfig(splits=10, rows=300, slow=0.15), {}, f"{base}/made", workers=2)
execute(DROP, DropConfig(), {"input": [f"{base}/made"]}, f"{base}/dropped", workers=2)
"""


def begin(base: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, base], env=dict(os.environ, PYTHONPATH=path), stderr=subprocess.PIPE, text=True
    )


def test_killed_and_taken_up_it_ends_in_the_same_bytes(
    bucket: str, tmp_path: Path, fetch: Fetch, digest: Digest
) -> None:
    assert begin(str(tmp_path / "disk")).wait(timeout=120) == 0
    filesystem, path = locate(bucket)
    tasks = 0
    for wanted in (2, 6):  # finished tasks when it is killed
        process = begin(bucket)
        deadline = time.monotonic() + 60
        while tasks < wanted:
            assert process.poll() is None and time.monotonic() < deadline, "it ended before it was killed"
            names = filesystem.glob(f"{path}/made/_staging/task-*.json")
            tasks = len(names)
            time.sleep(0.02)
        process.kill()
        process.communicate()
        assert filesystem.exists(f"{path}/made/_staging/lock")
        assert not filesystem.exists(f"{path}/made/manifest.json")
        with pytest.raises(InputError, match="unfinished"):
            Dataset.open(f"{bucket}/made")
    process = begin(bucket)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert digest(fetch(bucket, tmp_path / "fetched")) == digest(tmp_path / "disk")


def test_killed_in_the_commit_it_is_committed_by_the_next_run(
    bucket: str, tmp_path: Path, fetch: Fetch, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some parts are copied, the manifest is not there: no reader sees them, and the next run copies them again."""
    execute(MAKE, MakeConfig(), {}, str(tmp_path / "disk"))
    from arcmill import commit as kernel

    def few(filesystem: Any, copies: Any) -> None:
        for staged, final in copies[:1]:
            filesystem.cp_file(staged, final)
        raise KeyboardInterrupt

    monkeypatch.setattr(kernel, "copy_all", few)
    with pytest.raises(KeyboardInterrupt):
        execute(MAKE, MakeConfig(), {}, f"{bucket}/made")
    monkeypatch.undo()
    filesystem, path = locate(f"{bucket}/made")
    assert filesystem.exists(f"{path}/part-00000.parquet")
    with pytest.raises(InputError, match="unfinished"):
        Dataset.open(f"{bucket}/made")
    execute(MAKE, MakeConfig(), {}, f"{bucket}/made")
    assert digest(fetch(f"{bucket}/made", tmp_path / "fetched")) == digest(tmp_path / "disk")


def test_only_parts_of_the_manifest_are_trusted(bucket: str, tmp_path: Path) -> None:
    made = execute(MAKE, MakeConfig(), {}, f"{bucket}/made").dataset
    filesystem, path = made.filesystem, made.path
    rows = [row for batch in made.batches() for row in batch.to_pylist()]
    filesystem.pipe_file(f"{path}/part-00099.parquet", b"of nobody")  # beside the dataset, and not of it
    # A part of which an upload was begun and never ended.
    bucket_name, _, key = f"{path}/part-00098.parquet".partition("/")
    begun = filesystem.call_s3("create_multipart_upload", Bucket=bucket_name, Key=key)
    filesystem.call_s3(
        "upload_part", Bucket=bucket_name, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"x" * 100
    )
    again = Dataset.open(f"{bucket}/made")
    assert [row for batch in again.batches() for row in batch.to_pylist()] == rows
    assert list(again.problems()) == []
    dropped = execute(DROP, DropConfig(), {"input": [f"{bucket}/made"]}, f"{bucket}/dropped").dataset
    assert dropped.counts["in"] == len(rows)
    filesystem.pipe_file(f"{path}/part-00000.parquet", filesystem.cat_file(f"{path}/part-00000.parquet")[:-9])
    assert any("the manifest says" in problem for problem in Dataset.open(f"{bucket}/made").problems())
    with pytest.raises(InputError, match="damaged"):
        list(Dataset.open(f"{bucket}/made").batches())


def test_no_listing_is_remembered(bucket: str) -> None:
    """A process that looked before another one wrote sees what that one wrote."""
    identity = {"fingerprint": "f"}
    assert standing(f"{bucket}/made", identity)[0] == "new"
    filesystem, path = locate(bucket)
    assert filesystem.ls(path) == []
    import s3fs

    other = s3fs.S3FileSystem(skip_instance_cache=True)
    other.pipe_file(f"{path}/made/_staging/plan.json", b"{}")
    assert standing(f"{bucket}/made", identity)[0] == "unfinished"
    assert [name.rpartition("/")[2] for name in filesystem.ls(path, detail=False)] == ["made"]


def test_a_second_run_is_refused_while_the_first_one_lives(bucket: str) -> None:
    filesystem, path = locate(f"{bucket}/made/_staging")
    assert not is_local(filesystem)
    with (
        lock.locked(filesystem, path, f"{bucket}/made"),
        pytest.raises(UsageError, match="another run is writing it now"),
    ):
        execute(MAKE, MakeConfig(), {}, f"{bucket}/made")
    assert execute(MAKE, MakeConfig(), {}, f"{bucket}/made").dataset.rows == 1200


def test_of_runs_that_begin_together_one_wins(bucket: str) -> None:
    processes = [begin(bucket) for _ in range(3)]
    told = [process.communicate(timeout=120)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert codes.count(0) >= 1
    # The others were refused; or came when all was done.
    assert all(code == 0 or "another run is writing it now" in text for code, text in zip(codes, told, strict=True))
    for step in ("made", "dropped"):
        assert list(Dataset.open(f"{bucket}/{step}").problems()) == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW", 0.1)
    monkeypatch.setattr(lock, "LEASE", 1.0)


def put_lock(url: str, **told: Any) -> tuple[Any, str]:
    filesystem, path = locate(f"{url}/_staging/lock")
    holder = {"token": "other", "beat": 0, "machine": "elsewhere", "process": 1, "began": "1"}
    filesystem.pipe_file(path, json.dumps(holder | told).encode())
    return filesystem, path


def test_a_lock_of_another_machine_is_taken_over_only_when_it_is_no_longer_renewed(bucket: str, quick: None) -> None:
    filesystem, path = put_lock(f"{bucket}/made")
    assert execute(MAKE, MakeConfig(), {}, f"{bucket}/made").dataset.rows == 1200
    assert not filesystem.exists(path)

    ended = threading.Event()

    def renew() -> None:
        beat = 0
        while not ended.wait(0.2):
            beat += 1
            put_lock(f"{bucket}/other", beat=beat)

    thread = threading.Thread(target=renew)
    put_lock(f"{bucket}/other")
    thread.start()
    try:
        with pytest.raises(UsageError, match="another run is writing it now"):
            execute(MAKE, MakeConfig(), {}, f"{bucket}/other")
    finally:
        ended.set()
        thread.join()


def test_of_many_that_take_a_dead_lock_over_one_has_it(bucket: str, quick: None) -> None:
    filesystem, path = put_lock(f"{bucket}/made", machine=lock._machine(), process=2**22 + 1)  # no such process
    inside, most, refused = 0, 0, 0
    guard, begin_together = threading.Lock(), threading.Barrier(6)

    def hold() -> None:
        nonlocal inside, most, refused
        begin_together.wait()
        try:
            with lock.locked(filesystem, path.rpartition("/")[0], "made"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.5)
                with guard:
                    inside -= 1
        except UsageError:
            with guard:
                refused += 1

    threads = [threading.Thread(target=hold) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, refused) == (1, 5)


def test_a_run_that_lost_its_lock_commits_nothing(bucket: str, quick: None) -> None:
    def make(split: str, config: MakeConfig) -> Any:
        put_lock(f"{bucket}/made")  # as one does that found ours silent for too long
        time.sleep(0.3)
        yield from MAKE.core(split, config)

    with pytest.raises(EngineError, match="another run took it over; nothing was committed"):
        execute(replace(MAKE, core=make), MakeConfig(splits=1), {}, f"{bucket}/made")
    filesystem, path = locate(f"{bucket}/made")
    assert not filesystem.exists(f"{path}/manifest.json")
    assert json.loads(filesystem.cat_file(f"{path}/_staging/lock"))["token"] == "other"


def test_storage_without_conditional_writes_is_told(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filesystem, _ = locate(bucket)
    whole = filesystem.pipe_file

    def careless(path: str, value: bytes, mode: str = "overwrite", **more: Any) -> Any:
        return whole(path, value, **more)

    monkeypatch.setattr(filesystem, "pipe_file", careless)
    assert execute(MAKE, MakeConfig(), {}, f"{bucket}/made").dataset.rows == 1200
    assert "this storage makes no lock" in capsys.readouterr().err


COMMANDS = [
    ["inspect", "{}/made"],
    ["verify", "{}/made"],
    ["why", "{}/run", "id"],
    ["report", "{}/run"],
    ["identify-language", "--input", "{}/made", "--output", "{}/language"],
    ["ingest-text", "--input", "{}/raw", "--output", "{}/text"],
    ["ingest-environment", "--output", "{}/pages"],
]


def run_command(arguments: list[str], **environment: str | None) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in (os.environ | environment).items() if value is not None}
    told["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, env=told, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_without_a_bucket_or_credentials_one_line_says_so(bucket: str, arguments: list[str]) -> None:
    absent = run_command([part.format("s3://no-such-bucket-here") for part in arguments])
    assert absent.returncode == 3, absent.stderr
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    unknown = run_command([part.format(bucket) for part in arguments], **nobody)
    assert unknown.returncode == 3, unknown.stderr
    assert "credentials" in unknown.stderr
    for done in (absent, unknown):
        assert SECRET not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
    filesystem, _ = locate(bucket)
    assert not filesystem.exists("no-such-bucket-here"), "a bucket was made of a typo"


def test_a_server_that_is_away_is_status_4_and_shows_no_secret(bucket: str) -> None:
    away = run_command(["inspect", f"{bucket}/made"], AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert away.returncode == 4, away.stderr
    assert "could not be reached" in away.stderr
    from arcmill.remote import out_of_reach

    told = out_of_reach(ConnectionError("http://user:hunter2@host/b?X-Amz-Signature=abcdef&x=1"))
    assert told is not None
    assert "hunter2" not in str(told) and "abcdef" not in str(told)


def test_the_network_does_not_make_a_row_err(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A raw file that cannot be read for now is not a file that is broken: the run ends, and its rows are not lost."""
    filesystem, path = locate(bucket)
    filesystem.pipe_file(f"{path}/raw/a.txt", b"one\ntwo\n")

    def lines(file: Any, config: StageConfig) -> Any:
        raise TimeoutError("read timeout on the endpoint")
        yield

    with pytest.raises(EngineError, match="could not be reached"):
        execute(
            replace(LINES, core=lines), StageConfig(max_error_rate=1.0), {"input": [f"{bucket}/raw"]}, f"{bucket}/out"
        )
    assert execute(LINES, StageConfig(), {"input": [f"{bucket}/raw"]}, f"{bucket}/out").dataset.rows == 2


def test_nothing_that_is_stored_holds_the_secret(bucket: str) -> None:
    execute(MAKE, MakeConfig(splits=1, rows=5, errors=5, max_error_rate=1.0), {}, f"{bucket}/made")
    with pytest.raises(InputError):  # its staging stays, logs and all
        execute(MAKE, MakeConfig(errors=9, max_error_rate=0), {}, f"{bucket}/failed")
    filesystem, path = locate(bucket)
    found = filesystem.find(path)
    assert any("/logs/" in name for name in found)
    assert not [name for name in found if SECRET.encode() in filesystem.cat_file(name)]
