"""Labels of files: numbers, or tiers by name, from a Document's metadata or from a CSV or JSONL file of ids."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from arcmill.errors import InputError, UsageError

TIERS = {"low": 0.0, "medium": 0.5, "high": 1.0}


def parse(value: object, largest: float, where: str) -> float:
    """A label as a number from 0 to 1. `largest`: the label that means 1, such as 5 for a rubric of 0 to 5."""
    text = str(value).strip().lower()
    if text in TIERS:
        return TIERS[text]
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= largest:
        raise InputError(f"{where}: label {value!r}; expected a number from 0 to {largest:g}, or {', '.join(TIERS)}")
    return number / largest


def read(path: str, largest: float) -> dict[str, float]:
    """Labels by id. CSV has a header with id and label; JSONL has objects with both; other columns are ignored."""
    found: dict[str, float] = {}
    try:
        for where, row in _rows(Path(path)):
            if row.get("id") is None or row.get("label") is None:
                raise InputError(f"{where}: expected an id and a label, found {', '.join(map(str, row)) or 'nothing'}")
            found[str(row["id"])] = parse(row["label"], largest, where)
    except OSError as error:
        raise UsageError(f"labels: {path!r} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"labels: {path!r} is not UTF-8") from None
    return found


def _rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            for number, row in enumerate(csv.DictReader(file), 2):
                yield f"{path.name}:{number}", dict(row)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    value = json.loads(line)
                except ValueError:
                    raise InputError(f"{path.name}:{number}: not JSON") from None
                if not isinstance(value, dict):
                    raise InputError(f"{path.name}:{number}: expected an object, found {type(value).__name__}")
                yield f"{path.name}:{number}", value
