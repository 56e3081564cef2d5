"""One parser fuzzed in this process: its seeds, then mutations, and what was found."""

from __future__ import annotations

import faulthandler
import random
import resource
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .harness import Harness, Tried, attempt
from .mutate import of_bytes, of_json, shrunk

ROOM = 2 << 30  # bytes of address space that inputs may take, beyond what the process has after its seeds
FEWEST = 25  # mutated inputs, where imports and seeds have taken all the time
SHRINKING = 30.0  # seconds for all inputs that fail: one that takes seconds is kept as it is, and told in time


def fuzz(
    harness: Harness, seconds: float, most: int | None, seed: int, folder: Path | None, out: Path
) -> dict[str, Any]:
    """Try seeds, then mutations until so many seconds have passed, at most `most`; inputs that fail are written to `out`."""
    faulthandler.enable()
    began = time.monotonic()
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
    left = SHRINKING

    def one(data: bytes) -> Tried:
        current.write_bytes(data)  # what a process that dies was at
        return attempt(harness, data)

    def keep(data: bytes, tried: Tried) -> None:
        nonlocal left
        file = out / f"{harness.name}-{len(crashes)}.bin"
        crashes[tried.crash] = str(file)
        file.write_bytes(data)
        file.with_suffix(".txt").write_text(tried.detail)
        started = time.monotonic()
        end = started + left
        small = shrunk(data, lambda less: time.monotonic() < end and one(less).crash == tried.crash)
        left -= time.monotonic() - started
        file.write_bytes(small)

    harness.run(held[0])  # imports what it needs, which takes longer than an input may
    for number, data in enumerate(held):
        tried = one(data)
        outcomes[tried.outcome] += 1
        if tried.crash and folder is None:
            raise AssertionError(f"seed {number} of {harness.name}: {tried.detail}")
        if tried.crash and tried.crash not in crashes:
            keep(data, tried)
    _bound_memory()
    inputs = 0
    while (inputs < FEWEST or time.monotonic() - began < seconds) and (most is None or inputs < most):
        data = (
            of_json(held, harness.tokens, turn) if harness.json and turn.randrange(4) else of_bytes(held, tokens, turn)
        )
        inputs += 1
        tried = one(data)
        if tried.outcome not in outcomes and not tried.crash and len(data) < 1 << 16:
            held.append(data)  # a new kind of end: what is near it may end in yet others
        outcomes[tried.outcome] += 1
        if tried.crash and tried.crash not in crashes:
            keep(data, tried)
    current.unlink(missing_ok=True)
    spent = time.monotonic() - began
    return {"inputs": inputs, "spent": spent, "outcomes": outcomes, "crashes": crashes}


def _bound_memory() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
