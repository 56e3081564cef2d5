"""A command with the processor time and the memory that it took, all its processes together."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from command import ARCMILL, Ran, environment


class Took(NamedTuple):
    """How a command ended, and what it took."""

    ran: Ran
    cpu: float  # seconds, of it and of its processes that ended before it
    peak: int  # bytes resident at one time, of all its processes; looked at ten times a second


def measured(*arguments: str, cwd: Path, timeout: float = 3000) -> Took:
    """Run the command to its end."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [*ARCMILL, *arguments], cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=told, start_new_session=True
        )  # fmt: skip
        peak, ended = [0], threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peak, ended, started + timeout))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        ended.set()
        watcher.join()
        told.seek(0)
        ran = Ran(os.waitstatus_to_exitcode(status), told.read(), time.monotonic() - started)
    return Took(ran, usage.ru_utime + usage.ru_stime, peak[0])


def _watch(session: int, peak: list[int], ended: threading.Event, deadline: float) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while not ended.wait(0.1):
        total = 0
        for entry in os.scandir("/proc"):
            if not entry.name.isdecimal():
                continue
            try:
                with open(f"/proc/{entry.name}/stat", encoding="utf-8", errors="replace") as stream:
                    fields = stream.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session:
                total += int(fields[21]) * page
        peak[0] = max(peak[0], total)
        if time.monotonic() > deadline:
            os.kill(session, 9)
            return
