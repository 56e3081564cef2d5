"""In which order a training run reads the rows of a dataset: a function of the dataset and the seed alone.

One pass (epoch) over N rows is a permutation in three bounded steps: parts are shuffled, within a part its row groups, and
within `window` row groups that follow one another their rows. This line of rows is cut into `lanes` stretches (in an order of
their own), and sample g of the run (counted from 0 over all epochs) comes from lane (g // run) % lanes. So a batch is drawn from many places, no rank
or worker needs more than the lanes that its samples come from, and whoever asks for sample g, at whatever time and in
whatever world, gets the same row.

Only the number of rows of each part is held. Shuffling sorts by SplitMix64 (Steele et al. 2014), so that an order never
changes with a version of NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arcmill.errors import UsageError

Numbers = npt.NDArray[np.int64]
CYCLE_STEPS = 4  # after so many steps a batch draws from the same lanes again: workers 1, 2 and 4 then share none
DEFAULT_LANES = 32  # a process that reads all of them holds some 300 MB (docs/handoff.md)


class Stretch(NamedTuple):
    """`samples` that follow one another in a lane, from `position` on in the line of rows of `epoch`."""

    lane: int
    epoch: int
    position: int
    samples: int


class Epoch(NamedTuple):
    """Parts in their order, and positions where each begins (and the end). `places`: of each lane, the position of its sample
    with the number n (of all that the lane has had in the run) is places[lane] + n."""

    parts: Numbers
    begins: Numbers
    places: list[int]


def choose_lanes(global_batch: int, lanes: int | None = None, run: int | None = None) -> tuple[int, int]:
    """Lanes, and samples taken from a lane at a time: lanes x run is CYCLE_STEPS batches wherever it can be."""
    total = global_batch * CYCLE_STEPS
    if lanes is None:
        most = min(DEFAULT_LANES, total)
        lanes = max((n for n in range(1, most + 1) if total % n == 0), default=1)
        if lanes < min(
            16, most
        ):  # a batch of prime size: lanes are then read by more than one, which costs, and no more
            lanes = most
    if lanes < 1 or (run is not None and run < 1):
        raise UsageError(f"lanes {lanes} and run {run}: both must be at least 1")
    return lanes, run or max(1, total // lanes)


def shuffled(size: int, *key: str | int) -> Numbers:
    """A permutation of 0 to size - 1 that follows from the key."""
    start = int.from_bytes(blake2b("\0".join(map(str, key)).encode(), digest_size=8).digest(), "little")
    with np.errstate(over="ignore"):
        value = np.uint64(start) + np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value ^= value >> np.uint64(31)
    return np.argsort(value, kind="stable")


class Order:
    """The order of a dataset of parts with `part_rows` rows. `shuffle=False`: the order of the dataset."""

    def __init__(
        self, part_rows: Sequence[int], fingerprint: str, seed: int, lanes: int, run: int, window: int, shuffle: bool
    ) -> None:
        self.part_rows = np.asarray(part_rows, np.int64)
        self.first_rows = np.concatenate(([0], np.cumsum(self.part_rows)))
        self.rows = int(self.first_rows[-1])
        self.lanes, self.run = (lanes, run) if shuffle else (1, 1)
        self.window, self.shuffle = window, shuffle
        self._key = f"{fingerprint}\0{seed}"
        self._epochs: dict[int, Epoch] = {}

    def _taken(self, samples: int, lane: int) -> int:
        """How many of the first `samples` samples of a run come from a lane."""
        cycles, rest = divmod(samples, self.lanes * self.run)
        return cycles * self.run + min(max(rest - lane * self.run, 0), self.run)

    def epoch(self, epoch: int) -> Epoch:
        """How the parts and lanes of an epoch lie."""
        if epoch not in self._epochs:
            count = len(self.part_rows)
            parts = shuffled(count, self._key, epoch, "parts") if self.shuffle else np.arange(count)
            begins = np.concatenate(([0], np.cumsum(self.part_rows[parts])))
            first, last = epoch * self.rows, (epoch + 1) * self.rows
            sizes = np.array(
                [self._taken(last, lane) - self._taken(first, lane) for lane in range(self.lanes)], np.int64
            )
            # Lanes beside one another in time are apart in the line, so that small datasets mix within a batch, too.
            slots = shuffled(self.lanes, self._key, epoch, "lanes")
            lane_begins = np.empty(self.lanes, np.int64)
            lane_begins[slots] = np.cumsum(sizes[slots]) - sizes[slots]
            places = [int(begin) - self._taken(first, lane) for lane, begin in enumerate(lane_begins)]
            while len(self._epochs) > 1:  # where one epoch goes over into the next, both are asked for
                del self._epochs[min(self._epochs)]
            self._epochs[epoch] = Epoch(parts, begins, places)
        return self._epochs[epoch]

    def stretches(self, first: int, last: int) -> Iterator[Stretch]:
        """Samples `first` to `last` (exclusive) of the run, as stretches in their order."""
        cycle = self.lanes * self.run
        while first < last:
            epoch, turn = first // self.rows, first // self.run
            lane = turn % self.lanes
            until = min(last, (turn + 1) * self.run if self.lanes > 1 else last, (epoch + 1) * self.rows)
            # As _taken, for the lane that the sample is of.
            position = self.epoch(epoch).places[lane] + first // cycle * self.run + first % self.run
            yield Stretch(lane, epoch, position, until - first)
            first = until

    def part_at(self, epoch: int, position: int) -> tuple[int, int]:
        """The part that holds a position of an epoch's line, and the position where that part begins."""
        parts, begins, _ = self.epoch(epoch)
        slot = int(np.searchsorted(begins, position, side="right")) - 1
        return int(parts[slot]), int(begins[slot])

    def part_after(self, epoch: int, position: int) -> int | None:
        """The part that comes after the one that holds a position; None at the end of the epoch."""
        parts, begins, _ = self.epoch(epoch)
        slot = int(np.searchsorted(begins, position, side="right"))
        return int(parts[slot]) if slot < len(parts) else None

    def groups(self, epoch: int, part: int, count: int) -> Numbers:
        """The order of a part's row groups."""
        return shuffled(count, self._key, epoch, "groups", part) if self.shuffle else np.arange(count)

    def window_rows(self, epoch: int, part: int, number: int, count: int) -> Numbers:
        """The order of the rows of a part's window with that number."""
        return shuffled(count, self._key, epoch, "rows", part, number) if self.shuffle else np.arange(count)
