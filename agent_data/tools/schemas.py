"""Files of function schemas: lists of tools for OpenAI, Anthropic or Gemini, what MCP servers list, rows of BFCL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PARAMETERS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema")
_LISTS = ("tools", "functions", "function", "functionDeclarations", "function_declarations", "entries")
DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Other:
    """What stands in a list, and describes nothing."""

    value: Any


def entries(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any] | Other]:
    """What a value describes: functions, documents and tools in words, each as it stands there; of lists also what describes
    nothing."""
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            found = False
            for entry in entries(one, depth + 1):
                found = True
                yield entry
            if not found:
                yield Other(one)
    elif isinstance(value, Mapping):
        if is_function(value) or is_words(value):
            yield value
            return
        for name in _LISTS:
            if isinstance(value.get(name), list):
                yield from entries(value[name], depth + 1)


def is_function(value: Mapping[str, Any]) -> bool:
    """Whether this describes one function by a schema."""
    if isinstance(value.get("function"), Mapping):
        return True
    named = isinstance(value.get("name"), str)
    return named and (any(name in value for name in _PARAMETERS) or value.get("type") == "function")


def is_words(value: Mapping[str, Any]) -> bool:
    """Whether this describes a tool, or a service, in words."""
    if isinstance(value.get("Documentation"), str) and "Name" in value:
        return True
    return isinstance(_first(value, "name", "Name", "API"), str) and isinstance(
        _first(value, "description", "Description"), str
    )


def returns_of(function: Mapping[str, Any]) -> Any:
    """The schema of what it gives, where that stands beside: MCP's outputSchema, BFCL's response, Gemini's response."""
    inner = function.get("function")
    held = inner if isinstance(inner, Mapping) else function
    return next(
        (
            held[name]
            for name in ("outputSchema", "output_schema", "returns", "response")
            if isinstance(held.get(name), Mapping)
        ),
        None,
    )


def _first(value: Mapping[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if name in value), None)
