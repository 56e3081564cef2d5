"""Spark without a JVM: Sail, a Spark Connect server in this process, for what one machine holds.

The same plans and the same decisions as Spark's (tests compare the bytes), begun in a second instead of ten, and without
Java. What Sail does not do as Spark does is put right in `arcmill.engines.frames`. Its port on the loopback interface has
no password, so it is chosen by itself only where no other person has a process (`alone`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from arcmill.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CONNECT = "SPARK_CONNECT_MODE_ENABLED"  # how pyspark.sql.functions knows which kind of Column to make
LARGEST = 1 << 30  # bytes of Parquet that a stage reads; beyond, Spark's JVM with its spilling is the safer place
_FIRST_PERSON = 1000  # user ids below are the system's
_NOBODY = 65534
_running: dict[str, Any] = {}  # server and session, once begun
# Read when gRPC is first imported. Its fork handlers abort one in 25 processes that are begun beside its threads, and
# Spark's JVM is begun by a fork; what is forked here goes on to another program and needs none of them.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


def available() -> bool:
    """Whether the packages are installed."""
    return find_spec("pysail") is not None and find_spec("grpc") is not None


@cache
def alone() -> bool:
    """Whether no other person has a process on this machine. Where that cannot be told, the answer is yes."""
    mine = os.getuid()
    try:
        owners = {entry.stat().st_uid for entry in os.scandir("/proc") if entry.name.isdecimal()}
    except OSError:
        return True
    return not any(_FIRST_PERSON <= owner < _NOBODY and owner != mine for owner in owners)


def embedded_session(workers: int) -> SparkSession:
    """The session of this process, begun on first use. Raises EngineError where the packages are missing."""
    os.environ[CONNECT] = "1"
    if "session" not in _running:
        if not available():
            raise EngineError(
                "spark.master=embedded needs pysail; mend it with: pip install 'pysail>=0.7' grpcio-status"
            )
        os.environ.setdefault("RUST_LOG", "off")  # Sail's own talk; errors come to us as exceptions
        os.environ["SAIL_EXECUTION__DEFAULT_PARALLELISM"] = str(workers)
        from pysail.spark import SparkConnectServer
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        address = server.listening_address
        session = ConnectSession.builder.remote(f"sc://{address[0]}:{address[1]}").create()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        _running.update(server=server, session=session)
    return _running["session"]


def is_session(session: SparkSession) -> bool:
    """Whether this is the embedded session."""
    return session is _running.get("session")


def is_embedded(frame: DataFrame) -> bool:
    """Whether a frame belongs to the embedded session."""
    return is_session(frame.sparkSession)


@cache
def scratch() -> str:
    """A folder of this process for what a plan keeps, gone when it ends."""
    folder = tempfile.mkdtemp(prefix="arcmill-embedded-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
