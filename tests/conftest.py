"""What many tests share: a digest of a dataset's bytes, and a Spark session for the whole run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def digest() -> Callable[[Path | str], str]:
    """SHA-256 over every file of a dataset but the metrics, names included."""

    def compute(folder: Path | str) -> str:
        total = hashlib.sha256()
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.name != "metrics.json":
                total.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
        return total.hexdigest()

    return compute


@pytest.fixture(scope="session")
def spark() -> Any:
    """The kernel's own session, with two cores; skips where there is no Java."""
    from arcmill.engines.session import find_java, spark_session

    java, why = find_java()
    if java is None:
        pytest.skip(f"no Java for Spark: {why}")
    session = spark_session(2, {})
    session.conf.set("spark.sql.shuffle.partitions", "2")
    return session
