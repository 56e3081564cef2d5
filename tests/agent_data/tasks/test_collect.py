"""Published tasks become tasks with goals that were executed; what cannot is told of in the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_retail

from agent_data.environments.catalogue import opened
from agent_data.environments.play import begin
from agent_data.goal import read_goal
from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.generation import drive
from arcmill.records import ToolCall
from pipelines.catalogue import get_stage

FIND = {"name": "find_user_id_by_email", "kwargs": {"email": "ann@example.com"}}
LOST = {"name": "find_user_id_by_email", "kwargs": {"email": "ann@example.org"}}
CANCEL = {"name": "cancel_pending_order", "kwargs": {"order_id": "#W1", "reason": "no longer needed"}}
LATE = {"name": "cancel_pending_order", "kwargs": {"order_id": "#W2", "reason": "no longer needed"}}
LEAVE = {"name": "transfer_to_human_agents", "kwargs": {"summary": "s"}}


def row(*actions: Any, **more: Any) -> dict[str, Any]:
    return {"instruction": "You are Ann. You want to cancel #W1.", "actions": list(actions), **more}


def collected(tmp_path: Path, rows: list[Any], name: str = "tasks.json", workers: int = 1, **settings: Any) -> Dataset:
    raw = tmp_path / name
    raw.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return collected_files(tmp_path, [raw], workers, **settings)


def collected_files(tmp_path: Path, files: list[Path], workers: int = 1, **settings: Any) -> Dataset:
    data = tiny_retail.write(tmp_path / "retail")
    stage = get_stage("collect-tasks")
    place = {"factory": "agent_data.environments.retail:environment", "with": {"data": data}}
    config = validate(
        stage.config,
        {"environment": "retail", "environments": {"retail": place}, "max_error_rate": 1, **settings},
        "test",
    )
    inputs = {"input": [str(file) for file in files]}
    return execute(stage, config, inputs, str(tmp_path / f"out{workers}"), workers=workers).dataset


def rows_of(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def ledger_of(dataset: Dataset) -> list[tuple[str, str]]:
    return [(row["outcome"], row["rule"]) for batch in dataset.ledger() for row in batch.to_pylist()]


def test_a_task_has_its_goal_executed(tmp_path: Path) -> None:
    dataset = collected(tmp_path, [row(FIND, CANCEL, outputs=["10", 1234.5], user_id="ann_1")])
    (task,) = rows_of(dataset)
    assert (task["environment"], task["steps"], task["source"]) == ("retail", "dialogue", "tasks.json")
    assert len(task["tools"]) == 16
    goal = read_goal(task["goal"])
    assert goal.kind == "done" and goal.state != goal.initial and goal.more == {"user_id": "ann_1"}
    assert [call["name"] for call in goal.calls] == ["find_user_id_by_email", "cancel_pending_order"]
    assert [told["values"] for told in goal.tell] == [["10"], ["1234.5", "1,234.5"]]
    assert goal.user is not None and goal.user["requests"][0]["text"] == task["instruction"]
    world = opened(
        "retail",
        {
            "retail": {
                "factory": "agent_data.environments.retail:environment",
                "with": {"data": str(tmp_path / "retail")},
            }
        },
    )
    play = drive(begin(world, goal.seed))
    assert drive(play.hash()) == goal.initial
    for call in goal.calls:
        assert not drive(play.call(ToolCall("c", call["name"], json.dumps(call["arguments"])))).error
    assert drive(play.hash()) == goal.state


def test_a_refused_look_is_left_out(tmp_path: Path) -> None:
    (task,) = rows_of(collected(tmp_path, [row(LOST, FIND, CANCEL)]))
    goal = read_goal(task["goal"])
    assert len(goal.calls) == 2 and goal.more["refused"][0]["arguments"] == LOST["kwargs"]


def test_a_refused_write_is_a_setting(tmp_path: Path) -> None:
    rows = [row(CANCEL, LATE), row(CANCEL)]
    (tmp_path / "a").mkdir()
    dropped = collected(tmp_path / "a", rows)
    assert ledger_of(dropped) == [("dropped", "gold-refused")] and len(rows_of(dropped)) == 1
    (tmp_path / "b").mkdir()
    kept = rows_of(collected(tmp_path / "b", rows, refused="left-out", steps="multi"))
    goals = [read_goal(task["goal"]) for task in kept]
    assert goals[0].state == goals[1].state and goals[0].calls == goals[1].calls and goals[0].user is None
    assert "not pending" in goals[0].more["refused"][0]["said"]
    assert kept[0]["id"] != kept[1]["id"]  # the same but for what is refused: both are rows


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ("text", "not-an-object"), ({"actions": []}, "no-instruction"), ({"instruction": " ", "actions": []}, "no-instruction"),
        ({"instruction": "x"}, "no-calls"), (row("x"), "bad-call"), (row({"name": "think"}), "bad-call"),
        (row({"name": "fly", "kwargs": {}}), "unknown-tool"), (row(LEAVE, CANCEL), "call-after-end"), (row(seed=-1), "bad-seed"),
        (row(seed="1"), "bad-seed"), (row(outputs="10"), "bad-outputs"), (row(outputs=[None]), "bad-outputs"),
        (row(outputs=[" "]), "bad-outputs"),
    ],
)  # fmt: skip
def test_a_bad_row_is_errored_alone(tmp_path: Path, bad: Any, rule: str) -> None:
    dataset = collected(tmp_path, [row(CANCEL), bad, row(FIND, CANCEL)])
    assert ledger_of(dataset) == [("errored", rule)] and len(rows_of(dataset)) == 2


def test_lines_are_read_and_bad_ones_told(tmp_path: Path) -> None:
    lines = "\n".join([json.dumps(row(CANCEL)), "{", "", json.dumps(row(FIND, CANCEL))])
    dataset = collected(tmp_path, lines, name="tasks.jsonl")  # type: ignore[arg-type]
    assert ledger_of(dataset) == [("errored", "bad-json")] and len(rows_of(dataset)) == 2


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for number in range(5):
        files.append(tmp_path / f"tasks{number}.json")
        files[-1].write_text(json.dumps([row(FIND, CANCEL, number=number), row(LATE), row(CANCEL, seed=number)]))
    found = [collected_files(tmp_path, files, workers).manifest for workers in (1, 2, 4)]
    assert found[0]["counts"]["kept"] == 10 and found[0] == found[1] == found[2]
