"""synth-tasks in a small library: rows that replay, whatever the workers, and nothing that a text gives away."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import tiny_lending

from agent_data.environments.catalogue import opened
from agent_data.environments.hints import Hints
from agent_data.goal import read_goal
from agent_data.tasks.execute import Call, World
from agent_data.tasks.flow import edges, explore
from agent_data.tasks.make import Maker
from agent_data.tasks.stage import STAGE, SynthTasks
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import AgentTask, batch_to_rows

WHERE: dict[str, Any] = {"library": "tiny_lending:environment"}


def made(folder: Path, workers: int = 1, **settings: Any) -> Dataset:
    config = SynthTasks(environment=["library"], environments=WHERE, count=90, **settings)
    return execute(STAGE, config, {}, str(folder), workers=workers).dataset


def rows(dataset: Dataset) -> list[AgentTask]:
    return [row for batch in dataset.batches() for row in batch_to_rows("AgentTask", batch)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made(tmp_path_factory.mktemp("tasks") / "one")


@pytest.fixture(scope="module")
def checker() -> Any:
    path = Path(__file__).parents[3] / "benchmarks" / "agent_tasks_check.py"
    spec = importlib.util.spec_from_file_location("agent_tasks_check", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_kind_is_made_and_proved_by_the_checker(dataset: Dataset, checker: Any) -> None:
    tasks = rows(dataset)
    world = opened("library", WHERE)
    assert len({task.id for task in tasks}) == len(tasks) == 90
    kinds = Counter((read_goal(task.goal).kind, task.steps) for task in tasks)
    assert set(kinds) >= {("done", "multi"), ("done", "dialogue"), ("refuse", "single"), ("refuse", "dialogue")}
    for task in tasks:
        wrong, _, _ = checker.check(world, task)
        assert wrong == [], (task.instruction, wrong)
    why = Counter((read_goal(task.goal).refuse or {}).get("why") for task in tasks)
    assert why["no-tool"] and why["policy"]


def test_the_checker_finds_what_is_spoilt(dataset: Dataset, checker: Any) -> None:
    world = opened("library", WHERE)
    task = next(
        task for task in rows(dataset)
        if task.steps == "multi" and any(call["name"] == "renew_loan" for call in json.loads(task.goal or "")["calls"])
    )  # fmt: skip
    goal = json.loads(task.goal or "")

    def wrong(change: Any, text: str | None = None) -> str:
        held = json.loads(json.dumps(goal))
        change(held)
        spoilt = AgentTask(task.id, text or task.instruction, "library", "multi", task.tools, json.dumps(held))
        return " ".join(checker.check(world, spoilt)[0])

    def needless(held: Any) -> None:
        held["calls"].insert(0, {"name": "list_books", "arguments": {"only_free": True}})
        held["blueprint"]["origins"].insert(0, {})
        for request in held["blueprint"]["requests"]:
            for told in request["told"]:
                told["call"] += 1

    assert wrong(lambda held: None) == ""
    assert "not needed: list_books" in wrong(needless)
    assert "hash is another" in wrong(lambda held: held.update(state="0" * 64))
    assert "gold call refused" in wrong(lambda held: held["calls"][-1].update(name="erase"))
    renewal = next(call for call in goal["calls"] if call["name"] == "renew_loan")
    days = str(renewal["arguments"]["days"])
    assert "given value not in text" in wrong(lambda held: None, task.instruction.replace(f"{days} days", "some days"))
    assert "tool name in text" in wrong(lambda held: None, f"{task.instruction} Use renew_loan.")
    member = next(call["arguments"]["member_id"] for call in goal["calls"] if "member_id" in call["arguments"])
    assert "hidden value in text" in wrong(lambda held: None, f"{task.instruction} I am {member}.")


def test_the_same_bytes_whatever_the_workers(dataset: Dataset, tmp_path: Path) -> None:
    again = made(tmp_path / "two", workers=2)
    assert again.manifest["files"] == dataset.manifest["files"]
    assert again.manifest["fingerprint"] == dataset.manifest["fingerprint"]
    assert "tiny_lending" not in json.dumps(dataset.manifest)  # named by what it is, not by where it lies


def test_what_is_refused_is_in_the_ledger(dataset: Dataset) -> None:
    counts = dataset.manifest["counts"]
    rules = Counter(rule for batch in dataset.ledger() for rule in batch.column("rule").to_pylist())
    assert counts["dropped"] == sum(rules.values()) > 0
    assert set(rules) <= {
        "gives-away",
        "other-length",
        "without-effect",
        "refused-by-tool",
        "redundant",
        "told-elsewhere",
        "tool-not-needed",
        "not-described",
    }
    assert any("flow.get_member.loans -> get_loan.loan_id" in name for name in dataset.manifest["statistics"])


def test_a_dialogue_gives_line_by_line_what_the_text_gives_at_once(dataset: Dataset) -> None:
    scripts = 0
    for task in rows(dataset):
        goal = read_goal(task.goal)
        if task.steps != "dialogue":
            assert goal.user is None
            continue
        scripts += 1
        assert goal.user is not None and goal.user["requests"]
        for request in goal.user["requests"]:
            assert request["text"] in task.instruction
            assert all(fact in request["text"] for fact in request["facts"].values())
        assert goal.user["introduction"] is None or goal.user["introduction"] in task.instruction
    assert scripts > 10


def test_values_flow_from_what_calls_gave() -> None:
    world = World(tiny_lending.environment(), 5)
    state = world.state()
    person = tiny_lending.people(state)[0]
    reach = explore(world, tiny_lending.HINTS, person)
    found = edges(reach)
    assert found["find_member.member_id -> get_member.member_id"] == 1
    assert found["get_member.loans -> get_loan.loan_id"] == 2
    # Each of the eight books once, from whichever call gave it first.
    books = [count for edge, count in found.items() if edge.endswith("-> get_book.book_id")]
    assert sum(books) == 8 and len(books) == 2
    assert not any("renew_loan" in edge for edge in found)  # what writes is not tried
    loan = next(number for number, read in enumerate(reach.reads) if read.call.name == "get_loan")
    assert [reach.reads[one].call.name for one in reach.needs([loan])] == ["find_member", "get_member", "get_loan"]


def test_the_policy_and_the_order_are_kept() -> None:
    world = World(tiny_lending.environment(), 5)
    calls = [Call("renew_loan", {"loan_id": "L100", "days": 4})]
    assert world.breaches(calls, world.run(calls), "Renew L100.") == ["card: renew_loan before a card was shown"]


class Plain(tiny_lending.Library):
    """The library without hints: by schemas and observations alone."""

    def hints(self) -> Hints | None:  # type: ignore[override]
        return None


def test_without_hints_it_goes_by_schemas() -> None:
    world = Plain()
    world.name = "plain"
    config = SynthTasks(environment=["plain"], count=12, kinds={"done": 1.0}, steps={"single": 1.0, "multi": 1.0})
    tasks = [row for row in Maker(config, world).split(0, 12) if isinstance(row, AgentTask)]
    for task in tasks:
        goal = read_goal(task.goal)
        run = World(world, goal.seed).run([Call(**call) for call in goal.calls])
        assert run.fine and run.final == goal.state != goal.initial
    assert tasks


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"environment": ["nowhere"]}, "nowhere"),
        ({"environment": ["simulated"]}, "go together"),
        ({"environment": ["library"], "environments": {"library": "tiny_lending:nothing"}}, "cannot be opened"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        execute(STAGE, SynthTasks(**settings), {}, str(tmp_path / "out"))


def test_weights_are_checked() -> None:
    with pytest.raises(ValueError, match="weights"):
        SynthTasks(kinds={"done": 0.0})
    with pytest.raises(ValueError, match="each once"):
        SynthTasks(environment=["shop", "shop"])
