"""Peak memory of a process, per task (Linux: the kernel's high-water mark; elsewhere the process's own)."""

from __future__ import annotations

import contextlib
import resource
import sys


def reset_peak_memory() -> None:
    """Start a new high-water mark, where the system lets us."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
        stream.write("5")


def peak_memory() -> int:
    """Bytes of resident memory at the most since the last reset."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as stream:
        for line in stream:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
