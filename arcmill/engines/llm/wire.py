"""JSON between the stage, its gateway and the servers: bytes without line ends, as fast as they can be made."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """A JSON value that holds no NaN or infinity (orjson would write null for them); half characters and great numbers too."""
    try:
        return orjson.dumps(value)
    except TypeError:  # what UTF-8 or 64 bits cannot hold
        return _slow(value)


def _slow(value: Any) -> bytes:
    # The space tells `decode` to leave it to the standard library, which keeps great numbers whole.
    return b" " + json.dumps(value, separators=(",", ":")).encode("ascii")


def encode_answer(answer: Any) -> bytes:
    """An answer in the journal's form, or a message that holds it: log probabilities may be infinite."""
    held = answer.get("value", answer)
    if any("logprobs" in choice for choice in held.get("choices", ())):
        return _slow(answer)
    return encode(answer)


def decode(raw: bytes | str) -> Any:
    """A JSON value, as the standard library reads it: with NaN and infinity, and the last of two equal keys. ValueError."""
    try:
        return json.loads(raw) if raw[:1] in (b" ", " ") else orjson.loads(raw)
    except ValueError:
        return json.loads(raw)
