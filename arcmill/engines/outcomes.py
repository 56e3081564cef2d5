"""What a core decides becomes rows, counts and ledger entries; a row that breaks the core errs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from arcmill.engines.inputs import stage_state
from arcmill.errors import ArcmillError, EngineError
from arcmill.identity import Job
from arcmill.parts import TaskWriter
from arcmill.records import Document, Problem, batch_to_documents, documents_to_batch, rows_to_batch
from arcmill.stage import Changes, Outcome
from arcmill.storage import no_space

if TYPE_CHECKING:
    import pyarrow as pa


def batch_core(job: Job) -> Callable[[pa.RecordBatch], Changes]:
    """The core of a stage over batches, where it is one over single documents, too."""
    state, core, config = stage_state(job), job.stage.core, job.config
    if not job.stage.each:
        return lambda batch: core(batch, config, *state)

    def each(batch: pa.RecordBatch) -> Changes:
        documents, outcomes = batch_to_documents(batch), {}
        for row, document in enumerate(documents):
            result = core(document, config, *state)
            if isinstance(result, Outcome):
                outcomes[row] = result
            else:
                documents[row] = result
        changed = documents_to_batch(documents)
        return Changes({name: changed.column(name) for name in changed.schema.names}, outcomes)

    return each


def isolated(
    core: Callable[[pa.RecordBatch], Changes], batch: pa.RecordBatch
) -> Iterator[tuple[pa.RecordBatch, Changes]]:
    """Run the core; where it raises, halve the batch until the row that breaks it stands alone, and errs."""
    try:
        changes = core(batch)
    except (ArcmillError, MemoryError):
        raise
    except Exception as error:
        if no_space(error):
            raise
        if batch.num_rows == 1:
            outcome = Outcome("exception", "errored", detail=f"{type(error).__name__}: {error}")
            yield batch, Changes({}, {0: outcome})
            return
        middle = batch.num_rows // 2
        yield from isolated(core, batch.slice(0, middle))
        yield from isolated(core, batch.slice(middle))
        return
    yield batch, changes


def write_decided(batch: pa.RecordBatch, changes: Changes, writer: TaskWriter) -> None:
    """Apply what was decided on a batch. Raises EngineError where that does not fit the batch."""
    import numpy as np
    import pyarrow as pa

    rows = batch.num_rows
    writer.counts["in"] += rows
    writer.tallies.update(changes.tallies or {})
    outcomes = changes.outcomes
    if changes.columns:
        arrays = {name: batch.column(name) for name in batch.schema.names}
        for name, values in changes.columns.items():
            if name not in arrays:
                raise EngineError(f"a core set the column '{name}', which {batch.schema.names} has not")
            kind = batch.schema.field(name).type
            array = values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)
            if len(array) != rows:
                raise EngineError(f"a core gave {len(array)} values of '{name}' for {rows} rows")
            arrays[name] = array
        batch = pa.RecordBatch.from_arrays(list(arrays.values()), schema=batch.schema)
    if outcomes:
        if min(outcomes) < 0 or max(outcomes) >= rows:
            raise EngineError(f"a core decided on row {max(outcomes)} of a batch of {rows}")
        ids = batch.column("id")
        writer.ledger([(ids[row].as_py(), outcomes[row]) for row in sorted(outcomes)])
        keep = np.ones(rows, dtype=bool)
        keep[list(outcomes)] = False
        batch = batch.filter(pa.array(keep))
    writer.rows(batch)
    writer.counts["kept"] += batch.num_rows


def characters(row: Any) -> int:
    """About how much memory a row takes."""
    if isinstance(row, Problem):
        return len(row.prompt) + len(row.answer or "") + len(row.tests or "") + len(row.evidence or "")
    if isinstance(row, Document):
        return len(row.text) + len(row.html or "")
    return 512  # rows of a few short texts


def write_made(record: str, made: list[Any], writer: TaskWriter) -> None:
    """Write rows that an ingest core made; one that is no row of the record errs."""
    if not made:
        return
    try:
        batch = rows_to_batch(record, made)
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        if len(made) == 1:
            outcome = Outcome(f"not-a-{record.lower()}", "errored", detail=f"{type(error).__name__}: {error}")
            writer.ledger([(made[0].id, outcome)])
            return
        middle = len(made) // 2
        write_made(record, made[:middle], writer)
        write_made(record, made[middle:], writer)
        return
    writer.rows(batch)
    writer.counts["kept"] += batch.num_rows
