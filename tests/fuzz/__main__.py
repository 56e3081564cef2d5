"""The fuzzer's command: all parsers in turn, each in a process of its own, and a table of what became of the inputs."""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .harness import Harness, Tried, attempt
from .harnesses import HARNESSES
from .mutate import of_bytes, of_json, shrunk

ROOM = 2 << 30  # bytes of address space that inputs may take, beyond what the process has after its seeds
GRACE = 90.0  # seconds for imports, seeds, shrinking; then a child is taken for hung


def main() -> int:
    """0 where nothing crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="time for all parsers together (default 60)")
    parser.add_argument("--only", action="append", choices=sorted(HARNESSES), help="one parser; may be repeated")
    parser.add_argument("--seed", type=int, help="of the mutations; default: another each time, told in the table")
    parser.add_argument("--seeds", type=Path, help="folder with further inputs, such as hostile corpora at hand")
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
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    if given.child:
        print(json.dumps(_fuzz(HARNESSES[names[0]], given.seconds, seed, given.seeds, given.out)))
        return 0
    print(f"seed {seed}\n{'parser':<14} {'inputs':>8} {'per s':>7} {'kinds':>6}  outcomes (most frequent), crashes")
    crashed = 0
    for name in names:
        found = _child(name, given.seconds / len(names), seed, given.seeds, given.out)
        crashed += len(found["crashes"])
        shown = ", ".join(f"{outcome} {count}" for outcome, count in Counter(found["outcomes"]).most_common(3))
        rate = found["inputs"] / max(found["spent"], 0.001)
        print(f"{name:<14} {found['inputs']:>8} {rate:>7.0f} {len(found['outcomes']):>6}  {shown:.110}", flush=True)
        for crash, file in found["crashes"].items():
            print(f"    CRASH {crash}: {file}", flush=True)
    return int(crashed > 0)


def _child(name: str, seconds: float, seed: int, seeds: Path | None, out: Path) -> dict:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--child",
        "--only",
        name,
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
    ]
    command += ["--out", str(out), *(["--seeds", str(seeds)] if seeds else [])]
    empty = {"inputs": 0, "spent": 1.0, "outcomes": {}}
    current = out / f"{name}.current"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE)
    except subprocess.TimeoutExpired:
        return {**empty, "crashes": {"hangs, and cannot be interrupted": str(current)}}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {**empty, "crashes": {f"the process ended with status {done.returncode} ({last[:200]})": str(current)}}
    return json.loads(done.stdout.splitlines()[-1])


def _fuzz(harness: Harness, seconds: float, seed: int, folder: Path | None, out: Path) -> dict:
    turn = random.Random(f"{harness.name} {seed}")
    held = list(harness.seeds())
    if folder is not None:
        held += [
            path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size < 1 << 20
        ]
    tokens = [token.encode("utf-8", "surrogatepass") for token in harness.tokens]
    outcomes: Counter[str] = Counter()
    crashes: dict[str, str] = {}
    current = out / f"{harness.name}.current"

    def one(data: bytes) -> Tried:
        current.write_bytes(data)  # what a process that dies was at
        return attempt(harness, data)

    harness.run(held[0])  # imports what it needs, which takes longer than an input may
    for number, data in enumerate(held):
        tried = one(data)
        outcomes[tried.outcome] += 1
        if tried.crash and folder is None:
            raise AssertionError(f"seed {number} of {harness.name}: {tried.detail}")
    _bound_memory()
    began, inputs = time.monotonic(), len(held)
    while time.monotonic() - began < seconds:
        data = (
            of_json(held, harness.tokens, turn) if harness.json and turn.randrange(4) else of_bytes(held, tokens, turn)
        )
        inputs += 1
        tried = one(data)
        if tried.outcome not in outcomes and not tried.crash and len(data) < 1 << 16:
            held.append(data)  # a new kind of end: what is near it may end in yet others
        outcomes[tried.outcome] += 1
        if tried.crash and tried.crash not in crashes:
            kind = tried.crash
            small = shrunk(data, lambda less, kind=kind: one(less).crash == kind, 8 if "Hang" in kind else 400)
            file = out / f"{harness.name}-{len(crashes)}.bin"
            file.write_bytes(small)
            file.with_suffix(".txt").write_text(attempt(harness, small).detail)
            crashes[kind] = str(file)
    current.unlink(missing_ok=True)
    return {"inputs": inputs, "spent": time.monotonic() - began, "outcomes": outcomes, "crashes": crashes}


def _bound_memory() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))


if __name__ == "__main__":
    sys.exit(main())
