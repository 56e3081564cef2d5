"""The arcmill command, killed when it is about to write for the n-th time: a moment that can be had again on any machine.

    python moments.py FOLDER LOG N ARGUMENTS...

Counted are what its process opens for writing, makes, renames and removes in paths that begin with FOLDER; each is a byte of LOG.
At the N-th it sends itself SIGKILL, before the write; 0 never does.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"})
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(folder: str, log: str, moment: int) -> None:
    """Count from now on."""
    told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    seen = 0

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "open":
            if not isinstance(given[2], int) or not given[2] & WRITES:
                return
        elif event not in CHANGES:
            return
        inside = any(isinstance(value, str) and value.startswith(folder) for value in given[:2])
        # shutil.rmtree names what it removes beside an open folder
        if inside or (event in ("os.remove", "os.rmdir") and isinstance(given[1], int) and given[1] >= 0):
            seen += 1
            os.write(told, b".")
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    watch(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    from pipelines.cli import main

    main(sys.argv[4:])
