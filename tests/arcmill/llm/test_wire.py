"""JSON between stage, gateway and servers: nothing is changed by being sent."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from arcmill.engines.llm.wire import decode, encode, encode_answer


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 0.1, None, True, "é\n"]},
        {"half": "\ud83d"},
        {"great": 2**80},
        {"small": -(2**63)},
        {"x": 1e300, "y": 1.0},
    ],
)
def test_values_come_back_as_they_were(value: Any) -> None:
    raw = encode(value)
    assert b"\n" not in raw
    assert decode(raw) == value == json.loads(raw)
    assert json.dumps(decode(raw)) == json.dumps(value)


def test_log_probabilities_may_be_infinite() -> None:
    answer = {"choices": [{"text": "a", "logprobs": {"x": [-math.inf, 0.5]}}]}
    assert decode(encode_answer(answer)) == answer
    assert decode(encode_answer({"answer": 1, "value": answer})) == {"answer": 1, "value": answer}
    assert math.isnan(decode(b'{"a": NaN}')["a"])


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError):
        decode(b"<html>")
