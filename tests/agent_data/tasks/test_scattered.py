"""Tasks of tools that belong to no world."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

from agent_data.goal import read_goal
from agent_data.tasks.check import stands
from agent_data.tasks.invent import Impossible, invented
from agent_data.tasks.scattered import by_words, clusters
from agent_data.tasks.stage import STAGE, SynthTasks
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.functions.check import checker
from arcmill.records import AgentTask, ToolSpec, batch_to_rows

KINDS = {
    "weather": ("city", "forecast of the weather", "string"),
    "sum": ("amount", "sums of money in a bank account", "number"),
    "song": ("title", "songs in a playlist", "string"),
}


def spec(number: int, kind: str) -> ToolSpec:
    name, about, type_ = KINDS[kind]
    function = {
        "name": f"get_{kind}_{number}", "description": f"Give {about}, way {number}.",
        "parameters": {"type": "object", "properties": {name: {"type": type_}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": [name, "days"]},
    }  # fmt: skip
    return ToolSpec(
        f"{number:032x}",
        function["name"],
        json.dumps({"type": "function", "function": function}),
        "schema",
        function["description"],
    )  # type: ignore[arg-type]


SPECS = [spec(number, kind) for number, kind in enumerate(list(KINDS) * 4)]


def made(folder: Path, specs: list[ToolSpec], workers: int = 1) -> Any:
    tools = dataset_of("ToolSpec", specs, str(folder / "tools"))
    config = SynthTasks(environment=["simulated"], count=60, clusters=3, subset=4)
    return execute(STAGE, config, {"tools": [tools]}, str(folder / "tasks"), workers=workers).dataset


def test_tasks_are_about_like_tools_and_their_values_fit(tmp_path: Path) -> None:
    data = made(tmp_path, SPECS)
    tasks: list[AgentTask] = [row for batch in data.batches() for row in batch_to_rows("AgentTask", batch)]
    assert len(tasks) == 60 and {task.steps for task in tasks} == {"single", "multi", "dialogue"}
    used = set()
    for task in tasks:
        goal = read_goal(task.goal)
        used.add((goal.refuse or {}).get("rule", "").removeprefix("withheld: "))
        offered = {tool["name"]: tool for tool in (json.loads(text)["function"] for text in task.tools or [])}
        assert len(offered) == 4 - (goal.kind == "refuse")
        for call in goal.calls:
            used.add(call["name"])
            assert checker(offered[call["name"]]["parameters"])(call["arguments"]) == []
            assert all(stands(value, task.instruction) for value in call["arguments"].values())
            assert call["name"] not in task.instruction
        assert goal.state is None  # nothing runs here
        assert bool(goal.calls) == (goal.kind == "done")
    assert used - {""} == {one.name for one in SPECS}
    again = made(tmp_path / "again", SPECS, workers=2)
    assert again.manifest["files"] == data.manifest["files"]


def test_clusters_are_of_one_kind() -> None:
    texts = [f"{one.name} {one.description}" for one in SPECS]
    found = clusters(by_words(texts), 3, 0)
    assert sorted(sorted(SPECS[one].name.split("_")[1] for one in group) for group in found) == sorted(
        [kind] * 4 for kind in KINDS
    )
    assert clusters(by_words(["same"] * 5), 3, 0) == [[0, 1, 2, 3, 4]]


def test_too_few_tools_and_tools_without_their_environment(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two tools"):
        made(tmp_path, SPECS[:1])
    tools = dataset_of("ToolSpec", SPECS, str(tmp_path / "more"))
    with pytest.raises(UsageError, match="go together"):
        execute(STAGE, SynthTasks(environment=["shop"]), {"tools": [tools]}, str(tmp_path / "out"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 6}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "integer", "multipleOf": 7},
        {"type": "string", "format": "date"}, {"enum": ["a", 3]}, {"type": ["string", "null"]}, {"type": "array", "items": {"type": "integer"}, "minItems": 2},
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}, {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
    ],
)  # fmt: skip
def test_values_fit_their_schema(schema: dict[str, Any]) -> None:
    fits = checker({"type": "object", "properties": {"x": schema}, "required": ["x"]})
    for number in range(20):
        assert fits({"x": invented(schema, "x", random.Random(number))}) == []


def test_what_cannot_be_made_up_is_said() -> None:
    with pytest.raises(Impossible):
        invented({"type": "string", "pattern": "^[A-Z]{7}$"}, "x", random.Random(0))
