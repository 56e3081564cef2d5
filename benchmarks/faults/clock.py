"""Stages while the clock of the machine jumps by years, forwards and backwards, with libfaketime: the same bytes in the same time.

    python benchmarks/faults/clock.py --work DIR --library libfaketimeMT.so.1

DIR is one in which run.py has made its undisturbed runs. The library comes with the package libfaketime. Monotonic clocks go on as they are,
as the kernel has them when NTP or a person sets the time. Locks on object stores are told in tests/arcmill/test_object_storage.py.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from answers import answering
from command import Ran, begun, digest
from places import told
from steps import WHOLE, cases
from table import Row, markdown

STEPS = [
    "texts",
    "exact",
    "quality",
    "samples",
    "accepted",
    "trajectories",
    "semantic",
]  # an engine each, sandbox and gateway
YEARS = [0, 10, -10, 1, -30, 0.001, -0.001]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--library", required=True, help="libfaketimeMT.so.1")
    parser.add_argument("--steps", nargs="+", default=STEPS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    work = given.work.absolute()
    place = work / "clock"
    rows = []
    with answering() as endpoint:
        for case in (case for case in cases(work, endpoint) if case.name in given.steps):
            shutil.rmtree(work / "jumped" / case.name, ignore_errors=True)
            place.write_text("+0d")
            more = {
                "LD_PRELOAD": str(Path(given.library).absolute()), "FAKETIME_TIMESTAMP_FILE": str(place), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            }  # fmt: skip
            chance = random.Random(f"{given.seed} {case.name}")
            process = begun(*case.arguments(f"jumped/{case.name}", 1), cwd=work, more=more)
            started, jumps = time.monotonic(), 0
            while process.poll() is None and time.monotonic() - started < 600:
                place.write_text(f"{chance.choice(YEARS) * 365 * 86400:+.0f}s")
                jumps += 1
                time.sleep(chance.uniform(0.05, 0.5))
            process.kill()
            assert process.stderr is not None
            said = process.stderr.read()
            equal = digest(work / "jumped" / case.name) == digest(work / WHOLE / case.name) != ""
            ran = Ran(process.returncode, said, time.monotonic() - started)
            rows.append(Row("clock jumps", case.label, f"{jumps} jumps", told(ran), "", ran.status == 0, equal))
            print(rows[-1], flush=True)
    print(markdown(rows))
    return int(not all(row.held for row in rows))


if __name__ == "__main__":
    sys.exit(main())
