"""Arms and held-out sets: datasets under a name, and a bounded draw of their documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from pipelines.ablate.stream import Array

if TYPE_CHECKING:
    import pyarrow as pa

BUCKETS = 1 << 20
_COLUMNS = ["id", "text", "source", "quality_bucket", "metadata"]


@dataclass(frozen=True)
class Arm:
    """Datasets under one name, all Document or all Sequence."""

    name: str
    datasets: tuple[Dataset, ...]

    @property
    def record(self) -> str:
        return self.datasets[0].record

    @property
    def rows(self) -> int:
        return sum(dataset.rows for dataset in self.datasets)

    @property
    def fingerprints(self) -> list[str]:
        return [dataset.fingerprint for dataset in self.datasets]

    @property
    def number(self) -> int:
        """A number that follows from the name."""
        return int.from_bytes(blake2b(self.name.encode(), digest_size=8).digest(), "little")


def open_arms(named: Sequence[tuple[str, str]], what: str, records: tuple[str, ...]) -> list[Arm]:
    """`(name, path)` pairs as arms; a name given twice has both datasets. `what`: arm or held-out set, for messages.

    A path is a dataset, or a run, of which the documents before packing are taken.
    """
    found: dict[str, list[Dataset]] = {}
    for name, path in named:
        found.setdefault(name, []).append(_open(name, path, what, records))
    arms = []
    for name, datasets in found.items():
        if len({dataset.record for dataset in datasets}) > 1:
            raise UsageError(f"{what} {name}: mixes {' and '.join(sorted({d.record for d in datasets}))} datasets")
        arms.append(Arm(name, tuple(datasets)))
    return arms


def _open(name: str, path: str, what: str, records: tuple[str, ...]) -> Dataset:
    from pipelines.lineage import open_run

    accepted = " or ".join(records)
    run = open_run(path)
    if len(run.steps) == 1 and run.steps[0].dataset is not None:
        dataset = run.steps[0].dataset
        if dataset.record not in records:
            raise UsageError(f"{what} {name}: {path} is a {dataset.record} dataset; expected {accepted}")
        return dataset
    packed = [step for step in run.steps if step.record == "Sequence" and step.dataset is not None]
    before = [other for step in packed for other in run.sources(step) if other.record == "Document"]
    ends = [step for step in run.steps if step.record == "Document" and not run.consumers(step)]
    chosen = {step.name: step.dataset for step in before or ends if step.dataset is not None}
    if len(chosen) != 1:
        told = f"has several ends ({', '.join(sorted(chosen))})" if chosen else "has no finished documents"
        raise UsageError(f"{what} {name}: the run {path} {told}; name one of its datasets ({accepted})")
    return next(iter(chosen.values()))


def keys_of(ids: Sequence[str]) -> Array:
    """A 64-bit hash of each id."""
    digests = b"".join(blake2b(each.encode(), digest_size=8).digest() for each in ids)
    return np.frombuffer(digests, dtype="<u8")


class Draw:
    """Documents of an arm up to some bytes of text, chosen by a hash of their ids: a bounded pass over the texts."""

    def __init__(self, arm: Arm, most_bytes: int) -> None:
        self.arm = arm
        sizes = np.zeros(BUCKETS, np.int64)
        for batch in self._batches(["id", "text"]):
            np.add.at(sizes, self._buckets(batch), text_bytes(batch))
        reach = int(np.searchsorted(np.cumsum(sizes), most_bytes, side="left")) + 1
        self._threshold = min(reach, BUCKETS)
        self.bytes = int(sizes[: self._threshold].sum())
        self.all_bytes = int(sizes.sum())

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows that were drawn, in the order of the datasets."""
        import pyarrow as pa

        for batch in self._batches(columns or _COLUMNS):
            if self._threshold < BUCKETS:
                batch = batch.filter(pa.array(self._buckets(batch) < self._threshold))
            if batch.num_rows:
                yield batch

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for dataset in self.arm.datasets:
            yield from dataset.batches(columns=columns)

    @staticmethod
    def _buckets(batch: pa.RecordBatch) -> Array:
        return (keys_of(batch.column("id").to_pylist()) >> np.uint64(44)).astype(np.int64)


def text_bytes(batch: pa.RecordBatch) -> Array:
    """Bytes of each text."""
    import pyarrow.compute as pc

    found: Array = pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy(zero_copy_only=False)
    return found
