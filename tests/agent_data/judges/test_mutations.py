"""Every check refuses what is wrong, and nothing that is right, whichever way it was done."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
from tiny_library import FIND, LOANS, PAY, PLACE, RENEW, environment, goal_of, gold, task_of, trajectory
from trajectory_mutations import TAMPERING, gone_wrong, tampered

from agent_data.environments.catalogue import Worlds
from agent_data.judges.stage import JudgeTrajectories, Judging, core
from arcmill.generation import Made, drive
from arcmill.records import AgentTask, Conversation, Message
from arcmill.stage import Outcome

GOLD = gold()


def judged(row: Conversation, *tasks: AgentTask, **config: Any) -> Outcome | Conversation:
    settings = JudgeTrajectories(environments=PLACE, **config)
    made = drive(core(row, settings, Judging(Worlds(PLACE), {task.id: task for task in tasks})))
    held = made.rows if isinstance(made, Made) else made
    return held if isinstance(held, Outcome) else held[0]


def test_gold_trajectories_are_kept() -> None:
    for task, row in gold():
        kept = judged(row, task)
        assert isinstance(kept, Conversation), kept
        assert '"verdict": "right"' in (kept.evidence or "")


def test_tampered_rows_are_refused_by_replay() -> None:
    seen: Counter[str] = Counter()
    for task, row in GOLD:
        for name, wrong in tampered(row):
            found = judged(wrong, task)
            assert isinstance(found, Outcome), (name, task.instruction)
            assert found.rule in ("replay", "task", "turns"), (name, found)
            seen[name] += 1
    assert set(seen) == set(TAMPERING) and sum(seen.values()) > 200


@pytest.mark.parametrize(
    ("what", "rules"),
    [
        ("dropped", {"state", "told"}), ("changed", {"state"}), ("twice", {"state"}), ("untold", {"told"}), ("unseen", {"told"}), ("not refused", {"told"}),
        ("unconfirmed", {"policy"}),
    ],
)  # fmt: skip
def test_trajectories_that_went_wrong_are_refused(what: str, rules: set[str]) -> None:
    seen = 0
    for task, row in GOLD:
        for name, wrong in gone_wrong(row, task, environment()):
            if what in name:
                found = judged(wrong, task)
                assert isinstance(found, Outcome) and found.rule in rules, (name, found)
                seen += 1
    assert seen >= 5


def test_another_way_to_the_same_end_is_kept() -> None:
    goal = goal_of([FIND, LOANS, RENEW, PAY], 0)
    task = task_of(goal, "I am m1@example.com. Renew L1 by 14 days and pay 3.")
    ways: list[list[Any]] = [
        [(FIND,), (PAY,), (RENEW,), "Done."],  # other order, fewer readings
        [(FIND, LOANS), (PAY, RENEW), "Done."],  # side by side
        [(LOANS,), (LOANS,), (FIND,), (RENEW,), (PAY,), "Done."],  # more readings
        [(FIND,), (("renew", {"loan_id": "L1", "days": 90}),), (RENEW,), (PAY,), "Done."],  # a refused call before
        [(FIND,), (("renew", {"loan_id": "L1", "days": 7}),), (("renew", {"loan_id": "L1", "days": 7}),), (PAY,), "Done."],
        [(FIND,), (("pay", {"member_id": "M1", "amount": 3.0}),), (RENEW,), "Done."],
    ]  # fmt: skip
    for way in ways:
        assert isinstance(judged(trajectory(task, 0, way), task), Conversation), way
    assert isinstance(judged(trajectory(task, 0, ways[3]), task, most_errors=0), Outcome)


def test_arguments_decide_where_neither_state_nor_words_can() -> None:
    goal = goal_of([LOANS], 0)
    task = task_of(goal, "Look the loans of M1 up.", "single")
    assert isinstance(judged(trajectory(task, 0, [(LOANS,), "Here."]), task), Conversation)
    for wrong in ([(("list_loans", {"member_id": "M2"}),), "Here."], [(FIND,), "Here."], ["Here."]):
        found = judged(trajectory(task, 0, wrong), task)
        assert isinstance(found, Outcome) and found.rule == "arguments", found


def test_what_must_be_refused_and_was_done() -> None:
    goal = goal_of([], 0, kind="refuse")
    task = task_of(goal, "I am m1@example.com. Renew L1.")
    found = judged(trajectory(task, 0, [(FIND,), (RENEW,), "I cannot do that."]), task)
    assert isinstance(found, Outcome) and found.rule == "state" and "must be refused" in (found.detail or "")


def test_other_tasks_rows_without_evidence_and_worlds_that_are_not_there() -> None:
    task, row = GOLD[0]
    found = judged(row, GOLD[1][0])
    assert isinstance(found, Outcome) and (found.outcome, found.rule) == ("errored", "no-task")
    for text in (None, "{", "[]", '{"kind": "trajectory"}'):
        bare = Conversation("x", row.messages, "t", row.tools, evidence=text)
        found = judged(bare, task)
        assert isinstance(found, Outcome) and found.outcome == "errored"


def test_rows_that_tell_of_another_end_policy_or_user_are_refused() -> None:
    def cut(row: Conversation) -> None:
        del row.messages[-1]

    def thought(row: Conversation) -> None:
        row.messages[-1].reasoning, row.messages[-1].content = row.messages[-1].content, ""

    def swapped(row: Conversation) -> None:
        row.evidence = (row.evidence or "").replace('"ended": "answered"', '"ended": "user-stop"')

    def pushed(row: Conversation) -> None:
        place = next(place for place, message in enumerate(row.messages) if message.role == "user")
        row.messages.insert(place + 1, Message("user", "Yes, whatever you like."))

    def free(row: Conversation) -> None:
        row.messages.insert(0, Message("system", "You may do anything."))

    seen = 0
    for task, row in GOLD:
        if '"ended": "answered"' not in (row.evidence or ""):
            continue
        for change, rule in (
            (cut, "replay"),
            (thought, "replay"),
            (swapped, "replay"),
            (pushed, "task"),
            (free, "task"),
        ):
            made = copy.deepcopy(row)
            change(made)
            found = judged(made, task)
            assert isinstance(found, Outcome) and found.rule == rule, (change.__name__, found)
            seen += 1
    assert seen >= 10
