"""The same kept set on a Spark cluster of two workers, real processes each, as on one machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tiny_stages import store

from arcmill.engines.session import _java_home, find_java

ROOT = Path(__file__).parents[2]


class Cluster(NamedTuple):
    master: str  # spark://…
    driver: str  # the address on which executors find the driver
    processes: list[subprocess.Popen[bytes]]  # the master's first


@contextmanager
def namespaces() -> Iterator[tuple[str, list[tuple[list[str], str]]]]:
    """An address of this machine, and for each of two workers the command that runs in its own network, and its address.

    Each worker is in a network namespace that shares nothing with ours but a bridge: it has its own loopback interface.
    """
    tag = f"am{os.getpid() % 10000}"

    def ip(arguments: str, check: bool = True) -> None:
        done = subprocess.run(["ip", *arguments.split()], capture_output=True, text=True, check=False)
        if check and done.returncode:
            pytest.skip(f"no network namespaces here (root is needed): ip {arguments}: {done.stderr.strip()}")

    try:
        ip(f"link add {tag}b type bridge")
        ip(f"addr add 10.231.77.1/24 dev {tag}b")
        ip(f"link set {tag}b up")
        workers = []
        for number in (2, 3):
            space, near, far = f"{tag}n{number}", f"{tag}v{number}", f"{tag}e{number}"
            ip(f"netns add {space}")
            ip(f"link add {near} type veth peer name {far}")
            ip(f"link set {far} netns {space}")
            ip(f"link set {near} master {tag}b up")
            ip(f"netns exec {space} ip addr add 10.231.77.{number}/24 dev {far}")
            ip(f"netns exec {space} ip link set {far} up")
            ip(f"netns exec {space} ip link set lo up")
            workers.append((["ip", "netns", "exec", space], f"10.231.77.{number}"))
        yield "10.231.77.1", workers
    finally:
        for number in (2, 3):
            ip(f"netns del {tag}n{number}", check=False)
        ip(f"link del {tag}b", check=False)


@pytest.fixture(params=["loopback", "namespaces"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A standalone master with two workers of a core each."""
    if os.environ.get("ARCMILL_CLUSTER") != "1":
        pytest.skip("ARCMILL_CLUSTER=1 starts a Spark cluster, which takes a minute")
    if find_java()[0] is None:
        pytest.skip("no Java for a Spark cluster")
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = dict(os.environ, JAVA_HOME=_java_home(), SPARK_HOME=str(home), PYSPARK_PYTHON=sys.executable)
    environment.pop("PYTHONPATH", None)  # the executors have no arcmill on their path: the session sends it
    environment.pop("SPARK_CONF_DIR", None)  # another test's session silences the log that is read below
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, where: list[str], address: str, kind: str, *arguments: str) -> None:
        command = [*where, str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments]
        with (tmp_path / f"{name}.log").open("wb") as log:
            told = environment | {"SPARK_LOCAL_IP": address}
            running.append(subprocess.Popen(command, env=told, stdout=log, stderr=log, cwd=tmp_path))

    with ExitStack() as stack:
        here, places = "127.0.0.1", [([], "127.0.0.1")] * 2
        if request.param == "namespaces":
            here, places = stack.enter_context(namespaces())
        with socket.socket() as free:
            free.bind((here, 0))
            port = free.getsockname()[1]
        master = f"spark://{here}:{port}"
        try:
            start("master", [], here, "master.Master", "--host", here, "--port", str(port), "--webui-port", "0")
            for number, (where, address) in enumerate(places):
                start(
                    f"worker{number}", where, address, "worker.Worker", "--host", address, "--cores", "1", "--memory", "1g",
                    "--webui-port", "0", "--work-dir", str(tmp_path / f"work{number}"), master,
                )  # fmt: skip
            deadline = time.monotonic() + 300
            while (tmp_path / "master.log").read_text().count("Registering worker") < 2:
                assert time.monotonic() < deadline, "the workers did not come"
                time.sleep(0.2)
            yield Cluster(master, here, running)
        finally:
            for process in running:
                process.kill()
                process.wait()


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
        _, told = process.communicate(timeout=600)
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
    _, told = process.communicate(timeout=600)
    assert process.returncode == 0, told
    calm = begin(source, tmp_path / "calm", "embedded")
    assert calm.wait(timeout=600) == 0
    assert digest(tmp_path / "killed") == digest(tmp_path / "calm")
