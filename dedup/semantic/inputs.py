"""Reading what dedup-semantic decides on: what ranks the documents, and the vector of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arcmill.dataset import Dataset, read_part
from arcmill.engines.faiss import located_parts
from arcmill.errors import InputError
from dedup.semantic.cosine import norms
from dedup.semantic.frames import Frames, frames

if TYPE_CHECKING:
    import pyarrow as pa

Longs = npt.NDArray[np.int64]


@dataclass
class Documents:
    """The documents of the main input, in input order, without their texts (see `dedup.semantic.frames`)."""

    part: Longs
    row: Longs
    ids: pa.Array  # large_string
    source: pa.Array
    quality: npt.NDArray[np.float64]  # NaN where it is missing
    size: Longs  # bytes of UTF-8; 0 where it was not asked for
    frames: Frames  # of no page where they were not asked for


def read_documents(datasets: Sequence[Dataset], sizes: bool, framed: bool = False) -> Documents:
    """All documents; texts are read for their `sizes` and, if `framed`, their frames only."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ["id", "source", "quality_score", *(["text"] if sizes or framed else [])]
    part: list[Longs] = []
    row: list[Longs] = []
    ids: list[Any] = []
    source: list[Any] = []
    quality: list[npt.NDArray[np.float64]] = []
    size: list[Longs] = []
    pages: list[Frames] = []
    for number, dataset, path in located_parts(datasets):
        first = 0
        for batch in read_part(dataset, path, columns):
            count = batch.num_rows
            part.append(np.full(count, number, np.int64))
            row.append(np.arange(first, first + count))
            ids.append(batch.column("id").cast(pa.large_string()))
            source.append(batch.column("source").cast(pa.large_string()))
            quality.append(batch.column("quality_score").cast(pa.float64()).fill_null(np.nan).to_numpy())
            size.append(
                pc.binary_length(batch.column("text")).to_numpy().astype(np.int64)
                if sizes
                else np.zeros(count, np.int64)
            )
            if framed and count:
                pages.append(frames(batch.column("text")))
            first += count
    strings = pa.large_string()
    return Documents(
        _joined(part, np.int64), _joined(row, np.int64), _strings(ids, strings), _strings(source, strings),
        _joined(quality, np.float64), _joined(size, np.int64), Frames.joined(pages),
    )  # fmt: skip


def _joined(pieces: list[npt.NDArray[Any]], kind: Any) -> Any:
    return np.concatenate(pieces) if pieces else np.empty(0, kind)


def _strings(pieces: list[pa.Array], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.concat_arrays(pieces) if pieces else pa.array([], kind)


def read_vectors(datasets: Sequence[Dataset]) -> tuple[pa.Array, npt.NDArray[np.float16]]:
    """Ids and float16 vectors [rows, dimensions]. InputError where datasets were not made by one model."""
    import pyarrow as pa

    first = datasets[0]
    for other in datasets[1:]:
        if other.width != first.width:
            raise InputError(
                f"{other.url}: vectors of {other.width} dimensions, {first.url} has {first.width}; one model makes all"
            )
        if other.manifest.get("models") != first.manifest.get("models"):
            raise InputError(
                f"{other.url}: vectors of another model than those of {first.url}; they cannot be compared"
            )
    made = np.empty((sum(dataset.rows for dataset in datasets), first.width), np.float16)
    ids: list[Any] = []
    at = 0
    for dataset in datasets:
        for batch in dataset.batches(["id", "embedding"]):
            column = batch.column("embedding")
            if column.null_count or column.type.list_size != first.width:
                raise InputError(
                    f"{dataset.url}: embeddings of {column.type}, the manifest says {first.width} dimensions"
                )
            made[at : at + batch.num_rows] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, first.width)
            ids.append(batch.column("id").cast(pa.large_string()))
            at += batch.num_rows
    return _strings(ids, pa.large_string()), made


def match(documents: pa.Array, vectors: pa.Array) -> Longs:
    """For each document the row of its vector, -1 where it has none. By place where the ids are the same in order, so
    that documents which share an id have each its own; else by id.
    """
    import pyarrow.compute as pc

    if documents.equals(vectors):
        return np.arange(len(documents))
    if len(pc.unique(vectors)) != len(vectors):
        counts = pc.value_counts(vectors)
        twice = counts.filter(pc.greater(counts.field("counts"), 1))
        raise InputError(
            f"embeddings: {len(twice)} ids have several vectors, such as {twice[0]['values'].as_py()!r}, and the documents "
            "are not those that were embedded, in their order; embed the very documents that are deduplicated"
        )
    found: Longs = pc.index_in(documents, value_set=vectors).fill_null(-1).to_numpy().astype(np.int64)
    if len(documents) and (found < 0).all():
        raise InputError(
            f"embeddings: none of the {len(documents)} documents has a vector; ids differ, such as "
            f"{documents[0].as_py()!r} here and {vectors[0].as_py() if len(vectors) else 'no vector at all'!r} there"
        )
    return found


def usable(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.bool_]:
    """Which rows are finite and of length 1 (within 1 %)."""
    out = np.empty(len(vectors), np.bool_)
    for low in range(0, len(vectors), 1 << 16):
        with np.errstate(invalid="ignore", over="ignore"):
            length = norms(vectors[low : low + (1 << 16)])
            out[low : low + len(length)] = np.abs(length - 1) < 0.01
    return out
