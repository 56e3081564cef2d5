"""The Documents of plans: the pieces of each context are read from the input's parts and written one after another.

A task reads each row group that it needs once, in the order in which they lie, keeps the needed rows in a file of its own,
and takes them from there. So its memory holds a row group and a context, however large the repository.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.errors import EngineError
from arcmill.records import Document, documents_to_batch, schema
from arcmill.syntax import LANGUAGE_KEY, programming_language
from sequences.repository.plan import INPUTS

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.dataset import Dataset
    from sequences.repository.stage import ConcatRepo

Place = tuple[int, int, int]  # input, part, row
_COLUMNS = (
    "id", "text", "source", "repo", "path", "license", "created", "quality_score", "quality_bucket", "epochs", "metadata"
)  # fmt: skip
_BATCH_BYTES = 4 << 20
_CHUNK = 8  # rows of the file that are read at once


def assemble(
    plans: Iterator[pa.RecordBatch], config: ConcatRepo, datasets: Mapping[str, Sequence[Dataset]]
) -> Iterator[pa.RecordBatch]:
    """Batches of Documents in the order of their plans, with `_copy`. All plans of one bucket come in one call."""
    rows = [row for batch in plans for row in batch.select(["id", "_plan", "_copy"]).to_pylist()]
    with tempfile.TemporaryDirectory(prefix="arcmill-pieces-") as scratch:
        pieces = _Pieces(f"{scratch}/pieces.arrow", datasets)
        pieces.fetch(
            {(piece[0], piece[1], piece[2]) for row in rows for piece in json.loads(row["_plan"])["pieces"]}
        )  # fmt: skip
        held: list[Document] = []
        copies: list[int] = []
        size = 0
        for row in rows:
            document = context_document(row["id"], json.loads(row["_plan"]), pieces, config)
            held.append(document)
            copies.append(row["_copy"])
            size += len(document.text)
            if size >= _BATCH_BYTES:
                yield _batch(held, copies)
                held, copies, size = [], [], 0
        if held:
            yield _batch(held, copies)
        pieces.close()


def _batch(held: list[Document], copies: list[int]) -> pa.RecordBatch:
    import pyarrow as pa

    batch = documents_to_batch(held)
    columns = [*batch.columns, pa.array(copies, pa.int32())]
    return pa.RecordBatch.from_arrays(columns, names=[*batch.schema.names, "_copy"])


class _Pieces:
    """Rows of the inputs by their place, kept in an Arrow file."""

    def __init__(self, path: str, datasets: Mapping[str, Sequence[Dataset]]) -> None:
        self._path = path
        self._parts = [
            [(dataset, part["path"]) for dataset in datasets.get(name, ()) for part in dataset.parts] for name in INPUTS
        ]
        self._at: dict[Place, tuple[int, int]] = {}
        self._file: Any = None
        self._batch: tuple[int, Any] = (-1, None)

    def fetch(self, places: set[Place]) -> None:
        """Copy the rows at these places."""
        import pyarrow as pa

        wanted: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, part, row in sorted(places):
            wanted[number, part].append(row)
        kept = pa.schema([schema("Document").field(name) for name in _COLUMNS])
        count = 0
        with pa.OSFile(self._path, "wb") as sink, pa.ipc.new_file(sink, kept) as writer:
            for (number, part), rows in sorted(wanted.items()):
                for found, table in self._groups(number, part, rows):
                    for batch in table.cast(kept).to_batches(max_chunksize=_CHUNK):
                        for offset in range(batch.num_rows):
                            self._at[number, part, found[offset]] = (count, offset)
                        found = found[batch.num_rows :]
                        writer.write_batch(batch)
                        count += 1
        self._file = pa.ipc.open_file(pa.OSFile(self._path))  # a map would count as memory

    def _groups(self, number: int, part: int, rows: Sequence[int]) -> Iterator[tuple[list[int], pa.Table]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        dataset, name = self._parts[number][part]
        with dataset.filesystem.open(dataset.file(name), "rb") as stream:
            parquet = pq.ParquetFile(stream, page_checksum_verification=True)
            first = 0
            for group in range(parquet.num_row_groups):
                end = first + parquet.metadata.row_group(group).num_rows
                here = list(rows[bisect_left(rows, first) : bisect_left(rows, end)])
                if here:
                    table = parquet.read_row_group(group, columns=list(_COLUMNS), use_threads=False)
                    yield here, table.select(list(_COLUMNS)).take(pa.array([row - first for row in here]))
                first = end
        if rows and rows[-1] >= first:
            raise EngineError(f"concat-repo: {name} has {first} rows, row {rows[-1]} was planned")

    def __getitem__(self, place: Place) -> dict[str, Any]:
        number, offset = self._at[place]
        if self._batch[0] != number:
            self._batch = (number, self._file.get_batch(number))
        row: dict[str, Any] = self._batch[1].slice(offset, 1).to_pylist()[0]
        row["metadata"] = dict(row["metadata"] or ())
        return row

    def close(self) -> None:
        """Let go of the file, so that it can be removed."""
        self._batch, self._file = (-1, None), None
        os.unlink(self._path)


def context_document(id: str, plan: Mapping[str, Any], pieces: Any, config: ConcatRepo) -> Document:
    """One context. `metadata["files"]` tells where the bytes of each piece are: see `sequences.repository.restore`."""
    repo = plan["repo"]
    texts = [config.repository_header.format(repo=_line(repo))]
    at = len(texts[0].encode("utf-8"))
    files: list[dict[str, Any]] = []
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, part, row_number, path, title in plan["pieces"]:
        row = pieces[number, part, row_number]
        header = (
            config.thread_header.format(title=_line(title)) if number else config.file_header.format(path=_line(path))
        )
        text = row.pop("text")
        size = len(text.encode("utf-8"))
        at += len(header.encode("utf-8"))
        files.append({"id": row["id"], "path": path or title, "start": at, "bytes": size})
        end = "\n" if text.endswith("\n") else "\n\n"
        at += size + len(end)
        texts += [header, text, end]
        rows.append((size, row))
    metadata = {"kind": plan["kind"], "files": json.dumps(files, ensure_ascii=False, separators=(",", ":"))}
    if plan["revision"] and config.apart_by:
        metadata[config.apart_by] = plan["revision"]
    if plan["kind"] == "repository":
        metadata["part"] = f"{plan['part'] + 1}/{plan['parts']}"
    language = _heaviest((size, programming_language(row["metadata"])) for size, row in rows)
    if language is not None:
        metadata[LANGUAGE_KEY] = str(language)
    return Document(
        id, "".join(texts), str(_heaviest((size, row["source"]) for size, row in rows)), repo=repo,
        license=_license([row["license"] for _, row in rows]),
        created=max((row["created"] for _, row in rows if row["created"]), default=None),
        quality_score=_mean((size, row["quality_score"]) for size, row in rows),
        quality_bucket=_bucket((size, row["quality_bucket"]) for size, row in rows),
        epochs=_mean((size, row["epochs"]) for size, row in rows), metadata=metadata,
    )  # fmt: skip


def _line(name: str) -> str:
    """A name on one line, whatever characters it has."""
    return name if name.isprintable() else json.dumps(name)[1:-1]


def _license(found: Sequence[str | None]) -> str | None:
    """All licences of the pieces (SPDX: AND); null where that of any is not known."""
    names = sorted({name for name in found if name})
    if not names or None in found:
        return None
    return names[0] if len(names) == 1 else " AND ".join(f"({n})" if " OR " in n else n for n in names)


def _mean(found: Iterator[tuple[int, float | None]]) -> float | None:
    """Mean by bytes, so that what a repository is repeated for keeps its tokens; null where no piece has a value."""
    known = [(size + 1, value) for size, value in found if value is not None and math.isfinite(value)]
    if not known:
        return None
    return math.fsum(size * value for size, value in known) / math.fsum(size for size, _ in known)


def _bucket(found: Iterator[tuple[int, int | None]]) -> int | None:
    """The bucket that the middle byte is in."""
    known = sorted((value, size + 1) for size, value in found if value is not None)
    half, so_far = sum(size for _, size in known) / 2, 0
    for value, size in known:
        so_far += size
        if so_far >= half:
            return value
    return None


def _heaviest(found: Iterator[tuple[int, Any]]) -> Any:
    """The value with most bytes; of equals the first by name."""
    sums: dict[str, int] = defaultdict(int)
    for size, value in found:
        if value is not None:
            sums[value] += size + 1
    return min(sums, key=lambda value: (-sums[value], value), default=None)
