"""The arcmill command in a fork of a process that has imported what all commands import: a kill costs no second start.

What is run is the command's own `main`, with its own standard error, in a process of its own; nothing that begins threads
is imported before. Where the machine is not busy, `command.arcmill` does the same with a new interpreter.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from command import MARK, ROOT, Ran
from moments import watch

sys.path.insert(0, str(ROOT))

_SHARED = (
    "pipelines.cli pipelines.commands.stage pipelines.runner arcmill.execute arcmill.engines.datatrove arcmill.parts "
    "datatrove.executor.base pyarrow.parquet numpy fsspec.implementations.local pandas numba networkx"
).split()


def preload() -> None:
    """Import them, and the declarations of all stages."""
    from importlib import import_module

    from pipelines.catalogue import STAGES

    for name in (*_SHARED, *(listed.module for listed in STAGES.values())):
        import_module(name)


class Child:
    """A command under way."""

    def __init__(
        self, arguments: list[str], cwd: Path, mark: str, folder: str = "", log: str = "", moment: int = 0
    ) -> None:
        self._started = time.monotonic()
        self._told = Path(tempfile.mkstemp(prefix="faults-")[1])
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.environ |= {MARK: mark, "PYTHONPATH": str(ROOT)}
                os.chdir(cwd)
                out = os.open(self._told, os.O_WRONLY | os.O_APPEND)
                os.dup2(out, 1)
                os.dup2(out, 2)
                sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
                sys.argv = ["arcmill", *arguments]
                if folder:
                    watch(folder, log, moment)
                from pipelines.cli import main

                main(arguments)
            finally:
                os._exit(99)
        self.status: int | None = None

    def poll(self) -> bool:
        """Whether it has ended."""
        if self.status is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> Ran:
        """Its end; it is killed, and told as status 124, where that does not come."""
        deadline = time.monotonic() + timeout
        while not self.poll():
            if time.monotonic() > deadline:
                self.kill()
                os.waitpid(self.pid, 0)
                self.status = 124
                break
            time.sleep(0.01)
        told = self._told.read_text(errors="replace")
        self._told.unlink()
        assert self.status is not None
        return Ran(self.status, told, time.monotonic() - self._started)
