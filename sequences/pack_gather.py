"""Rows anew from what the windows of all tasks left: so a dataset pays for a row of padding or so, and not each window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sequences.best_fit import best_fit
from sequences.pack_documents import ORIGIN, Origin
from sequences.pack_encode import Ids
from sequences.pack_layout import Spool, rows_in_order
from sequences.pack_rows import ARRANGED, TOTALS, Made, SequenceRows


def gather(
    batches: Iterable[pa.RecordBatch], length: int, pad_id: int, cuts: bool
) -> Iterator[pa.RecordBatch | Mapping[str, int]]:
    """Rows of `length` tokens with the segments of the rows of `batches`, and last what to count of them.

    `cuts`: a segment may be cut (concat), but for one that was rearranged for fill-in-the-middle.
    """
    rows = SequenceRows(length, pad_id)
    spool = Spool(length)
    try:
        for batch in batches:
            for origin, tokens, offset, total in segments_of(batch, length):
                spool.add(origin, tokens, offset, total)
                if spool.full:
                    yield from _lay_out(spool, rows, cuts)
                    spool.close()
                    spool = Spool(length)
        yield from _lay_out(spool, rows, cuts)
        yield from rows.finish()
    finally:
        spool.close()
    yield rows.tallies


def segments_of(batch: pa.RecordBatch, length: int) -> Iterator[tuple[Origin, Ids, int, int]]:
    """Each segment of some rows of a rest: origin, tokens (~id where not in the loss), offset, tokens of its document."""
    segments = batch.column("segments")
    flat, parents = pc.list_flatten(segments), pc.list_parent_indices(segments).to_numpy()
    places = [pc.struct_field(flat, name).to_numpy() for name in ("start", "length", "offset")]
    totals = pc.list_flatten(batch.column(TOTALS)).to_numpy()
    tokens = pc.list_flatten(batch.column("input_ids")).to_numpy()
    in_loss = pc.list_flatten(batch.column("loss_mask")).to_numpy()
    signed = np.where(in_loss == 1, tokens, ~tokens)
    begins = parents * length + places[0]
    origins = map(Origin, *(pc.struct_field(flat, name).to_pylist() for name in ORIGIN))
    for origin, begin, size, offset, total in zip(origins, begins, *places[1:], totals, strict=True):
        yield origin, signed[begin : begin + size], int(offset), int(total)


def _lay_out(spool: Spool, rows: SequenceRows, cuts: bool) -> Iterator[Made]:
    """What may not be cut is fitted first; what may be fills the room beside it, and what is left is cut at row ends."""
    whole = [run for run, origin in enumerate(spool.origins) if not cuts or origin.role in ARRANGED]
    plain = deque((run, 0) for run, origin in enumerate(spool.origins) if cuts and origin.role not in ARRANGED)

    def put(run: int, begin: int, size: int) -> Iterator[Made]:
        tokens = spool.read(run, begin, size)
        yield from rows.add(spool.origins[run], tokens, spool.offsets[run] + begin, spool.totals[run])

    if whole:
        yield from rows.end_row()
    row_of, count = best_fit([spool.lengths[run] for run in whole], rows.length)
    for row in rows_in_order(row_of, count):
        for number in row:
            yield from put(whole[number], 0, spool.lengths[whole[number]])
        while plain and rows.room:
            run, begin = plain.popleft()
            size = min(rows.room, spool.lengths[run] - begin)
            if begin + size < spool.lengths[run]:
                plain.appendleft((run, begin + size))
            yield from put(run, begin, size)
        yield from rows.end_row()
    for run, begin in plain:
        yield from put(run, begin, spool.lengths[run] - begin)
