"""`arcmill verify` plays trajectories again, and names exactly the rows that come out otherwise."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from given_rows import dataset_of
from tiny_library import FIND, RENEW, Once, goal_of, gold, task_of, trajectory
from trajectory_mutations import held, tampered

from agent_data.replay import calls_of
from arcmill.errors import UsageError
from arcmill.records import Message, ToolCall
from pipelines.replayed import environments
from pipelines.verify import render, verify_path

GOLD = [row for _, row in gold()]
HERE = ("library=tiny_library:environment", "once=tiny_library:once")


def test_gold_trajectories_come_out_the_same(tmp_path: Path) -> None:
    rows = [row for _, row in gold()]
    found = verify_path(dataset_of("Conversation", rows, str(tmp_path / "rows")), environments=HERE)
    assert found["ok"] and found["datasets"][0]["replayed"] == {"trajectory": len(rows)}
    assert f"verified again: {len(rows)} trajectory" in render(found)


def test_exactly_the_rows_that_diverge_are_named(tmp_path: Path) -> None:
    rows, wrong = [], []
    for number, (_, row) in enumerate(gold()):
        ways = [made for name, made in tampered(row) if name not in ("a failed end", "another world")]
        rows.append(row)
        made = ways[number % len(ways)]
        made.id = f"wrong-{number}"
        rows.append(made)
        wrong.append(made.id)
    found = verify_path(dataset_of("Conversation", rows, str(tmp_path / "rows")), environments=HERE)
    assert not found["ok"] and found["datasets"][0]["diverged"] == wrong
    problems = found["datasets"][0]["problems"]
    assert all(problem.startswith(f"{name}: ") for problem, name in zip(problems[:-1], wrong, strict=False))
    assert problems[-1] == f"and {len(wrong) - 20} more rows"
    assert any("is recorded" in problem and "message" in problem for problem in problems)


def test_many_rows_are_played_by_processes_with_the_same_findings(tmp_path: Path) -> None:
    rows = []
    for number in range(300):
        row = copy.deepcopy(GOLD[number % 25])
        row.id = f"r{number:03}"
        if number % 97 == 5:
            row.messages[3 if row.messages[3].role == "tool" else 4].content = "?"
        rows.append(row)
    found = verify_path(dataset_of("Conversation", rows, str(tmp_path / "rows")), environments=HERE)["datasets"][0]
    assert found["diverged"] == [row.id for row in rows if any(m.content == "?" for m in row.messages)]
    assert found["replayed"] == {"trajectory": 300} and len(found["diverged"]) == 4


def test_worlds_that_are_not_here_or_cannot_be_repeated_are_counted(tmp_path: Path) -> None:
    goal = goal_of([FIND, RENEW], 0)
    task = task_of(goal, "Renew L1.", world="once")
    rows = [GOLD[0], GOLD[1], trajectory(task, 0, [(FIND,), (RENEW,), "Done."], world=Once())]
    path = dataset_of("Conversation", rows, str(tmp_path / "rows"))
    found = verify_path(path, environments=HERE)
    assert found["ok"]
    assert found["datasets"][0]["not_replayed"] == {"trajectory (once cannot be played again)": 1}
    found = verify_path(path)
    assert not found["ok"] and len(found["datasets"][0]["problems"]) == 2
    assert (
        "2 trajectories" in found["datasets"][0]["problems"][0]
        and "--environment 'library=" in found["datasets"][0]["problems"][0]
    )
    for wrong in ("library", "=x", "library=", "library={a: [}"):
        with pytest.raises(UsageError):
            environments([wrong])


def test_a_row_judged_right_must_end_where_it_was_judged(tmp_path: Path) -> None:
    row = copy.deepcopy(GOLD[0])
    evidence = held(row)
    evidence.verdict, evidence.states = "right", {**evidence.states, "goal": "0" * 64}
    row.evidence = evidence.text()
    found = verify_path(dataset_of("Conversation", [row], str(tmp_path / "rows")), environments=HERE)
    assert "judged right, but the state" in found["datasets"][0]["problems"][0]


def test_a_trajectory_that_was_broken_off_is_played_as_far_as_it_went(tmp_path: Path) -> None:
    whole = copy.deepcopy(GOLD[0])
    evidence = held(whole)
    evidence.ended = "turns"
    # A call that was cut off has no observation, and one in which the world failed stands in the evidence alone.
    whole.messages[-1] = Message("assistant", None, None, [ToolCall("late", "find_member", "{")])
    cut = replace(whole, id="cut", evidence=evidence.text())
    evidence.calls = [*evidence.calls, {"name": "find_member"}]
    evidence.states = {**evidence.states, "final": None}
    broken = replace(whole, id="broken", evidence=evidence.text())
    evidence.states = {"initial": None, "final": None}
    never = replace(whole, id="never", evidence=evidence.text())
    text = json.loads(cut.evidence or "")
    lying = replace(cut, id="lying", evidence=json.dumps({**text, "ended": "answered"}))
    path = dataset_of("Conversation", [cut, broken, never, lying], str(tmp_path / "rows"))
    found = verify_path(path, environments=HERE)["datasets"][0]
    assert found["diverged"] == ["lying"] and found["replayed"] == {"trajectory": 3}
    assert found["not_replayed"] == {"trajectory (the world did not begin: turns)": 1}


def test_observations_belong_to_calls() -> None:
    call = ToolCall("a", "find_member", "{}")
    for messages in (
        [Message("user", "?"), Message("tool", "x", tool_call_id="a")],
        [Message("assistant", None, None, [call]), Message("tool", "x", tool_call_id="b")],
        [
            Message("assistant", None, None, [call]),
            Message("tool", "x", tool_call_id="a"),
            Message("tool", "y", tool_call_id="a"),
        ],
    ):
        with pytest.raises(ValueError, match="observation"):
            calls_of(messages)
