"""A session on a Spark Connect server that somebody else runs (`spark.master=sc://host:15002`).

The plans are those of every other session. Our packages are sent along, and the server's executors need what these rest on, in
Python of this version. What only the start of a cluster decides (memory, cores) is the server's; a key of that kind is refused.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import socket
import tempfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from arcmill.engines.embedded import CONNECT
from arcmill.errors import EngineError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEME = "sc://"
_running: dict[str, SparkSession] = {}  # by address, one each for the life of the process


def connect_session(address: str, asked: Mapping[str, str], packages: Callable[[str], str]) -> SparkSession:
    """The session on a server, begun on first use. `packages` makes, in a folder, the archive that executors are sent.

    UsageError for a key that a session cannot set, EngineError where the server does not answer.
    """
    os.environ[CONNECT] = "1"
    if address not in _running:
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        try:
            _reach(address)
            session = ConnectSession.builder.remote(address).create()
            # A lost server is waited for a minute, and not ten.
            session.client.set_retry_policies([DefaultPolicy(max_retries=8, max_backoff=20_000)])
            with tempfile.TemporaryDirectory(prefix="arcmill-connect-") as folder:
                session.addArtifacts(packages(folder), pyfile=True)
        except Exception as error:
            told = getattr(error, "details", None)  # of gRPC; its own text is a page
            said = " ".join(str(told() if callable(told) else error).split()).replace(address, without_secrets(address))
            raise EngineError(f"no Spark session on {without_secrets(address)}: {said[:300]}") from error
        atexit.register(_end, session)
        _running[address] = session
    session = _running[address]
    for key, value in {**_SESSION, **asked}.items():
        if not session.conf.isModifiable(key):
            raise UsageError(
                f"{key}: a session of Spark Connect cannot set it; give it to the server when it is started"
            )
        session.conf.set(key, value)
    return session


_SESSION = {
    "spark.sql.session.timeZone": "UTC", "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    "spark.sql.execution.arrow.maxBytesPerBatch": "64m", "spark.sql.execution.arrow.useLargeVarTypes": "false",
}  # fmt: skip


def without_secrets(address: str) -> str:
    """The address without the token and the other parameters that may follow a semicolon."""
    return re.sub(r"/?;.*", "", address)


def _reach(address: str) -> None:
    """Raises OSError where nobody listens: the client itself would try again for ten minutes."""
    where = urlsplit(without_secrets(address))
    socket.create_connection((where.hostname or "", where.port or 15002), timeout=20).close()


def _end(session: SparkSession) -> None:
    with contextlib.suppress(Exception):  # a server that is gone has nothing to let go
        session.stop()
