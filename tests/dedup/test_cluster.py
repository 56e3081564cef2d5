"""The same kept set on a Spark cluster of two workers, real processes each, as on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from spark_cluster import Cluster, connect_server, spark_cluster, spark_environment, spark_home
from tiny_stages import store

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["loopback", "namespaces"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    with spark_cluster(tmp_path, request.param) as running:
        yield running


@pytest.fixture
def nearby(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster on the loopback interface alone."""
    with spark_cluster(tmp_path, "loopback") as running:
        yield running


def begin(source: Path, output: Path, master: str, driver: str = "") -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "pipelines.cli", "dedup-minhash", "--input", str(source), "--output", str(output),
        "--set", f"spark.master={master}", "--set", "alarm_share=1",
    ]  # fmt: skip
    if driver:
        command += ["--set", "spark.executor.memory=512m", "--set", f"spark.driver.host={driver}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    texts = [f"{' '.join(f'w{(n * 7 + k) % 97}x{n % 40}' for k in range(300))} tail{n}" for n in range(200)]
    rows = [{"id": f"d{n}", "text": text, "quality_score": (n * 37 % 101) / 101} for n, text in enumerate(texts)]
    store(tmp_path / "in", rows)
    return tmp_path / "in"


def logs(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("worker*.log"))


def test_the_same_bytes_on_two_workers(
    cluster: Cluster, source: Path, tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    seen = {}
    for name, *where in (("one", "embedded"), ("two", cluster.master, cluster.driver)):
        process = begin(source, tmp_path / name, *where)
        _, told = process.communicate(timeout=1200)
        assert process.returncode == 0, told
        seen[name] = digest(tmp_path / name)
    assert seen["one"] == seen["two"]
    found = logs(tmp_path)
    assert found.count("Launching executor") + found.count("Asked to launch executor") >= 2


def test_a_worker_that_dies_in_the_middle_changes_nothing(
    cluster: Cluster, source: Path, tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    """Worker and executor are killed once the executor has begun; the other one does what it had done, too."""
    running = cluster.processes
    process = begin(source, tmp_path / "killed", cluster.master, cluster.driver)
    deadline = time.monotonic() + 300
    while not (found := list((tmp_path / "work1").glob("app-*/*/stderr"))):
        assert process.poll() is None and time.monotonic() < deadline, "no executor came"
        time.sleep(0.05)
    while b"Running task" not in found[0].read_bytes():
        assert process.poll() is None and time.monotonic() < deadline, "the executor got no task"
        time.sleep(0.05)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(running[2].pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    running[2].kill()
    for child in children:
        os.kill(int(child), 9)
    _, told = process.communicate(timeout=1200)
    assert process.returncode == 0, told
    calm = begin(source, tmp_path / "calm", "embedded")
    assert calm.wait(timeout=1200) == 0
    assert digest(tmp_path / "killed") == digest(tmp_path / "calm")


def test_a_connect_server_makes_the_same_bytes(
    nearby: Cluster, source: Path, tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    """Its tasks run on workers that have no arcmill, so they run what the session sent them."""
    with connect_server(tmp_path, nearby) as address:
        process = begin(source, tmp_path / "connect", address)
        _, told = process.communicate(timeout=1200)
        assert process.returncode == 0, told
        refused = begin(source, tmp_path / "refused", address, "127.0.0.1")
        _, told = refused.communicate(timeout=1200)
        assert refused.returncode == 2 and "a session of Spark Connect cannot set it" in told
    assert begin(source, tmp_path / "here", "embedded").wait(timeout=1200) == 0
    assert digest(tmp_path / "connect") == digest(tmp_path / "here")


JOB = """
from pipelines.cli import main
if __name__ == "__main__":
    import sys
    main(sys.argv[1:])
"""


def test_spark_submit_makes_the_same_bytes(
    nearby: Cluster, source: Path, tmp_path: Path, digest: Callable[[Path], str]
) -> None:
    (tmp_path / "job.py").write_text(JOB)
    command = [
        str(spark_home() / "bin" / "spark-submit"), "--master", nearby.master, "--conf", "spark.executor.memory=512m",
        str(tmp_path / "job.py"), "dedup-minhash", "--input", str(source), "--output", str(tmp_path / "submitted"), "--set",
        f"spark.master={nearby.master}", "--set", "alarm_share=1",
    ]  # fmt: skip
    environment = spark_environment() | {"PYTHONPATH": str(ROOT), "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert begin(source, tmp_path / "here", "embedded").wait(timeout=1200) == 0
    assert digest(tmp_path / "submitted") == digest(tmp_path / "here")
