"""The fuzzer's command: all parsers, each in a process of its own, and a table of what became of the inputs."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .harness import attempt
from .harnesses import HARNESSES
from .trial import fuzz

# When a child is taken for hung. Both by what it computes, so that one which others leave no processor is none.
GRACE = 90.0  # seconds of the processor beyond its share: for imports, seeds, shrinking
IDLE = 120.0  # seconds without a tick of the processor


def main() -> int:
    """0 where nothing crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="time for all parsers together (default 60)")
    parser.add_argument("--inputs", type=int, help="at most so many mutated inputs for each parser (default: no limit)")
    parser.add_argument("--only", action="append", choices=sorted(HARNESSES), help="one parser; may be repeated")
    parser.add_argument("--seed", type=int, help="of the mutations; default: another each time, told in the table")
    parser.add_argument("--seeds", type=Path, help="folder with further inputs, such as hostile corpora at hand")
    parser.add_argument(
        "--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="parsers at once (default: cores, 4)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(tempfile.gettempdir()) / "arcmill-fuzz", help="folder for inputs that fail"
    )
    parser.add_argument("--again", type=Path, help="try this one input with --only NAME, and show what it raises")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.only or sorted(HARNESSES)
    if given.again:
        tried = attempt(HARNESSES[names[0]], given.again.read_bytes())
        print(tried.detail or tried.outcome)
        return int(bool(tried.crash))
    given.out.mkdir(parents=True, exist_ok=True)
    if given.seed is None:
        given.seed = random.SystemRandom().randrange(1 << 32)
    if given.child:
        print(json.dumps(fuzz(HARNESSES[names[0]], given.seconds, given.inputs, given.seed, given.seeds, given.out)))
        return 0
    jobs = max(1, min(given.jobs, len(names)))
    given.seconds *= jobs / len(names)
    print(
        f"seed {given.seed}\n{'parser':<14} {'inputs':>8} {'per s':>7} {'kinds':>6}  outcomes (most frequent), crashes"
    )
    crashed = 0
    with ThreadPoolExecutor(jobs) as pool:
        for name, found in zip(names, pool.map(lambda name: _child(name, given), names), strict=True):
            crashed += len(found["crashes"])
            shown = ", ".join(f"{outcome} {count}" for outcome, count in Counter(found["outcomes"]).most_common(3))
            rate = found["inputs"] / max(found["spent"], 0.001)
            print(f"{name:<14} {found['inputs']:>8} {rate:>7.0f} {len(found['outcomes']):>6}  {shown:.110}", flush=True)
            for crash, file in found["crashes"].items():
                print(f"    CRASH {crash}: {file}", flush=True)
    return int(crashed > 0)


def _child(name: str, given: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.fuzz", "--child", "--only", name, "--seed", str(given.seed)]
    command += ["--seconds", str(given.seconds), "--out", str(given.out)]
    command += ["--seeds", str(given.seeds)] if given.seeds else []
    command += ["--inputs", str(given.inputs)] if given.inputs is not None else []
    current, errors = given.out / f"{name}.current", given.out / f"{name}.stderr"
    # Not through pipes: a process that a parser left behind would hold them open, and be taken for the child's hanging.
    with tempfile.TemporaryFile("w+") as told, errors.open("w+") as wrong:
        environment = {**os.environ, "PYTHONHASHSEED": "0"}  # the same inputs again, whatever a set's order decides
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=wrong, env=environment)
        hung = not _ended(child, given.seconds + GRACE)
        if hung:
            child.send_signal(signal.SIGABRT)  # faulthandler tells where it is
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        told.seek(0), wrong.seek(0)
        lines, last = told.read().splitlines(), (wrong.read().strip().splitlines() or [""])
    if child.returncode == 0:
        errors.unlink()
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    place = next((line.strip() for line in last if line.startswith("  File ")), last[-1])[:200]
    crash = "hangs, and cannot be interrupted" if hung else f"the process ended with status {child.returncode}"
    return {"inputs": 0, "spent": 1.0, "outcomes": {}, "crashes": {f"{crash} ({place}; {errors})": str(current)}}


def _ended(child: subprocess.Popen[bytes], most: float) -> bool:
    """Wait until it ends. False where it has used more than `most` seconds of the processor, or sleeps."""
    used, moved = 0, time.monotonic()
    while True:
        try:
            child.wait(1)
            return True
        except subprocess.TimeoutExpired:
            after = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(after[11]) + int(after[12])  # in user and in system mode (proc(5), fields 14 and 15)
        if ticks > used:
            used, moved = ticks, time.monotonic()
        if used > most * os.sysconf("SC_CLK_TCK") or time.monotonic() - moved > IDLE:
            return False


if __name__ == "__main__":
    sys.exit(main())
