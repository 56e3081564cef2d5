"""A connection to an MCP server, by the official SDK: opened, its tools listed, called, closed; each step bounded.

    with Connection("time", read_server("time", {"command": "mcp-server-time"})) as server:
        server.tools()
        server.call("get_current_time", {"timezone": "Asia/Tokyo"}).text

Its methods wait, and may be used from any thread, several at once. All raise ServerFailed, after which it is closed. A server
over stdio is one process of its own; it goes with the connection, and with this process, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent_data.mcp import stdio, web
from agent_data.mcp.content import Given, given, resource
from agent_data.mcp.failure import ServerFailed
from agent_data.mcp.launch import prepare
from agent_data.mcp.loop import submit
from agent_data.mcp.meter import Meter
from agent_data.mcp.server import Server, filled
from arcmill.chat.dialect import find_special
from arcmill.errors import EngineError

__all__ = ["Connection", "Given", "Offered", "ServerFailed", "needs_sdk"]

INSTALL = "pip install 'arcmill[mcp]'"
MOST_PAGES = 100  # of tools/list
DEEPEST = 64  # levels of a schema
_NAME = re.compile(r"[^\s\x00-\x20<>{}\"'`]{1,128}")
_CLOSED, _UNKNOWN_METHOD = -32000, -32601  # JSON-RPC: the connection is closed, as the SDK says it; no such method


@cache
def needs_sdk() -> None:
    """EngineError with the command that mends it, where the SDK is not installed."""
    try:
        import mcp  # noqa: F401
        import mcp_types  # noqa: F401
    except ModuleNotFoundError as error:
        raise EngineError(f"MCP servers need the MCP SDK ({error.name} is not installed): {INSTALL}") from None


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as its server describes it. `reads`: the server says that it changes nothing."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    returns: Mapping[str, Any] | None
    reads: bool
    annotations: Mapping[str, Any]


class Connection:
    """See above. `files`: what the working folder of a server over stdio holds at the start."""

    def __init__(self, name: str, server: Server, seed: int = 0, files: Path | None = None) -> None:
        needs_sdk()
        self.name, self.server, self._seed, self._files = name, server, seed, files
        self.about = ""  # name and version, as the server tells them
        self.work: str | None = None  # its working folder
        self.process: stdio.Process | None = None
        self._meter: Meter | None = None
        self._client: Any = None
        self._ending: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._failure: ServerFailed | None = None

    def open(self) -> Connection:
        """Start it, and agree on the protocol."""
        if self.server.disabled:
            raise ServerFailed("disabled", "its entry says so")
        self._wait(self._open(), self.server.limits.start_seconds + 10)
        return self

    def tools(self) -> list[Offered]:
        """Its tools, those of `only` where that is given; in the order in which the server lists them."""
        found: list[Offered] = self._wait(self._tools(), self.server.limits.start_seconds + 5)
        return found

    def call(self, name: str, arguments: Mapping[str, Any]) -> Given:
        """Call a tool. What the server calls an error is a Given with `error`."""
        made: Given = self._wait(self._call(name, arguments), self.server.limits.call_seconds + 5)
        return made

    def read(self, uri: str) -> str:
        """The text of a resource."""
        text: str = self._wait(self._read(uri), self.server.limits.call_seconds + 5)
        return text

    def close(self) -> None:
        """End it, now; its folders go with it a moment later. Does not wait, may be called again."""
        if self._meter is not None:
            submit(self._close())

    def __enter__(self) -> Connection:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.process.guard.wait(stdio.CLOSE_SECONDS)

    # -- in the caller's thread ------------------------------------------------------------------------------------

    def _wait(self, work: Any, seconds: float) -> Any:
        """`work` has limits of its own; `seconds` are for the case that the loop itself stands still."""
        future = submit(work)
        try:
            return future.result(seconds + 30)
        except Late:
            future.cancel()
            raise ServerFailed("hang", "no answer, and none that it was given up") from None

    # -- in the loop -----------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        limits = self.server.limits
        self._meter = Meter(limits)
        self._ending = asyncio.Event()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.server.command is not None:
            started = await asyncio.to_thread(prepare, self.name, self.server, self._seed, self._files)
            try:
                self.process = stdio.Process(started)
            except OSError as error:
                shutil.rmtree(started.base, ignore_errors=True)
                raise ServerFailed("start", str(error)) from None
            self.work = started.work
        self._task = asyncio.get_running_loop().create_task(self._live(ready))
        await self._first(ready, limits.start_seconds, "it did not come up")

    async def _live(self, ready: asyncio.Future[None]) -> None:
        """The connection, from its beginning to its end: the SDK wants both in one task."""
        from mcp import Client
        from mcp_types import Implementation

        meter, ending = self._meter, self._ending
        assert meter is not None and ending is not None
        server = self.server
        if self.process is not None:
            transport = stdio.streams(self.process, meter)
        else:
            headers = {key: filled(value, self.name) for key, value in server.headers.items()}
            transport = web.streams(filled(server.url or "", self.name), server.type or "http", headers, meter)
        try:
            async with Client(transport, cache=None, client_info=Implementation(name="arcmill", version="1")) as client:
                info = client.server_info
                self.about = f"{info.name} {info.version}".strip() if info else ""
                self._client = client
                if not ready.done():
                    ready.set_result(None)
                await ending.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            meter.fail(await self._told(error))
        finally:
            self._client = None
            if self.process is not None:
                self.process.kill()

    async def _told(self, error: BaseException) -> ServerFailed:
        """What the SDK raised, in our words."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, ServerFailed):
            return error
        if self.process is not None and self.process.guard.poll() is not None:
            return await self.process.why()
        said = f"{type(error).__name__}: {error}"[:300]
        return ServerFailed("start" if self._client is None else "bad-result", said)

    async def _first(self, work: Any, seconds: float, late: str) -> Any:
        """The result of `work`, unless the server fails first, or `seconds` pass: then it is ended."""
        meter = self._meter
        if meter is None:
            raise self._failure or ServerFailed("died", "the connection is not open")
        task = asyncio.ensure_future(work)
        await asyncio.wait({task, meter.failed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if meter.failed.done() and not task.done():
            await asyncio.wait({task}, timeout=0.2)  # it may have answered before it went
        if task.done() and not task.cancelled() and (error := task.exception()) is None:
            return task.result()
        if not task.done():
            task.cancel()
            said = self.process.said() if self.process is not None else ""
            meter.fail(ServerFailed("hang", f"{late} in {seconds:g} s" + (f"; {said}" if said else "")))
        elif not task.cancelled() and error is not None and not meter.failed.done():
            meter.fail(await self._told(error))
        failure = meter.failed.result()
        await self._close()
        raise ServerFailed(failure.reason, failure.detail)  # a new one: several calls may be waiting

    async def _close(self) -> None:
        if self._ending is None:
            return
        self._ending.set()
        if self._meter is not None:
            self._meter.fail(ServerFailed("died", "the connection was closed"))
        if self.process is not None:
            self.process.kill()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=2.0)
            self._task.cancel()
        if self.process is not None and await self.process.ended(stdio.CLOSE_SECONDS) is None:
            self.process.guard.kill()

    async def _request(self, request: Any, result: Any, seconds: float, late: str) -> Any:
        """One request. The SDK's `call_tool` is not used: it checks results by a library whose patterns can take for ever,
        in the thread that all servers share. MCPError where the server answers with an error."""
        from mcp.shared.exceptions import MCPError

        client = self._client
        if client is None or self._meter is None:
            failed = self._meter.failed if self._meter is not None else None
            raise failed.result() if failed is not None and failed.done() else ServerFailed("died", "it is closed")
        self._meter.begin()

        async def answered() -> Any:
            try:
                return await client.session.send_request(request, result)
            except MCPError as error:
                if error.code == _CLOSED:
                    assert self._meter is not None
                    done, _ = await asyncio.wait({self._meter.failed}, timeout=3.0)  # the reason follows
                    raise (self._meter.failed.result() if done else ServerFailed("died", error.message)) from None
                return error

        got = await self._first(answered(), seconds, late)
        if isinstance(got, MCPError):
            raise got
        return got

    async def _tools(self) -> list[Offered]:
        from mcp.shared.exceptions import MCPError
        from mcp_types import ListToolsRequest, ListToolsResult, PaginatedRequestParams

        limits, only = self.server.limits, self.server.only
        until = asyncio.get_running_loop().time() + limits.start_seconds
        found: dict[str, Offered] = {}
        cursor: str | None = None
        cursors: set[str] = set()
        while True:
            left = max(0.1, until - asyncio.get_running_loop().time())
            request = ListToolsRequest(params=PaginatedRequestParams(cursor=cursor))
            try:
                page = await self._request(request, ListToolsResult, left, "its tools were not listed")
            except MCPError as error:
                raise await self._lost("bad-result", f"tools/list: {error.message}"[:300]) from None
            for tool in page.tools:
                if only is not None and tool.name not in only:
                    continue
                if tool.name in found:
                    raise await self._lost("duplicate-tools", f"two tools are named {tool.name!r:.100}")
                try:
                    found[tool.name] = _offered(tool, limits.schema_bytes)
                except ServerFailed as failure:
                    raise await self._lost(failure.reason, failure.detail) from None
                if len(found) > limits.tools:
                    raise await self._lost("too-many-tools", f"more than {limits.tools}")
            cursor = page.next_cursor
            if cursor is None:
                break
            if cursor in cursors or len(cursors) >= MOST_PAGES:
                raise await self._lost("endless-list", f"tools/list has no end after {len(cursors) + 1} pages")
            cursors.add(cursor)
        if missing := sorted(set(only or ()) - set(found)):
            raise await self._lost("unknown-tool", f"only: it has no tool {missing[0]!r}")
        if not found:
            raise await self._lost("no-tools", "it offers no tool")
        return list(found.values())

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> Given:
        from mcp.shared.exceptions import MCPError
        from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult, InputRequiredResult
        from pydantic import TypeAdapter

        request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=dict(arguments)))
        wanted: Any = TypeAdapter(CallToolResult | InputRequiredResult)
        try:
            got = await self._request(request, wanted, self.server.limits.call_seconds, f"{name}: no answer")
        except MCPError as error:
            if error.code == _UNKNOWN_METHOD:
                raise await self._lost("unknown-tool", f"{name}: {error.message}"[:300]) from None
            return Given(error.message[:2000], True)
        if isinstance(got, InputRequiredResult):
            return Given(f"{name} asks for further input by a person or a model, which is not given here", True)
        return given(got)

    async def _read(self, uri: str) -> str:
        from mcp.shared.exceptions import MCPError
        from mcp_types import ReadResourceRequest, ReadResourceRequestParams, ReadResourceResult

        request = ReadResourceRequest(params=ReadResourceRequestParams(uri=uri))
        try:
            got = await self._request(request, ReadResourceResult, self.server.limits.call_seconds, f"{uri}: no answer")
        except MCPError as error:
            raise await self._lost("bad-result", f"{uri}: {error.message}"[:300]) from None
        return resource(got.contents)

    async def _lost(self, reason: str, detail: str) -> ServerFailed:
        assert self._meter is not None
        failure = self._meter.fail(ServerFailed(reason, detail))
        await self._close()
        return failure


def _offered(tool: Any, most: int) -> Offered:
    if not _NAME.fullmatch(tool.name):
        raise ServerFailed("bad-name", f"a tool named {tool.name!r:.150}")
    told = {"parameters": tool.input_schema, "returns": tool.output_schema, "description": tool.description}
    if _depth(told) > DEEPEST:
        raise ServerFailed("schema-size", f"{tool.name}: a schema of more than {DEEPEST} levels")
    try:
        text = json.dumps(told, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except ValueError as error:
        raise ServerFailed("bad-schema", f"{tool.name}: {error}") from None
    if found := find_special(tool.name + text):
        raise ServerFailed(
            "special-token", f"{tool.name}: its description holds {found}, which a model would read as a command"
        )
    if size > most:
        raise ServerFailed("schema-size", f"{tool.name}: described in {size} bytes, more than {most}")
    if tool.input_schema.get("type", "object") != "object":
        raise ServerFailed("bad-schema", f"{tool.name}: its arguments are no object")
    notes = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {}
    return Offered(
        tool.name,
        tool.description or "",
        tool.input_schema,
        tool.output_schema,
        notes.get("readOnlyHint") is True,
        notes,
    )


def _depth(value: Any) -> int:
    deepest, ahead = 0, [(value, 0)]
    while ahead:
        held, level = ahead.pop()
        deepest = max(deepest, level)
        if level > DEEPEST:
            break
        inner = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
        ahead += [(part, level + 1) for part in inner]
    return deepest
