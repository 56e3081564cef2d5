"""The streams of a server over stdio, bounded: what it writes is counted before it is looked at.

The official SDK's own transport reads lines of any length into memory and hands each on; this one gives the SDK's session
the same streams, and ends the server where it floods, writes broken UTF-8, or dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from agent_data.mcp.failure import ServerFailed
from agent_data.mcp.launch import GRACE, Started
from agent_data.mcp.meter import Meter

TAIL = 600  # characters of what it wrote to its stderr that a failure tells
CHUNK = 1 << 16


class Process:
    """A server that runs below its guard. `kill` may be called at any time, and again."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.tail = b""
        life, self._life = os.pipe()
        try:
            line = started.command
            place = line.index("--grace")
            self.guard = subprocess.Popen(
                [*line[:place], "--life", str(life), *line[place:]],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(life,),
                env=started.environment, cwd=started.start, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(self._life)
            raise
        finally:
            os.close(life)

    def kill(self) -> None:
        """Tell the guard to end it, with all that it has begun, and to remove its folders."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1

    async def ended(self, seconds: float) -> int | None:
        """Its exit status, None where it has none after `seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (status := self.guard.poll()) is None and loop.time() < until:
            await asyncio.sleep(0.01)
        return status

    def said(self) -> str:
        """The end of what it wrote to its stderr, without the values of its environment."""
        text = self.tail.decode("utf-8", "replace")
        for secret in self.started.secrets:
            text = text.replace(secret, "***")
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-TAIL:]

    async def why(self) -> ServerFailed:
        """Why it is not there any more."""
        status = await self.ended(2.0)
        said = self.said()
        if said.startswith("bwrap: "):
            reason = "not-found" if "execvp" in said else "no-sandbox"
            return ServerFailed(reason, f"the sandbox does not come up: {said}")
        ended = "it closed its output" if status is None else f"it ended with status {status}"
        return ServerFailed("died", f"{ended}; {said}" if said else ended)


@contextlib.asynccontextmanager
async def streams(process: Process, meter: Meter) -> AsyncIterator[Any]:
    """(what it says, what it is told) as the SDK wants them; ends the server in the end."""
    import anyio

    from_server, messages = anyio.create_memory_object_stream[Any](0)
    to_server, told = anyio.create_memory_object_stream[Any](0)
    tasks: list[asyncio.Task[None]] = []
    pipes: list[Any] = []
    try:
        loop = asyncio.get_running_loop()
        readers = []
        for pipe in (process.guard.stdout, process.guard.stderr):
            reader = asyncio.StreamReader(limit=4 * CHUNK)
            transport, _ = await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, reader), pipe)
            readers.append(reader)
            pipes.append(transport)
        sink, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, process.guard.stdin)
        pipes.append(sink)
        writer = asyncio.StreamWriter(sink, protocol, None, loop)
        tasks = [
            loop.create_task(_out(readers[0], process, meter, from_server)),
            loop.create_task(_log(readers[1], process, meter)),
            loop.create_task(_in(writer, told)),
        ]
        yield messages, to_server
    finally:
        process.kill()
        for task in tasks:
            task.cancel()
        for transport in pipes:
            if not transport.is_closing():
                transport.abort() if hasattr(transport, "abort") else transport.close()
        for stream in (from_server, messages, to_server, told):
            stream.close()


async def _out(reader: asyncio.StreamReader, process: Process, meter: Meter, sink: Any) -> None:
    """Lines of stdout, each a JSON-RPC message; other lines are a log that went astray."""
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    held, lines = bytearray(), list[bytes]()
    try:
        while data := await reader.read(CHUNK):
            meter.read(len(data))
            start = len(held)
            held += data
            if b"\n" not in data:
                continue
            end = held.rindex(b"\n", start)
            lines, held = bytes(held[:end]).split(b"\n"), held[end + 1 :]
            for line in lines:
                if not line.lstrip().startswith(b"{"):
                    process.tail = (process.tail + line[:200] + b"\n")[-4 * TAIL :]
                    continue
                meter.message()
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    raise meter.fail(ServerFailed("bad-utf8", str(error)[:200])) from None
                try:
                    message = jsonrpc_message_adapter.validate_json(text, by_name=False)
                except (ValueError, RecursionError) as error:
                    first = str(error).splitlines()
                    raise meter.fail(
                        ServerFailed("bad-message", f"no JSON-RPC: {text[:100]!r} ({first[-1][:100] if first else ''})")
                    ) from None
                await sink.send(SessionMessage(message))
        failure = await process.why()
        meter.fail(failure)
    except ServerFailed:
        process.kill()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # the session is gone
    finally:
        held, lines = bytearray(), []  # the failure keeps this frame, and with it what was read
        sink.close()


async def _log(reader: asyncio.StreamReader, process: Process, meter: Meter) -> None:
    try:
        while data := await reader.read(CHUNK):
            process.tail = (process.tail + data)[-4 * TAIL :]
            meter.read(len(data))
    except ServerFailed:
        process.kill()


async def _in(writer: asyncio.StreamWriter, told: Any) -> None:
    with contextlib.suppress(OSError):  # it is gone, which `_out` notices
        async for message in told:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            writer.write(text.encode("utf-8", "surrogatepass") + b"\n")
            await writer.drain()


CLOSE_SECONDS = GRACE + 4.0  # after which a guard that has not ended is killed itself
