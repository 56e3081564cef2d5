"""The texts of a batch as Python strings; a text that is no UTF-8 becomes an errored row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcmill.stage import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["texts_of"]


def texts_of(batch: pa.RecordBatch) -> tuple[list[str], dict[int, Outcome]]:
    """Texts by row (empty where unreadable), and the outcomes of the unreadable rows.

    Parquet does not enforce UTF-8: a lone surrogate that another program wrote cannot be decoded.
    """
    column = batch.column("text")
    try:
        return column.to_pylist(), {}
    except UnicodeDecodeError:
        pass
    texts: list[str] = []
    outcomes: dict[int, Outcome] = {}
    for row, value in enumerate(column):
        try:
            texts.append(value.as_py())
        except UnicodeDecodeError as error:
            texts.append("")
            outcomes[row] = Outcome("unreadable-text", outcome="errored", detail=f"no UTF-8 at byte {error.start}")
    return texts, outcomes
