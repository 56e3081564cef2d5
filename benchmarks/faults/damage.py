"""Faults of what is read: a flipped byte in a part, a part or a manifest that is cut, a part that is gone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from command import digest
from places import told
from steps import LONGEST, WHOLE, Case
from table import Row
from warm import Child

MANIFEST = "manifest.json"


def datasets(case: Case) -> list[tuple[str, str]]:
    """Inputs that are datasets with parts: name and path."""
    found = []
    for name, paths in case.inputs.items():
        for path in paths:
            if (case.work / path / MANIFEST).exists() and list((case.work / path).glob("part-*.parquet")):
                found.append((name, path))
    return found


def flipped(folder: Path, chance: random.Random) -> str:
    """One bit of the largest part, before its footer."""
    part = max(folder.glob("part-*.parquet"), key=lambda path: path.stat().st_size)
    data = bytearray(part.read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    place = chance.randrange(4, len(data) - footer)
    data[place] ^= 1 << chance.randrange(8)
    part.write_bytes(data)
    return f"{part.name}, byte {place} of {len(data)}"


def cut(folder: Path, chance: random.Random) -> str:
    part = max(folder.glob("part-*.parquet"), key=lambda path: path.stat().st_size)
    size = part.stat().st_size
    left = chance.randrange(size)
    part.write_bytes(part.read_bytes()[:left])
    return f"{part.name}, {left} of {size} bytes left"


def gone(folder: Path, chance: random.Random) -> str:
    part = max(folder.glob("part-*.parquet"), key=lambda path: path.stat().st_size)
    part.unlink()
    return part.name


def cut_manifest(folder: Path, chance: random.Random) -> str:
    text = (folder / MANIFEST).read_text()
    left = chance.randrange(len(text) - 2)
    (folder / MANIFEST).write_text(text[:left])
    return f"{MANIFEST}, {left} of {len(text)} characters left"


KINDS: dict[str, Callable[[Path, random.Random], str]] = {
    "flipped bit in a part": flipped, "cut part": cut, "missing part": gone, "cut manifest": cut_manifest,
}  # fmt: skip


def damaged(case: Case, seed: int, kind: str) -> Row | None:
    """Damage one drawn input of a stage, and run it: it must name the file, or not have read what is damaged."""
    found = datasets(case)
    if not found:
        return None
    chance = random.Random(f"{seed} {kind} {case.name}")
    name, path = chance.choice(found)
    place = f"damaged-{kind.split()[0]}-{kind.split()[-1]}"
    shutil.rmtree(case.work / place, ignore_errors=True)
    copy = case.work / place / Path(path).name
    shutil.copytree(case.work / path, copy)
    what = KINDS[kind](copy, chance)
    file = what.split(",")[0]
    inputs = {
        key: [f"{place}/{copy.name}" if (key, each) == (name, path) else each for each in paths]
        for key, paths in case.inputs.items()
    }
    ran = Child(case.arguments(f"{place}/out", 1, inputs), case.work, case.name).wait(LONGEST)
    if ran.status == 0:
        # The rest of the identity is the same, so the same rows are the same bytes.
        equal = digest(case.work / f"{place}/out") == digest(case.work / WHOLE / case.name)
        end = "went on, same bytes: it reads none of the damaged columns" if equal else "WENT ON WITH OTHER ROWS"
        return Row(kind, case.label, f"{name}: {what}", f"exit 0: {end}", "", equal, equal)
    named = file in ran.last and ran.status in (3, 4) and not ran.traceback
    return Row(kind, case.label, f"{name}: {what}", told(ran), "", named, None)
