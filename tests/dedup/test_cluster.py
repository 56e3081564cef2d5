"""The same kept set on a Spark cluster of two workers, real processes each, as on one machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_stages import store

from arcmill.engines.session import _java_home, find_java

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """`spark://…` of a standalone master with two workers of a core each."""
    if os.environ.get("ARCMILL_CLUSTER") != "1":
        pytest.skip("ARCMILL_CLUSTER=1 starts a Spark cluster, which takes a minute")
    if find_java()[0] is None:
        pytest.skip("no Java for a Spark cluster")
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    master = f"spark://127.0.0.1:{port}"
    environment = dict(
        os.environ, JAVA_HOME=_java_home(), SPARK_HOME=str(home), PYSPARK_PYTHON=sys.executable,
        PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]), SPARK_LOCAL_IP="127.0.0.1",
    )  # fmt: skip

    environment.pop("SPARK_CONF_DIR", None)  # another test's session silences the log that is read below

    def start(name: str, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments]
        with (tmp_path / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    running = [start("master", "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")]
    for number in range(2):
        options = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(tmp_path / f"work{number}")]
        running.append(start(f"worker{number}", "worker.Worker", *options, master))
    deadline = time.monotonic() + 120
    while (tmp_path / "master.log").read_text().count("Registering worker") < 2:
        assert time.monotonic() < deadline, "the workers did not come"
        time.sleep(0.2)
    yield master
    for process in running:
        process.kill()
        process.wait()


def test_the_same_bytes_on_two_workers(cluster: str, tmp_path: Path, digest: Callable[[Path], str]) -> None:
    texts = [f"{' '.join(f'w{(n * 7 + k) % 97}x{n % 40}' for k in range(300))} tail{n}" for n in range(200)]
    rows = [{"id": f"d{n}", "text": text, "quality_score": (n * 37 % 101) / 101} for n, text in enumerate(texts)]
    store(tmp_path / "in", rows)
    seen = {}
    for name, master in (("one", "embedded"), ("two", cluster)):
        command = [
            sys.executable, "-m", "pipelines.cli", "dedup-minhash", "--input", str(tmp_path / "in"), "--output",
            str(tmp_path / name), "--set", f"spark.master={master}", "--set", "alarm_share=1",
        ]  # fmt: skip
        if name == "two":
            command += ["--set", "spark.executor.memory=512m", "--set", "spark.driver.host=127.0.0.1"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        seen[name] = digest(tmp_path / name)
    assert seen["one"] == seen["two"]
    logs = "".join(path.read_text() for path in tmp_path.glob("worker*.log"))
    assert logs.count("Launching executor") + logs.count("Asked to launch executor") >= 2
