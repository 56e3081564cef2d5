"""`arcmill inspect`: what a dataset holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from pipelines.pairs import sample_pairs, with_texts

SCORES = ("quality_score", "language_score")
GROUPS = ("language", "source", "quality_bucket")
BINS = 10
VALUES = 20  # of a column
SAMPLE_CHARACTERS = 300
SCAN_ROWS, SCAN_BYTES = 20_000_000, 4 << 30  # of a dataset, read for its columns; of more, parts spread evenly


def inspect_dataset(path: str, rows: int, pairs: int = 0) -> dict[str, Any]:
    """Schema, counts, histograms of the scores (0-1, ten bins), reasons of the ledger with their scores, and the first rows.

    Where rows were merged, how many by band of similarity, and `pairs` of each band with their texts. `scanned`: rows from
    which the columns are told, fewer than all of a very large dataset. Raises InputError for a damaged part.
    """
    dataset = Dataset.open(path)
    manifest = dataset.manifest
    histograms, values, scanned = _columns(dataset)
    reasons = _reasons(dataset)
    bands, sampled = sample_pairs(dataset, pairs) if dataset.counts["merged"] else ({}, [])
    return {
        "path": path, "stage": manifest["stage"], "record": dataset.record, "rows": dataset.rows,
        "parts": len(dataset.parts), "bytes": sum(int(file["bytes"]) for file in manifest["files"]),
        "counts": dataset.counts, "schema": manifest["schema"], "config": manifest["config"],
        "statistics": dataset.statistics, "fingerprint": dataset.fingerprint, "scanned": scanned,
        "histograms": histograms, "values": values, "reasons": reasons, "sample": _sample(dataset, rows), "bands": bands,
        "pairs": [asdict(pair) for pair in with_texts(dataset, sampled)] if sampled else [],
    }  # fmt: skip


def _columns(dataset: Dataset) -> tuple[dict[str, list[int]], dict[str, dict[str, int]], int]:
    """Histograms of the scores, the commonest values of the groups, and how many rows these are from."""
    import numpy as np
    import pyarrow.compute as pc

    from pipelines.report.reading import groups, spread

    names = dataset.manifest["schema"].keys()
    columns = [name for name in (*SCORES, *GROUPS) if name in names]
    bins = {name: np.zeros(BINS, dtype=np.int64) for name in SCORES if name in names}
    values: dict[str, Counter[str]] = {name: Counter() for name in columns if name not in SCORES}
    scanned = 0
    notes: list[str] = []
    chosen = spread(dataset.parts, SCAN_ROWS, SCAN_BYTES) if columns else []
    for group in groups(dataset, chosen, notes, SCAN_ROWS):
        table = group.read(columns)
        if table is None:
            break
        scanned += table.num_rows
        for name in bins:
            held = table.column(name).drop_null().to_numpy()
            places = np.clip((held[np.isfinite(held)] * BINS).astype(np.int64), 0, BINS - 1)
            bins[name] += np.bincount(places, minlength=BINS)
        for name, counter in values.items():
            for entry in pc.value_counts(table.column(name).drop_null()).to_pylist():
                counter[str(entry["values"])] += entry["counts"]
    _sound(dataset, notes)
    histograms = {name: counts.tolist() for name, counts in bins.items() if counts.any()}
    return histograms, {name: dict(counter.most_common(VALUES)) for name, counter in values.items() if counter}, scanned


def _reasons(dataset: Dataset) -> list[dict[str, Any]]:
    """Rows of the ledger by outcome and rule, most first, with their scores."""
    from pipelines.report.departures import read_departures

    if not dataset.ledger_parts:
        return []
    read = read_departures(dataset)
    _sound(dataset, read.notes)
    reasons = []
    for rule in read.rules:
        entry: dict[str, Any] = {"outcome": rule.outcome, "rule": rule.rule, "rows": rule.rows}
        if rule.median is not None:
            entry |= {"low": rule.low, "median": rule.median, "high": rule.high}
        if rule.thresholds is not None:
            entry["threshold"] = list(dict.fromkeys(rule.thresholds))
        reasons.append(entry)
    return reasons


def _sound(dataset: Dataset, notes: list[str]) -> None:
    if notes:
        raise InputError(f"{dataset.url}: {notes[0].partition(';')[0]}; run arcmill verify")


def _sample(dataset: Dataset, rows: int) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sample: list[dict[str, Any]] = []
    for part in dataset.parts if rows else ():
        path = dataset.file(part["path"])
        try:
            with dataset.filesystem.open(path, "rb") as stream:
                for batch in pq.ParquetFile(stream).iter_batches(batch_size=max(rows, 1), use_threads=False):
                    for row in batch.slice(0, rows - len(sample)).to_pylist():
                        sample.append({key: _short(value) for key, value in row.items() if value is not None})
                    if len(sample) >= rows:
                        return sample
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: a damaged part ({' '.join(str(error).split())[:200]})") from None
    return sample


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > SAMPLE_CHARACTERS:
        return f"{value[:SAMPLE_CHARACTERS]}… ({len(value):,} characters)"
    if isinstance(value, list) and len(value) > 16:
        return [*value[:16], f"… ({len(value):,})"]
    return value
