"""kill -9 at drawn moments of each stage, two on one output, and then a run to its end: the same bytes, nothing lost."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from command import digest, left_behind
from steps import LONGEST, WHOLE, Case
from table import Row
from warm import Child

KILLED, FAULT = "killed", "kill -9"


def killed(case: Case, seed: int) -> Row:
    """Kill one stage twice: at a drawn write, and what took that up at a drawn time."""
    chance = random.Random(f"{seed} {case.name}")
    workers = 2 if chance.random() < 0.25 else 1
    output = f"{KILLED}/{case.name}"
    folder, log = str(case.work / output), str(case.log)
    for old in (folder, f"{folder}.journal"):
        shutil.rmtree(old, ignore_errors=True)
    moments: list[str] = []
    ends: list[str] = []
    for write in (chance.randint(1, case.writes), None):
        if write is None:
            share = chance.random()
            moments.append(f"{share:.2f} of the time")
            child = Child(case.arguments(output, workers), case.work, case.name)
            _kill_after(child, Path(folder), share * case.seconds)
        else:
            moments.append(f"write {write} of {case.writes}")
            child = Child(case.arguments(output, 1), case.work, case.name, folder, log, write)
        ended = child.wait(LONGEST)
        if ended.status == 0:
            ends.append("ended before")
        elif ended.status == -9:
            ends.append("killed")
        else:
            ends.append(f"exit {ended.status}: {ended.last}")
    again = Child(case.arguments(output, workers), case.work, case.name).wait(LONGEST)
    same = digest(case.work / output) == digest(case.work / WHOLE / case.name) != ""
    rests = [path.name for path in (case.work / KILLED).glob(f"{case.name}/_staging*")]
    orphans = left_behind(case.name)
    told = f"exit {again.status}" + (f": {again.last}" if again.status else "")
    told += f"; left {', '.join(rests)}" if rests else ""
    told += f"; {len(orphans)} processes outlived it" if orphans else ""
    return Row(
        FAULT, case.label, "; ".join(moments), "; ".join(ends), told, again.status == 0 and not rests and not orphans, same
    )  # fmt: skip


def _kill_after(child: Child, folder: Path, seconds: float) -> None:
    """Kill it that long after it began to write."""
    while not child.poll() and not (folder / "_staging").exists():
        time.sleep(0.002)
    ends = time.monotonic() + seconds
    while not child.poll() and time.monotonic() < ends:
        time.sleep(0.002)
    child.kill()
