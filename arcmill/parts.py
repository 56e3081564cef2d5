"""Writing parts: rows roll over into Parquet files of bounded size, in a staging folder, hashed as they are written.

Row groups and parts are cut by what the rows hold and never by time or worker, so the same rows give the same bytes.
"""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.errors import InputError
from arcmill.ledger import ledger_batch, ledger_schema
from arcmill.remote import has_folders
from arcmill.stage import Outcome
from arcmill.storage import HashingFile, locate, write_json

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from fsspec import AbstractFileSystem

    from arcmill.dataset import Dataset

GROUP_BYTES = 8 << 20
GROUP_ROWS = 8192
LEDGER_ROWS = 1024
COPY_BYTES = 1 << 20
# Columns whose values repeat: worth a dictionary and statistics. Texts and ids are neither.
_REPEATING = ("source", "language", "license", "repo", "outcome", "rule", "created", "quality_bucket")


class _Roll:
    """A run of Parquet files of one schema, a new one whenever `part_bytes` of rows are in."""

    def __init__(
        self, filesystem: AbstractFileSystem, folder: str, kind: str, schema: pa.Schema, part_bytes: int
    ) -> None:
        self.filesystem, self.folder = filesystem, folder
        self.kind, self.schema, self.part_bytes = kind, schema, part_bytes
        self.files: list[dict[str, Any]] = []
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = self._waiting_rows = self._written = 0
        self._sink: HashingFile | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self._waiting_rows += batch.num_rows
        if self._waiting_bytes >= GROUP_BYTES or self._waiting_rows >= GROUP_ROWS:
            self._flush()
            if self._written >= self.part_bytes:
                self._end_file()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        if self._writer is None:
            name = f"{self.folder}/{self.kind}-{len(self.files):03d}.parquet"
            self._sink = HashingFile(self.filesystem.open(name, "wb"))
            repeating = [name for name in self.schema.names if name in _REPEATING]
            self._writer = pq.ParquetWriter(
                self._sink, self.schema, compression="zstd", use_dictionary=repeating, write_statistics=repeating,
                write_page_checksum=True,  # zstd's own is not written: of flipped bits every second one gave other rows
            )  # fmt: skip
            self.files.append({"staged": name, "rows": 0})
        table = pa.Table.from_batches(self._waiting, schema=self.schema)
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.files[-1]["rows"] += table.num_rows
        self._written += self._waiting_bytes
        self._waiting, self._waiting_bytes, self._waiting_rows = [], 0, 0

    def _end_file(self) -> None:
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.close()
            self.files[-1] |= {"bytes": self._sink.bytes, "sha256": self._sink.sha256}
        self._writer, self._sink, self._written = None, None, 0

    def copy(self, dataset: Dataset, part: Mapping[str, Any]) -> None:
        """A part of a dataset as it is, under its own name. InputError where its bytes are not those of the manifest."""
        staged = f"{self.folder}/{part['path']}"
        path = dataset.file(part["path"])
        try:
            with dataset.filesystem.open(path, "rb") as source:
                sink = HashingFile(self.filesystem.open(staged, "wb"))
                while chunk := source.read(COPY_BYTES):
                    sink.write(chunk)
                sink.close()
        except FileNotFoundError:
            raise InputError(f"{path}: listed in the manifest, but missing") from None
        if sink.sha256 != part["sha256"]:
            raise InputError(f"{path}: its checksum differs from the manifest; it is not copied")
        self.files.append(
            {"staged": staged, "name": part["path"], **{key: part[key] for key in ("rows", "bytes", "sha256")}}
        )

    def close(self) -> None:
        self._flush()
        self._end_file()

    def give_up(self) -> None:
        """Let go of an unfinished file. Its writer must end well, or it fails later, when it is collected."""
        if self._sink is not None:
            self._sink.abandon()
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._writer = self._sink = None


class TaskWriter:
    """The output of one unit of work. It exists only once `commit` has written its record, which is written last.

    Files lie in a folder of this attempt's own, so that an orphaned worker cannot touch what a later one writes.
    """

    def __init__(self, staging: str, task: int, schema: pa.Schema, part_bytes: int) -> None:
        self.staging, self.task = staging, task
        self._filesystem, root = locate(staging)
        self._folder = f"{root}/{uuid.uuid4().hex}"
        if has_folders(self._filesystem):
            self._filesystem.makedirs(self._folder)
        self._rows = _Roll(self._filesystem, self._folder, "part", schema, part_bytes)
        self._ledger = _Roll(self._filesystem, self._folder, "ledger", ledger_schema(), part_bytes)
        self._rest: _Roll | None = None  # of rows that a later task makes anew; their first batch has their schema
        self._left: list[tuple[str, Outcome]] = []
        self.counts: Counter[str] = Counter()
        self.tallies: Counter[str] = Counter()  # what a core counted, for the manifest's statistics

    def __enter__(self) -> TaskWriter:
        return self

    def __exit__(self, *error: object) -> None:
        """Whatever was not committed is given up: its files are closed as they are."""
        for roll in (self._rows, self._ledger, self._rest):
            if roll is not None:
                roll.give_up()

    def rows(self, batch: pa.RecordBatch) -> None:
        """Add output rows (counted by the caller: they may be kept or created)."""
        self._rows.write(batch)

    def copy(self, dataset: Dataset, part: Mapping[str, Any]) -> None:
        """Take over a part of a dataset, byte by byte."""
        self._rows.copy(dataset, part)

    def name_part(self, name: str) -> None:
        """The rows so far were one part, to be known by this name; none where there were no rows."""
        self._rows.close()
        for file in self._rows.files:
            file["name"] = name

    def rest(self, batch: pa.RecordBatch) -> None:
        """Add rows that stay in staging until all tasks are done."""
        if self._rest is None:
            part_bytes = self._rows.part_bytes
            self._rest = _Roll(self._filesystem, self._folder, "rest", batch.schema, part_bytes)
        self._rest.write(batch)

    def ledger(self, entries: Sequence[tuple[str, Outcome]]) -> None:
        """Add ledger entries, and count them by outcome."""
        self._left += entries
        if len(self._left) >= LEDGER_ROWS:
            self._flush_ledger()

    def _flush_ledger(self) -> None:
        if self._left:
            self.ledger_rows(ledger_batch(self._left))
            self._left = []

    def ledger_rows(self, batch: pa.RecordBatch) -> None:
        """Add ledger entries that are Arrow rows already."""
        self.counts.update(batch.column("outcome").to_pylist())
        self._ledger.write(batch)

    def commit(self, **facts: Any) -> dict[str, Any]:
        """Close the files and write the task's record, atomically."""
        self._flush_ledger()
        self._rows.close()
        self._ledger.close()
        record = {"parts": self._rows.files, "ledger": self._ledger.files, "counts": dict(self.counts), **facts}
        if self.tallies:
            record["tallies"] = dict(self.tallies)
        if self._rest is not None:
            self._rest.close()
            record["rest"] = self._rest.files
        write_json(self._filesystem, task_record(self.staging, self.task), record)
        return record


def task_record(staging: str, task: int) -> str:
    """Where the record of a finished task lies."""
    return f"{locate(staging)[1]}/task-{task:06d}.json"


def group_by_bytes(sizes: Iterable[int]) -> list[list[int]]:
    """Group consecutive inputs into tasks: about sixteen of a small input, tasks of 64 MiB of a large one.

    Depends on the input alone, so the parts are the same for any number of workers.
    """
    sizes = list(sizes)
    target = min(max(sum(sizes) // 16, 1 << 18), 64 << 20)
    groups: list[list[int]] = []
    room = 0
    for number, size in enumerate(sizes):
        if not groups or room <= 0:
            groups.append([])
            room = target
        groups[-1].append(number)
        room -= size + 4096  # a file costs something even when it is empty
    return groups
