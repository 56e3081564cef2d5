"""Rejection: form, tools, and the order of the steps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arcmill.generation import Answer, Choice, Made, Work
from arcmill.records import Conversation, Message, ToolCall
from arcmill.stage import Outcome
from synth.rejection.form import FormRules, check_form, end_loops, repeated_share
from synth.rejection.stage import RejectSamples, core
from synth.rejection.tools import check_tools

REASONING = "There are three boxes with four pens each, so there are twelve pens in all."


def sample(answer: str = "Answer: 12", reasoning: str | None = REASONING, **evidence: Any) -> Conversation:
    held = {"answer_type": "math", "expected": "12", "finish": "stop", **evidence}
    messages = [Message("user", "How many pens?"), Message("assistant", answer, reasoning)]
    return Conversation("a", messages, "tiny", thinking=True, evidence=json.dumps(held))


def rule(row: Conversation, **rules: Any) -> str | None:
    found = check_form(row, json.loads(row.evidence or "{}"), FormRules(**rules))
    return found.rule if found else None


def test_a_sound_sample_passes() -> None:
    assert rule(sample()) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (sample(finish="length"), "truncated"),
        (sample(unclosed=True), "truncated"),
        (sample(reasoning="So 12."), "too-short"),
        (sample(reasoning=None), "too-short"),
        (sample(answer=""), "malformed"),
        (sample(answer="</think> 12"), "malformed"),
        (sample(answer="12<|endoftext|>"), "malformed"),
        (sample(answer="12 \x00"), "malformed"),
        (sample(reasoning="we go on " * 40), "repetitive"),
        (sample(reasoning="First think. " + "Let me check this again, is it right? " * 7), "repetitive"),
        (Conversation("a", [Message("assistant", "12")], "tiny"), "malformed"),
        (Conversation("a", [Message("user", "?")], "tiny"), "malformed"),
        (Conversation("a", [], "tiny"), "malformed"),
        (
            Conversation("a", [Message("user", "?"), Message("narrator", "x"), Message("assistant", "12")], "t"),
            "malformed",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(row: Conversation, expected: str) -> None:
    assert rule(row) == expected


def test_direct_answers_need_no_reasoning() -> None:
    row = sample(reasoning=None)
    row.thinking = False
    assert rule(row) is None
    assert rule(sample(), max_words=5) == "too-long"


def test_repetition_is_measured() -> None:
    words = " ".join(f"w{number}" for number in range(100))
    assert repeated_share(words, 8, 60) == 0
    assert repeated_share(f"{words} {words}", 8, 60) == pytest.approx(93 / 193)
    assert repeated_share("a b c", 8, 60) == 0
    assert end_loops("It is 1000000000000") == 1
    assert end_loops("x = y, " + "and so on and so on " * 6) == 12
    assert end_loops("-" * 500) == 1


TOOL = json.dumps(
    {"name": "find", "parameters": {"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer"}, "kind": {"type": "string", "enum": ["a", "b"]}, "tags": {"type": "array", "items": {"type": "string"}},
        "within": {"type": "object", "properties": {"page": {"type": "integer"}}},
    }}}
)  # fmt: skip


def called(*calls: tuple[str, str], results: int | None = None, **evidence: Any) -> Outcome | None:
    made = [ToolCall(f"c{number}", name, arguments) for number, (name, arguments) in enumerate(calls)]
    messages = [Message("user", "?"), Message("assistant", None, None, made)]
    for call in made[:results]:
        messages.append(Message("tool", "ok", tool_call_id=call.id))
    return check_tools(Conversation("a", [*messages, Message("assistant", "done")], "t", tools=[TOOL]), evidence)


def test_calls_that_keep_to_the_protocol_pass() -> None:
    assert called(("find", '{"id": 3, "kind": "a", "tags": ["x"]}'), ("find", '{"id": 4.0}')) is None
    assert called(("find", '{"id": 3}'), state={"expected": "h", "observed": "h"}) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{", "the arguments of 'find'"), ("[1]", "not a JSON object"), ("{}", '"id" is a required'), ('{"id": "3"}', 'id: "3" is not'),
        ('{"id": true}', "id: true is not"), ('{"id": 3.5}', "id: 3.5 is not"), ('{"id": 1, "x": 2}', "'x' was unexpected"),
        ('{"id": 1, "kind": "c"}', "kind: "), ('{"id": 1, "tags": [1]}', "tags.0: 1 is not"), ('{"id": 1, "id": 2}', "twice"),
        ('{"id": 1, "within": {"page": "x"}}', "within.page: "),
    ],
)  # fmt: skip
def test_calls_that_do_not_are_named(arguments: str, said: str) -> None:
    found = called(("find", arguments))
    assert found is not None and found.rule == "tool-protocol" and said in (found.detail or "")


def test_unknown_tools_missing_results_and_wrong_states() -> None:
    found = called(("search", "{}"))
    assert found is not None and "no tool" in (found.detail or "")
    found = called(("find", '{"id": 1}'), ("find", '{"id": 2}'), results=1)
    assert found is not None and "no result" in (found.detail or "")
    found = called(("find", '{"id": 1}'), state={"expected": "a", "observed": "b"})
    assert found is not None and found.rule == "terminal-state"


def verified(row: Conversation, **config: Any) -> Any:
    steps = core(row, RejectSamples(**config))
    try:
        step = next(steps)
        while True:
            results = [
                work.function(*work.arguments) if isinstance(work, Work) else Answer((Choice('{"grade": 5}'),))
                for work in step
            ]
            step = steps.send(results)
    except StopIteration as end:
        return end.value


def test_steps_come_in_order_and_a_verdict_is_kept() -> None:
    made = verified(sample())
    assert isinstance(made, Made)
    evidence = json.loads(made.rows[0].evidence)
    assert evidence["verdict"] == "right" and evidence["expected"] == "12" and evidence["observed"]
    assert verified(sample("Answer: 13")).rule == "wrong-answer"
    assert verified(sample("Answer: 13", finish="length")).rule == "truncated"
    assert verified(sample("I do not know.")).rule in ("no-final-answer", "wrong-answer")
    row = sample()
    row.evidence = "[1]"
    assert verified(row).outcome == "errored"
    assert verified(sample(answer_type="math", expected=None)).outcome == "errored"


def test_judged_rows_are_judged_or_dropped() -> None:
    row = sample(answer_type="judged", expected=None)
    assert verified(row, judged=False).rule == "judged"
    assert verified(row).rule == "undecided"  # this judge gives everything a five
    assert isinstance(verified(sample(answer_type="judged", expected=None), judge={"control": False}), Made)
