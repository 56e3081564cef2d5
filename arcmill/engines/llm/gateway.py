"""The gateway: a process of its own that sends requests and keeps their answers, so that no kill of a stage loses one.

It reads JSON lines from a socket that the stage holds. When that socket ends (the stage was killed, or is done) it takes no
more requests, gathers the answers that are under way for a while, writes them to the journal, and goes. Being a process of
its own it also keeps the servers fed while the stage parses and verifies.

    stage -> gateway   {"open": {…}}   {"ask": id, "group": row, "body": {…}}   {"close": true}
    gateway -> stage   {"opened": {…}} {"answer": id, "value": {…}} {"failed": id, "rule": …, "detail": …}
                       {"status": {…}} {"fatal": message, "usage": bool} {"closed": {…}}
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp

from arcmill.engines.llm.endpoint import Endpoint, Refused, Retry
from arcmill.engines.llm.journal import Journal, JournalInUse
from arcmill.engines.llm.pace import Pace
from arcmill.engines.llm.server import ServerManager
from arcmill.engines.llm.session import Line, Session
from arcmill.engines.llm.settings import LlmSettings
from arcmill.engines.llm.wire import decode, encode, encode_answer
from arcmill.errors import ArcmillError
from arcmill.generation import served_name

LONGEST_LINE = 1 << 28


class Gateway:
    """The process: one stage at a time opens a session; servers that were started stay for the next one."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.unsent: list[bytes] = []
        self.session: Session | None = None
        self.http: aiohttp.ClientSession | None = None
        self.servers: ServerManager | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._opening: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the stage's end of the socket is gone."""
        reader, self.writer = await asyncio.open_connection(sock=self.control, limit=LONGEST_LINE)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        self.http = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while line := await reader.readline():
                    await self._command(decode(line))
        finally:
            if self._opening is not None:
                self._opening.cancel()
                await asyncio.gather(self._opening, return_exceptions=True)
            await self._end_session(drain=True)
            await self.http.close()
            if self.servers is not None:
                await asyncio.to_thread(self.servers.stop)

    def send(self, message: dict[str, Any]) -> None:
        """To the stage, if it still lives."""
        if not self.unsent:
            asyncio.get_running_loop().call_soon(self._send)
        self.unsent.append((encode_answer if "value" in message else encode)(message))

    def _send(self) -> None:
        """What was said since the last look, in one piece."""
        unsent, self.unsent = self.unsent, []
        if not self.writer.is_closing() and unsent:
            self.writer.write(b"\n".join([*unsent, b""]))

    def fatal(self, message: str, usage: bool = False) -> None:
        self.send({"fatal": message, "usage": usage})

    async def _command(self, message: dict[str, Any]) -> None:
        if "ask" in message and self.session is not None:
            self.session.ask(message["ask"], message["group"], message["body"])
        elif "open" in message:
            # In a task: a large model takes minutes, and the stage may be killed meanwhile.
            self._opening = asyncio.get_running_loop().create_task(self._opened(message["open"]))
        elif "close" in message:
            figures = self.session.figures() if self.session else {}
            await self._end_session(drain=False)
            self.send({"closed": figures})

    async def _opened(self, asked: dict[str, Any]) -> None:
        try:
            self.send({"opened": await self._open(**asked)})
        except ArcmillError as error:
            self.fatal(str(error), usage=error.exit_status == 2)
        except JournalInUse as error:
            self.fatal(f"another run uses this journal ({error.state.strip()}): wait for it to end", usage=True)
        except (Refused, Retry, OSError) as error:
            self.fatal(str(error), usage=isinstance(error, Refused))
        except Exception as error:
            self.fatal(f"the LLM gateway: {type(error).__name__}: {error}")

    async def _open(self, settings: dict[str, Any], model: str, journal: str) -> dict[str, Any]:
        await self._end_session(drain=False)
        chosen = LlmSettings.model_validate(settings)
        held = await asyncio.to_thread(Journal, Path(journal), chosen.drain + 5.0)
        try:
            lines = (
                await self._lines(chosen, model) if chosen.endpoint else [await self._own(chosen, model, held.folder)]
            )
        except BaseException:
            held.close()
            raise
        self.session = Session(self, chosen, held, lines)
        loop = asyncio.get_running_loop()
        self._watchers = [loop.create_task(self.session.watch()), loop.create_task(self.session.guard())]
        return {"answers": len(held)}

    async def _own(self, settings: LlmSettings, model: str, logs: Path) -> Line:
        """A server that is started here; it stays for the stages that follow, and its log beside the journal."""
        assert self.http is not None
        self.servers = self.servers or ServerManager(logs)
        server = await self.servers.server(model, settings)
        endpoint = Endpoint(server.url, self.http, server.key, settings.timeout)
        endpoint.omit = frozenset({*settings.omit, *server.omit})
        return Line(endpoint, Pace(settings.concurrency), server)

    async def _lines(self, settings: LlmSettings, model: str) -> list[Line]:
        assert self.http is not None
        key = os.environ.get(settings.api_key_env) or None
        lines = [
            Line(Endpoint(url, self.http, key, settings.timeout), Pace(settings.concurrency))
            for url in settings.endpoint
        ]
        for line in lines:
            line.endpoint.omit = frozenset(settings.omit)
            try:
                served = await line.endpoint.models()
            except Retry:
                continue  # not there yet: the requests will wait for it
            name = served_name(model)
            if served is not None and name not in served and model in served:
                line.endpoint.alias = model  # vllm names a local folder by its path, if nobody names it otherwise
            elif served is not None and name not in served:
                raise Refused(
                    f"{line.endpoint.root} does not serve the model {model!r}; it serves {', '.join(served) or 'none'}: "
                    "--set model=…"
                )
        return lines

    async def _end_session(self, drain: bool) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        self._watchers = []
        if self.session is not None:
            session, self.session = self.session, None
            await session.drain(session.settings.drain if drain else 0.0)


def main() -> None:
    """`python -m arcmill.engines.llm.gateway FD`: serve the stage at the other end of a socket."""
    # The terminal's interrupt goes to the stage; the gateway ends when the stage does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    asyncio.run(Gateway(control).run())


if __name__ == "__main__":
    main()
