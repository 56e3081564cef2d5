"""One stage's requests: what is queued, under way, asked again or lost, over the endpoints of its model."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcmill.engines.llm.endpoint import Endpoint, Refused, Rejected, Retry
from arcmill.engines.llm.journal import Journal, no_room, request_key
from arcmill.engines.llm.pace import Pace
from arcmill.engines.llm.server import Server
from arcmill.engines.llm.settings import LlmSettings
from arcmill.errors import ArcmillError

if TYPE_CHECKING:
    from arcmill.engines.llm.gateway import Gateway

STATUS_SECONDS = 1.0  # a server that shares its processor with us pays for each look at its figures
WATCH_SECONDS = 2.0  # between two looks at a server of our own
LONGEST_PAUSE = 30.0  # seconds between two tries
LONGEST_ASKED = 600.0  # seconds that a server's Retry-After is followed
SICK = 3  # failures without a success between, after which other endpoints are asked instead
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
