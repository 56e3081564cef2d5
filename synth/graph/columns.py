"""Edge datasets as columns: encoded block by block, joined under one sorted dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.records import EDGE_KINDS, NAMING

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int32]
BLOCK = 262_144  # rows that are encoded or counted at once


class Raw:
    """Columns as they were read: dictionary-encoded blocks, and what is said of names."""

    def __init__(self) -> None:
        self.subjects: list[Any] = []
        self.objects: list[Any] = []
        self.relations: list[Any] = []
        self.ids: list[Any] = []
        self.said: list[Any] = []
        self.sources: set[str] = set()


def read_edges(edges: Sequence[Dataset]) -> Raw:
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = Raw()
    kinds, naming, empty = pa.array(EDGE_KINDS), pa.array(NAMING), pa.scalar("", pa.large_string())
    wide = pa.large_string()
    for dataset in edges:
        for block in _blocks(dataset, ["id", "subject", "relation", "object", "kind", "source", "language"]):
            place = pc.index_in(block["kind"], value_set=kinds)
            if place.null_count:
                wrong = block["kind"].filter(pc.is_null(place))[0].as_py()
                raise InputError(f"{dataset.url}: an edge of kind {wrong!r}; kinds are {', '.join(EDGE_KINDS)}")
            raw.sources.update(pc.unique(block["source"]).to_pylist())
            names = pc.is_in(block["relation"], value_set=naming)
            raw.said.append(block.filter(names).select(["subject", "relation", "object", "language"]))
            facts, place = block.filter(pc.invert(names)), place.filter(pc.invert(names))
            if not facts.num_rows:
                continue
            tagged = pc.binary_join_element_wise(place.cast(wide), facts["object"].cast(wide), empty)
            node = pc.binary_join_element_wise(pa.scalar("0", wide), facts["subject"].cast(wide), empty)
            raw.subjects.append(_one(node).dictionary_encode())
            raw.objects.append(_one(tagged).dictionary_encode())
            raw.relations.append(_one(facts["relation"].cast(wide)).dictionary_encode())
            raw.ids.append(_one(facts["id"].cast(wide)))
    return raw


def _blocks(dataset: Dataset, columns: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    held, rows = [], 0
    for batch in dataset.batches(columns):
        held.append(batch)
        rows += batch.num_rows
        if rows >= BLOCK:
            yield pa.Table.from_batches(held).combine_chunks()
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _one(array: Any) -> pa.Array:
    import pyarrow as pa

    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def joined(left: list[Any], right: list[Any], redirects: Mapping[str, str], tag: str) -> tuple[pa.Array, Ints, Ints]:
    """Encoded blocks with one sorted dictionary, after redirects: (dictionary, codes of left, codes of right)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wide = pa.large_string()
    if not left:
        return pa.array([], wide), np.empty(0, np.int32), np.empty(0, np.int32)
    joined = pa.chunked_array([*left, *right]).unify_dictionaries()
    terms = joined.chunk(0).dictionary
    if redirects:
        sources = pa.array([f"{tag}{name}" for name in redirects], wide)
        place = pc.index_in(terms, value_set=sources)
        targets = pa.array([f"{tag}{name}" for name in redirects.values()], wide)
        terms = pc.coalesce(targets.take(place), terms)
    encoded = terms.dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    rank = np.empty(len(order), np.int32)
    rank[np.asarray(order)] = np.arange(len(order), dtype=np.int32)
    code = rank[np.asarray(encoded.indices)]
    parts = [code[np.asarray(chunk.indices)] for chunk in joined.chunks]
    none = [np.empty(0, np.int32)]
    return (
        encoded.dictionary.take(order),
        np.concatenate([*parts[: len(left)], *none]),
        np.concatenate([*parts[len(left) :], *none]),
    )
