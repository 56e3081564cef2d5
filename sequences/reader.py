"""Reads Sequence datasets for training jobs: the same rows at the same step in any world, resumed to the sample.

    reader = SequenceReader("runs/web/packed", global_batch=64, seed=1, rank=3, world_size=8)
    for batch in reader.batches():
        ...

What a run has read is one number: how many samples (rows) all ranks together have consumed. The order of samples is a
function of the datasets and the seed (`sequences.order`), so that number alone says where to go on, whatever the world
size, the number of workers and even the batch size are then. `sequences.torch_data` makes a DataLoader of it. This module
needs NumPy and pyarrow, and not torch.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np

from arcmill.errors import UsageError
from sequences.ahead import Piece, Windows
from sequences.batch import Batch, Completer, Item, gather
from sequences.blocks import Store, Verify
from sequences.order import Numbers, Order, choose_lanes

STATE_FORMAT = 1
_DECIDES = ("fingerprint", "seed", "lanes", "run", "window", "shuffle")


class Place(NamedTuple):
    """Where a row lies: `arcmill why` takes dataset/part:row:token."""

    dataset: str
    part: str
    row: int  # in the part


class SequenceReader:
    """Batches of one rank. `urls`: one dataset, or several that are read as one.

    `global_batch`: rows of a step over all ranks; rank r has the r-th share of them. `micro_batch`: rows at once, where
    a step is read in several pieces. `epochs`: None reads without an end, epoch after epoch. `drop_last`: leave out a last
    step that is not full (only with `epochs`). `labels`: add labels, -100 where a token is not in the loss and at the
    beginning of each segment, which nothing before it predicts. `segments`: add the segments of each row as dicts.
    `verify`: what is checked of a part when it is first opened. `threads` decode, `prefetch` items ahead.

    Raises UsageError for settings that do not fit, InputError for what cannot be read.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        global_batch: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        micro_batch: int | None = None,
        epochs: int | None = None,
        drop_last: bool = True,
        shuffle: bool = True,
        lanes: int | None = None,
        run: int | None = None,
        window: int = 1,
        dtype: Literal["int32", "int64"] = "int64",
        labels: bool = False,
        segments: bool = False,
        verify: Verify = "size",
        threads: int = 2,
        prefetch: int = 32,
    ) -> None:
        if global_batch < 1 or window < 1 or threads < 1 or prefetch < 1 or (epochs is not None and epochs < 1):
            raise UsageError("global_batch, window, threads, prefetch and epochs must be at least 1")
        if dtype not in ("int32", "int64"):
            raise UsageError(f"dtype '{dtype}': int32 or int64")
        self.urls = [urls] if isinstance(urls, str) else [str(url) for url in urls]
        self.global_batch, self.seed, self.micro_batch = global_batch, seed, micro_batch
        self.epochs, self.drop_last, self.shuffle, self.window = epochs, drop_last, shuffle, window
        self.dtype, self.labels, self.segments = np.dtype(dtype), labels, segments
        self._completer = Completer(self.dtype, labels)
        self._threads, self._prefetch, self._chosen = threads, prefetch, (lanes, run)
        self._store = Store(self.urls, verify, segments)
        prints = self._store.fingerprints
        self.fingerprint = prints[0] if len(prints) == 1 else sha256("\n".join(prints).encode()).hexdigest()
        self._lay_out(*choose_lanes(global_batch, lanes, run))
        self.set_world(rank, world_size)

    def _lay_out(self, lanes: int, run: int) -> None:
        self._order = Order(
            [part.rows for part in self._store.parts],
            self.fingerprint,
            self.seed,
            lanes,
            run,
            self.window,
            self.shuffle,
        )
        self._planner = Windows(self._store, self._order, 0)
        self._at_hand: Windows | None = None

    def set_world(self, rank: int, world_size: int) -> None:
        """Say anew which share of each step this reader reads."""
        if not 0 <= rank < world_size:
            raise UsageError(f"rank {rank} of {world_size}: must be 0 to {world_size - 1}")
        if self.global_batch < world_size:
            raise UsageError(f"global_batch {self.global_batch} leaves some of {world_size} ranks without a row")
        if self.global_batch % world_size:
            if self.micro_batch:
                raise UsageError(
                    f"global_batch {self.global_batch} cannot be shared evenly by {world_size} ranks, which micro_batch needs"
                )
            warnings.warn(
                f"global_batch {self.global_batch} is not a multiple of {world_size} ranks: their batches differ by a row, "
                "so weigh their gradients by rows",
                stacklevel=3,
            )
        self.rank, self.world_size = rank, world_size

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_at_hand": None, "_planner": None}  # threads, and what they decoded, stay here

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._planner = Windows(self._store, self._order, 0)

    # What is known

    @property
    def rows(self) -> int:
        """Rows of all datasets together: the samples of an epoch."""
        return self._order.rows

    @property
    def length(self) -> int:
        """Tokens of a row."""
        return self._store.length

    @property
    def samples(self) -> int | None:
        """Samples of the whole run; None where it has no end."""
        if self.epochs is None:
            return None
        total = self.epochs * self.rows
        return total - total % self.global_batch if self.drop_last else total

    def steps(self, consumed: int = 0) -> int | None:
        """Steps that are left after `consumed` samples; None where there is no end."""
        if self.samples is None:
            return None
        left = self.epochs * self.rows - consumed  # type: ignore[operator]
        return max(0, left // self.global_batch if self.drop_last else -(-left // self.global_batch))

    @property
    def micro_batches(self) -> int:
        """Batches that a step is read in."""
        return -(-(self.global_batch // self.world_size) // self.micro_batch) if self.micro_batch else 1

    def locate(self, row: int) -> Place:
        """Where the row with that number lies."""
        if not 0 <= row < self.rows:
            raise UsageError(f"row {row}: the datasets have rows 0 to {self.rows - 1}")
        part = int(np.searchsorted(self._order.first_rows, row, side="right")) - 1
        told = self._store.parts[part]
        return Place(told.dataset, told.path, row - int(self._order.first_rows[part]))

    def sample_rows(self, first: int, last: int) -> Numbers:
        """Numbers of the rows that samples `first` to `last` (exclusive) of the run are, on whichever rank."""
        rows: list[int] = []
        for piece in self._planner.plan(first, last):
            rows += piece.window.rows(piece.first, piece.rows)
            self._planner.done(piece)
        return np.array(rows, np.int64)

    def step_rows(self, step: int, *, of_rank: bool = False) -> Numbers:
        """Numbers of the rows of a step of a run that has had this batch size from its beginning."""
        first = step * self.global_batch
        last = first + self.global_batch
        if self.samples is not None:
            last = min(last, self.samples)
        return self.sample_rows(*(self._share(first, last) if of_rank else (first, last)))

    def sample_batch(self, first: int, last: int) -> Batch:
        """Samples `first` to `last` (exclusive) of the run as a batch, on whichever rank they were."""
        windows = self._windows_at_hand()
        pieces = windows.plan(first, last)
        return self.complete(self._batch(windows, Item(first // self.global_batch, 0, first, last, last), pieces))

    def _windows_at_hand(self) -> Windows:
        """Windows that stay open from one call to the next, for samples asked for one by one."""
        if self._at_hand is None:
            self._at_hand = Windows(self._store, self._order, self._threads)
        return self._at_hand

    # State

    def state(self, consumed: int, step: int) -> dict[str, Any]:
        """All that is needed to go on after `consumed` samples and `step` steps; JSON."""
        return {"format": STATE_FORMAT, **self.identity(), "consumed": consumed, "step": step}

    def identity(self) -> dict[str, Any]:
        """What decides the order of samples; JSON."""
        order = self._order
        return {"fingerprint": self.fingerprint, "seed": self.seed, "lanes": order.lanes, "run": order.run,
                "window": order.window, "shuffle": order.shuffle}  # fmt: skip

    def resume(self, state: Mapping[str, Any]) -> tuple[int, int]:
        """Take over the order of a run; samples consumed and steps done. UsageError where the state is of something else."""
        if state.get("format") != STATE_FORMAT or not {*_DECIDES, "consumed", "step"} <= state.keys():
            raise UsageError(f"not a state of this reader (format {state.get('format')}, expected {STATE_FORMAT})")
        if state["fingerprint"] != self.fingerprint:
            raise UsageError(
                f"the state is of another dataset: {str(state['fingerprint'])[:16]}, {', '.join(self.urls)} is "
                f"{self.fingerprint[:16]}"
            )
        mine = self.identity()
        chosen = {"lanes": self._chosen[0], "run": self._chosen[1]}
        for name in _DECIDES[1:]:
            given = chosen.get(name) if name in chosen else mine[name]
            if given is not None and given != state[name]:
                raise UsageError(
                    f"the state was made with {name} {state[name]}, this reader has {given}: give {state[name]}"
                )
        for name, least in (("lanes", 1), ("run", 1), ("consumed", 0), ("step", 0)):
            if type(state[name]) is not int or state[name] < least:
                raise UsageError(
                    f"the state is damaged: {name} is {state[name]!r:.40}, not a whole number from {least}"
                )
        self._lay_out(state["lanes"], state["run"])
        return int(state["consumed"]), int(state["step"])

    # Reading

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(
        self, consumed: int = 0, step: int = 0, *, worker: int = 0, workers: int = 1, skip: int = 0,
        complete: bool = True,
    ) -> Iterator[Batch]:  # fmt: skip
        """The batches that follow `consumed` samples; of `workers` that take turns, those of `worker`, but for `skip`.

        `step` is the number that the first step gets. Not `complete`: as a worker hands them over, for `complete` to do.
        """
        for batch in self._gathered(consumed, step, worker, workers, skip):
            yield self.complete(batch) if complete else batch

    def _gathered(self, consumed: int, step: int, worker: int, workers: int, skip: int) -> Iterator[Batch]:
        windows = Windows(self._store, self._order, self._threads)
        waiting: deque[tuple[Item, list[Piece]]] = deque()
        try:
            for number, item in enumerate(self._items(consumed, step)):
                if number % workers == worker and number >= skip * workers:
                    waiting.append((item, windows.plan(item.first, item.last)))
                    if len(waiting) > self._prefetch:
                        yield self._batch(windows, *waiting.popleft())
            while waiting:
                yield self._batch(windows, *waiting.popleft())
        finally:
            windows.close()

    def _items(self, consumed: int, step: int) -> Iterator[Item]:
        end = None if self.epochs is None else self.epochs * self.rows
        while end is None or consumed < end:
            until = consumed + self.global_batch
            if end is not None and until > end:
                if self.drop_last:
                    return
                until = end
            first, last = self._share(consumed, until)
            for micro in range(self.micro_batches):
                size = self.micro_batch or last - first
                begin = min(first + micro * size, last)
                yield Item(step, micro, begin, min(begin + size, last), until)
            consumed, step = until, step + 1

    def _share(self, first: int, last: int) -> tuple[int, int]:
        """This rank's share of a step's samples."""
        size = last - first
        return first + size * self.rank // self.world_size, first + size * (self.rank + 1) // self.world_size

    def _batch(self, windows: Windows, item: Item, pieces: list[Piece]) -> Batch:
        return gather(windows, item, pieces, self.length, self.rows, self.segments)

    def complete(self, batch: Batch) -> Batch:
        """Add what follows from the rest: positions, the longest run, labels; and tokens as the dtype asked for."""
        return self._completer.complete(batch)
