"""The gold player, without a model: what every end looks like in a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of
from tiny_world import ENVIRONMENTS, bad_task, move_task

from agent_data.environments.environment import canonical
from agent_data.evidence import read_evidence
from agent_data.goal import read_goal
from agent_data.trajectories.stage import STAGE, SynthTrajectories, core, setup
from arcmill.chat import render
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.generation import drive
from arcmill.records import AgentTask, Conversation, batch_to_rows
from arcmill.stage import Outcome

Digest = Callable[[Path | str], str]


def config(**settings: Any) -> SynthTrajectories:
    return SynthTrajectories.model_validate({"player": "gold", "environments": ENVIRONMENTS, **settings})


def play(task: AgentTask, **settings: Any) -> Conversation:
    chosen = config(**settings)
    (row,) = drive(core(task, chosen, setup(chosen, {}))).rows
    return row


def ended(row: Conversation) -> str:
    evidence = read_evidence(row.evidence)
    assert evidence is not None
    return evidence.ended


def test_a_blueprint_reaches_its_goal() -> None:
    task = move_task(2)
    row = play(task)
    evidence = read_evidence(row.evidence)
    assert evidence is not None
    assert [message.role for message in row.messages] == [
        "system", "user", "assistant", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert evidence.ended == "answered" and evidence.player == "gold" and evidence.user is None
    assert evidence.states["final"] == evidence.states["goal"] != evidence.states["initial"]
    assert [call["name"] for call in evidence.calls] == ["look", "move"]
    assert evidence.calls[1]["state"] == evidence.states["final"] and "state" not in evidence.calls[0]
    told = read_goal(task.goal).tell[0]["values"][0]
    assert told in (row.messages[-1].content or "")
    assert render(row.messages, row.tools, "glm45")
    assert row.thinking is False and row.usage == {"prompt_tokens": 0, "completion_tokens": 0}


def test_a_dialogue_is_heard_out_confirmed_and_ended() -> None:
    row = play(move_task(3, dialogue=True))
    assert ended(row) == "user-stop"
    evidence = read_evidence(row.evidence)
    assert evidence is not None and evidence.user == "scripted"
    assert evidence.states["final"] == evidence.states["goal"]
    said = [message.content or "" for message in row.messages if message.role == "user"]
    assert said[0].startswith("Hello, I am Ada. I want the hammer moved")
    assert said[1].startswith("And tell me")
    assert said[2] == "My badge number is K-377."
    assert said[3] == "Yes, please go ahead."
    places = [n for n, message in enumerate(row.messages) if message.tool_calls]
    asked = next(n for n, message in enumerate(row.messages) if "(yes/no)" in (message.content or ""))
    assert places[0] < asked < places[1]  # it reads before, and writes after


def test_a_refusal_changes_nothing_and_says_so() -> None:
    task = move_task(1)
    goal = read_goal(task.goal)
    goal.kind, goal.calls, goal.tell, goal.refuse = "refuse", [], [], {"why": "policy", "rule": "boxes stay closed"}
    goal.state = goal.initial
    row = play(replace(task, goal=goal.text()))
    assert ended(row) == "answered"
    assert "cannot" in (row.messages[-1].content or "") and "boxes stay closed" in (row.messages[-1].content or "")


def test_a_terminal_call_ends_it() -> None:
    task = move_task(1)
    goal = read_goal(task.goal)
    goal.calls.append({"name": "give_up", "arguments": {"reason": "done"}})
    row = play(replace(task, goal=goal.text()))
    assert ended(row) == "terminal-call" and row.messages[-1].role == "tool"
    assert goal.tell[0]["values"][0] in (row.messages[-2].content or "")


def test_a_blueprint_that_the_world_refuses_is_said() -> None:
    task = move_task(1)
    goal = read_goal(task.goal)
    goal.calls[0]["arguments"]["box"] = "B9"
    row = play(replace(task, goal=goal.text()))
    evidence = read_evidence(row.evidence)
    assert evidence is not None and evidence.ended == "gold-refused" and "no box B9" in (evidence.detail or "")
    assert evidence.calls == [{"name": "look", "error": True}]


def test_a_world_of_another_version_is_told() -> None:
    task = move_task(1)
    goal = read_goal(task.goal)
    goal.initial = "0" * 64
    assert ended(play(replace(task, goal=goal.text()))) == "other-world"


@pytest.mark.parametrize(
    ("tool", "end"),
    [
        ("spin", "call-time"), ("sleep", "call-time"), ("flood", "flood"), ("breaks", "tool-broken"),
        ("special", "special-token"), ("nojson", "tool-broken"), ("dies", "server-died"), ("odd", "bad-schema"),
        ("spoil", "world-broken"), ("works", "answered"), ("binary", "answered"), ("long", "answered"),
    ],
)  # fmt: skip
def test_a_bad_tool_ends_its_own_trajectory(tool: str, end: str) -> None:
    row = play(bad_task(tool), limits={"call_seconds": 0.2 if end == "call-time" else 20})
    assert ended(row) == end
    assert max(len(message.content or "") for message in row.messages) < 21_000
    if tool == "binary":
        assert row.messages[-2].content == "[binary, 2 bytes]"


def test_a_world_that_cannot_begin() -> None:
    assert ended(play(bad_task("works", seed=13))) == "world-broken"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"goal": None}, "goal"), ({"goal": "{"}, "goal"), ({"goal": '{"kind": "win"}'}, "goal"),
        ({"tools": ['{"name": "absent"}']}, "tools"), ({"tools": ["[]"]}, "tools"),
        ({"steps": "dialogue", "goal": '{"kind": "done", "user": {"requests": [{}]}}'}, "goal"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_played_is_errored(change: dict[str, Any], rule: str) -> None:
    chosen = config()
    made = drive(core(replace(move_task(0), **change), chosen, setup(chosen, {})))
    assert isinstance(made, Outcome) and made.outcome == "errored" and made.rule == rule


def rows_of(dataset: Dataset) -> list[Conversation]:
    return [row for batch in dataset.batches() for row in batch_to_rows("Conversation", batch)]


def test_the_same_bytes_whatever_the_workers(tmp_path: Path, digest: Digest) -> None:
    tasks = [move_task(seed, dialogue) for seed in range(40) for dialogue in (False, True)] + [bad_task("dies")]
    source = dataset_of("AgentTask", tasks, str(tmp_path / "tasks"))
    made = []
    for workers in (1, 4):
        out = execute(STAGE, config(samples=2), {"input": [source]}, str(tmp_path / f"out{workers}"), workers=workers)
        made.append(digest(tmp_path / f"out{workers}"))
    assert made[0] == made[1]
    counts = out.dataset.counts
    assert counts["in"] == 81 and counts["created"] == 162 and counts["errored"] == 0
    statistics = out.dataset.manifest["statistics"]
    assert statistics["ended_answered"] == 80 and statistics["ended_user-stop"] == 80
    assert statistics["ended_server-died"] == 2
    rows = rows_of(out.dataset)
    assert len({row.id for row in rows}) == 162
    assert list(out.dataset.problems()) == []
    for row in rows:
        json.loads(canonical(json.loads(row.evidence or "")))


def test_where_environments_lie_is_no_part_of_the_fingerprint() -> None:
    one = config().identity()["environments"]
    assert one["boxes"] == "3" and "tiny_world" not in json.dumps(config().identity())
