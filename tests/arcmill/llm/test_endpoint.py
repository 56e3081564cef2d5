"""What counts as an answer, and what a failure means."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from arcmill.engines.llm.endpoint import Endpoint, Rejected, Retry, _load, _message, _normal, _seconds


def chat(**message: Any) -> dict[str, Any]:
    return {
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    }


def test_chat_reasoning_tools_and_plain_completions() -> None:
    made = _normal(chat(content="hi", reasoning_content="hm"), 1)
    assert made == {
        "choices": [{"text": "hi", "finish": "stop", "reasoning": "hm"}], "prompt_tokens": 3, "completion_tokens": 4,
    }  # fmt: skip
    assert _normal(chat(content="hi", reasoning="hm"), 1)["choices"][0]["reasoning"] == "hm"
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    made = _normal(chat(content=None, tool_calls=[call]), 1)["choices"][0]
    assert made["tool_calls"] == [{"id": "c1", "name": "f", "arguments": '{"a": 1}'}] and made["text"] == ""
    loose = {"function": {"name": "f", "arguments": {"a": "ä"}}}  # some servers give an object
    assert _normal(chat(tool_calls=[loose]), 1)["choices"][0]["tool_calls"][0]["arguments"] == '{"a": "ä"}'
    assert _normal({"choices": [{"text": "x", "finish_reason": "length"}]}, 1)["choices"][0]["finish"] == "length"


def test_half_a_character_costs_no_answer() -> None:
    call = {"function": {"name": "f\udc00", "arguments": '{"a": "\ud83d"}'}}
    made = _normal(chat(content="a\ud83d", reasoning="\udfff", tool_calls=[call]), 1)["choices"][0]
    assert made["text"] == "a\ufffd" and made["reasoning"] == "\ufffd"
    assert made["tool_calls"] == [{"id": "call_0", "name": "f\ufffd", "arguments": '{"a": "\ufffd"}'}]
    assert _normal(chat(content="\U0001f600"), 1)["choices"][0]["text"] == "\U0001f600"


def test_several_choices_come_in_their_order_with_logprobs() -> None:
    found = {"choices": [
        {"index": 1, "message": {"content": "b"}, "logprobs": {"content": []}}, {"index": 0, "message": {"content": "a"}},
    ]}  # fmt: skip
    made = _normal(found, 2)["choices"]
    assert [choice["text"] for choice in made] == ["a", "b"] and made[1]["logprobs"] == {"content": []}


@pytest.mark.parametrize(
    "found",
    [
        {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": {}}]}, {"choices": None}, [], "x", None,
        chat(content=5), chat(content="a", reasoning=[1]), {"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]},
        {"choices": [{"message": {"content": "x"}}, {"message": {"content": "y"}}]}, chat(tool_calls=[{"function": {}}]),
    ],
)  # fmt: skip
def test_what_is_no_answer_raises(found: Any) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        _normal(found, 1)


def test_an_empty_answer_is_an_answer() -> None:
    assert (
        _normal({"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}, 1)["choices"][0]["text"] == ""
    )


def test_error_bodies_are_told_in_a_line() -> None:
    assert _message(json.dumps({"error": {"message": "too\n long"}}).encode()) == "too long"
    assert _message(b"<html>\xff") == "<html>�"
    assert _message(b'{"error": "x"}') == "x"
    assert _message(b"[" * 4000)


def test_load_is_summed_over_the_copies_of_a_server() -> None:
    text = (
        "# HELP x\nvllm:num_requests_running{engine=\"0\"} 3.0\nvllm:num_requests_running{engine=\"1\"} 4.0\n"
        'vllm:num_requests_waiting{engine="0"} 2.0\nvllm:kv_cache_usage_perc{engine="0"} 0.25\n'
        'vllm:kv_cache_usage_perc{engine="1"} 0.5\nvllm:num_preemptions_total{engine="0"} 7.0\n'
    )  # fmt: skip
    load = _load(text)
    assert load is not None
    assert (load.running, load.waiting, load.cache, load.preemptions) == (7, 2, 0.5, 7)
    assert _load("go_threads 3\n") is None


class _Said:
    """A session whose server says one thing."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.headers, self.content, self._body = status, {}, self, body

    def post(self, *arguments: Any, **named: Any) -> Any:
        return self

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *arguments: Any) -> None: ...

    async def iter_chunked(self, size: int) -> Any:
        yield self._body


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error": {"message": "' + b"x" * 285 + b' key sk-1234567890-secret"}}', Rejected),
        (500, b"x" * 3990 + b" sk-1234567890-secret", Retry),
        (
            200,
            b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "sk-1234567890-secret"}}',
            Retry,
        ),
    ],
)
def test_a_key_is_not_told_even_where_a_message_is_cut(status: int, body: bytes, kind: type[Exception]) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", _Said(status, body), "sk-1234567890-secret", 5.0)  # type: ignore[arg-type]
    with pytest.raises(kind) as caught:
        asyncio.run(endpoint.ask({"model": "m", "messages": []}))
    assert "sk-" not in str(caught.value) and len(str(caught.value)) < 400


def test_retry_after_is_seconds_or_a_date() -> None:
    assert _seconds("1.5") == 1.5 and _seconds(None) is None and _seconds("soon") is None
    assert 50 < (_seconds(formatdate(time.time() + 60, usegmt=True)) or 0) <= 60
    assert _seconds(formatdate(time.time() - 60, usegmt=True)) == 0.0
