"""The recipe of agents, small, with the gold player: all is kept, played again, and told; then one row is spoilt."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trajectory_mutations import gone_wrong, held, tampered

from agent_data.environments.catalogue import Worlds
from agent_data.judges.stage import JudgeTrajectories, Judging, core
from arcmill.dataset import Dataset
from arcmill.generation import drive
from arcmill.records import batch_to_rows
from arcmill.stage import Outcome
from pipelines import runner
from pipelines.recipe import load_recipe
from pipelines.replayed import Trajectories
from pipelines.report import write_report
from pipelines.verify import _replay, verify_path

SMALL = ("tools.modules=[json]", "tasks.environment=[shop]", "tasks.count=6", "tasks.per_world=6")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs") / "agents"
    runner.run(load_recipe("agents", SMALL), str(root), workers=1, quiet=True)
    return root


def test_the_gold_player_does_every_task_and_every_row_is_played_again(run: Path) -> None:
    counts = {step: Dataset.open(str(run / step)).rows for step in ("tasks", "trajectories", "judged", "selected")}
    assert counts == dict.fromkeys(counts, 6)
    for batch in Dataset.open(str(run / "selected")).batches():
        for row in batch.to_pylist():
            evidence = json.loads(row["evidence"])
            assert evidence["player"] == "gold" and evidence["verdict"] == "right"
            assert evidence["checks"]["replay"]["verdict"] == evidence["checks"]["state"]["verdict"] == "right"
    assert Dataset.open(str(run / "sft")).rows >= 6
    found = verify_path(str(run))
    assert found["ok"], found
    replayed = [dataset["replayed"] for dataset in found["datasets"] if dataset["record"] == "Conversation"]
    assert replayed == [{"trajectory": 6}] * 3
    page = Path(write_report(str(run), None)).read_text(encoding="utf-8")
    assert 'id="agents"' in page and "trajectory-view" in page
    assert {planned.state for planned in runner.plan(load_recipe("agents", SMALL), str(run))} == {"done"}


def test_what_is_tampered_with_or_goes_wrong_is_refused_in_the_shop_as_well(run: Path) -> None:
    worlds, config = Worlds({}), JudgeTrajectories()
    tasks = {
        task.id: task
        for batch in Dataset.open(str(run / "tasks")).batches()
        for task in batch_to_rows("AgentTask", batch)
    }
    seen = 0
    for batch in Dataset.open(str(run / "trajectories")).batches():
        for row in batch_to_rows("Conversation", batch):
            task = tasks[held(row).task]
            goal = json.loads(task.goal or "{}").get("state")
            wrong = [*tampered(row), *gone_wrong(row, task, worlds[task.environment])]
            for name, made in wrong:
                if ("twice" in name or "changed" in name) and held(made).states["final"] == goal:
                    continue  # a write made again that changes nothing: the state decides
                found = drive(core(made, config, Judging(worlds, tasks)))
                assert isinstance(found.rows, Outcome), (name, task.instruction)
                seen += 1
    assert seen > 60


def test_a_spoilt_row_is_the_one_that_is_named(run: Path) -> None:
    trajectories = Dataset.open(str(run / "trajectories"))
    part = next(part for part in trajectories.parts if part["rows"])
    path = f"{trajectories.path}/{part['path']}"
    table = pq.read_table(path)
    rows = table.to_pylist()
    spoilt = next(row for row in rows if any(message["role"] == "tool" for message in row["messages"]))
    tool = next(message for message in spoilt["messages"] if message["role"] == "tool")
    tool["content"] += " "
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    player = Trajectories(str(run), ())
    problems = _replay(trajectories, Counter(), Counter(), player, {})
    player.close()
    assert [problem.partition(":")[0] for problem in problems] == [spoilt["id"]] == player.diverged
