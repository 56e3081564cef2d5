"""Proof that removed documents are gone: a scan of every id that a dataset of `remove-documents` still holds."""

from __future__ import annotations

from collections import Counter

from arcmill.dataset import Dataset

_SHOWN = 20


def still_there(dataset: Dataset) -> list[str]:
    """Ids of the ledger that the dataset holds all the same, one problem each; nothing where all are gone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    removed: set[str] = set(dataset.manifest["config"].get("ids") or ())
    for batch in dataset.ledger(["id"]):
        removed.update(batch.column("id").to_pylist())
    wanted = pa.array(sorted(removed), pa.string())
    found: Counter[str] = Counter()
    column = "segments" if dataset.record == "Sequence" else "id"
    for batch in dataset.batches([column]):
        ids = batch.column(column)
        if column == "segments":
            ids = pc.struct_field(pc.list_flatten(ids), "id")
        found.update(ids.filter(pc.is_in(ids, value_set=wanted)).to_pylist())
    told = [f"{id}: removed by the ledger, but {number} times in the dataset" for id, number in sorted(found.items())]
    return told if len(told) <= _SHOWN else [*told[:_SHOWN], f"and {len(told) - _SHOWN} more ids"]
