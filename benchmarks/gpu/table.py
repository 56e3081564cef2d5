"""Rows of figures, and the table they go into."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import NotMeasured, device


@dataclass
class Row:
    """One figure: `value` in `unit`, `peer` in the same unit, `floor` the seconds that no code goes below beside `seconds`."""

    what: str
    size: str
    value: float | None
    unit: str
    seconds: float | None = None
    floor: float | None = None
    peer: str = ""
    ratio: float | None = None
    note: str = ""

    def cells(self) -> list[str]:
        over = self.seconds / self.floor if self.seconds and self.floor else None
        value = "not measured" if self.value is None else f"{short(self.value)} {self.unit}"
        return [
            self.what, self.size, value, short(self.seconds), short(self.floor), "" if over is None else f"{over:.1f}x",
            self.peer, "" if self.ratio is None else f"{self.ratio:.2f}x", self.note,
        ]  # fmt: skip


HEAD = ["what", "size", "measured", "seconds", "floor, s", "over the floor", "peer", "of the peer", "note"]


def short(number: float | None) -> str:
    """Three digits that count."""
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)


def told(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace, str], list[Row]], name: str) -> int:
    """The whole of a program: its switches, its rows, printed and, with --json, written; what cannot be measured says so."""
    parser.add_argument(
        "--device", default="auto", choices=["auto", "cuda", "cpu"], help="auto = a GPU where there is one"
    )
    parser.add_argument("--json", metavar="FILE", help="write the rows here, too")
    given = parser.parse_args()
    try:
        rows = measure(given, device(given.device))
    except NotMeasured as why:
        rows = [Row(name, "", None, "", note=str(why))]
    except Exception as error:
        traceback.print_exc()
        rows = [Row(name, "", None, "", note=f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}")]
    print(markdown(HEAD, (row.cells() for row in rows)))
    if given.json:
        Path(given.json).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", "utf-8")
    return int(any(row.note.startswith("failed") for row in rows))


def read(path: Path) -> list[Row]:
    """Rows as `--json` wrote them."""
    known: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return [Row(**each) for each in known]


def log(*words: Any) -> None:
    """A line of progress, beside the table."""
    print(*words, file=sys.stderr, flush=True)
