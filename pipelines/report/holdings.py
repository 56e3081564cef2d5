"""What a dataset holds: documents by length, score, language, source and bucket; tokens by origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arcmill.dataset import Dataset
from pipelines.compare.distributions import Distribution
from pipelines.report.reading import groups, spread

DOCUMENT_ROWS, DOCUMENT_BYTES = 2_000_000, 512 << 20
SEQUENCE_BYTES = 512 << 20
LENGTH_STEPS = 4  # bins a decade
_SCORE_BINS = 40
_KEYS = 100_000  # distinct sources (languages, …) that are told apart
_BY = ("source", "language", "license", "quality_bucket")


@dataclass
class Histogram:
    """Rows in bins of equal width between `low` and `high` (of log10 where `log`)."""

    name: str
    low: float
    high: float
    counts: list[int]
    values: int
    quantiles: tuple[float, float, float]  # 10, 50, 90 %
    log: bool = False


@dataclass
class Share:
    """One value of a column: how many rows have it, how much text they hold, how often they are to be seen."""

    rows: int = 0
    characters: int = 0
    epochs_low: float | None = None
    epochs_high: float | None = None
    weighted_characters: float = 0.0


@dataclass
class DocumentHoldings:
    """The final documents of a run, before they become tokens."""

    rows: int
    repeated: bool = False
    scanned: int = 0
    characters: int = 0
    histograms: list[Histogram] = field(default_factory=list)
    by: dict[str, dict[Any, Share]] = field(default_factory=dict)
    distributions: dict[str, Distribution] = field(
        default_factory=dict
    )  # finer than the histograms; to compare runs by
    notes: list[str] = field(default_factory=list)


@dataclass
class SequenceHoldings:
    """Sequences in tokens: how many, how many count in the loss, how many are padding, and where each is from."""

    rows: int
    scanned: int = 0
    tokens: int = 0
    loss_tokens: int = 0
    segments: int = 0
    segment_tokens: int = 0
    documents: set[str] | None = None
    length_low: int = 0
    length_high: int = 0
    by: dict[tuple[Any, Any, Any], int] = field(default_factory=dict)  # (source, bucket, epoch) -> tokens
    by_role: dict[Any, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def padding(self) -> int:
        return self.tokens - self.segment_tokens

    def total(self, place: int) -> dict[Any, int]:
        """Tokens by source (0), bucket (1) or epoch (2), most first."""
        found: dict[Any, int] = {}
        for key, tokens in self.by.items():
            found[key[place]] = found.get(key[place], 0) + tokens
        return dict(sorted(found.items(), key=lambda item: (-item[1], str(item[0]))))


def read_documents(dataset: Dataset) -> DocumentHoldings:
    """Scan at most DOCUMENT_ROWS documents, from parts that are spread evenly."""
    # Where documents are repeated, a row is one epoch of its document already.
    result = DocumentHoldings(dataset.rows, repeated=bool(dataset.counts.get("created")))
    scores: dict[str, list[Any]] = {"quality_score": [], "language_score": []}
    lengths: list[Any] = []
    for name in _BY:
        result.by[name] = {}
    columns = ["text", "epochs", *scores, *_BY]
    for group in groups(dataset, spread(dataset.parts, DOCUMENT_ROWS, DOCUMENT_BYTES), result.notes, DOCUMENT_ROWS):
        table = group.read(columns)
        if table is None:
            continue
        length = pc.utf8_length(table.column("text"))
        result.scanned += table.num_rows
        result.characters += pc.sum(length).as_py() or 0
        lengths.append(length.to_numpy().astype(np.int64))
        for name, held in scores.items():
            held.append(table.column(name).drop_null().to_numpy())
        epochs = pa.scalar(1.0) if result.repeated else pc.coalesce(table.column("epochs"), pa.scalar(1.0))
        weighted = pc.multiply(pc.cast(length, pa.float64()), epochs)
        for name in _BY:
            _add_shares(result.by[name], table.column(name), length, table.column("epochs"), weighted)
    result.histograms = [
        histogram for name, held in scores.items() if (histogram := _histogram(name, held, log=False)) is not None
    ]
    if (histogram := _histogram("length", lengths, log=True)) is not None:
        result.histograms.append(histogram)
    for name, pieces in {**scores, "length": lengths}.items():
        result.distributions[name] = Distribution(scores=name != "length")
        for piece in pieces:
            result.distributions[name].add(piece)
    return result


def _add_shares(shares: dict[Any, Share], keys: Any, length: Any, epochs: Any, weighted: Any) -> None:
    table = pa.table({"key": keys, "length": length, "epochs": epochs, "weighted": weighted})
    sums = table.group_by("key", use_threads=False).aggregate(
        [("length", "count"), ("length", "sum"), ("epochs", "min"), ("epochs", "max"), ("weighted", "sum")]
    )
    for row in sums.to_pylist():
        key = row["key"]
        if key not in shares and len(shares) >= _KEYS:
            key = "(others)"
        share = shares.setdefault(key, Share())
        share.rows += row["length_count"]
        share.characters += row["length_sum"] or 0
        share.weighted_characters += row["weighted_sum"] or 0.0
        if row["epochs_min"] is not None:
            low, high = share.epochs_low, share.epochs_high
            share.epochs_low = row["epochs_min"] if low is None else min(low, row["epochs_min"])
            share.epochs_high = row["epochs_max"] if high is None else max(high, row["epochs_max"])


def _histogram(name: str, held: Iterable[Any], log: bool) -> Histogram | None:
    pieces = list(held)
    values = np.concatenate(pieces) if pieces else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low10, middle, high90 = (float(value) for value in np.quantile(values, (0.1, 0.5, 0.9)))
    if log:
        places = np.log10(np.maximum(values, 1))
        low, high = float(np.floor(places.min())), float(np.floor(places.max()) + 1)
        bins = round((high - low) * LENGTH_STEPS)
    else:
        places, bins = values, _SCORE_BINS
        low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    counts, _ = np.histogram(places, bins=bins, range=(low, high))
    return Histogram(name, low, high, counts.tolist(), len(values), (low10, middle, high90), log)


def read_sequences(dataset: Dataset) -> SequenceHoldings:
    """Scan sequences from parts that are spread evenly. Token ids are not read: the mask has their number."""
    result = SequenceHoldings(dataset.rows)
    fields = [f"segments.list.element.{name}" for name in ("length", "source", "bucket", "epoch", "role")]
    fallback = ["loss_mask", "segments"]
    parts = spread(dataset.parts, max(1, dataset.rows), SEQUENCE_BYTES)
    lows: list[int] = []
    highs: list[int] = []
    for group in groups(dataset, parts, result.notes):
        table = group.read(["loss_mask", *fields])
        if table is not None and not {"loss_mask", "segments"} <= set(table.column_names):
            table = group.read(fallback)
        if table is None:
            continue
        result.scanned += table.num_rows
        lengths = pc.list_value_length(table.column("loss_mask"))
        result.tokens += pc.sum(lengths).as_py() or 0
        result.loss_tokens += pc.sum(pc.list_flatten(table.column("loss_mask"))).as_py() or 0
        extremes = pc.min_max(lengths).as_py()
        if extremes["min"] is not None:
            lows.append(extremes["min"])
            highs.append(extremes["max"])
        segments = pc.list_flatten(table.column("segments"))
        if not len(segments):
            continue
        flat = pa.table({n: pc.struct_field(segments, n) for n in ("length", "source", "bucket", "epoch", "role")})
        result.segments += flat.num_rows
        result.segment_tokens += pc.sum(flat.column("length")).as_py() or 0
        sums = flat.group_by(["source", "bucket", "epoch"], use_threads=False).aggregate([("length", "sum")])
        for row in sums.to_pylist():
            key = (row["source"], row["bucket"], row["epoch"])
            if key not in result.by and len(result.by) >= _KEYS:
                key = ("(others)", row["bucket"], row["epoch"])
            result.by[key] = result.by.get(key, 0) + row["length_sum"]
        for row in flat.group_by(["role"], use_threads=False).aggregate([("length", "sum")]).to_pylist():
            result.by_role[row["role"]] = result.by_role.get(row["role"], 0) + row["length_sum"]
    result.length_low, result.length_high = min(lows, default=0), max(highs, default=0)
    return result
