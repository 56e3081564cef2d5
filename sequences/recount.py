"""A receipt counted from the rows themselves: of sequences that `pack` did not write as they are, as `remove-documents` leaves them.

The same fields as in `pack`'s statistics (docs/packing.md), but for two that rows alone do not tell in bounded memory: how
many documents were cut, and how many are longer than a sequence. Sources are those of the documents: which source of a
mixture a document was drawn for stands in the mixture, not in sequences.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sequences.fim.context import ROOM
from sequences.pack_receipt import FIELDS, MOST_SOURCES, OTHERS, Receipt, summary
from sequences.pack_rows import ARRANGED

if TYPE_CHECKING:
    from arcmill.dataset import Dataset

UNKNOWN = ("documents_cut", "documents_longer")


def recount(dataset: Dataset, mode: str | None) -> dict[str, Any]:
    """The statistics that `pack` would have written of these rows; `documents_cut` and `documents_longer` are None."""
    counted: Counter[str] = Counter()
    sources: dict[str, Any] = {}
    length = 0
    for batch in dataset.batches(["loss_mask", "segments"]):
        if batch.num_rows:
            length = _count(batch, sources, counted)
    receipt = Receipt(length)
    receipt.take(sources)
    told = summary(mode or "", length, {**receipt.tallies(), **counted})
    return {**told, **dict.fromkeys(UNKNOWN)}


def _count(batch: pa.RecordBatch, sources: dict[str, Any], counted: Counter[str]) -> int:
    """Add a batch up; tokens of a row."""
    masks, segments = batch.column("loss_mask"), batch.column("segments")
    trained = np.concatenate(([0], np.cumsum(masks.flatten().to_numpy() == 1)))
    length = int(len(masks.flatten()) // batch.num_rows)
    flat, rows = segments.flatten(), pc.list_parent_indices(segments).to_numpy()
    start, size, offset, epoch = (
        pc.struct_field(flat, name).to_numpy().astype(np.int64) for name in ("start", "length", "offset", "epoch")
    )
    arranged = pc.is_in(pc.struct_field(flat, "role"), value_set=pa.array(ARRANGED)).to_numpy(zero_copy_only=False)
    begin = rows * length + start
    added = np.where(arranged, ROOM, 0)  # sentinels, which are in the loss and of no document
    tokens, in_loss = size - added, trained[begin + size] - trained[begin] - added
    first = offset == 0
    again = epoch > 0
    columns = (first & ~again, first, tokens, in_loss, np.where(again, tokens, 0), np.where(again, in_loss, 0))
    names = pc.struct_field(flat, "source").dictionary_encode()
    codes = names.indices.to_numpy()
    for code, name in enumerate(names.dictionary.to_pylist()):
        source = name if name in sources or len(sources) < MOST_SOURCES else OTHERS
        held = sources.setdefault(source, [0] * len(FIELDS))
        for place, column in enumerate(columns):
            held[place] += int(column[codes == code].sum())
    counted.update(
        rows=batch.num_rows, padding=batch.num_rows * length - int(size.sum()), pieces=len(size), sentinels=int(added.sum()),
    )  # fmt: skip
    return length
