"""Sequence datasets in PyTorch: a loader that knows what the training loop has received, and can go on from there.

    loader = SequenceLoader("runs/web/packed", global_batch=64, seed=1, workers=2)
    for batch in loader:
        ...
        torch.save({"model": ..., "data": loader.state_dict()}, path)

Rank and world size are those of `torch.distributed` (or of torchrun's environment) unless they are given. Batches that
worker processes have ready, but that the loop has not asked for, do not count as consumed. `SequenceDataset` is the same
for a DataLoader of one's own (`batch_size=None`), and for torchdata's StatefulDataLoader.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arcmill.errors import ArcmillError, UsageError
from sequences.batch import Batch
from sequences.reader import SequenceReader

try:
    import torch
    from torch.utils.data import DataLoader, IterableDataset, get_worker_info
except ImportError:
    raise UsageError(
        "sequences.torch_data needs PyTorch: pip install 'arcmill[llm]' (sequences.reader does without it)"
    ) from None

from sequences.slots import Slots  # after PyTorch was found

_ERROR = "_error"


def world() -> tuple[int, int]:
    """Rank and world size of this process: of torch.distributed, else of torchrun's environment, else 0 of 1."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return 0, 1


class SequenceDataset(IterableDataset):  # type: ignore[misc]  # PyTorch is not checked
    """The batches of one rank, as tensors; workers of a DataLoader take turns. Settings: those of SequenceReader."""

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        global_batch: int,
        rank: int | None = None,
        world_size: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if (rank is None) != (world_size is None):
            raise UsageError("give rank and world_size both, or neither")
        if rank is None or world_size is None:
            rank, world_size = world()
        self.reader = SequenceReader(urls, global_batch=global_batch, rank=rank, world_size=world_size, **settings)
        self._consumed = self._step = 0

    def __iter__(self) -> _Batches:
        return _Batches(self.reader, self._consumed, self._step)

    def start_at(self, consumed: int, step: int) -> None:
        """Begin there when iterated next."""
        self._consumed, self._step = consumed, step

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Begin where a loader's state, or that of a batch (`state_after`), says."""
        self.start_at(*self.reader.resume(state))

    def state_dict(self) -> dict[str, Any]:
        """Where the next iteration begins; not how far one has come, which the loop alone knows."""
        return self.reader.state(self._consumed, self._step)

    def state_after(self, batch: Batch) -> dict[str, Any]:
        """The state to save when the loop has received this batch (the last of its step, with micro-batches)."""
        return self.reader.state(int(batch["consumed"]), int(batch["step"]) + 1)


class _Batches(Iterator[Batch]):
    """One iteration in one process, with a state of its own (for StatefulDataLoader, which asks each worker for it)."""

    def __init__(self, reader: SequenceReader, consumed: int, step: int) -> None:
        self._reader, (self._worker, self._workers) = reader, _worker()
        self._begin, self._given = (consumed, step), 0
        self._source: Iterator[Batch] | None = None

    def __next__(self) -> Batch:
        if self._source is None:
            self._source = self._reader.batches(
                *self._begin, worker=self._worker, workers=self._workers, skip=self._given
            )
        batch = next(self._source)
        self._given += 1
        return tensors(batch)

    def state_dict(self) -> dict[str, Any]:
        return {**self._reader.state(*self._begin), "given": self._given, "workers": self._workers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state.get("workers") != self._workers:
            raise UsageError(f"the state is of {state.get('workers')} workers, now there are {self._workers}")
        self._begin, self._given, self._source = self._reader.resume(state), int(state["given"]), None


class _Handed(IterableDataset):  # type: ignore[misc]  # PyTorch is not checked
    """What the workers of a SequenceLoader iterate: batches to be completed by the loader, in slots."""

    def __init__(self, reader: SequenceReader, consumed: int, step: int, slots: Slots) -> None:
        super().__init__()
        self._reader, self._begin, self._slots = reader, (consumed, step), slots

    def __iter__(self) -> Iterator[Batch]:
        worker, workers = _worker()
        batches = self._reader.batches(*self._begin, worker=worker, workers=workers, complete=False)
        try:
            for number, batch in enumerate(batches):
                yield self._slots.put(worker, number, batch)
        except ArcmillError as error:  # PyTorch would bury what it says in a traceback of the worker's
            yield {_ERROR: error}


def _worker() -> tuple[int, int]:
    """Number of this worker process, and how many there are; 0 of 1 in the training process."""
    info = get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)


def tensors(batch: Batch) -> Batch:
    """NumPy arrays as tensors, without a copy; all else as it is."""
    return {
        key: torch.from_numpy(value) if hasattr(value, "__array_interface__") else value for key, value in batch.items()
    }


class SequenceLoader:
    """Batches for a training loop, from `workers` processes (0: from threads of this one); can be resumed exactly.

    Iterating goes on where the loop stopped: a second `for` over the same loader continues. `prefetch_factor`: batches that
    each worker has ready. `start_method`: fork or spawn (None: Python's own choice). `pin_memory` is for a GPU, and does
    nothing without one. `settings`: those of SequenceReader.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        global_batch: int,
        workers: int = 0,
        prefetch_factor: int = 2,
        pin_memory: bool = False,
        start_method: str | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        **settings: Any,
    ) -> None:
        self.dataset = SequenceDataset(urls, global_batch=global_batch, rank=rank, world_size=world_size, **settings)
        self._workers, self._under_way, self._start_method = workers, prefetch_factor, start_method
        self._pin = pin_memory and torch.cuda.is_available()
        self._consumed = self._step = 0

    @property
    def reader(self) -> SequenceReader:
        return self.dataset.reader

    def __len__(self) -> int:
        """Batches that are left."""
        steps = self.reader.steps(self._consumed)
        if steps is None:
            raise TypeError("a loader without `epochs` has no end, and so no length")
        return steps * self.reader.micro_batches

    def __iter__(self) -> Iterator[Batch]:
        last = self.reader.micro_batches - 1
        for batch in self._batches():
            if self._pin:
                batch = {key: value.pin_memory() if torch.is_tensor(value) else value for key, value in batch.items()}
            if batch["micro"] == last:
                self._consumed, self._step = int(batch["consumed"]), int(batch["step"]) + 1
            yield batch

    def _batches(self) -> Iterator[Batch]:
        if not self._workers:
            yield from map(tensors, self.reader.batches(self._consumed, self._step))
            return
        reader = self.reader
        rows = -(-reader.global_batch // reader.world_size)
        slots = Slots(self._workers, self._under_way, min(rows, reader.micro_batch or rows), reader.length)
        handed = DataLoader(
            _Handed(reader, self._consumed, self._step, slots), batch_size=None, collate_fn=_as_it_is,
            num_workers=self._workers, prefetch_factor=self._under_way, multiprocessing_context=self._start_method,
        )  # fmt: skip
        for batch in handed:
            if _ERROR in batch:
                raise batch[_ERROR]
            yield tensors(reader.complete(slots.take(batch)))

    def state_dict(self) -> dict[str, Any]:
        """What the loop has received, in whole steps: JSON, the same on every rank."""
        return self.reader.state(self._consumed, self._step)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the state was taken, in whatever world. UsageError where it is of other data or another order."""
        self._consumed, self._step = self.reader.resume(state)


def _as_it_is(batch: Batch) -> Batch:
    return batch
