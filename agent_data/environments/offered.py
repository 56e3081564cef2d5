"""The tools that a task offers, as its environment knows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent_data.environments.environment import Environment, Tool


def offered(environment: Environment, schemas: Sequence[str] | None) -> list[Tool]:
    """The environment's tools that JSON schemas in OpenAI's function form name, in their order; all where there are none.

    An environment without tools of its own has those of the task. ValueError for a tool that it does not have, and for what
    is no schema.
    """
    if schemas is None:
        return list(environment.tools)
    found = []
    for text in schemas:
        made = _tool(text)
        if environment.tools:
            known = environment.tool(made.name)
            if known is None:
                raise ValueError(f"environment {environment.name!r} has no tool {made.name!r:.80}")
            made = known
        found.append(made)
    if len({tool.name for tool in found}) < len(found):
        raise ValueError("two tools of one name")
    return found


def otherwise(environment: Environment, tools: Sequence[Tool], schemas: Sequence[str] | None) -> Tool | None:
    """The first of the tools `offered` for these schemas that a schema describes otherwise than the environment does."""
    if not environment.tools:
        return None
    pairs = zip(tools, schemas or (), strict=False)
    return next((tool for tool, text in pairs if json.loads(text) != tool.schema()), None)


def _tool(text: str) -> Tool:
    try:
        held: Any = json.loads(text)
        function = held.get("function", held)
        name, parameters = function["name"], function.get("parameters") or {"type": "object", "properties": {}}
        if not isinstance(name, str) or not name or not isinstance(parameters, dict):
            raise TypeError("name or parameters")
        return Tool(name, str(function.get("description") or ""), parameters, returns=function.get("returns"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"a tool is no function schema ({error}): {text[:80]}") from None
