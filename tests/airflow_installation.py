"""An Airflow of its own for tests, on SQLite, with recipes and an arcmill that can be killed in the middle."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DAGS = ROOT / "airflow_dags/folder"
AIRFLOW = os.environ.get("ARCMILL_AIRFLOW_PYTHON") or (sys.executable if importlib.util.find_spec("airflow") else "")

# Parses all, and serialises as the scheduler does. What arcmill computes with cannot be imported meanwhile.
PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import LazyDeserializedDAG
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"pyarrow", "pyspark", "torch", "vllm", "datatrove", "numpy", "faiss", "numba", "spacy"}:
            raise ImportError(f"{name} is heavy")
sys.meta_path.insert(0, Refuse())
bag = DagBag(sys.argv[1], safe_mode=True)
dags = {
    name: {
        "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}, "serialised": len(LazyDeserializedDAG.from_dag(dag).data["dag"]["tasks"]),
        "params": sorted(dag.params), "pools": sorted({task.pool for task in dag.tasks}), "retries": sorted({task.retries for task in dag.tasks}),
        "pods": {task.task_id: [container.resources.to_dict() for container in task.executor_config["pod_override"].spec.containers] for task in dag.tasks if task.executor_config},
        "assets": sorted(asset.uri for task in dag.tasks for asset in task.outlets), "timetable": type(dag.timetable).__name__,
        "resources": {task.task_id: [task.pool, task.pool_slots, task.queue, task.resources and [task.resources.cpus.qty, task.resources.ram.qty, task.resources.gpus.qty]] for task in dag.tasks},
    }
    for name, dag in bag.dags.items()
}
print("JSON" + json.dumps({"dags": dags, "errors": bag.import_errors}))
"""

# arcmill's command. It notes its arguments and what it finds in the staging; as STOP asks, it kills itself once, like a machine that
# loses its power: when the stage's second task has begun to write.
COMMAND = """
import json, os, pathlib, signal, sys
log, argv = pathlib.Path(os.environ["CALLS"]), sys.argv[1:]
output = argv[argv.index("--output") + 1] if "--output" in argv else ""
staged = sorted(path.name for path in pathlib.Path(output, "_staging").glob("task-*.json")) if output else []
with log.open("a") as stream:
    stream.write(json.dumps({"argv": argv, "staged": staged, "folder": os.getcwd()}) + "\\n")
mark = log.with_suffix(".stopped")
if os.environ.get("STOP") == argv[0] and not mark.exists():
    from arcmill.parts import TaskWriter
    begin = TaskWriter.__init__
    def stop(self, staging, task, *rest):
        begin(self, staging, task, *rest)
        if task == 1:
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    TaskWriter.__init__ = stop
from pipelines.cli import main
main(argv)
"""
CRAWL = """
name: crawl
description: Rows of one day.
airflow: {retry_delay: 0, max_active_runs: 2}
steps:
  pages:    {stage: ingest-text, input: "ROWS/{date}"}
  language: {stage: identify-language, input: pages, config: {languages: [en]}}
"""
AFTER = """
name: after
airflow: {follows: {vocabulary: crawl/language}}
steps:
  vocabulary: {stage: train-tokenizer, config: {vocab_size: 512}}
"""
DATES = {"2026-01-01": 3, "2026-01-02": 1}
RECIPES = {"crawl": CRAWL, "after": AFTER}


class Installation:
    """An Airflow of its own, on SQLite."""

    def __init__(self, folder: Path, dates: Mapping[str, int] = DATES, recipes: Mapping[str, str] = RECIPES) -> None:
        """`dates`: files of rows by date, each heavy enough to be a task of its own. ROWS in `recipes` is their folder."""
        self.folder, self.recipes, self.rows = folder, folder / "recipes", folder / "rows"
        self.calls = folder / "calls.jsonl"
        self.recipes.mkdir()
        for date, number in dates.items():
            (self.rows / date).mkdir(parents=True)
            for file in range(number):
                told = f"page of file {file} of {date} says what there is to say about its number, and no more. "
                rows = [{"id": f"{file}-{row}", "text": f"The {row}th {told}" * 10} for row in range(400)]
                (self.rows / date / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.write(recipes)
        (folder / "command.py").write_text(COMMAND)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "ARCMILL_AIRFLOW"))},
            "AIRFLOW_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS), "ARCMILL_AIRFLOW_RECIPES": str(self.recipes), "ARCMILL_AIRFLOW_PACKAGED": "no",
            "ARCMILL_AIRFLOW_FOLDER": str(folder / "work"), "ARCMILL_AIRFLOW_COMMAND": f"'{sys.executable}' '{folder / 'command.py'}'",
            "CALLS": str(self.calls),
        }  # fmt: skip

    def write(self, recipes: Mapping[str, str]) -> None:
        """Put recipes into the folder of which DAGs are made."""
        for name, text in recipes.items():
            (self.recipes / f"{name}.yaml").write_text(text.replace("ROWS", str(self.rows)))

    def made_calls(self) -> list[dict[str, Any]]:
        """What arcmill was called with until now: argv, staged (the finished tasks that it found), folder."""
        return [json.loads(line) for line in self.calls.read_text().splitlines()] if self.calls.exists() else []

    def airflow(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self._run([AIRFLOW, "-m", "airflow", *argv], **more)

    def parse(self, **more: str) -> dict[str, dict[str, dict[str, object]]]:
        done = self._run([AIRFLOW, "-c", PARSE, str(DAGS)], **more)
        line = next((line for line in done.stdout.splitlines() if line.startswith("JSON")), None)
        assert line, done.stdout + done.stderr
        return json.loads(line.removeprefix("JSON"))  # type: ignore[no-any-return]

    def has(self, *modules: str) -> bool:
        """Whether Airflow's interpreter can import these."""
        return self._run([AIRFLOW, "-c", f"import {', '.join(modules)}"]).returncode == 0

    def dags_test(self, dag: str, date: str, conf: dict[str, object], **more: str) -> list[dict[str, Any]]:
        """Run a DAG to its end; the calls of arcmill that it made."""
        self.calls.unlink(missing_ok=True)
        self.said = self.airflow("dags", "test", dag, date, "--conf", json.dumps(conf), **more)
        return self.made_calls()

    def arcmill(self, *argv: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *argv],
            check=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def _run(self, argv: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv,
            env=self.environment | more,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
