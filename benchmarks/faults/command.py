"""The arcmill command as a process of its own: what it said, how it ended, and what it left."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
ARCMILL = (sys.executable, "-m", "pipelines.cli")
MARK = "ARCMILL_FAULT"


class Ran(NamedTuple):
    """A command that ended."""

    status: int  # negative: the signal
    told: str  # stderr
    seconds: float

    @property
    def last(self) -> str:
        """What it ended with: the last lines from `arcmill:` on, as one."""
        head, found, tail = self.told.rpartition("arcmill: ")
        return " ".join((found + tail if found else head + tail).split())[:600]

    @property
    def traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.told


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}


def arcmill(
    *arguments: str, cwd: Path, program: Sequence[str] = ARCMILL, more: Mapping[str, str] | None = None, timeout: float = 900
) -> Ran:  # fmt: skip
    """Run it to its end."""
    started = time.monotonic()
    done = subprocess.run(
        [*program, *arguments], cwd=cwd, env=environment(more), capture_output=True, text=True, timeout=timeout, check=False
    )  # fmt: skip
    return Ran(done.returncode, done.stderr, time.monotonic() - started)


def begun(*arguments: str, cwd: Path, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Begin it."""
    return subprocess.Popen(
        [*ARCMILL, *arguments], cwd=cwd, env=environment(more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


def digest(folder: Path) -> str:
    """SHA-256 over every file of a dataset but its metrics, names included; "" where there is no manifest."""
    if not (folder / "manifest.json").exists():
        return ""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "metrics.json":
            total.update(str(path.relative_to(folder)).encode() + b"\0")
            with path.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    total.update(chunk)
    return total.hexdigest()


def counts(folder: Path) -> dict[str, int]:
    """The counts of a dataset."""
    told: dict[str, int] = json.loads((folder / "manifest.json").read_text())["counts"]
    return told


def metrics(folder: Path) -> dict[str, Any]:
    """What a dataset took."""
    told: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return told


def verified(folder: Path, cwd: Path, *more: str) -> dict[str, list[str]]:
    """`arcmill verify`: the problems of each dataset, by its name."""
    done = subprocess.run(
        [*ARCMILL, "verify", str(folder), "--json", *more], cwd=cwd, env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)["datasets"]
    return {Path(dataset["path"]).name: dataset["problems"] for dataset in found}


def left_behind(mark: str, seconds: float = 40) -> list[str]:
    """Processes that still have this mark in their environment, after some patience."""
    deadline = time.monotonic() + seconds
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"{MARK}={mark}".encode() in path.read_bytes().split(b"\0"):
                    found.append(path.parent.name)
            except OSError:
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)
