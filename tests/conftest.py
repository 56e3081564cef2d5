"""What many tests share: a digest of a dataset's bytes, and a Spark session for the whole run."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def digest() -> Callable[[Path | str], str]:
    """SHA-256 over every file of a dataset, names included, but metrics and card, which tell of the run and of the folder."""

    def compute(folder: Path | str) -> str:
        total = hashlib.sha256()
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.name not in ("metrics.json", "README.md"):
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


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An S3-compatible server for the whole run, which the environment names."""
    from multiprocessing import forkserver

    from object_store import missing, serving

    if why := missing():
        pytest.skip(why)
    with serving(tmp_path_factory.mktemp("store") / "server.log") as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        # One that earlier tests began would give workers the environment of then.
        forkserver._forkserver._stop()  # type: ignore[attr-defined]
        yield


@pytest.fixture
def bucket(store_server: None) -> str:
    """`s3://…`, a bucket of its own, empty."""
    from arcmill.storage import locate

    url = f"s3://test-{uuid.uuid4().hex[:12]}"
    filesystem, path = locate(url)
    filesystem.mkdir(path)
    return url


@pytest.fixture(scope="session")
def fetch() -> Callable[[str, Path], Path]:
    """Copy what lies below a URL to a local folder, to be compared."""
    from arcmill.storage import locate

    def copy(url: str, folder: Path) -> Path:
        filesystem, root = locate(url)
        for name in filesystem.find(root):
            target = folder / name[len(root) + 1 :]
            os.makedirs(target.parent, exist_ok=True)
            target.write_bytes(filesystem.cat_file(name))
        return folder

    return copy
