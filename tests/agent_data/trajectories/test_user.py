"""The simulated user: which of its lines are sent, and which end a trajectory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from planned_model import Model, played
from tiny_world import ENVIRONMENTS, move_task

from agent_data.evidence import Evidence, read_evidence
from agent_data.goal import read_goal
from agent_data.trajectories.lines import STOP, fault, invented
from agent_data.trajectories.script import holds, read_script
from agent_data.trajectories.stage import SynthTrajectories, core, setup
from arcmill.generation import Choice
from arcmill.records import Conversation, Message, ToolCall

TASK = move_task(2, dialogue=True)
GOAL = read_goal(TASK.goal)
MOVE = GOAL.calls[1]
SOURCE, TARGET = MOVE["arguments"]["source"], MOVE["arguments"]["target"]
SCRIPT = read_script(GOAL.user, TASK.instruction)
FIRST = f"Hi, I am Ada. Please move the hammer from {SOURCE} to {TARGET}."
SECOND = f"Now tell me how many things are in {TARGET} then."


def play(someone: Model, agent: Model, **settings: Any) -> tuple[Conversation, Evidence, list[Any]]:
    asked: list[Any] = []
    config = SynthTrajectories.model_validate({
        "environments": ENVIRONMENTS, "model": "agent", "simulator": {"model": "someone", "temperature": 0.3}, **settings,
    })  # fmt: skip

    def model(body: Mapping[str, Any]) -> Any:
        if body["model"] == "someone":
            asked.append(json.loads(json.dumps(body)))
            return someone(body)
        return agent(body)

    (row,) = played(core(TASK, config, setup(config, {})), model).rows
    evidence = read_evidence(row.evidence)
    assert evidence is not None
    return row, evidence, asked


def lines(*given: str) -> Model:
    left = list(given)
    return lambda body: Choice(left.pop(0) if len(left) > 1 else left[0])


def agent(body: Mapping[str, Any]) -> Choice:
    """Moves, and then answers whatever is asked."""
    if body["messages"][-1]["role"] == "user" and sum(m["role"] == "user" for m in body["messages"]) == 1:
        return Choice("", None, (ToolCall("x", "move", json.dumps(MOVE["arguments"])),))
    return Choice("There are 2 things in it. Anything else?")


def test_a_dialogue_of_two_models() -> None:
    row, evidence, asked = play(lines(FIRST, SECOND, STOP), agent)
    assert evidence.ended == "user-stop" and evidence.user == "model:someone" and evidence.player == "model:agent"
    assert evidence.states["final"] == evidence.states["goal"]
    assert [m.role for m in row.messages] == ["system", "user", "assistant", "tool", "assistant", "user", "assistant"]
    assert [m.content for m in row.messages if m.role == "user"] == [FIRST, SECOND]
    assert all(body["temperature"] == 0.3 and "tools" not in body for body in asked)
    script = asked[0]["messages"][0]["content"]
    assert "Hello, I am Ada." in script and f"from {SOURCE} to {TARGET}" in script and "badge number: K-277" in script
    # The other side of the chat, without calls and results.
    assert [m["role"] for m in asked[-1]["messages"]] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "hammer" not in asked[-1]["messages"][-1]["content"]


def test_a_line_that_cannot_be_sent_is_asked_for_again_and_not_kept() -> None:
    row, evidence, asked = play(lines("Move it to B9 for me.", FIRST, SECOND, STOP), agent)
    assert evidence.ended == "user-stop"
    assert all("B9" not in (message.content or "") for message in row.messages)
    assert "'B9' is not in your scenario" in asked[1]["messages"][-1]["content"]
    assert asked[0]["seed"] != asked[1]["seed"]


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ([FIRST, "And what now?"], "user-endless"),
        ([FIRST, "My order number is 4711."], "user-invented"),
        ([FIRST, "Agent: I have moved it."], "user-agent"),
        ([FIRST, "How can I help you today?"], "user-agent"),
        ([FIRST, "Fine.\nAnd the lamp?"], "user-lines"),
        ([FIRST, ""], "user-empty"),
        ([FIRST, STOP], "user-early"),
        ([STOP], "user-early"),
        ([f"{FIRST} My badge is K-277."], "user-volunteered"),
        ([FIRST, "<think>I wonder"], "user-empty"),
        ([FIRST, 'Go.<tool_call>{"name": "move"}</tool_call>'], "user-agent"),
    ],
)
def test_a_user_who_breaks_the_rules_ends_the_trajectory(given: list[str], end: str) -> None:
    row, evidence, asked = play(lines(*given), agent, simulator={"model": "someone", "turns": 6, "tries": 2})
    assert evidence.ended == end and evidence.detail
    assert len(asked) <= 8
    assert all(message.content != given[-1] for message in row.messages) or end == "user-endless"


def test_a_scripted_user_may_talk_to_a_model() -> None:
    _, evidence, asked = play(lines("never asked"), agent, user="scripted")
    assert evidence.ended == "user-stop" and evidence.user == "scripted" and asked == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (f"I want the hammer moved from {SOURCE} to {TARGET}.", None),
        (f"hammer from {SOURCE.lower()} to {TARGET.lower()} please", None),
        ("Could you do that for me?", None),
        ("Sure, thanks! I am Ada.", None),
        ("My name is Ada Lovelace.", "invented"),
        ("I need it by Friday.", "invented"),
        ("Write to ada@example.com.", "invented"),
        ("There should be three of them.", "invented"),
        ('Call it "my best hammer".', "invented"),
        ("Assistant: sure", "agent"),
        ("<|assistant|>", "agent"),
    ],
)
def test_lines(line: str, rule: str | None) -> None:
    found = fault(line, SCRIPT, [Message("user", FIRST), Message("assistant", "Which one do you mean?")])
    assert (found.rule if found else None) == rule


@pytest.mark.parametrize(
    ("text", "known", "value"),
    [
        ("It cost $1,200.00.", "1200", None), ("It cost $1,300.", "1200", "$1,300"), ("on the 5th", "2026-03-05", None),
        ("on the 6th", "2026-03-05", "6th"), ("two of them", "quantity 2", None), ("4", "40", "4"),
        ("order #W123.", "W123", None), ("Send it to Bob", "to bob", None), ("Bob said so", "", None),
    ],
)  # fmt: skip
def test_what_counts_as_made_up(text: str, known: str, value: str | None) -> None:
    assert invented(text, known) == value


def test_all_requests_with_all_their_values_are_to_be_said() -> None:
    assert SCRIPT.covered([FIRST, SECOND]) and not SCRIPT.covered([FIRST]) and not SCRIPT.covered([SECOND])
    assert not SCRIPT.covered([FIRST.replace(TARGET, "another"), "how many things are in there"])
    assert holds("see B3.", "b3") and not holds("see B33", "B3")
