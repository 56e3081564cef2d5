"""Attempts to get out of a sandbox: one prints `out` where it works and `held` where it is refused, so a test sees both."""

from __future__ import annotations

import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from arcmill.sandbox import Limits, Ran, Sandbox, available

needs_sandbox = pytest.mark.skipif(not available(), reason=f"no sandbox here: {available().found}")
LIMITS = Limits(
    wall=5, cpu=5, memory=192 << 20, processes=12, tmp=8 << 20, inodes=200, file_size=2 << 20, output=64 << 10
)
HEAD = """
import ctypes, errno, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(action, *arguments):
    try: done = action(*arguments)
    except (OSError, RuntimeError, ValueError, AttributeError, KeyError) as error: return print("held", type(error).__name__)
    print("out", done)
def call(name, *arguments):
    done = getattr(libc, name)(*arguments)
    print("held" if done == -1 else "out", name, done, ctypes.get_errno())
def number(n, *arguments):
    done = libc.syscall(ctypes.c_long(n), *arguments)
    print("held" if done == -1 else "out", n, done, ctypes.get_errno())
"""


def run(sandbox: Sandbox, program: str, **given) -> Ran:
    return sandbox.run(HEAD + textwrap.dedent(program), **given)


def held(ran: Ran, count: int = 1) -> None:
    """At least `count` attempts were made, and all of them refused."""
    words = [line.split(" ")[0] for line in ran.stdout.decode("utf-8", "replace").splitlines()]
    assert words == ["held"] * len(words) and len(words) >= count, (ran.stdout, ran.stderr, ran.exit)


def processes_with(word: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if word in line:
                found.append(line)
    return found


def begun() -> set[int]:
    """The sandboxes of this process."""
    shown = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout
    return {int(line.split()[0]) for line in shown.splitlines() if "bwrap" in line}
