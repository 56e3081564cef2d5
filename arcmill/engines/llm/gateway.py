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

<<<<<<< HEAD
from arcmill.engines.llm.endpoint import Endpoint, Refused, Retry
from arcmill.engines.llm.journal import Journal, JournalInUse
=======
from arcmill.engines.llm.endpoint import Endpoint, Refused, Rejected, Retry
from arcmill.engines.llm.journal import Journal, JournalInUse, no_room, request_key
>>>>>>> faults
from arcmill.engines.llm.pace import Pace
from arcmill.engines.llm.server import ServerManager
from arcmill.engines.llm.session import Line, Session
from arcmill.engines.llm.settings import LlmSettings
from arcmill.engines.llm.wire import decode, encode, encode_answer
from arcmill.errors import ArcmillError
from arcmill.generation import served_name

LONGEST_LINE = 1 << 28
<<<<<<< HEAD
=======
# A request that takes this many times longer than the slowest answer so far is taken for lost, and asked again with twice
# the patience; never before FEWEST answers were seen, nor in less than SHORTEST seconds.
LOST_FACTOR, FEWEST, SHORTEST = 20.0, 20, 60.0


@dataclass(eq=False)
class Asked:
    """A request that waits for its answer; `ids` are all the askers of the same one."""

    key: bytes
    body: dict[str, Any]
    group: str
    ids: list[int]
    tries: int = 0
    waits: int = 0
    late: int = 0


@dataclass(eq=False)
class Line:
    """An endpoint with what we know of it now."""

    endpoint: Endpoint
    pace: Pace
    server: Server | None = None  # where it is one of ours
    in_flight: int = 0
    tokens: int = 0  # that came from it
    down: bool = False
    told: bool = True  # whether it has figures of its own
    failed: int = 0  # failures since a success, where there are other endpoints
    rest: float = 0.0  # time (monotonic) until which it is not asked

    @property
    def room(self) -> int:
        if self.down or self.rest > time.monotonic():
            return 0
        return (1 if self.failed >= SICK else self.pace.limit) - self.in_flight

    def fails(self) -> None:
        """One that only fails is always free: without a rest it would draw all requests from those that answer."""
        if self.rest <= time.monotonic():
            self.failed += 1
            if self.failed >= SICK:
                self.rest = time.monotonic() + min(0.25 * 2 ** min(self.failed - SICK + 1, 10), LONGEST_PAUSE)


@dataclass
class Totals:
    """What was counted since the session was opened."""

    answered: int = 0
    replayed: int = 0
    retried: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    started: float = field(default_factory=time.monotonic)


class Session:
    """One stage's requests: a journal, the endpoints of its model, and what is queued and under way."""

    def __init__(self, gateway: Gateway, settings: LlmSettings, journal: Journal, lines: list[Line]) -> None:
        self.gateway, self.settings, self.journal, self.lines = gateway, settings, journal, lines
        self.queue: deque[Asked] = deque()
        self.open: dict[bytes, Asked] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.homes: dict[str, Line] = {}  # group -> the endpoint that holds its prefix
        self.totals = Totals()
        self.last_success = time.monotonic()
        self.failures = ""  # the last failure since a success
        self.draining = False
        self.slowest = 0.0  # seconds that an answer has taken
        self.arrived: list[tuple[Asked, dict[str, Any]]] = []  # not yet in the journal

    # -- asking ------------------------------------------------------------------------------------------------

    def ask(self, number: int, group: str, body: dict[str, Any]) -> None:
        key = request_key(body)
        known = self.open.get(key)
        if known is not None:
            known.ids.append(number)
            return
        answer = self.journal.get(key)
        if answer is not None:
            self.totals.replayed += 1
            self.gateway.send({"answer": number, "value": answer})
            return
        asked = Asked(key, body, group, [number])
        self.open[key] = asked
        self.queue.append(asked)
        self.pump()

    def pump(self) -> None:
        """Send what there is room for, in the order in which it came: a row's requests share their prefix."""
        while self.queue and not self.draining:
            line = self._line(self.queue[0].group)
            if line is None:
                return
            self._start(self._serve(self.queue.popleft(), line))

    def _line(self, group: str) -> Line | None:
        home = self.homes.get(group)
        if home is None or home.room <= 0:
            free = [line for line in self.lines if line.room > 0]
            if not free:
                return None
            home = max(free, key=lambda line: line.room / line.pace.limit)
            if len(self.lines) > 1:
                if len(self.homes) > 100_000:
                    self.homes.clear()
                self.homes[group] = home
        home.in_flight += 1
        return home

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, asked: Asked, line: Line) -> None:
        try:
            started = time.monotonic()
            answer = await line.endpoint.ask(asked.body, self._patience(asked))
            took = time.monotonic() - started
            answer["seconds"] = round(took, 3)  # in the journal: what a stage decides by it, it decides again
            self.slowest = max(self.slowest, took)
        except Retry as failure:
            line.in_flight -= 1
            self._again(asked, line, failure)
        except Rejected as failure:
            line.in_flight -= 1
            self._fail(asked, "request-rejected", str(failure))
        except Refused as failure:
            line.in_flight -= 1
            self.gateway.fatal(str(failure), usage=True)
        except asyncio.CancelledError:
            line.in_flight -= 1
            raise
        except Exception as error:  # a fault of ours must not leave the stage waiting for ever
            line.in_flight -= 1
            self._again(asked, line, Retry(f"{line.endpoint.root}: {type(error).__name__}"))
        else:
            line.in_flight -= 1
            line.failed, line.rest = 0, 0.0
            line.tokens += answer["completion_tokens"]
            self._answered(asked, answer)
        self.pump()

    def _patience(self, asked: Asked) -> float | None:
        if self.totals.answered < FEWEST:
            return None
        return max(SHORTEST, LOST_FACTOR * self.slowest) * 2.0**asked.late

    def _answered(self, asked: Asked, answer: dict[str, Any]) -> None:
        if not self.arrived:  # those that come together are written together
            asyncio.get_running_loop().call_soon(self._keep)
        self.arrived.append((asked, answer))

    def _keep(self) -> None:
        """Write what has arrived to the journal, before anyone learns of it."""
        arrived, self.arrived = self.arrived, []
        if not arrived:
            return
        try:
            self.journal.put_all([(asked.key, answer) for asked, answer in arrived])
        except Exception as error:
            self.gateway.fatal(f"journal {self.journal.folder}: {no_room(error) or error}")
            return
        self.last_success, self.failures = time.monotonic(), ""
        for asked, answer in arrived:
            self.open.pop(asked.key, None)
            self.totals.answered += 1
            self.totals.prompt_tokens += answer["prompt_tokens"]
            self.totals.completion_tokens += answer["completion_tokens"]
            for number in asked.ids:
                self.gateway.send({"answer": number, "value": answer})

    def _again(self, asked: Asked, line: Line, failure: Retry) -> None:
        if self.draining:
            return
        self.failures = str(failure)
        self.totals.retried += 1
        if len(self.lines) > 1:
            line.fails()
        if failure.down and not line.down:
            line.down = True
            self._start(self._probe(line, min(failure.after or 0.0, LONGEST_ASKED)))
        if failure.down and not failure.busy:  # nobody took it, so it is no try
            self.queue.appendleft(asked)
            return
        if failure.busy:
            line.pace.busy()
        if failure.busy and not failure.late:
            asked.waits += 1
        else:
            asked.tries += 1
            asked.late += failure.late
        if asked.tries > self.settings.retries or asked.waits > 4 * self.settings.retries + 4:
            self._fail(asked, "request-failed", f"after {asked.tries + asked.waits} tries: {failure}")
            return
        if failure.after is not None:
            pause = min(failure.after, LONGEST_ASKED) + random.uniform(0.0, 0.5)
        else:
            pause = min(0.25 * 2 ** min(asked.tries + asked.waits, 10), LONGEST_PAUSE) * random.uniform(0.5, 1.5)
        self._start(self._later(asked, pause))

    async def _later(self, asked: Asked, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.queue.appendleft(asked)
        self.pump()

    async def _probe(self, line: Line, after: float) -> None:
        await asyncio.sleep(after)
        pause = 0.1
        while not await line.endpoint.alive():
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 5.0)
            await self._mend(line)
        line.down = False
        self.pump()

    async def _mend(self, line: Line) -> None:
        """A server of our own that died is started again, perhaps at another port."""
        if line.server is None:
            return
        try:
            await line.server.ensure_alive()
        except ArcmillError as error:
            self.gateway.fatal(f"{error}; finished answers are kept, run it again")
        line.endpoint.move(line.server.url)

    async def guard(self) -> None:
        """Look after our own servers, also where no request notices that one hangs."""
        while any(line.server is not None for line in self.lines):
            await asyncio.sleep(WATCH_SECONDS)
            for line in self.lines:
                await self._mend(line)

    def _fail(self, asked: Asked, rule: str, detail: str) -> None:
        self.open.pop(asked.key, None)
        self.totals.failed += 1
        for number in asked.ids:
            self.gateway.send({"failed": number, "rule": rule, "detail": detail})

    # -- watching ----------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Follow the servers' load, tell the stage how it goes, notice when nobody answers any more."""
        windows = deque[tuple[float, int]](maxlen=20)
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            for line in self.lines:
                if line.told and not line.down:
                    load = await line.endpoint.load()
                    if load is None:
                        line.told = line.down or len(windows) < 4  # a server that is starting has none yet
                    else:
                        line.told = True
                        line.pace.seen(load, line.tokens, line.in_flight, time.monotonic())
            now = time.monotonic()
            windows.append((now, self.totals.completion_tokens))
            for line in self.lines:
                if not line.told:
                    line.pace.measured(line.tokens, line.in_flight, now)
            self.pump()
            self.gateway.send({"status": self.status(windows)})
            flying = sum(line.in_flight for line in self.lines)
            if self.failures and not flying and self.open and now - self.last_success > self.settings.outage:
                self.gateway.fatal(
                    f"no server has answered for {self.settings.outage:g} s: {self.failures}; "
                    "finished answers are kept, run it again"
                )

    def status(self, windows: deque[tuple[float, int]] | None = None) -> dict[str, Any]:
        """What the stage shows, and how much it may ask ahead."""
        limit = sum(line.pace.limit for line in self.lines)
        rate = 0.0
        if windows and len(windows) > 1:
            (first, fewer), (last, more) = windows[0], windows[-1]
            rate = (more - fewer) / (last - first)
        return {
            "limit": limit, "in_flight": sum(line.in_flight for line in self.lines), "queued": len(self.queue),
            "tokens_per_second": round(rate, 1), "down": sum(line.down for line in self.lines),
            "trouble": self.failures, **self.figures(),
        }  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """The totals, as they go to metrics.json."""
        totals = self.totals
        return {
            "answered": totals.answered, "replayed": totals.replayed, "retried": totals.retried, "failed": totals.failed,
            "prompt_tokens": totals.prompt_tokens, "completion_tokens": totals.completion_tokens,
            "seconds": round(time.monotonic() - totals.started, 3),
        }  # fmt: skip

    async def drain(self, seconds: float) -> None:
        """No more requests; what is under way may still come, for as long as answers take here."""
        seconds = min(seconds, max(2.0, 5.0 * self.slowest)) if self.totals.answered else seconds
        self.draining = True
        self.queue.clear()
        flying = {task for task in self.tasks if task.get_coro().__name__ == "_serve"}  # type: ignore[union-attr]
        for task in self.tasks - flying:
            task.cancel()
        if flying:
            self.journal.say(f"draining {len(flying)} answers for up to {seconds:g} s")
            await asyncio.wait(flying, timeout=seconds)
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self._keep()
        self.journal.close()
>>>>>>> faults


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
