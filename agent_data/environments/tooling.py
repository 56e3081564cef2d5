"""Tools made of Python functions, for worlds that are more than plain data (agent_data.environments.data is for those)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from agent_data.environments.environment import Tool
from arcmill.functions.python import described

F = TypeVar("F", bound=Callable[..., Any])


def writes(function: F) -> F:
    """The tool may change the state."""
    function.__dict__["writes"] = True
    return function


def ends(function: F) -> F:
    """The tool ends the episode."""
    function.__dict__["ends"] = True
    return function


def tool_of(function: Callable[..., Any], skip: int) -> Tool:
    """The tool that a function is, less its first `skip` parameters; its description is the docstring before the arguments."""
    said = described(function, skip=skip)
    whole = " ".join((inspect.getdoc(function) or "").split("\n\nArgs:")[0].split())
    return Tool(said.name, whole, said.parameters, "writes" in function.__dict__, "ends" in function.__dict__)
