"""Faults of the place that is written: a full disk, one that is read-only, and two runs on one output, for each stage."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command import Ran, digest
from steps import LONGEST, WHOLE, Case
from table import Row
from warm import Child

SMALLEST = 32 << 10  # bytes of a disk; an empty tmpfs takes some


@contextmanager
def disk(place: Path, options: str) -> Iterator[None]:
    """A tmpfs at a folder. Needs root."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def options(place: Path, given: str) -> None:
    """Change those of a mounted one."""
    subprocess.run(["mount", "-o", f"remount,{given}", str(place)], check=True)


def run(case: Case, output: str, workers: int = 1) -> Ran:
    return Child(case.arguments(output, workers), case.work, case.name).wait(LONGEST)


def same(case: Case, output: str) -> bool:
    return digest(case.work / output) == digest(case.work / WHOLE / case.name) != ""


def told(ran: Ran) -> str:
    """Exit status and last words, a traceback if there was one."""
    return f"exit {ran.status}" + (" TRACEBACK" if ran.traceback else "") + (f": {ran.last}" if ran.status else "")


def full(case: Case, seed: int) -> Row:
    """A disk with room for a drawn share of the output; then room is made and the command run again."""
    made = sum(path.stat().st_size for path in (case.work / WHOLE / case.name).rglob("*") if path.is_file())
    share = random.Random(f"{seed} full {case.name}").uniform(0.1, 0.8)
    size = max(int(made * share), SMALLEST)
    place = case.work / "disk-full"
    with disk(place, f"size={size}"):
        first = run(case, "disk-full/out")
        options(place, "size=1g")
        again = run(case, "disk-full/out")
        equal = same(case, "disk-full/out")
    fine = again.status == 0 and not first.traceback and (first.status == 0 or "no space left" in first.last.lower())
    return Row("disk full", case.label, f"{size:,} of {made:,} bytes", told(first), told(again), fine, equal)


def read_only(case: Case, seed: int) -> Row:
    """A disk on which nothing can be written; then it can."""
    place = case.work / "disk-ro"
    with disk(place, "size=1g,ro"):
        first = run(case, "disk-ro/out")
        options(place, "rw")
        again = run(case, "disk-ro/out")
        equal = same(case, "disk-ro/out")
    fine = again.status == 0 and not first.traceback and first.status == 4 and "read-only" in first.last.lower()
    return Row("read-only output", case.label, "", told(first), told(again), fine, equal)


def two_runs(case: Case, seed: int) -> Row:
    """Two commands on one output, begun together."""
    output = f"twice/{case.name}"
    shutil.rmtree(case.work / output, ignore_errors=True)
    children = [Child(case.arguments(output, 1), case.work, case.name) for _ in range(2)]
    ends = sorted((child.wait(LONGEST) for child in children), key=lambda ran: ran.status)
    again = run(case, output)
    skipped = "skipped" in again.told
    refused = ends[1].status == 2 and "another run" in ends[1].last
    fine = ends[0].status == 0 and (refused or ends[1].status == 0) and skipped
    return Row(
        "two runs on one output", case.label, "", "; ".join(told(ran) for ran in ends), told(again), fine, same(case, output)
    )  # fmt: skip
