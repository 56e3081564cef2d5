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


@pytest.fixture(scope="session", params=["embedded", "local[2]"])
def spark_master(request: pytest.FixtureRequest) -> str:
    """Each kind of session; skips where there is no Java for Spark's own."""
    from arcmill.engines.session import find_java

    java, why = find_java()
    if request.param != "embedded" and java is None:
        pytest.skip(f"no Java for Spark: {why}")
    return str(request.param)


@pytest.fixture(scope="session")
def spark(spark_master: str) -> Any:
    """The kernel's own session, with two cores."""
    from arcmill.engines.session import spark_session

    session = spark_session(2, {"spark.master": spark_master})
    session.conf.set("spark.sql.shuffle.partitions", "2")
    return session


@pytest.fixture(autouse=True)
def _kind_of_spark(request: pytest.FixtureRequest) -> None:
    """A process may hold both kinds of session; the last one asked for is the one that pyspark's functions serve."""
    if "spark" in request.fixturenames:
        from arcmill.engines.session import spark_session

        spark_session(2, {"spark.master": request.getfixturevalue("spark_master")})


@pytest.fixture(scope="session")
def to_frame(spark: Any) -> Callable[..., Any]:
    """An Arrow table as a frame of the session, empty ones too."""
    from pyspark.sql.pandas.types import from_arrow_schema

    def build(table: Any, partitions: int = 1) -> Any:
        frame = (
            spark.createDataFrame(table) if len(table) else spark.createDataFrame([], from_arrow_schema(table.schema))
        )
        return frame.repartition(partitions)

    return build
