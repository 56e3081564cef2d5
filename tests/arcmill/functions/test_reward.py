"""The reward of a step: right as it was, and wrong after any corruption of format, name or argument."""

from __future__ import annotations

import asyncio
import json
import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcmill.chat import SPECIAL_TOKENS, ChatError, render
from arcmill.errors import UsageError
from arcmill.functions.reward import compute_score, custom_rm, judge_calls
from arcmill.records import Message, ToolCall

TOOLS = [
    {"type": "function", "function": {"name": "book", "parameters": {"type": "object", "required": ["city", "days"], "properties": {
        "city": {"type": "string"}, "days": {"type": "integer"}, "price": {"type": "number"}, "tags": {"type": "array", "items":
        {"type": "string"}, "uniqueItems": True}, "guests": {"type": "array", "items": {"type": "object", "properties": {
        "name": {"type": "string"}, "age": {"type": "integer"}}}}, "late": {"type": "boolean", "default": False},
        "class": {"enum": ["A", "b"]}}, "additionalProperties": False}}},
    {"type": "function", "function": {"name": "cancel", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}},
    {"type": "function", "function": {"name": "ping"}},
]  # fmt: skip
BOOK = {
    "city": "Zürich", "days": 3, "price": 10, "tags": ["a", "b"], "guests": [{"name": "Mei", "age": 30}], "class": "A",
}  # fmt: skip
TRUTH = [{"name": "book", "arguments": BOOK}, {"name": "cancel", "arguments": {"id": "12"}}]
DIALECTS = ("glm45", "glm47", "json")


def written(calls: list[dict[str, Any]], dialect: str, reasoning: str = "so", text: str = "") -> str:
    """What a model writes, after its generation prompt."""
    if dialect == "json":
        made = "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)
        return f"<think>{reasoning}</think>{text}\n{made}"
    held = [ToolCall("", call["name"], json.dumps(call["arguments"])) for call in calls]
    whole = render([Message("user", "x"), Message("assistant", text, reasoning, held)], TOOLS, dialect)
    prompt = render([Message("user", "x")], TOOLS, dialect, generation_prompt=True)
    return whole.removeprefix(prompt)


def judged(answer: str, truth: Any = TRUTH, dialect: str = "glm45", **options: Any) -> str:
    verdict = judge_calls(answer, truth, TOOLS, dialect, opened=dialect == "glm47", **options)
    assert verdict.right == (verdict.reason == "")
    return verdict.reason


@pytest.mark.parametrize("dialect", DIALECTS)
def test_gold_calls_are_right(dialect: str) -> None:
    for end in ("", "<|observation|>", "<|observation|>\n"):
        for text in ("", "I look."):
            assert judged(written(TRUTH, dialect, text=text) + end, dialect=dialect) == ""
    assert judged(written(TRUTH, dialect), json.dumps(TRUTH), dialect) == ""
    assert judged(written(TRUTH[::-1], dialect), dialect=dialect) == ""  # side by side: no order
    assert judged(written(TRUTH[::-1], dialect), dialect=dialect, ordered=True) == "calls"
    same = {**BOOK, "price": 10.0, "tags": ["b", "a"], "late": False}  # a number, a set, a default
    assert judged(written([{"name": "book", "arguments": same}, TRUTH[1]], dialect), dialect=dialect) == ""


WRONG: list[tuple[str, Any]] = [
    ("call-schema", {**BOOK, "days": "3"}), ("call-schema", {**BOOK, "days": 3.5}), ("calls", {**BOOK, "days": 4}),
    ("call-schema", {k: v for k, v in BOOK.items() if k != "days"}), ("calls", {k: v for k, v in BOOK.items() if k != "price"}),
    ("call-schema", {**BOOK, "other": 1}), ("calls", {**BOOK, "city": "Zurich"}), ("calls", {**BOOK, "city": "zürich"}),
    ("calls", {**BOOK, "tags": ["a"]}), ("calls", {**BOOK, "guests": [{"name": "Mei", "age": 31}]}), ("calls", {**BOOK, "late": True}),
    ("calls", {**BOOK, "guests": []}), ("call-schema", {**BOOK, "class": "a"}), ("calls", {**BOOK, "class": "b"}),
    ("call-schema", {**BOOK, "city": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "arguments"), WRONG)
def test_every_argument_must_match(reason: str, arguments: dict[str, Any]) -> None:
    for dialect in (
        DIALECTS if arguments.get("city") != 5 else ("json",)
    ):  # an undeclared text is read as one by the tags
        if dialect != "json" and arguments.get("days") == "3":
            continue
        calls = [{"name": "book", "arguments": arguments}, TRUTH[1]]
        assert judged(written(calls, dialect), dialect=dialect) == reason


def test_names_numbers_and_format() -> None:
    good = written(TRUTH, "glm45")
    call = "\n<tool_call>cancel\n<arg_key>id</arg_key>\n<arg_value>12</arg_value>\n</tool_call>"
    for reason, answer in (
        ("no-call", "\n<think>so</think>\nI cannot."), ("no-call", ""), ("calls", written(TRUTH[:1], "glm45")),
        ("calls", good + call), ("calls", good.replace(">cancel", ">ping", 1).replace("<arg_key>id</arg_key>\n<arg_value>12</arg_value>\n", "")),
        ("unknown-tool", good.replace(">cancel", ">Cancel")), ("call-schema", good.replace(">cancel", ">ping")),
        ("stop", good + "<|user|>"), ("stop", good + "<|endoftext|>"), ("reasoning", good.replace("</think>", "")),
        ("malformed", good + "\ndone"), ("malformed", good.replace("</tool_call>", "", 1)), ("malformed", good[:-5]),
        ("malformed", good.replace("cancel\n", "cancel ")), ("special-token", good.replace("</arg_key>", "", 1)),
        ("malformed", good.replace("\n<tool_call>cancel", "\nand\n<tool_call>cancel")),
        ("special-token", good.replace("</think>", "</think>\n<tool_response>")), ("special-token", good.replace("</think>", "</think></think>")),
        ("special-token", good.replace("Zürich", "Zürich<|user|>")), ("malformed", good.replace("Zürich", "Zürich</arg_value>")),
    ):  # fmt: skip
        assert judged(answer) == reason, (reason, answer)
    for reason, answer in (
        ("malformed", "<tool_call>{</tool_call>"), ("malformed", "<tool_call>[1]</tool_call>"), ("malformed", '<tool_call>{"name": 1}</tool_call>'),
        ("malformed", '<tool_call>{"name": "cancel", "arguments": []}</tool_call>'), ("malformed", '<tool_call>{"name": "cancel"}'),
        ("malformed", "<tool_call>" + "[" * 100_000 + "</tool_call>"), ("malformed", '<tool_call>{"name": "ping"}</tool_call> ok'),
            ("malformed", '<tool_call>{"name": "cancel", "arguments": {"id": "11", "id": "12"}}</tool_call>'),
    ):  # fmt: skip
        assert judged(answer, TRUTH[1:], "json") == reason, answer


def test_no_call_is_wanted() -> None:
    assert judged("\n<think>no</think>\nI cannot do that.", []) == ""
    assert judged("\n<think>no</think>\nI cannot do that.<|user|>", "[]") == ""
    assert judged("\n<think>no</think>\n", []) == "empty"
    assert judged(written(TRUTH, "glm45"), []) == "unexpected-call"
    assert judged("\n<think>no</think>\nText<|observation|>", []) == "stop"


def test_a_broken_row_is_no_wrong_answer() -> None:
    for truth in ('{"name": "book"}', "{", [{"name": "absent", "arguments": {}}]):
        with pytest.raises(ValueError):
            judge_calls("x", truth, TOOLS)
    with pytest.raises(ChatError, match="duplicate-tool"):
        judge_calls("x", [], [*TOOLS, TOOLS[0]])
    with pytest.raises(UsageError, match="none of glm45, glm47, json"):
        judge_calls("x", [], TOOLS, "chatml")


def test_as_the_frameworks_call_it() -> None:
    about = {"tools": json.dumps(TOOLS), "dialect": "glm47", "thinking": True}
    answer, truth = written(TRUTH, "glm47"), json.dumps(TRUTH)
    assert compute_score("shop", answer, truth, about) == 1.0
    assert compute_score("shop", answer.replace("Zürich", "Bern"), truth, about) == 0.0
    assert compute_score("shop", answer.replace("</think>", ""), truth, about) == 0.0
    sample = SimpleNamespace(response=answer, label=truth, metadata=about)
    assert asyncio.run(custom_rm(None, sample)) == 1.0
    direct = written(TRUTH, "glm47").partition("</think>")[2]
    assert compute_score("shop", direct, truth, {**about, "thinking": False}) == 1.0


ARGUMENTS = st.fixed_dictionaries(
    {"city": st.text(alphabet="abé \n1{}[]\"'<>/:,", max_size=8), "days": st.integers(-5, 10**18)},
    optional={"price": st.floats(-1e6, 1e6), "late": st.booleans(), "tags": st.lists(st.sampled_from("abcd"), unique=True)},
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(ARGUMENTS, st.sampled_from(DIALECTS), st.randoms(use_true_random=False))
def test_any_call_is_right_and_any_other_is_not(arguments: dict[str, Any], dialect: str, rng: random.Random) -> None:
    call = {"name": "book", "arguments": arguments}
    assert judged(written([call], dialect), [call], dialect) == ""
    key = rng.choice(sorted(arguments))
    value = arguments[key]
    other = {
        "city": f"{value}x", "days": value + 1 if key == "days" else 0, "price": value + 1 if key == "price" else 0,
        "late": not value, "tags": [*value, "e"] if key == "tags" else [],
    }[key]  # fmt: skip
    changed = {"name": "book", "arguments": {**arguments, key: other}}
    assert judged(written([changed], dialect), [call], dialect) == "calls"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*SPECIAL_TOKENS, "book", "\n", "{", "}", '"name": "book"', "[", ":", "1", "é"]), max_size=20
    ).map("".join),
    st.sampled_from(DIALECTS),
)
def test_nothing_that_a_model_writes_raises(text: str, dialect: str) -> None:
    assert judged(text, TRUTH, dialect)
