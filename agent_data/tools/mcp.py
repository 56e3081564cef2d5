"""The tools of an MCP server as ToolSpec rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent_data.mcp.client import Connection, Offered, ServerFailed
from agent_data.mcp.server import Server, read_server
from arcmill.records import ToolSpec, stable_id

__all__ = ["ServerFailed", "tools_of"]


def tools_of(name: str, server: Mapping[str, Any]) -> list[ToolSpec]:
    """Start a server, list its tools, end it. `server` is its entry under `mcpServers` (docs/mcp.md).

    Schemas are as the server gives them. Raises ServerFailed, UsageError for a wrong entry, EngineError without the SDK.
    """
    read = read_server(name, server)
    with Connection(name, read) as connection:
        offered = connection.tools()
        return [_row(name, connection.about, read, tool) for tool in offered]


def _row(name: str, about: str, server: Server, tool: Offered) -> ToolSpec:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    schema = json.dumps({"type": "function", "function": function}, ensure_ascii=False, sort_keys=True)
    # Neither command nor address: they hold paths and keys of whoever ran it.
    call = {"server": name, "about": about, "tool": tool.name, "annotations": tool.annotations}
    returns = None if tool.returns is None else json.dumps(tool.returns, ensure_ascii=False, sort_keys=True)
    return ToolSpec(
        stable_id("tool", name, tool.name, schema), tool.name, schema, "mcp", tool.description or None, server.license, name,
        returns, json.dumps(call, ensure_ascii=False, sort_keys=True),
    )  # fmt: skip
