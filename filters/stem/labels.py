"""Labels that a person or a language model gave: a file of `id` and `label`, where label is a number from 0 to 5.

FineWeb-Edu's scale (Penedo et al. 2024, arXiv 2406.17557, section 4): 0 nothing to learn from, 3 fit for teaching, 5
outstanding. Fractions are accepted, so that several votes can be averaged. An empty label is one not given yet.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arcmill.errors import InputError, UsageError

__all__ = ["HIGHEST", "LABEL_KEY", "SUFFIXES", "parse_label", "read_labels"]

LABEL_KEY = "stem_label"  # in a document's metadata
HIGHEST = 5
SUFFIXES = (".csv", ".jsonl", ".parquet")


def read_labels(path: str) -> dict[str, float]:
    """Label by document id. Raises InputError that names row and value where one is wrong or an id has two labels."""
    file = Path(path)
    if file.suffix not in SUFFIXES:
        raise UsageError(f"labels: {path!r} is none of {', '.join(SUFFIXES)}")
    readers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    labels: dict[str, float] = {}
    try:
        for place, row in readers[file.suffix](file):
            identifier = row.get("id")
            if not isinstance(identifier, str) or not identifier or "label" not in row:
                raise InputError(f"labels: {path}, {place}: needs `id` (text) and `label`, has {sorted(map(str, row))}")
            label = parse_label(row["label"], f"labels: {path}, {place}")
            if label is None:
                continue
            if labels.setdefault(identifier, label) != label:
                raise InputError(
                    f"labels: {path}, {place}: {identifier!r} has label {label:g} here and {labels[identifier]:g} before"
                )
    except OSError as error:
        raise UsageError(f"labels: {path!r} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"labels: {path!r} is no UTF-8: {error}") from None
    return labels


def parse_label(value: Any, place: str) -> float | None:
    """A number from 0 to 5, or None where it is empty; InputError naming `place` for anything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        label = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        label = math.nan
    if not 0 <= label <= HIGHEST:
        raise InputError(f"{place}: label {value!r} is no number from 0 to {HIGHEST}")
    return label


def _csv(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with open(file, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            for row in reader:
                yield f"line {reader.line_num}", row
        except csv.Error as error:
            raise InputError(f"labels: {file}, line {reader.line_num}: {error}") from None


def _jsonl(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with open(file, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise InputError(f"labels: {file}, line {number}: no JSON: {error}") from None
                if not isinstance(row, dict):
                    raise InputError(f"labels: {file}, line {number}: no JSON object")
                yield f"line {number}", row


def _parquet(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            names = [name for name in ("id", "label") if name in parquet.schema_arrow.names]
            number = 0
            for batch in parquet.iter_batches(columns=names):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except pa.ArrowException as error:
        raise InputError(f"labels: {str(file)!r} is no Parquet file: {error}") from None
