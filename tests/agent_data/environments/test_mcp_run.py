"""Worlds of servers in the whole loop: hostile ones end their own trajectories, and the others are replayed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

pytest.importorskip("mcp")

from agent_data.environments.catalogue import Worlds, opened
from agent_data.environments.environment import Environment
from agent_data.environments.play import begin
from agent_data.evidence import read_evidence
from agent_data.goal import Goal
from agent_data.replay import certify
from agent_data.trajectories.stage import STAGE, SynthTrajectories
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.generation import drive
from arcmill.records import AgentTask, Conversation, ToolCall, batch_to_rows
from arcmill.sandbox import available

HOSTILE = str(Path(__file__).parents[1] / "mcp" / "hostile.py")
SANDBOX = bool(available())
ENDS = {
    "well": "answered", "hangs-at-call": "hang", "dies-at-call": "died", "large-result": "flood", "bad-utf8": "bad-utf8",
    "commands": "special-token", "instructs": "answered",
}  # fmt: skip


def environments() -> dict[str, Any]:
    def entry(how: str) -> dict[str, Any]:
        return {
            "command": sys.executable, "args": ["-I", HOSTILE, how], "sandbox": SANDBOX, "repeatable": True,
            "limits": {"call_seconds": 1 if how == "hangs-at-call" else 20}, "reads": ["see"],
        }  # fmt: skip

    return {how: {"mcp": entry(how)} for how in ENDS}


def goal_of(world: Environment, number: int) -> Goal:
    """Two notes are written; the goal is the state of a folder that holds them."""
    arguments = [{"text": f"{number}. "}, {"text": "done"}]
    calls = [{"name": "write", "arguments": value} for value in arguments]
    play = drive(begin(world, number))
    try:
        for value in arguments:
            drive(play.call(ToolCall("c", "write", f'{{"text": "{value["text"]}"}}')))
        return Goal("done", seed=number, calls=calls, initial=play.initial, state=drive(play.hash()))
    finally:
        play.close()


def task(how: str, goal: Goal) -> AgentTask:
    return AgentTask(f"{how}-{goal.seed}", f"Note {goal.seed}, and that it is done.", how, "multi", goal=goal.text())


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> str:
    well = opened("well", environments())
    first, second = goal_of(well, 0), goal_of(well, 1)
    rows = [*(task(how, first) for how in ENDS), task("well", second)]
    folder = str(tmp_path_factory.mktemp("tasks") / "tasks")
    dataset_of("AgentTask", rows, folder)
    return folder


def run(tasks: str, output: Path, workers: int) -> Dataset:
    config = SynthTrajectories.model_validate({"player": "gold", "environments": environments(), "max_error_rate": 0})
    return execute(STAGE, config, {"input": [tasks]}, str(output), workers=workers).dataset


def test_each_hostile_server_ends_its_own_trajectories_alone(
    tasks: str, tmp_path: Path, digest: Callable[[Path | str], str]
) -> None:
    made = run(tasks, tmp_path / "one", 1)
    rows: list[Conversation] = [row for batch in made.batches() for row in batch_to_rows("Conversation", batch)]
    ended: dict[str, set[str]] = {}
    for row in rows:
        evidence = read_evidence(row.evidence)
        assert evidence is not None
        ended.setdefault(evidence.environment, set()).add(evidence.ended)
    assert ended == {how: {end} for how, end in ENDS.items()}
    assert len(rows) == len(ENDS) + 1

    worlds = Worlds(environments())
    try:
        for row in rows:
            evidence = read_evidence(row.evidence)
            assert evidence is not None
            if evidence.environment == "well":
                assert evidence.states["final"] == evidence.states["goal"] != evidence.states["initial"]
                assert certify(row, worlds) == (None, None)
                next(message for message in row.messages if message.role == "tool").content = "another observation"
                assert certify(row, worlds)[0] is not None
    finally:
        worlds.close()

    run(tasks, tmp_path / "two", 4)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
