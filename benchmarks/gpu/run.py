"""All GPU benchmarks, one after another, into one table with the device, driver, versions and commit.

    python benchmarks/gpu/run.py --output DIR                    all; on a machine without a GPU in sizes for a processor
    python benchmarks/gpu/run.py --only semdedup kmeans          some
    python benchmarks/gpu/run.py --limit 540                     seconds that all may take together: what is left out says so

Each is a process of its own, so that none meets what another left on the device. DIR gets `table.md`, `table.json` and a log
of each. Tests that want a GPU are not here: `pytest` runs everywhere.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from machine import ceilings, device, facts
from table import HEAD, Row, log, markdown, read

HERE = Path(__file__).parent
# The quick ones first, so that a short lease has measured most.
PROGRAMS = {
    "kmeans": 90,
    "semdedup": 180,
    "embed": 240,
    "feed": 90,
    "generate": 240,
    "ablate": 600,
}  # seconds at the most each


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="gpu-results", help="folder of the table and the logs")
    parser.add_argument("--only", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS), help="these alone")
    parser.add_argument(
        "--device", default="auto", choices=["auto", "cuda", "cpu"], help="auto = a GPU where there is one"
    )
    parser.add_argument("--limit", type=float, default=3600, help="seconds for all together")
    parser.add_argument("--each", type=float, help="seconds for each at most, in place of its own limit")
    given = parser.parse_args()
    output = Path(given.output)
    output.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + given.limit
    place = device(given.device)
    known = facts(place) | {name: f"{value:.3e}" for name, value in ceilings(place).items()}
    rows: list[Row] = []
    for name in given.only:
        rows += one(name, place, min(given.each or PROGRAMS[name], ends - time.monotonic()), output)
        write(output, known, rows)  # a machine may be taken away at any moment
    print((output / "table.md").read_text("utf-8"))
    return int(any(row.note.startswith("failed") for row in rows))


def one(name: str, place: str, limit: float, output: Path) -> list[Row]:
    """The rows of one program, or one that says why there are none."""
    if limit < 5:
        return [Row(name, "", None, "", note="no time was left")]
    log(f"== {name}, {limit:.0f} s at most")
    with TemporaryDirectory() as folder, (output / f"{name}.log").open("wb") as stream:
        made = Path(folder) / "rows.json"
        command = [sys.executable, str(HERE / f"{name}.py"), "--device", place, "--json", str(made)]
        try:
            subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return [Row(name, "", None, "", note=f"not done in {limit:.0f} s")]
        if made.exists():
            return read(made)
    return [Row(name, "", None, "", note=f"failed: see {name}.log")]


def write(output: Path, known: dict[str, str], rows: list[Row]) -> None:
    """The table so far."""
    lines = [
        "# GPU benchmarks",
        "",
        markdown(["", ""], known.items()),
        "",
        markdown(HEAD, (row.cells() for row in rows)),
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), "utf-8")
    told = {"machine": known, "rows": [asdict(row) for row in rows]}
    (output / "table.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
