"""A command as a process of its own group: its lines as they come, and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence

GRACE = 30.0  # seconds between asking a process to end and ending it
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


class Process:
    """One run of a command. `say` gets each line of its output and errors, in the order in which they come."""

    def __init__(self, argv: Sequence[str], folder: str, say: Callable[[str], None], *, grace: float = GRACE) -> None:
        """Start it in `folder`. Raises FileNotFoundError where there is no such command."""
        self.last: deque[str] = deque(maxlen=20)
        self._say, self._grace = say, grace
        self._process = subprocess.Popen(
            list(argv), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            process_group=0, preexec_fn=_die_with_parent(),
        )  # fmt: skip
        # By a thread, and not to the end of the stream: orphans of a killed process may hold it open.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """The exit status; minus the signal for a process that one ended. Its group is gone when this returns or raises."""
        try:
            return self._process.wait()
        finally:
            if self._process.poll() is None:  # an exception came, such as a time-out
                self.end()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(self._grace)
            self._reader.join(2.0)
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._reader.join(2.0)

    def end(self) -> None:
        """Ask the group to end, which keeps finished parts; what still runs after the grace is killed. Returns at once."""
        self._signal(signal.SIGTERM)
        timer = threading.Timer(self._grace, self._signal, (signal.SIGKILL,))
        timer.daemon = True
        timer.start()

    def _signal(self, number: int) -> None:
        # The group's id is free again only when all of it are gone, which nobody but `wait` can bring about.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self.last.append(line)
            self._say(line)


def _die_with_parent() -> Callable[[], None] | None:
    """Called in the child: on Linux it is asked to end when its parent is killed, so that a retry meets no running stage."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_DEATH_SIGNAL, signal.SIGTERM)

    return ask
