"""What a tool of a server gave, as an agent reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Given:
    """Text, or a mistake of the caller's that the server tells (`error`). `structured` is what it gave as JSON, if anything."""

    text: str
    error: bool = False
    structured: Any = None


def given(result: Any) -> Given:
    """The result of tools/call: its texts one below the other; of pictures, sounds and files only their kind and size, for an
    observation is text; where there is no content, the structured content as JSON."""
    parts = [_part(block) for block in result.content]
    structured = result.structured_content
    if not parts and structured is not None:
        parts = [json.dumps(structured, ensure_ascii=False)]
    return Given("\n".join(parts), bool(result.is_error), structured)


def resource(contents: Any) -> str:
    """What reading a resource gave."""
    return "\n".join(_contents(part) for part in contents)


def _part(block: Any) -> str:
    if block.type == "text":
        return str(block.text)
    if block.type == "resource":
        return _contents(block.resource)
    if block.type == "resource_link":
        return f"[{block.mime_type or 'resource'}: {block.name}, {block.uri}]"
    return f"[{block.mime_type}, {_size(block.data)} bytes]"


def _contents(held: Any) -> str:
    text = getattr(held, "text", None)
    if text is not None:
        return str(text)
    return f"[{held.mime_type or 'application/octet-stream'}, {_size(held.blob)} bytes]"


def _size(base64: str) -> int:
    return len(base64) * 3 // 4 - base64[-2:].count("=")
