"""Servers that are ours: started, waited for, watched, started again when they die, and ended with everything they began.

    manager = ServerManager(folder_for_logs)
    server = await manager.server(model, settings)   # started, or the one that runs already; its url and key
    await server.ensure_alive()                      # before asking, and every some seconds
    manager.stop()

A server answers on the loopback interface only, and only who has its key: a random one, in the environment of the two
processes and nowhere else. It stands under a guard (`guard`), so it does not outlive this process in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from arcmill.engines.llm import guard
from arcmill.engines.llm.launch import KEY, Launch, launch
from arcmill.engines.llm.settings import LlmSettings
from arcmill.errors import EngineError

ANSWER = 10.0  # longest wait for an answer of /health; seconds
HUNG = 60.0  # seconds without an answer of /health after which a server that runs is ended and started again
SETTLED = 600.0  # seconds of life after which earlier deaths no longer count
LONGEST_PAUSE = 30.0  # seconds before a restart, at most
_TAIL = 12  # lines of the log in an error
_CAUSES = (
    (r"CUDA out of memory|OutOfMemoryError|Cannot allocate memory|MemoryError|DefaultCPUAllocator", "out of memory"),
    (r"No available memory for the cache|larger than the available KV cache|KV cache is needed", "no memory for the cache: "
     "lower llm.max_model_len, or raise llm.gpu_memory_utilization"),
    (r"[Aa]ddress already in use|Errno 98", "the port is in use"),
    (r"No module named", "a package is missing: `pip install 'arcmill[llm]'`, or vllm by llm.python"),
    (r"LocalEntryNotFoundError|OfflineModeIsEnabled|couldn't connect to|is not a local folder|Repo id must be", "the model "
     "is not on this machine, and the hub cannot be reached: give a local folder as model"),
    (r"unrecognized arguments|invalid choice|the following arguments are required", "an argument that it does not take"),
)  # fmt: skip


class Server:
    """One server process. Its methods may be called from one thread at a time, `stop` from any."""

    def __init__(self, started: Launch, key: str, settings: LlmSettings, logs: Path) -> None:
        self.name, self.key, self.restarts, self.omit = started.name, key, 0, started.omit
        self._launch, self._settings = started, settings
        self.port = settings.port or _free_port()
        self.log = logs / f"server-{re.sub(r'[^A-Za-z0-9.-]+', '-', started.name)[-60:]}-{self.port}.log"
        self._guard: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._silent: float | None = None  # since when /health has not answered
        self._ready = self._ended = False
        self._wake = threading.Event()
        self._turn = asyncio.Lock()
        self._deaths = 0

    @property
    def url(self) -> str:
        """The base URL; another port after a restart that found the old one taken."""
        return f"http://127.0.0.1:{self.port}/v1"

    def poll(self) -> int | None:
        """None while it runs, else its exit status (128 + the signal's number), as far as it was started."""
        return None if self._guard is None else self._guard.poll()

    def start(self) -> None:
        """Start it and wait until it answers. EngineError where it dies or does not in `llm.start_seconds`."""
        self._spawn()
        try:
            self._wait_ready()
        except BaseException:
            self._end()
            raise

    def ensure(self) -> None:
        """Return when it answers: start it, or start it again if it died or hangs, up to `llm.restarts` times."""
        while not self._ended:
            if self._guard is None:
                trouble = None
            elif (status := self._guard.poll()) is not None:
                trouble = self._died(status)
            elif self._healthy():
                self._ready, self._silent = True, None
                return
            else:
                self._silent = self._silent or time.monotonic()
                if time.monotonic() - self._silent < HUNG:
                    return  # busy, perhaps: requests have patience of their own
                trouble = f"it has not answered for {HUNG:g} s"
            if trouble is not None:
                self._end()
                self._count(trouble)
            try:
                self.start()
                return
            except EngineError as error:
                if self.restarts == 0 and self._deaths == 0:
                    raise  # it never ran: another try would end the same way
                self._note(str(error).splitlines()[0])

    async def ensure_alive(self) -> None:
        """`ensure` in a thread, one caller at a time, so that an event loop goes on meanwhile."""
        async with self._turn:
            await asyncio.to_thread(self.ensure)

    def stop(self) -> None:
        """End the server and all processes that it began, and wait for them. It cannot be started again."""
        self._ended = True
        self._wake.set()
        self._end()

    # -- the parts -----------------------------------------------------------------------------------------------

    def _spawn(self) -> None:
        if self._deaths and self._settings.port is None and not _is_free(self.port):
            self.port = _free_port()
        self._note(f"starting {' '.join(self._launch.command)} --port {self.port}")
        command = [*self._launch.command, "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, *command],
                stdin=subprocess.PIPE,  # its end tells the guard that we are gone
                stdout=log,
                stderr=log,
                env=dict(self._launch.environment),
                start_new_session=True,  # the terminal's interrupt is ours to handle
            )
        self._began, self._silent, self._ready = time.monotonic(), None, False

    def _wait_ready(self) -> None:
        limit = self._began + self._settings.start_seconds
        assert self._guard is not None
        while not self._ended:
            status = self._guard.poll()
            if status is not None:
                raise EngineError(f"the server of {self.name} did not start: {self._died(status)}\n{self._told()}")
            if self._healthy():
                self._ready = True
                return
            if time.monotonic() > limit:
                raise EngineError(
                    f"the server of {self.name} was not ready in {self._settings.start_seconds:g} s "
                    f"(llm.start_seconds)\n{self._told()}"
                )
            self._wake.wait(0.2)
        raise EngineError(f"the server of {self.name} was stopped while it started")

    def _healthy(self) -> bool:
        """Whether /health answers 200 on our port, and /v1 takes our key: another server may sit on a port of ours."""
        paths = ("/health",) if self._ready else ("/health", "/v1/models")
        for path in paths:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER)
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
                if connection.getresponse().status != 200:
                    return False
            except (OSError, http.client.HTTPException):
                return False
            finally:
                connection.close()
        return True

    def _count(self, trouble: str) -> None:
        """One more death, and the pause before the next start. EngineError where there were too many."""
        if time.monotonic() - self._began > SETTLED:
            self._deaths = 0
        self._deaths += 1
        if self._deaths > self._settings.restarts:
            raise EngineError(f"the server of {self.name} failed {self._deaths} times, last: {trouble}\n{self._told()}")
        self.restarts += 1
        self._note(f"restart {self.restarts}: {trouble}")
        self._wake.wait(min(LONGEST_PAUSE, 0.5 * 2 ** (self._deaths - 1)))

    def _died(self, status: int) -> str:
        lines = "\n".join(self._lines(200))
        causes = [cause for pattern, cause in _CAUSES if re.search(pattern, lines)]
        if status in (128 + signal.SIGKILL, -signal.SIGKILL) and not causes:
            causes = ["killed, most likely because the machine ran out of memory"]
        return f"it ended with status {status}" + (f" ({causes[0]})" if causes else "")

    def _told(self) -> str:
        shown = "\n".join(f"  {line}" for line in self._lines(_TAIL))
        return f"its log is {self.log}" + (f"; the last lines:\n{shown}" if shown else " (empty)")

    def _lines(self, count: int) -> list[str]:
        """The log's last lines since the last start, without the key."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 65536))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        text = text.rpartition("[arcmill] starting ")[2].partition("\n")[2].replace(self.key, "***")
        return [line[:300] for line in text.splitlines() if line.strip()][-count:]

    def _note(self, text: str) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"[arcmill] {text}\n")

    def _end(self) -> None:
        """The guard ends the rest; it is killed itself only where it does not come to an end."""
        guarded = self._guard
        if guarded is None:
            return
        if guarded.stdin:
            with contextlib.suppress(OSError):
                guarded.stdin.close()
        try:
            guarded.wait(guard.GRACE + 10)
        except subprocess.TimeoutExpired:
            guarded.kill()
            guarded.wait()
        self._guard = None if self._ended else guarded


class ServerManager:
    """The servers of one process, one for each model and way to start it."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._servers: dict[tuple[object, ...], Server] = {}

    async def server(self, model: str, settings: LlmSettings) -> Server:
        """A server that answers. Raises EngineError or UsageError with what to do."""
        identity = (
            model, settings.python, settings.tensor_parallel_size, settings.data_parallel_size, settings.port,
            settings.gpu_memory_utilization, settings.max_model_len, settings.quantization, *settings.serve_args,
        )  # fmt: skip
        server = self._servers.get(identity)
        if server is None:
            for other in self._servers.values():  # two large models seldom fit beside one another
                await asyncio.to_thread(other.stop)
            self._servers.clear()
            key = secrets.token_urlsafe(24)
            started = await asyncio.to_thread(launch, model, settings, key)
            assert started.environment[KEY] == key
            server = self._servers[identity] = Server(started, key, settings, self._logs)
        try:
            await server.ensure_alive()
        except BaseException:
            self._servers.pop(identity, None)
            await asyncio.to_thread(server.stop)
            raise
        return server

    def stop(self) -> None:
        """End all servers, and wait for it."""
        for server in self._servers.values():
            server.stop()
        self._servers.clear()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
