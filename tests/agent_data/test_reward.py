"""The reward of whole tasks: gold trajectories are right, whatever dialect they are written in, and no other end is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from tiny_library import PLACE, environment, gold
from trajectory_mutations import gone_wrong

from agent_data.environments.catalogue import Worlds
from agent_data.evidence import read_evidence
from agent_data.goal import read_goal
from agent_data.judges.verify import verify
from agent_data.reward import Rollout, judge_episode, task_of
from arcmill.chat import render
from arcmill.errors import UsageError
from arcmill.generation import drive
from arcmill.records import AgentTask, Conversation, Message
from sequences.export_agents import task_row
from sequences.export_rl import ExportRl

GOLD = gold()
WORLDS = Worlds(PLACE)


def text_of(message: Message, tools: list[dict[str, Any]], dialect: str) -> str:
    """What a model writes for a message."""
    if dialect == "json":
        calls = "".join(
            f'\n<tool_call>{{"name": "{call.name}", "arguments": {call.arguments}}}</tool_call>'
            for call in message.tool_calls or ()
        )
        return f"{message.content or ''}{calls}"
    held = Message("assistant", message.content or "", "I think", message.tool_calls)
    prompt = render([Message("user", "x")], tools, dialect, generation_prompt=True)
    return render([Message("user", "x"), held], tools, dialect).removeprefix(prompt)


def played(task: AgentTask, row: Conversation, dialect: str) -> Rollout:
    """The row's own answers, given as texts."""
    rollout = Rollout(task, WORLDS, dialect=dialect, opened=dialect == "glm47")
    asked = task.steps != "dialogue"
    for message in row.messages:
        if message.role == "user":
            if not asked:
                rollout.say(message.content or "")
            asked = False
        elif message.role == "assistant":
            rollout.act(text_of(message, rollout.tools, dialect))
    rollout.stop()
    return rollout


@pytest.mark.parametrize("dialect", ["glm45", "glm47", "json"])
def test_gold_is_right(dialect: str) -> None:
    for task, row in GOLD:
        rollout = played(task, row, dialect)
        assert rollout.verdict() == (True, "", "")
        assert [message.content for message in rollout.messages if message.role == "tool"] == [
            message.content for message in row.messages if message.role == "tool"
        ]
        again = rollout.row()  # what was played is a trajectory as any other
        evidence = read_evidence(again.evidence)
        assert evidence is not None
        checks = drive(verify(again, evidence, task, read_goal(task.goal), environment(), None))
        assert all(check.right is not False for check in checks)


def test_recorded_conversations() -> None:
    steps: Counter[str] = Counter()
    for task, row in GOLD:
        ended = read_evidence(row.evidence).ended  # type: ignore[union-attr]
        assert judge_episode(task, row.messages, WORLDS).right, ended
        steps[task.steps] += 1
    assert len(steps) > 1


def test_what_went_wrong_is_not_right() -> None:
    seen: Counter[str] = Counter()
    for task, row in GOLD:
        for name, wrong in gone_wrong(row, task, environment()):
            verdict = judge_episode(task, wrong.messages, WORLDS)
            assert not verdict.right, (name, verdict)
            assert verdict.reason in ("state", "told", "policy", "arguments", "malformed-call"), (name, verdict)
            seen[name] += 1
    assert len(seen) > 4 and sum(seen.values()) > 50


def test_a_malformed_call_ends_a_task_at_zero() -> None:
    task, row = next((task, row) for task, row in GOLD if any(message.tool_calls for message in row.messages))
    for text in (
        "\n<think>x",
        "\n<think></think>\n<tool_call>f",
        "\n<think></think>\n<|user|>hi",
        "\n<think></think>\n",
        "\n<think></think>\nok<|observation|>",
    ):
        rollout = Rollout(task, WORLDS)
        assert rollout.act(text) == [] and rollout.done
        assert rollout.verdict().reason == "malformed-call"
        with pytest.raises(ValueError, match="has ended"):
            rollout.act("more")
    unfinished = Rollout(task, WORLDS)
    with pytest.raises(ValueError, match="has not ended"):
        unfinished.verdict()
    unfinished.stop("turns")
    assert unfinished.verdict() == (False, "turns", "")
    assert not judge_episode(task, row.messages, WORLDS, characters=1).reason.startswith("malformed")
    with pytest.raises(ValueError, match="is no answer"), Rollout(task, WORLDS) as rollout:
        rollout.act({"role": "user", "content": "x"})


def test_a_refused_call_may_be_mended() -> None:
    done = 0
    for task, row in GOLD:
        if task.steps == "dialogue" or not any(message.tool_calls for message in row.messages):
            continue
        rollout = Rollout(task, WORLDS)
        call = {"function": {"name": "no such tool", "arguments": "{}"}}
        told = rollout.act({"role": "assistant", "content": "", "tool_calls": [call]})
        assert "no tool named" in str(told[0].content) and not rollout.done
        for message in row.messages:
            if message.role == "assistant":
                rollout.act(message)
        assert rollout.verdict().right
        done += 1
    assert done


def test_exported_tasks_are_played(tmp_path: Any) -> None:
    for layout in ("verl", "slime"):
        done = 0
        for task, row in GOLD:
            if task.steps == "dialogue":
                continue
            made = json.loads(json.dumps(task_row(task, ExportRl(rows="tasks", layout=layout))))
            again = task_of(made)
            assert (again.instruction, again.environment, again.goal, again.steps) == (
                task.instruction,
                task.environment,
                task.goal,
                task.steps,
            )
            assert judge_episode(again, row.messages, WORLDS).right
            done += 1
        assert done
    with pytest.raises(ValueError, match="has no prompt"):
        task_of({"id": "x", "extra_info": {}})


def test_another_world_is_no_wrong_answer() -> None:
    task, _ = GOLD[0]
    goal = json.loads(task.goal or "")
    other = replace(task, goal=json.dumps({**goal, "initial": "0" * 64}))
    with pytest.raises(UsageError, match="the state at the start is not as"):
        Rollout(other, WORLDS)
    tools = [tool.text() for tool in environment().tools]
    renamed = json.loads(tools[0])
    renamed["function"]["description"] = "Another."
    with pytest.raises(UsageError, match="is not as in the 'library' that the task was made with"):
        Rollout(replace(task, tools=[json.dumps(renamed), *tools[1:]]), WORLDS)
    with pytest.raises(UsageError, match="is not known"):
        Rollout(replace(task, environment="nowhere"), WORLDS)
