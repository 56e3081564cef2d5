"""Messages of another form than OpenAI's are refused with a reason, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest

from arcmill.chat import render
from arcmill.chat.dialect import ChatError


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"role": "assistant", "tool_calls": 7}, "bad-call"), ({"role": "assistant", "tool_calls": ["f"]}, "bad-call"),
        ({"role": "assistant", "tool_calls": [{"function": "f"}]}, "bad-call"), ({"role": "assistant", "tool_calls": {"a": 1}}, "bad-call"),
        ({"role": "assistant", "content": "x", "reasoning": ["y"]}, "not-text"), ({"role": "assistant", "content": {"text": "x"}}, "not-text"),
        ({"role": "assistant", "content": 7}, "not-text"), ({"role": "tool", "content": "x", "tool_call_id": 3}, "not-text"),
    ],
)  # fmt: skip
def test_a_message_of_another_form_is_refused(message: dict[str, Any], reason: str) -> None:
    with pytest.raises(ChatError) as told:
        render([{"role": "user", "content": "Hi"}, message])
    assert told.value.reason == reason
