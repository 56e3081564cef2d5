"""The ledger: what became of every input row that is not in the output, and why (DESIGN section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from arcmill.stage import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

OUTCOMES = ("dropped", "merged", "errored")
COLUMNS = ("id", "outcome", "rule", "score", "threshold", "into_id", "detail")
ERROR_CHARACTERS = 500  # of the detail of an errored row: messages of libraries may quote whole inputs


@cache
def ledger_schema() -> pa.Schema:
    """Arrow schema of the ledger."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    types = (text, text, text, number, number, text, text)
    return pa.schema([pa.field(c, t, nullable=i > 2) for i, (c, t) in enumerate(zip(COLUMNS, types, strict=True))])


def ledger_batch(entries: Iterable[tuple[str, Outcome]]) -> pa.RecordBatch:
    """Ledger entries as one Arrow batch. ValueError for an outcome that is none of the three."""
    import pyarrow as pa

    rows = list(entries)
    for _, outcome in rows:
        if outcome.outcome not in OUTCOMES:
            raise ValueError(f"outcome {outcome.outcome!r} is none of {', '.join(OUTCOMES)}")
    columns = [
        [_encodable(row_id) for row_id, _ in rows],
        [o.outcome for _, o in rows],
        [o.rule for _, o in rows],
        [None if o.score is None else float(o.score) for _, o in rows],
        [None if o.threshold is None else float(o.threshold) for _, o in rows],
        [o.into_id for _, o in rows],
        [_detail(o) for _, o in rows],
    ]
    schema = ledger_schema()
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _detail(outcome: Outcome) -> str | None:
    if outcome.detail is None:
        return None
    return _encodable(outcome.detail[:ERROR_CHARACTERS] if outcome.outcome == "errored" else outcome.detail)


def _encodable(text: str) -> str:
    """Details may quote broken input: what UTF-8 cannot hold is shown escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
