"""A whole Airflow at work (`airflow standalone`): scheduler, API server, DAG processor and workers, for a few dates.

One fixture runs it: a backfill over three crawl dates with a task killed in the middle, the DAG that follows date by date, a DAG that
catches up, and a run by hand with `--conf`; the tests look at what became of it. Asked for by hand: on SQLite, which Airflow does not
support beside a scheduler, the scheduler may die of a row that another process changed (StaleDataError).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_installation import AIRFLOW, Installation
from slurm_cluster import free_ports

Digest = Callable[[Path | str], str]
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
DAILY = """
name: daily
airflow: {schedule: "@daily", start_date: 2026-01-01, end_date: 2026-01-03, retry_delay: 0, max_active_runs: 2, cpu: {workers: 1}}
canaries: {documents: 20, per_kind: 2, kinds: [exact-copy, clean]}
steps:
  pages:    {stage: ingest-text, input: "ROWS/{date}"}
  language: {stage: identify-language, input: pages, config: {languages: [en]}}
"""
AFTER = """
name: after
airflow: {follows: {vocabulary: daily/language}, retry_delay: 5, cpu: {workers: 1}}
steps:
  vocabulary: {stage: train-tokenizer, config: {vocab_size: 512}}
"""
CAUGHT = """
name: caught
airflow: {schedule: "@daily", start_date: 2026-01-01, end_date: 2026-01-02, catchup: true, retry_delay: 5, cpu: {workers: 1}}
steps:
  problems: {stage: make-arithmetic, config: {count: 20}}
"""


class Ran:
    """What the Airflow did."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation

    def rows(self, question: str) -> list[dict[str, Any]]:
        """From Airflow's database."""
        with contextlib.closing(sqlite3.connect(self.installation.folder / "home/airflow.db", timeout=60)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(question)]

    def runs(self, dag: str) -> list[dict[str, Any]]:
        return self.rows(f"select * from dag_run where dag_id = '{dag}' order by logical_date, run_id")

    def folder(self, *parts: str) -> Path:
        return self.installation.folder.joinpath("work", *parts)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    if not AIRFLOW or os.environ.get("ARCMILL_AIRFLOW_STANDALONE") != "1":
        pytest.skip(
            "ARCMILL_AIRFLOW_STANDALONE=1 and ARCMILL_AIRFLOW_PYTHON start a whole Airflow, which takes minutes"
        )
    folder = tmp_path_factory.mktemp("airflow")
    installation = Installation(folder, dict.fromkeys(DAYS, 3), {})
    port, logs, triggers = free_ports(3)
    installation.environment |= {
        "AIRFLOW__API__PORT": str(port), "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(logs), "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(triggers),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__API__HOST": "127.0.0.1", "AIRFLOW__API__WORKERS": "1", "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False", "STOP": "ingest-text",
        # A busy machine makes nothing fail that would only have been slow.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "1800", "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "900", "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        "PATH": f"{Path(AIRFLOW).parent}:{os.environ['PATH']}",  # standalone begins its parts as `airflow`
    }  # fmt: skip
    log = folder / "standalone.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [AIRFLOW, "-m", "airflow", "standalone"], env=installation.environment, cwd=folder, stdout=stream,
            stderr=stream, start_new_session=True,
        )  # fmt: skip
    ran = Ran(installation)
    try:
        # Recipes come when there is somebody to run their tasks: a task that meets no API server has failed a try.
        wait(process, log, "the API server", lambda: answers(port))
        installation.write({"daily": DAILY, "after": AFTER, "caught": CAUGHT})
        wait(process, log, "the DAGs", lambda: len(ran.rows("select dag_id from serialized_dag")) >= 3)
        api = Api(port, folder / "home/simple_auth_manager_passwords.json.generated")
        dates = {"from_date": f"{DAYS[0]}T00:00:00Z", "to_date": f"{DAYS[-1]}T00:00:00Z", "max_active_runs": 2}
        # What `airflow backfill create` does, which on SQLite meets a scheduler that holds the database.
        wait(process, log, "the backfill", lambda: api.post("backfills", {"dag_id": "daily", **dates}) != 503)
        conf = {"root": "by-hand", "settings": {"problems": {"count": 7}}, "workers": 1}
        asked = {"dag_run_id": "by-hand", "logical_date": None, "conf": conf}
        wait(process, log, "the run by hand", lambda: api.post("dags/caught/dagRuns", asked) != 503)
        ended = "select run_id from dag_run where state in ('success', 'failed')"
        wait(process, log, "9 runs", lambda: len(ran.rows(ended)) >= 9, 2400)
        yield ran
    finally:
        process.send_signal(signal.SIGINT)  # as Ctrl+C, which ends all that it started
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Api:
    """Airflow's API, as its pages and its command line use it."""

    def __init__(self, port: int, passwords: Path) -> None:
        self.base, self.token = f"http://127.0.0.1:{port}", ""
        login = {"username": "admin", "password": json.loads(passwords.read_text())["admin"]}
        self.token = json.loads(self._send("/auth/token", login)[1])["access_token"]

    def post(self, path: str, body: dict[str, Any]) -> int:
        """The status, 503 where the database was locked; all else that failed is an error."""
        status, told = self._send(f"/api/v2/{path}", body)
        if "database is locked" in told.lower():
            return 503
        assert status == 200, told
        return status

    def _send(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(
    process: subprocess.Popen[bytes], log: Path, what: str, ready: Callable[[], bool], seconds: float = 900
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(sqlite3.OperationalError):  # a table that is not there yet, or a lock
            if ready():
                return
        assert process.poll() is None and time.monotonic() < deadline, f"{what} did not come: {log.read_text()[-4000:]}"
        time.sleep(1)


def test_a_backfill_runs_every_crawl_date_in_a_folder_of_its_own(ran: Ran, digest: Digest, tmp_path: Path) -> None:
    runs = ran.runs("daily")
    assert [(run["state"], run["run_type"]) for run in runs] == [("success", "backfill")] * 3
    assert [str(run["logical_date"])[:10] for run in runs] == DAYS
    recipe = str(ran.installation.recipes / "daily.yaml")
    for day in DAYS:
        given = ["--set", f"pages.input={ran.installation.rows / day}", "--quiet"]
        ran.installation.arcmill("run", recipe, "--root", str(tmp_path / day), *given)
        for step in ("pages", "language", "_canaries/planted/language"):
            assert digest(ran.folder("runs/daily", day, step)) == digest(tmp_path / day / step), (day, step)


def test_a_killed_task_was_retried_and_took_up_what_was_finished(ran: Ran) -> None:
    tries = ran.rows(
        "select task_id, try_number, state from task_instance where dag_id = 'daily' and task_id = 'pages'"
    )
    assert max(row["try_number"] for row in tries) >= 2 and {row["state"] for row in tries} == {"success"}
    calls = [call for call in ran.installation.made_calls() if call["argv"][0] == "ingest-text"]
    assert len(calls) > 3 and ["task-000000.json"] in [call["staged"] for call in calls]


def test_what_follows_ran_once_for_each_date_and_read_that_date(ran: Ran) -> None:
    runs = ran.runs("after")
    assert sorted(run["partition_key"] for run in runs) == DAYS
    assert {run["state"] for run in runs} == {"success"}
    calls = [call["argv"] for call in ran.installation.made_calls() if call["argv"][0] == "train-tokenizer"]
    read = {
        (f"input={ran.folder('runs/daily', day, 'language')}", str(ran.folder("runs/after", day, "vocabulary")))
        for day in DAYS
    }
    assert {(argv[argv.index("--input") + 1], argv[argv.index("--output") + 1]) for argv in calls} == read


def test_canaries_are_the_last_task(ran: Ran) -> None:
    for day in DAYS:
        report = json.loads(ran.folder("runs/daily", day, "_canaries/report.json").read_text())
        assert report["others_changed_count"] == 0 and sum(report["planted"].values()) > 0
        assert 'id="canaries"' in ran.folder("runs/daily", day, "report.html").read_text()


def test_missed_dates_are_caught_up_and_conf_reaches_a_run(ran: Ran) -> None:
    runs = {run["run_id"]: run for run in ran.runs("caught")}
    by_hand = runs.pop("by-hand")
    assert by_hand["state"] == "success"
    assert [str(run["logical_date"])[:10] for run in runs.values()] == DAYS[:2]
    counts = {
        place: json.loads(ran.folder(place, "problems/manifest.json").read_text())["counts"]["kept"]
        for place in ("by-hand", *(f"runs/caught/{day}" for day in DAYS[:2]))
    }
    assert counts == {"by-hand": 7, "runs/caught/2026-01-01": 20, "runs/caught/2026-01-02": 20}
