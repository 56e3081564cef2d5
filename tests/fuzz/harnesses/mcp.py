"""What an MCP server writes: its stream of JSON-RPC messages, its list of tools, the result of a call."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ..harness import Harness

LIST = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "add", "description": "Adds.", "inputSchema": {"type": "object", "properties": {"a": {"type": "integer"}}},
        "outputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}], "nextCursor": "n"}}  # fmt: skip
CALL = {"jsonrpc": "2.0", "id": 2, "result": {"isError": False, "structuredContent": {"a": 1}, "content": [
    {"type": "text", "text": "3"}, {"type": "image", "data": "aGk=", "mimeType": "image/png"}, {"type": "resource", "resource": {"uri": "file:///a", "text": "t"}},
    {"type": "resource_link", "uri": "file:///a", "name": "a"}, {"type": "audio", "data": "", "mimeType": "audio/wav"}]}}  # fmt: skip
NOTE = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 0.5}}


def seeds() -> list[bytes]:
    return [
        json.dumps(one).encode()
        for one in (LIST, CALL, NOTE, {"jsonrpc": "2.0", "id": 3, "error": {"code": -32601, "message": "no"}})
    ]


class _Process:
    """As much of a server's process as its stream needs."""

    tail = b""

    def kill(self) -> None: ...

    async def why(self) -> Any:
        from agent_data.mcp.failure import ServerFailed

        return ServerFailed("died", "it ended")


async def _streamed(data: bytes) -> tuple[list[Any], str]:
    import anyio

    from agent_data.mcp.meter import Meter
    from agent_data.mcp.server import Limits
    from agent_data.mcp.stdio import _out

    reader = asyncio.StreamReader()
    reader.feed_data(data + b"\n")
    reader.feed_eof()
    sink, source = anyio.create_memory_object_stream[Any](1000)
    meter = Meter(Limits(output_bytes=1 << 17, messages=500))
    process: Any = _Process()
    await _out(reader, process, meter, sink)
    found = []
    with source:
        while True:
            try:
                found.append(source.receive_nowait())
            except (anyio.EndOfStream, anyio.WouldBlock):
                break
    return found, meter.failed.result().reason if meter.failed.done() else ""


def run(data: bytes) -> str:
    from mcp_types import CallToolResult, ListToolsResult
    from pydantic import ValidationError

    from agent_data.mcp.client import _offered
    from agent_data.mcp.content import given
    from agent_data.mcp.failure import ServerFailed

    messages, ended = asyncio.run(_streamed(data))
    found = {ended}
    for one in messages:
        result = getattr(one.message, "result", None)
        for kind in (ListToolsResult, CallToolResult):
            try:
                read = kind.model_validate(result, by_name=False)
            except (ValidationError, RecursionError):
                continue
            if isinstance(read, CallToolResult):
                given(read)
                found.add("called")
                continue
            for tool in read.tools:
                try:
                    _offered(tool, 1 << 16)
                    found.add("offered")
                except ServerFailed as failure:
                    found.add(failure.reason)
    return " ".join(sorted(found))


WORDS = (
    "jsonrpc",
    "id",
    "result",
    "tools",
    "content",
    "type",
    "text",
    "image",
    "resource",
    "inputSchema",
    "object",
    "error",
    "code",
    "params",
    "method",
)
HARNESS = Harness("mcp", seeds, run, json=True, tokens=WORDS)
