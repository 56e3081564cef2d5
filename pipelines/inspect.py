"""`arcmill inspect`: what a dataset holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from arcmill.dataset import Dataset
from pipelines.pairs import Pair, sample_pairs, with_texts
from pipelines.pairs import render as render_pairs

SCORES = ("quality_score", "language_score")
BINS = 10
STATISTICS = 40  # lines of them
SAMPLE_CHARACTERS = 300


def inspect_dataset(path: str, rows: int, pairs: int = 0) -> dict[str, Any]:
    """Schema, counts, histograms of the scores (0-1, ten bins), reasons of the ledger, and the first rows.

    Where rows were merged, how many by band of similarity, and `pairs` of each band with their texts.
    """
    dataset = Dataset.open(path)
    manifest = dataset.manifest
    names = manifest["schema"].keys()
    columns = [name for name in (*SCORES, "language", "source", "quality_bucket") if name in names]
    histograms = {name: [0] * BINS for name in SCORES if name in names}
    values: dict[str, Counter[str]] = {name: Counter() for name in columns if name not in SCORES}
    for batch in dataset.batches(columns) if columns else ():
        for name in columns:
            for value in batch.column(name).drop_null().to_pylist():
                if name in histograms:
                    histograms[name][min(max(int(value * BINS), 0), BINS - 1)] += 1
                else:
                    values[name][str(value)] += 1
    reasons: Counter[tuple[str, str]] = Counter()
    for batch in dataset.ledger(["outcome", "rule"]):
        reasons.update(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    bands, sampled = sample_pairs(dataset, pairs)
    return {
        "path": path, "stage": manifest["stage"], "record": dataset.record, "rows": dataset.rows,
        "counts": dataset.counts, "schema": manifest["schema"], "config": manifest["config"],
        "statistics": dataset.statistics, "fingerprint": dataset.fingerprint,
        "histograms": {name: bins for name, bins in histograms.items() if any(bins)},
        "values": {name: dict(counter.most_common(20)) for name, counter in values.items() if counter},
        "reasons": [{"outcome": o, "rule": r, "rows": n} for (o, r), n in reasons.most_common()],
        "sample": _sample(dataset, rows), "bands": bands,
        "pairs": [asdict(pair) for pair in with_texts(dataset, sampled)] if sampled else [],
    }  # fmt: skip


def _sample(dataset: Dataset, rows: int) -> list[dict[str, Any]]:
    sample: list[dict[str, Any]] = []
    for batch in dataset.batches() if rows else ():
        for row in batch.slice(0, rows - len(sample)).to_pylist():
            sample.append({key: _short(value) for key, value in row.items() if value is not None})
        if len(sample) >= rows:
            break
    return sample


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > SAMPLE_CHARACTERS:
        return f"{value[:SAMPLE_CHARACTERS]}… ({len(value):,} characters)"
    if isinstance(value, list) and len(value) > 16:
        return [*value[:16], f"… ({len(value):,})"]
    return value


def render(found: dict[str, Any]) -> str:
    """Plain text, for a terminal."""
    counts = "  ".join(f"{name} {number:,}" for name, number in found["counts"].items())
    lines = [f"{found['path']}  {found['record']} by {found['stage']}", f"  {counts}", "schema"]
    lines += [f"  {name}: {kind}" for name, kind in found["schema"].items()]
    for name, bins in found["histograms"].items():
        lines.append(name)
        top = max(bins)
        lines += [
            f"  {i / BINS:.1f}-{(i + 1) / BINS:.1f} {'█' * round(40 * n / top)} {n:,}" for i, n in enumerate(bins)
        ]
    for name, counter in found["values"].items():
        lines.append(f"{name}: " + ", ".join(f"{value} {number:,}" for value, number in counter.items()))
    if found["reasons"]:
        lines.append("ledger")
        lines += [f"  {row['outcome']:<8} {row['rule']:<40} {row['rows']:,}" for row in found["reasons"]]
    told = {key: value for key, value in found["statistics"].items() if not isinstance(value, (dict, list))}
    if told:
        lines.append("statistics")
        shown = [(key, f"{value:,}" if isinstance(value, int) else value) for key, value in told.items()]
        lines += [f"  {key:<24} {_printable(value)}" for key, value in shown[:STATISTICS]]
        lines += [f"  … {len(shown) - STATISTICS} more: --json"] if len(shown) > STATISTICS else []
    if found["bands"]:
        lines += [_printable(line) for line in render_pairs(found["bands"], [Pair(**pair) for pair in found["pairs"]])]
    for number, row in enumerate(found["sample"]):
        lines.append(f"row {number}")
        lines += [f"  {key}: {_printable(value)}" for key, value in row.items()]
    return "\n".join(lines)


def _printable(value: Any) -> str:
    """Texts come from anywhere: control characters are shown, never sent to a terminal."""
    text = str(value).replace("\n", "⏎")
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
