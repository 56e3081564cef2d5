"""Faults, stage by stage, over the real command on little data: what was said, whether the next run finished, the same bytes.

    python benchmarks/faults/run.py --work DIR                      all kinds of faults, every stage that needs no GPU
    python benchmarks/faults/run.py --work DIR --only kill disk     some kinds
    python benchmarks/faults/run.py --work DIR --steps docs exact   some steps of every_stage.yaml
    python benchmarks/faults/run.py --work DIR --seed 2             other moments

DIR gets `raw/` (the made input), `whole/` (undisturbed runs, made once), a file of rows for each kind, and `table.md`. The kinds
`disk` and `readonly` mount a tmpfs and need root. Large inputs and skew are in sizes.py, clocks in clock.py. Ends with status 1
where something did not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import damage
import kills
import places
import raw
import warm
from answers import answering
from command import verified
from steps import Case, cases, uncovered, undisturbed
from table import Row, by_stage, load, markdown, store

KINDS: dict[str, Callable[[Case, int], Row | None]] = {
    "kill": kills.killed,
    "twice": places.two_runs,
    "disk": places.full,
    "readonly": places.read_only,
    "flip": partial(damage.damaged, kind="flipped bit in a part"),
    "cut": partial(damage.damaged, kind="cut part"),
    "missing": partial(damage.damaged, kind="missing part"),
    "manifest": partial(damage.damaged, kind="cut manifest"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=Path, help="folder that is this command's alone")
    parser.add_argument("--only", nargs="*", choices=list(KINDS), default=list(KINDS), help="kinds of faults")
    parser.add_argument("--steps", nargs="+", help="steps of every_stage.yaml; all")
    parser.add_argument("--seed", type=int, default=1, help="of moments, sizes and places")
    parser.add_argument(
        "--part", default="", help="names the rows of this command, where several share DIR, each with steps of its own"
    )
    parser.add_argument("--verify", action="store_true", help="in the end, `arcmill verify` of all that was killed")
    given = parser.parse_args()
    work = given.work.absolute()
    if not (work / "raw").exists():
        raw.write(work / "raw")
    warm.preload()
    with answering() as endpoint:
        found = [case for case in cases(work, endpoint) if not given.steps or case.name in given.steps]
        for case in found:
            if not case.known() and (problem := undisturbed(case)):
                print(f"undisturbed {case.name} FAILED: {problem}", flush=True)
                continue
            for kind in given.only:
                run(kind, case, given.seed, work / f"{kind}-{given.seed}{given.part}.jsonl")
    found = cases(work, "")
    rows = [row for kind in KINDS for place in sorted(work.glob(f"{kind}-{given.seed}*.jsonl")) for row in load(place)]
    if given.verify:
        rows = verify(rows, found, work)
    (work / "table.md").write_text(by_stage(rows) + "\n" + markdown(rows))
    print(markdown([row for row in rows if not row.held]))
    told = ", ".join(uncovered(found)) or "none"
    print(f"{sum(row.held for row in rows)} of {len(rows)} faults held; stages without a step: {told}")
    return int(not all(row.held for row in rows))


def run(kind: str, case: Case, seed: int, place: Path) -> None:
    """One kind of fault of one step, told and stored."""
    started = time.monotonic()
    row = KINDS[kind](case, seed)
    if row is None:
        return
    said = f"{kind:<9} {case.name:<13} {'held' if row.held else 'BROKE'}  {time.monotonic() - started:5.1f} s  {row.happened}"
    print(said if row.held else f"{said} | {row}", flush=True)
    store([*(old for old in load(place) if old.stage != row.stage), row], place)


def verify(rows: list[Row], found: list[Case], work: Path) -> list[Row]:
    """Rows about kills with what `arcmill verify` says of their datasets."""
    problems = verified(work / kills.KILLED, work)
    print(
        f"verify: {sum(not each for each in problems.values())} of {len(problems)} killed and taken up are as they should be"
    )
    names = {case.label: case.name for case in found}
    return [
        row._replace(conserved=problems.get(names[row.stage]) == []) if row.fault == kills.FAULT else row
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
