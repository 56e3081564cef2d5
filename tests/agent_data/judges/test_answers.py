"""Answers of search tasks: read in the world, and not known by heart."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from planned_model import played

from agent_data.evidence import read_evidence
from agent_data.judges.stage import JudgeTrajectories, Judging
from agent_data.judges.stage import core as judge
from agent_data.trajectories.stage import SynthTrajectories, core, setup
from arcmill.generation import Choice, Made, drive
from arcmill.records import AgentTask, Conversation, ToolCall
from arcmill.search import TOOLS
from arcmill.stage import Outcome

DOCUMENTS = Path(__file__).resolve().parents[2] / "arcmill" / "search" / "search_documents.py"
GOAL = {
    "answer": "Roanne", "aliases": ["Rouanne"], "verifier": "exact",
    "evidence": {"edges": ["b", "a"], "pages": {"a": ["d1"], "b": ["d3", "d1"]}, "page_starts": {"a": [0], "b": [0, 0]}},
}  # fmt: skip
QUESTION = "Where was the director of Amélie born?"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("documents_of_search", DOCUMENTS)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    index = made.indexed(tmp_path_factory.mktemp("search"), made.DOCUMENTS)
    return {"environments": {f"search:{index.fingerprint}": {"search": str(index.folder)}}}


def task_in(place: dict[str, Any], tools: list[dict[str, Any]] | None = None, **goal: Any) -> AgentTask:
    (name,) = place["environments"]
    texts = [json.dumps(tool, sort_keys=True) for tool in (TOOLS if tools is None else tools)]
    return AgentTask("t", QUESTION, name, "multi", texts, json.dumps({**GOAL, **goal}))


def judged(place: dict[str, Any], task: AgentTask, row: Conversation) -> Outcome | Conversation:
    config = JudgeTrajectories.model_validate(place)
    made = drive(
        judge(row, config, Judging(setup(SynthTrajectories.model_validate(place), {}).worlds, {task.id: task}))
    )
    held = made.rows if isinstance(made, Made) else made
    return held if isinstance(held, Outcome) else held[0]


def by_model(place: dict[str, Any], task: AgentTask, *turns: str | tuple[str, dict[str, Any]]) -> Conversation:
    left = [
        Choice(turn, finish="stop") if isinstance(turn, str) else
        Choice("", None, (ToolCall("x", turn[0], json.dumps(turn[1])),), "tool_calls")
        for turn in turns
    ]  # fmt: skip
    config = SynthTrajectories.model_validate(place)
    (row,) = played(core(task, config, setup(config, {})), lambda body: left.pop(0)).rows
    return row  # type: ignore[no-any-return]


def test_the_gold_player_searches_opens_the_pages_and_answers(place: dict[str, Any]) -> None:
    config = SynthTrajectories.model_validate({**place, "player": "gold"})
    task = task_in(place)
    (row,) = drive(core(task, config, setup(config, {}))).rows
    evidence = read_evidence(row.evidence)
    assert evidence is not None and evidence.ended == "answered"
    made = [(call.name, json.loads(call.arguments)) for message in row.messages for call in message.tool_calls or ()]
    assert made == [("search", {"query": QUESTION}), ("open", {"id": "d3"}), ("open", {"id": "d1"})]
    kept = judged(place, task, row)
    assert isinstance(kept, Conversation), kept


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        (["It is Roanne."], "without having read"),
        ([("open", {"id": "Roanne"}), "It is Roanne."], "without having read"),  # a refused call reads nothing
        ([("search", {"query": "龙城飞将"}), "It is Roanne."], "without having seen it: the answer"),
        ([("submit", {"answer": "Roanne"}), ("open", {"id": "d1"}), "I do not know."], "not told"),  # of no tool
    ],
)  # fmt: skip
def test_an_answer_from_memory_is_wrong(place: dict[str, Any], turns: list[Any], why: str) -> None:
    task = task_in(place)
    found = judged(place, task, by_model(place, task, *turns))
    assert isinstance(found, Outcome) and found.rule == "told" and why in (found.detail or ""), found


def test_an_answer_that_was_read_is_right_wherever_it_stood(place: dict[str, Any]) -> None:
    task = task_in(place)
    for turns in (
        [("open", {"id": "d1"}), "In Roanne."],
        [("search", {"query": "director Jeunet born"}), "Rouanne, that is Roanne."],
    ):
        assert isinstance(judged(place, task, by_model(place, task, *turns)), Conversation)


def test_a_task_without_tools_has_nothing_to_read(place: dict[str, Any]) -> None:
    task = task_in(place, [], evidence=None)
    assert isinstance(judged(place, task, by_model(place, task, "Roanne.")), Conversation)
