"""A standalone Spark of two workers, real processes each, and a Spark Connect server on it."""

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

from arcmill.engines.session import _java_home, find_java


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


def spark_home() -> Path:
    """Where Spark's own programs lie."""
    import pyspark

    return Path(pyspark.__file__).parent


def spark_environment() -> dict[str, str]:
    """What Spark's processes are told: executors have no arcmill on their path, since the session sends it."""
    environment = dict(os.environ, JAVA_HOME=_java_home(), SPARK_HOME=str(spark_home()), PYSPARK_PYTHON=sys.executable)
    for name in ("PYTHONPATH", "SPARK_CONF_DIR"):  # the latter: another test's session silences logs that are read here
        environment.pop(name, None)
    return environment


@contextmanager
def spark_cluster(folder: Path, kind: str) -> Iterator[Cluster]:
    """A master with two workers of a core each, on the loopback interface or in `namespaces`. Logs lie in `folder`."""
    if os.environ.get("ARCMILL_CLUSTER") != "1":
        pytest.skip("ARCMILL_CLUSTER=1 starts a Spark cluster, which takes a minute")
    if find_java()[0] is None:
        pytest.skip("no Java for a Spark cluster")
    running: list[subprocess.Popen[bytes]] = []
    environment = spark_environment()

    def start(name: str, where: list[str], address: str, kind: str, *arguments: str) -> None:
        command = [*where, str(spark_home() / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind}", *arguments]
        with (folder / f"{name}.log").open("wb") as log:
            told = environment | {"SPARK_LOCAL_IP": address}
            running.append(subprocess.Popen(command, env=told, stdout=log, stderr=log, cwd=folder))

    with ExitStack() as stack:
        here, places = "127.0.0.1", [([], "127.0.0.1")] * 2
        if kind == "namespaces":
            here, places = stack.enter_context(namespaces())
        port = free_port(here)
        master = f"spark://{here}:{port}"
        try:
            start("master", [], here, "master.Master", "--host", here, "--port", str(port), "--webui-port", "0")
            for number, (where, address) in enumerate(places):
                start(
                    f"worker{number}", where, address, "worker.Worker", "--host", address, "--cores", "1", "--memory", "1g",
                    "--webui-port", "0", "--work-dir", str(folder / f"work{number}"), master,
                )  # fmt: skip
            wait(
                lambda: (folder / "master.log").read_text().count("Registering worker") >= 2, "the workers did not come"
            )
            yield Cluster(master, here, running)
        finally:
            for process in running:
                process.kill()
                process.wait()


@contextmanager
def connect_server(folder: Path, cluster: Cluster) -> Iterator[str]:
    """The address of a Spark Connect server whose tasks run on the cluster."""
    port = free_port(cluster.driver)
    command = [
        str(spark_home() / "bin" / "spark-submit"), "--master", cluster.master, "--class",
        "org.apache.spark.sql.connect.service.SparkConnectServer", "--conf", f"spark.connect.grpc.binding.port={port}",
        "--conf", f"spark.connect.grpc.binding.address={cluster.driver}", "--conf", f"spark.driver.host={cluster.driver}",
        "--conf", "spark.executor.memory=512m", "--conf", "spark.ui.enabled=false", "spark-internal",
    ]  # fmt: skip
    with (folder / "connect.log").open("wb") as log:
        server = subprocess.Popen(command, env=spark_environment(), stdout=log, stderr=log, cwd=folder)
    try:

        def answers() -> bool:
            assert server.poll() is None, (folder / "connect.log").read_text()[-3000:]
            with socket.socket() as probe:
                return probe.connect_ex((cluster.driver, port)) == 0

        wait(answers, "the Connect server did not come")
        yield f"sc://{cluster.driver}:{port}"
    finally:
        server.kill()
        server.wait()


def free_port(address: str) -> int:
    with socket.socket() as free:
        free.bind((address, 0))
        return int(free.getsockname()[1])


def wait(ready: Callable[[], bool], why: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)
