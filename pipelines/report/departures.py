"""Why rows left a stage: its ledger by rule, with the scores, and a few rows to read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.records import TEXT
from pipelines.lineage import Run, Step, find_rows
from pipelines.report.reading import groups, spread
from pipelines.report.side_by_side import CHARACTERS

LEDGER_ROWS, LEDGER_BYTES = 20_000_000, 1 << 30
LOOKUP_ROWS = 5_000_000
TEXT_CHARACTERS = 600
SAMPLES = 3
_SCORES = 200_000  # of a rule, for its histogram
_CANDIDATES = 200  # of a rule, to choose the samples from
_RULES = 5_000  # distinct rules of a stage that are told apart
_BINS = 24
_TEXT_COLUMN = {**TEXT, "Conversation": "messages"}


@dataclass(frozen=True)
class Sample:
    """One row that left, and its text where that can still be found."""

    id: str
    place: str  # how its score stands among those of the rule
    score: float | None
    threshold: float | None
    into_id: str | None
    detail: str | None
    text: str | None = None
    characters: int = 0
    source: str | None = None
    url: str | None = None
    survivor: str | None = None
    survivor_characters: int = 0


@dataclass
class Rule:
    """All rows of a stage that left by one rule, with one outcome."""

    outcome: str
    rule: str
    rows: int = 0
    scores: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    median: float | None = None
    thresholds: tuple[float, float] | None = None
    bins: tuple[float, float, list[int]] | None = None  # low edge, high edge, rows of each
    samples: list[Sample] = field(default_factory=list)


@dataclass
class Departures:
    """The ledger of a stage, read."""

    rules: list[Rule] = field(default_factory=list)  # most rows first
    scanned: int = 0
    total: int = 0
    notes: list[str] = field(default_factory=list)
    no_text: str | None = None  # why the samples have no texts

    @property
    def partial(self) -> bool:
        return self.scanned < self.total

    def rows(self, outcome: str) -> int:
        return sum(rule.rows for rule in self.rules if rule.outcome == outcome)


class _Tally:
    """What is gathered about a rule while the ledger is read."""

    def __init__(self) -> None:
        self.rows = self.scores = self.held = 0
        self.low, self.high = float("inf"), float("-inf")
        self.threshold_low, self.threshold_high = float("inf"), float("-inf")
        self.values: list[Any] = []
        self.candidates: list[Sample] = []

    def add(self, scores: Any, thresholds: Any) -> None:
        self.rows += len(scores)
        scores = scores[np.isfinite(scores)]
        if len(scores):
            self.scores += len(scores)
            self.low, self.high = min(self.low, float(scores.min())), max(self.high, float(scores.max()))
            if self.held < _SCORES:
                self.values.append(scores[: _SCORES - self.held])
                self.held += len(self.values[-1])
        thresholds = thresholds[np.isfinite(thresholds)]
        if len(thresholds):
            self.threshold_low = min(self.threshold_low, float(thresholds.min()))
            self.threshold_high = max(self.threshold_high, float(thresholds.max()))

    def rule(self, outcome: str, name: str) -> Rule:
        rule = Rule(outcome, name, self.rows, self.scores, self.low, self.high)
        if np.isfinite(self.threshold_low):
            rule.thresholds = (self.threshold_low, self.threshold_high)
        if self.values:
            values = np.concatenate(self.values)
            rule.median = float(np.median(values))
            # The threshold belongs into the picture, or it cannot be seen on which side the scores lie.
            low = min(self.low, self.threshold_low)
            high = max(self.high, self.threshold_high)
            if high > low and np.isfinite(high - low):
                bins = _BINS
                if high - low < 1e9 and not np.any(values % 1) and low % 1 == 0:  # counts: whole numbers in each bin
                    each = -(-int(high - low + 1) // _BINS)
                    bins = -(-int(high - low + 1) // each)
                    high = low + bins * each
                counts, _ = np.histogram(values, bins=bins, range=(low, high))
                rule.bins = (low, float(high), counts.tolist())
        rule.samples = _choose(self.candidates)
        return rule


def read_departures(dataset: Dataset) -> Departures:
    """Read a ledger: counts and scores by rule, and the rows to be shown (their texts are looked up later)."""
    result = Departures(total=sum(int(part["rows"]) for part in dataset.ledger_parts))
    tallies: dict[tuple[str, str], _Tally] = {}
    chosen = spread(dataset.ledger_parts, LEDGER_ROWS, LEDGER_BYTES)
    for group in groups(dataset, chosen, result.notes, LEDGER_ROWS, ("outcome", "rule")):
        table = group.read(["outcome", "rule", "score", "threshold"])
        if table is None:
            continue
        result.scanned += table.num_rows
        scores, thresholds = (_floats(table.column(name)) for name in ("score", "threshold"))
        wanted: list[tuple[_Tally, list[int]]] = []
        for (outcome, name), rows in _by_rule(table):
            key = (outcome, name)
            if key not in tallies and len(tallies) >= _RULES:
                key = (outcome, "(other rules)")
            tally = tallies.setdefault(key, _Tally())
            tally.add(scores[rows], thresholds[rows])
            if (room := _CANDIDATES - len(tally.candidates)) > 0:
                wanted.append((tally, rows[:room].tolist()))
        if wanted and (table := group.read(["id", "score", "threshold", "into_id", "detail"])) is not None:
            for tally, places in wanted:
                picked = table.take(pa.array(places)).to_pylist()
                tally.candidates += [Sample(place="", **row) for row in picked]
    result.rules = sorted(
        (tally.rule(*key) for key, tally in tallies.items()), key=lambda r: (-r.rows, r.outcome, r.rule)
    )
    return result


def _floats(column: Any) -> Any:
    return pc.fill_null(column, float("nan")).to_numpy().astype(np.float64)


def _by_rule(table: pa.Table) -> list[tuple[tuple[str, str], Any]]:
    """(outcome, rule) -> rows of the table."""
    codes, names = [], []
    for column in ("outcome", "rule"):
        encoded = table.column(column).combine_chunks()
        if not pa.types.is_dictionary(encoded.type):
            encoded = pc.dictionary_encode(encoded)
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries().combine_chunks()
        codes.append(encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))
        names.append(encoded.dictionary.to_pylist())
    both = codes[0] * len(names[1]) + codes[1]
    order = np.argsort(both, kind="stable")
    values, starts = np.unique(both[order], return_index=True)
    return [
        ((names[0][value // len(names[1])], names[1][value % len(names[1])]), rows)
        for value, rows in zip(values.tolist(), np.split(order, starts[1:]), strict=True)
    ]


def _choose(candidates: list[Sample]) -> list[Sample]:
    """Of the rows of a rule: the closest call, a typical one, and the clearest case; without scores, evenly spread."""
    if not candidates:
        return []
    scored = [c for c in candidates if c.score is not None and c.threshold is not None and np.isfinite(c.score)]
    gaps = {id(c): abs(c.score - c.threshold) for c in scored if c.score is not None and c.threshold is not None}
    if len(set(gaps.values())) > 1:
        ranked = sorted(scored, key=lambda c: (gaps[id(c)], c.id))
        labels = ("closest to the threshold", "typical", "farthest from the threshold")
    else:
        ranked, labels = candidates, ("", "", "")
    places = dict.fromkeys((0, len(ranked) // 2, len(ranked) - 1))
    named = dict(zip((0, len(ranked) // 2, len(ranked) - 1), labels, strict=True)) if len(places) == SAMPLES else {}
    return [replace(ranked[place], place=named.get(place, "")) for place in places]


def fill_texts(run: Run, departures: dict[str, Departures], rules: int) -> None:
    """Look the texts of the samples up in what the stages read: one bounded scan of each dataset."""
    wanted: dict[str, set[str]] = {}
    sources: dict[str, list[Step]] = {}
    for name, found in departures.items():
        step = run.by_name[name]
        readable = [s for s in run.sources(step) if s.dataset is not None and s.record in _TEXT_COLUMN]
        sources[name] = readable
        found.no_text = _why_not(step, readable)
        for rule in found.rules[:rules]:
            for sample in rule.samples:
                for source in readable:
                    wanted.setdefault(source.name, set()).update(i for i in (sample.id, sample.into_id) if i)
    texts: dict[str, dict[str, dict[str, Any]]] = {}
    for name, ids in sorted(wanted.items()):
        step = run.by_name[name]
        assert step.dataset is not None
        column = _TEXT_COLUMN[str(step.record)]
        columns = [column, "source", "url"] if step.record == "Document" else [column, "source"]
        try:
            rows = find_rows(step.dataset, ids, columns, LOOKUP_ROWS)
        except InputError as error:
            rows = {}
            for consumer in run.consumers(step):
                if consumer.name in departures:
                    departures[consumer.name].notes.append(f"texts of samples: {error}")
        texts[name] = {key: {**row, "text": _text(row[column])} for key, row in rows.items()}
    for name, found in departures.items():
        tables = [texts.get(source.name, {}) for source in sources[name]]
        for rule in found.rules[:rules]:
            rule.samples = [_with_text(sample, tables) for sample in rule.samples]


def _text(value: Any) -> str | None:
    """A text column as it is; of a conversation what the model wrote last."""
    if not isinstance(value, list):
        return value if value is None else str(value)
    last = value[-1] if value else {}
    return "\n\n".join(text for text in (last.get("reasoning"), last.get("content")) if text)


def _why_not(step: Step, readable: list[Step]) -> str | None:
    if readable:
        return None
    if any(edge.record not in ("Files", "Model", None) and edge.step is None for edge in step.inputs):
        return "What this stage read is not in this run (deleted, or kept elsewhere), so its texts are not shown."
    if step.inputs and all(edge.step is not None for edge in step.inputs):
        return "What this stage read holds no texts that could be shown."
    return "This stage reads raw input: a row that left never became a document, so there is no text to show."


def _with_text(sample: Sample, tables: list[dict[str, dict[str, Any]]]) -> Sample:
    row = next((table[sample.id] for table in tables if sample.id in table), None)
    best = next((table[sample.into_id] for table in tables if sample.into_id in table), None)
    room = CHARACTERS if sample.into_id else TEXT_CHARACTERS  # pairs may differ far from where they begin
    if row is not None:
        text = row["text"] or ""
        sample = replace(sample, text=text[:room], characters=len(text), source=row.get("source"), url=row.get("url"))
    if best is not None:
        text = best["text"] or ""
        sample = replace(sample, survivor=text[:room], survivor_characters=len(text))
    return sample
