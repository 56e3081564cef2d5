"""Tools made of Python functions over a world's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from agent_data.environments.environment import Tool
from arcmill.functions.python import described

F = TypeVar("F", bound=Callable[..., Any])


def writes(function: F) -> F:
    """Decorator: the tool may change the state."""
    function.__dict__["writes"] = True
    return function


def ends(function: F) -> F:
    """Decorator: a call of the tool ends the episode."""
    function.__dict__["ends"] = True
    return function


def tool_of(function: Callable[..., Any]) -> Tool:
    """The tool that a function is; its first parameter is the world's state, which no agent gives. ValueError as `described`."""
    said = described(function, skip=1)
    writes, ends = bool(getattr(function, "writes", False)), bool(getattr(function, "ends", False))
    return Tool(said.name, said.description, said.parameters, writes, ends, said.returns)
