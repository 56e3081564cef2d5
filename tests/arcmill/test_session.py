"""Which Spark session a stage gets."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from arcmill.engines import connect, embedded, session
from arcmill.errors import EngineError

SMALL, LARGE = 1000, embedded.LARGEST + 1


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that are only named, on a machine with Java, Sail, and nobody else."""
    monkeypatch.setattr(embedded, "embedded_session", lambda workers: "embedded")
    monkeypatch.setattr(session, "_jvm_session", lambda master, asked: master)
    monkeypatch.setattr(connect, "connect_session", lambda address, asked, packages: address)
    monkeypatch.setattr(session, "find_java", lambda: ("java", "PATH"))
    monkeypatch.setattr(embedded, "available", lambda: True)
    monkeypatch.setattr(embedded, "alone", lambda: True)
    monkeypatch.setenv(embedded.CONNECT, "1")


@pytest.mark.parametrize(
    ("settings", "size", "kind"),
    [
        ({}, SMALL, "embedded"),
        ({}, LARGE, "local[3]"),
        ({"spark.master": "embedded"}, LARGE, "embedded"),
        ({"spark.master": "spark://host:7077"}, SMALL, "spark://host:7077"),
        ({"spark.executor.memory": "2g"}, SMALL, "local[3]"),
        ({"spark.master": "sc://host:15002"}, SMALL, "sc://host:15002"),
    ],
)
def test_size_and_settings_decide(kinds: None, settings: dict[str, Any], size: int, kind: str) -> None:
    assert session.spark_session(3, settings, size) == kind
    assert kind.startswith(("embedded", "sc://")) or embedded.CONNECT not in os.environ


@pytest.mark.parametrize(
    "address", ["sc://127.0.0.1:9/;token=hunter2;x=y", "sc://127.0.0.1:9;token=hunter2", "sc://:x/;token=hunter2"]
)
def test_a_connect_server_that_is_not_there_is_told_without_the_token(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(embedded.CONNECT, "1")
    with pytest.raises(EngineError, match="no Spark session on sc://") as told:
        session.spark_session(1, {"spark.master": address})
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("missing", ["available", "alone"])
def test_sparks_own_where_others_are_here_or_sail_is_not(
    kinds: None, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(embedded, missing, lambda: False)
    assert session.spark_session(3, {}, SMALL) == "local[3]"


def test_without_java_even_what_is_large_runs_embedded(kinds: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_java", lambda: (None, "none"))
    assert session.spark_session(3, {}, LARGE) == "embedded"


def test_another_person_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name = "17"

        def __init__(self, owner: int) -> None:
            self.st_uid = owner

        def stat(self) -> Entry:
            return self

    for others, alone in (([0, 33, 65534], True), ([0, 4711], False)):
        owners = [os.getuid(), *others]
        monkeypatch.setattr(embedded.os, "scandir", lambda _, owners=owners: [Entry(owner) for owner in owners])
        embedded.alone.cache_clear()
        assert embedded.alone() is (alone or os.getuid() == 4711)
    embedded.alone.cache_clear()


FORKS = """
import subprocess
from arcmill.engines.session import spark_session
session = spark_session(1, {"spark.master": "embedded"}, 0)
failed = 0
for turn in range(150):
    if turn % 10 == 0:
        session.range(100).selectExpr("sum(id)").collect()
    # As Spark's JVM is begun: with something to do between fork and exec.
    done = subprocess.run(["true"], preexec_fn=int, capture_output=True)
    failed += done.returncode != 0
print(failed)
"""


def test_programs_can_be_begun_beside_the_embedded_session() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["0"], done.stderr[-2000:]


def test_sparks_own_ports_ask_for_a_secret(spark: Any, spark_master: str) -> None:
    if spark_master == "embedded":
        pytest.skip("Sail has no secret; it is chosen where nobody else works (test_another_person_is_noticed)")
    assert spark.conf.get("spark.authenticate") == "true"
