"""reword-tasks, driven by hand: new words that ask for the same are kept, anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tiny_lending

from agent_data.goal import Goal, read_goal
from agent_data.tasks.reword import STAGE
from arcmill.config import validate
from arcmill.generation import EMBEDDED, Answer, Choice, Made
from arcmill.records import AgentTask
from arcmill.stage import Outcome

LINES = [
    "I am Mei Kato, my card has the number 90738.",
    "Please renew the loan of Night Trains by 6 days.",
    "And let me know on which shelf the book Kelp stands.",
]
NEW = [
    "Mei Kato here, card number 90738.",
    "Could I keep Night Trains for another 6 days?",
    "Where do I find Kelp, I mean the shelf?",
]
RENEWED = {"loan_id": "the loan of Night Trains", "days": "another 6 days"}
READ = [{"tool": "renew_loan", "values": RENEWED}, {"tool": "get_book", "values": {"title": "Kelp"}}]


def task(**changes: Any) -> AgentTask:
    asked = [
        {"kind": "write", "tool": "renew_loan", "text": "renew", "given": {"loan_id": ["Night Trains"], "days": 6}, "call": 1},
        {"kind": "tell", "tool": "get_book", "text": "shelf", "given": {"book_id": ["Kelp"]}, "call": 2},
    ]  # fmt: skip
    origins = [
        {"card": {"from": "person"}}, {"loan_id": {"from": "call", "by": {"title": "Night Trains"}}, "days": {"from": "user"}},
        {"book_id": {"from": "call", "by": {"title": "Kelp"}}},
    ]  # fmt: skip
    calls = [
        {"name": "find_member", "arguments": {"card": "90738"}}, {"name": "renew_loan", "arguments": {"loan_id": "L101", "days": 6}},
        {"name": "get_book", "arguments": {"book_id": "B6"}},
    ]  # fmt: skip
    script = {
        "introduction": LINES[0],
        "requests": [{"text": LINES[1], "facts": {}}, {"text": LINES[2], "facts": {}}],
        "facts": {"card": "90738"},
    }
    goal = Goal(
        **{
            "kind": "done", "calls": calls, "tell": [{"what": "get_book.shelf", "values": ["E39"]}], "user": script,
            "blueprint": {"origins": origins, "requests": asked}, "more": {"lines": LINES}, **changes,
        }
    )  # fmt: skip
    return AgentTask(
        "t",
        "Hello. " + " ".join(LINES),
        "library",
        "dialogue",
        [tool.text() for tool in tiny_lending.TOOLS],
        goal.text(),
    )


def drive(row: AgentTask, *replies: Any, **settings: Any) -> tuple[list[Any], Any]:
    config = validate(STAGE.config, {"model": "mine", "tries": 1, **settings}, "test")
    run = STAGE.core(row, config, STAGE.setup(config, {}))
    asked: list[Any] = []
    held = list(replies)
    try:
        step = next(run)
        while True:
            asked += step
            answers = [
                Answer((Choice(reply if isinstance(reply, str) else json.dumps(reply)),)) for reply in held[: len(step)]
            ]
            del held[: len(step)]
            step = run.send(answers)
    except StopIteration as stop:
        return asked, stop.value


def test_new_words_that_ask_the_same_are_kept() -> None:
    asked, made = drive(task(), {"lines": NEW}, {"requests": READ})
    assert isinstance(made, Made) and made.tallies == {"reworded": 1}
    (row,) = made.rows
    goal = read_goal(row.goal)
    assert row.instruction == " ".join(NEW) and row.id == "t" and goal.wording == "model"
    assert goal.user is not None and goal.user["introduction"] == NEW[0]
    assert [request["text"] for request in goal.user["requests"]] == NEW[1:]
    assert goal.more["reworded"]["template"].startswith("Hello.") and goal.calls[1]["arguments"]["loan_id"] == "L101"
    first, second = (request.body["messages"][0]["content"] for request in asked)
    assert "90738" in first and "renew_loan" not in first
    # The reader sees the new words and the tools, and nothing of the old ones.
    assert NEW[1] in second and LINES[1] not in second and "renew_loan" in second and "L101" not in second
    assert asked[1].body["temperature"] == 0.0 and asked[0].body["response_format"]["type"] == "json_schema"
    plain, _ = drive(task(), {"lines": NEW}, {"requests": READ}, model=EMBEDDED)
    assert "response_format" not in plain[0].body


@pytest.mark.parametrize(
    ("replies", "rule"),
    [
        (["no"], "not-parsed"),
        ([{"lines": NEW[:2]}], "not-parsed"),
        ([{"lines": [*NEW[:2], ""]}], "not-parsed"),
        ([{"lines": [NEW[0], "Could I keep Night Trains for a week?", NEW[2]]}], "value-lost"),
        ([{"lines": [NEW[0], NEW[2], NEW[1]]}], "value-lost"),  # each line keeps its own
        ([{"lines": [NEW[0], NEW[1] + " It is L101.", NEW[2]]}], "gives-away"),
        ([{"lines": [*NEW[:2], NEW[2] + " Is it E39?"]}], "gives-away"),
        ([{"lines": [*NEW[:2], NEW[2] + " Use get_book."]}], "gives-away"),
        ([{"lines": [NEW[0], NEW[1] + " Until May 20.", NEW[2]]}], "value-added"),
        ([{"lines": NEW}, "no"], "not-parsed"),
        ([{"lines": NEW}, {"requests": READ[:1]}], "request-lost"),
        ([{"lines": NEW}, {"requests": [*READ, {"tool": "hold_book", "values": {}}]}], "request-added"),
        ([{"lines": NEW}, {"requests": [{"tool": "send_home", "values": RENEWED}, READ[1]]}], "request-lost"),
        ([{"lines": NEW}, {"requests": [{"tool": "renew_loan", "values": {"days": "6"}}, READ[1]]}], "request-lost"),
        ([{"lines": NEW}, {"requests": [{"tool": "renew_loan", "values": {"loan_id": "6", "days": "Night Trains"}}, READ[1]]}],
         "request-lost"),  # each value in its own part
        ([{"lines": NEW}, {"requests": [{"tool": "renew_loan", "values": ["Night Trains", "6"]}, READ[1]]}], "not-parsed"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(replies: list[Any], rule: str) -> None:
    _, dropped = drive(task(), *replies, on_refusal="drop")
    assert isinstance(dropped, Outcome) and (dropped.rule, dropped.outcome) == (rule, "dropped") and dropped.detail
    row = task()
    _, made = drive(row, *replies)
    goal = read_goal(made.rows[0].goal)
    assert made.tallies == {f"refused.{rule}": 1} and made.rows[0].instruction.startswith("Hello.")
    assert goal.wording == "template" and goal.more["reworded"]["refused"] == rule


def test_what_must_be_refused_stays_so() -> None:
    refusal = {"calls": [], "tell": [], "user": None, "kind": "refuse", "more": {"lines": [LINES[1]]}}
    withheld = task(**refusal, refuse={"why": "no-tool", "rule": "withheld: renew_loan"})
    _, made = drive(withheld, {"lines": [NEW[1]]}, {"requests": [{"tool": None, "values": {"loan": "Night Trains"}}]})
    assert made.tallies == {"reworded": 1}
    _, made = drive(withheld, {"lines": [NEW[1]]}, {"requests": READ[:1]}, on_refusal="drop")
    assert made.rule == "tool-fits"
    forbidden = task(**refusal, blueprint=None, refuse={"why": "policy", "rule": "x"})
    asked, made = drive(forbidden, {"lines": ["Take 6 days, please."]}, {"requests": READ[:1]}, {"requests": READ[:1]})
    assert made.tallies == {"reworded": 1} and len(asked) == 3  # the old words are read too
    _, made = drive(
        forbidden, {"lines": ["Take 6 days, please."]}, {"requests": []}, {"requests": READ[:1]}, on_refusal="drop"
    )
    assert made.rule == "request-lost"


def test_tasks_of_others_are_left_and_broken_ones_errored() -> None:
    answer = AgentTask("a", "Who?", "search:x", "multi", [], json.dumps({"answer": "Kelp"}))
    _, made = drive(answer)
    assert made.tallies == {"left": 1} and made.rows == [answer]
    _, errored = drive(AgentTask("b", "Who?", "x", "multi", [], "{"))
    assert isinstance(errored, Outcome) and (errored.rule, errored.outcome) == ("not-a-task", "errored")


def test_a_task_that_a_world_made_whole_is_reworded_by_reading_both() -> None:
    lines = ["Please tell me the lowest price of the Fernhollow kettle."]
    whole = {
        "user": None, "more": {"lines": lines}, "calls": [{"name": "get_book", "arguments": {"book_id": "Fernhollow kettle"}}],
        "blueprint": {"requests": [{"text": lines[0], "given": {"query": "Fernhollow kettle"}}], "origin": "world"},
    }  # fmt: skip
    new = {"lines": ["What does the Fernhollow kettle cost at least?"]}
    one, two = {"requests": [READ[1]]}, {"requests": [READ[0], READ[1]]}
    (made,) = drive(task(**whole), new, one, one)[1].rows
    assert made.instruction == new["lines"][0] and read_goal(made.goal).wording == "model"
    assert drive(task(**whole), new, two, one, on_refusal="drop")[1].rule == "request-added"
    assert drive(task(**whole), {"lines": ["What does the kettle cost?"]}, on_refusal="drop")[1].rule == "value-lost"
    assert drive(task(**whole), {"lines": [lines[0] + " E39?"]}, on_refusal="drop")[1].rule == "gives-away"


def test_what_a_shop_makes_whole_has_lines_to_reword() -> None:
    from agent_data.environments.catalogue import opened
    from agent_data.tasks.make import Maker
    from agent_data.tasks.stage import SynthTasks, core

    config = SynthTasks(environment=["shop"], count=4, steps={"single": 1.0}, kinds={"done": 1.0})
    rows = list(core("0 4 shop", config, {"shop": Maker(config, opened("shop", {}))}))
    tasks = [row for row in rows if isinstance(row, AgentTask)]
    assert tasks and all(
        " ".join(read_goal(row.goal).more["lines"]).lower() in row.instruction.lower() for row in tasks
    )
