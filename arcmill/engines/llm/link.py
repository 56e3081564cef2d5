"""The stage's end of the gateway: starts the process, sends requests, hands on what comes back."""

from __future__ import annotations

import atexit
import contextlib
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from arcmill.engines.llm.settings import LlmSettings
from arcmill.engines.llm.wire import decode, encode
from arcmill.errors import EngineError, UsageError

LOST = {"lost": True}  # the event that says that the gateway is gone


class Link:
    """One gateway process. Its messages arrive on `events`, from a thread of their own."""

    def __init__(self, events: queue.SimpleQueue[dict[str, Any]]) -> None:
        ours, theirs = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs:
            # A session of its own: what kills the stage, or interrupts it at the terminal, must not take the answers along.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "arcmill.engines.llm.gateway", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=self._log, env=_environment(),
            )  # fmt: skip
        self._socket = ours
        self._write = ours.makefile("wb")
        self.events = events
        threading.Thread(target=self._listen, args=(ours.makefile("rb"),), daemon=True).start()

    def _listen(self, stream: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in stream:
                self.events.put(decode(line))
        self.events.put(LOST)

    def send(self, messages: list[dict[str, Any]]) -> None:
        """Several messages at once. A gateway that is gone is told by LOST, not here."""
        with contextlib.suppress(OSError, ValueError):
            self._write.write(b"".join(encode(message) + b"\n" for message in messages))
            self._write.flush()

    def last_words(self) -> str:
        """The end of what the gateway printed, for an error message."""
        self._log.seek(max(0, self._log.seek(0, 2) - 2000))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def close(self) -> None:
        """Let the gateway end; it finishes what is under way by itself."""
        if self in _links:
            _links.remove(self)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()


def _environment() -> dict[str, str]:
    """The gateway imports arcmill from where we have it."""
    import os

    import arcmill

    place = str(Path(arcmill.__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([place, *filter(None, [os.environ.get("PYTHONPATH")])])}


_links: list[Link] = []


def link(events: queue.SimpleQueue[dict[str, Any]]) -> Link:
    """The gateway of this process, begun on first use: servers that it started serve the stages that follow, too."""
    if _links and _links[0].process.poll() is None:
        _links[0].events = events
        return _links[0]
    _links.clear()
    _links.append(Link(events))
    return _links[0]


@atexit.register
def _close() -> None:
    for held in _links:
        held.close()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt, SystemExit):  # told twice to end
            held.process.wait(timeout=20)


def opened(
    events: queue.SimpleQueue[dict[str, Any]], settings: LlmSettings, model: str, journal: str,
    waiting: Callable[[float], None] = lambda seconds: None,
) -> tuple[Link, dict[str, Any]]:  # fmt: skip
    """A gateway with a session for this model and journal. UsageError or EngineError where it refuses.

    `waiting` is told every second for how long it has been opening: a large model takes minutes.
    """
    held = link(events)
    held.send([{"open": {"settings": settings.model_dump(mode="json"), "model": model, "journal": journal}}])
    others = []
    started = time.monotonic()
    try:
        while True:
            try:
                event = events.get(timeout=1.0)
            except queue.Empty:
                waiting(time.monotonic() - started)
                continue
            if "opened" in event:
                return held, event["opened"]
            if "fatal" in event:
                raise failure(event)
            if event is LOST:
                raise EngineError(f"the LLM gateway died: {held.last_words()}")
            others.append(event)  # such as the end of some work of a row
    finally:
        for event in others:
            events.put(event)


def failure(event: Mapping[str, Any]) -> UsageError | EngineError:
    """What a `fatal` message means for a user."""
    return UsageError(event["fatal"]) if event["usage"] else EngineError(event["fatal"])
