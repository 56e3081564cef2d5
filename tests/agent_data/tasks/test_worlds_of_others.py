"""Tasks in worlds without hints, as docs/environments.md has one, and what a world is filled up with where little can be done."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent_data.environments.catalogue import opened
from agent_data.environments.data import DataEnvironment, writes
from agent_data.environments.environment import ToolError
from agent_data.tasks.foreign import FOREIGN, PLACES, filled
from agent_data.tasks.make import Maker, Mix
from agent_data.tasks.stage import SynthTasks, core
from arcmill.records import AgentTask

PAGE = Path(__file__).parents[3] / "docs" / "environments.md"


def made(environment: Any, count: int, **settings: Any) -> tuple[list[AgentTask], Counter[str]]:
    """The tasks of one split, and what was counted."""
    config = SynthTasks(environment=[environment.name], count=count, **settings)
    rows = list(core(f"0 {count} {environment.name}", config, {environment.name: Maker(config, environment)}))
    return [row for row in rows if isinstance(row, AgentTask)], rows[-1]


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "clinic.py").write_text(blocks[0], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield opened("clinic", {"clinic": "clinic:environment"})
    sys.modules.pop("clinic", None)


def test_the_world_of_the_page_gets_tasks_that_change_it(clinic: Any) -> None:
    tasks, _ = made(clinic, 20)
    goals = [json.loads(task.goal or "{}") for task in tasks]
    called = Counter(call["name"] for goal in goals for call in goal.get("calls", []))
    assert called["cancel_appointment"] and called["move_appointment"]
    assert sum(goal["kind"] == "done" for goal in goals) >= 14
    assert any("name: Mina Sol" in task.instruction for task in tasks)


def lift(low: int) -> DataEnvironment:
    def load(seed: int) -> dict[str, Any]:
        return {"lifts": [{"lift_id": f"L{number}", "floor": (seed + number) % 10} for number in range(4)]}

    def list_lifts(data: dict[str, Any]) -> list[dict[str, Any]]:
        """All lifts."""
        return list(data["lifts"])

    @writes
    def send_lift(data: dict[str, Any], lift_id: str, floor: int) -> str:
        """Send a lift to a floor."""
        found = next((one for one in data["lifts"] if one["lift_id"] == lift_id), None)
        if found is None or floor < low:
            raise ToolError("no")
        found["floor"] = floor
        return "done"

    environment = DataEnvironment(load, [list_lifts, send_lift])
    environment.name = "lift"
    return environment


def test_without_hints_a_field_gets_another_value_than_it_has() -> None:
    tasks, _ = made(lift(0), 10, kinds={"done": 1.0}, steps={"single": 1.0})
    assert len(tasks) == 10


def test_refusals_do_not_take_the_place_of_what_cannot_be_done() -> None:
    tasks, counts = made(lift(10**9), 20)
    assert {json.loads(task.goal or "{}")["kind"] for task in tasks} == {"refuse"}
    assert len(tasks) <= 4 and counts["tasks_missing"] == 20 - len(tasks)


def test_refusals_alone_may_be_asked_for() -> None:
    assert len(made(lift(10**9), 20, kinds={"no-tool": 1.0})[0]) == 20


def test_what_failed_leaves_its_place_to_its_like() -> None:
    mix, draw = Mix({("done", "single"): 1.0, ("done", "multi"): 1.0, ("no-tool", "single"): 1.0}), random.Random(1)
    for _ in range(120):
        kind = mix.next(draw, 90)
        if kind is not None and kind != ("done", "single"):
            mix.made[kind] += 1
    assert mix.hopeless(("done", "single")) and mix.made["done", "multi"] > 30


def test_foreign_requests_are_many_and_filled() -> None:
    draw = random.Random(3)
    texts = {filled(phrase, draw) for phrase, _ in FOREIGN for _ in range(20)}
    assert len(FOREIGN) >= 60 and len(texts) > 500 and not any("{" in text for text in texts)
    assert all(stem == stem.lower() for _, stems in FOREIGN for stem in stems)
    assert all(set(re.findall(r"\{(\w+)\}", phrase)) <= set(PLACES) for phrase, _ in FOREIGN)
    for _ in range(50):
        one, other = filled("{city} to {other}", draw).split(" to ")
        assert one != other and {one, other} <= set(PLACES["city"])


def test_the_shop_has_tasks_of_one_call() -> None:
    tasks, _ = made(opened("shop", {}), 10, steps={"single": 1.0}, kinds={"done": 1.0})
    goals = [json.loads(task.goal or "{}") for task in tasks]
    assert len(tasks) == 10 and all(len(goal["calls"]) == 1 and goal["tell"] for goal in goals)
    assert all(goal["state"] == goal["initial"] for goal in goals)
