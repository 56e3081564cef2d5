"""What became of each fault: a row, the rows of a run as JSON lines, and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

HEAD = ("fault", "stage or input", "moments", "what happened", "the next run", "finished", "same bytes", "`verify`")


class Row(NamedTuple):
    """One fault."""

    fault: str
    stage: str
    moments: str
    happened: str  # what the command said, and its exit status
    again: str
    finished: bool | None  # None: does not apply
    same: bool | None
    conserved: bool | None = None

    @property
    def held(self) -> bool:
        """Whether nothing went wrong."""
        return False not in (self.finished, self.same, self.conserved)


def store(rows: Iterable[Row], path: Path) -> None:
    """Write them, a JSON object a line."""
    path.write_text("".join(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows))


def load(path: Path) -> list[Row]:
    """Rows that a run stored, if there are any."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def markdown(rows: Iterable[Row]) -> str:
    """The table."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for row in rows:
        cells = [
            "" if value is None else {True: "yes", False: "NO"}.get(value, value) if isinstance(value, bool) else value
            for value in row
        ]
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def by_stage(rows: Iterable[Row]) -> str:
    """A line a stage: its kills, and for each other fault whether it held; a dash where it was not tried."""
    rows = list(rows)
    others = [fault for fault in dict.fromkeys(row.fault for row in rows) if fault != "kill -9"]
    lines = ["| stage | kill -9 at | became | then | " + " | ".join(others) + " |", "|" + "---|" * (len(others) + 4)]
    for stage in sorted({row.stage for row in rows}):
        mine = {row.fault: row for row in rows if row.stage == stage}
        kill = mine.get("kill -9")
        cells = [kill.moments, kill.happened, _end(kill)] if kill else ["-", "-", "-"]
        cells += [_end(mine[fault]) if fault in mine else "-" for fault in others]
        lines.append(f"| `{stage}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _end(row: Row) -> str:
    if not row.held:
        return f"**not held**: {row.happened} {row.again}".replace("|", "\\|")
    return "same bytes" if row.same else "named"
