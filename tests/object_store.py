"""A real S3-compatible server (moto) on the loopback interface, as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

SECRET = "this-is-the-secret-key"


def missing() -> str | None:
    """Why no server can be started, or None."""
    lacking = [name for name in ("moto", "flask_cors", "s3fs") if find_spec(name) is None]
    return f"no object store: {', '.join(lacking)} not installed (pip install 'arcmill[test]')" if lacking else None


@contextmanager
def serving(log: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which arcmill finds the server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(port)], stdout=stream, stderr=stream
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }  # fmt: skip
    finally:
        server.kill()
        server.wait()
