"""Windows of rows held by a reader: decoded by threads before they are wanted, let go when the last of their rows is out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from typing import NamedTuple

import numpy as np

from sequences.blocks import Block, Store
from sequences.order import Order


class Piece(NamedTuple):
    """Rows of one window that go into a batch, one after the other."""

    window: Window
    first: int  # in the window's shuffled order
    rows: int


class Window:
    """Some row groups of a part, whose rows are shuffled together. `begin` and `end`: places in the epoch's line."""

    def __init__(
        self, order: Order, epoch: int, part: int, number: int, groups: list[int], sizes: list[int], begin: int,
        first_rows: list[int],
    ) -> None:  # fmt: skip
        self.epoch, self.part, self.groups = epoch, part, groups
        self.first_rows = first_rows  # number in the dataset(s) of the first row of each row group
        self.begin, self.end = begin, begin + sum(sizes)
        self.bounds = np.concatenate(([0], np.cumsum(sizes)))
        self.order = order.window_rows(epoch, part, number, self.end - begin)
        self.loading: list[Future[Block]] = []
        self.blocks: list[Block] = []
        self.holders = 0  # lanes that read it now, and pieces planned from it

    def rows(self, first: int, count: int) -> list[int]:
        """Numbers in the dataset(s) of `count` rows of the shuffled order."""
        return [self.first_rows[group] + row for group, row in self.places(first, count)]

    def places(self, first: int, count: int) -> Iterator[tuple[int, int]]:
        """Number of the row group in this window, and row in it, of `count` rows of the shuffled order."""
        rows = self.order[first : first + count]
        if len(self.groups) == 1:
            return zip(repeat(0, count), rows.tolist(), strict=True)
        groups = np.searchsorted(self.bounds, rows, side="right") - 1
        return zip(groups.tolist(), (rows - self.bounds[groups]).tolist(), strict=True)


class Windows:
    """Samples to pieces of windows, each window decoded once for all lanes that read it at the time.

    With `threads` 0 nothing is decoded: only where rows lie can be asked.
    """

    def __init__(self, store: Store, order: Order, threads: int) -> None:
        self._store, self._order = store, order
        self._held: dict[tuple[int, int], Window] = {}  # by epoch and begin
        self._of_lane: dict[int, Window] = {}
        self._pool = ThreadPoolExecutor(threads, "arcmill-reader") if threads else None

    def close(self) -> None:
        """End the threads; what is being decoded is awaited."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.clear()
        self._of_lane.clear()

    def plan(self, first: int, last: int) -> list[Piece]:
        """The pieces that samples `first` to `last` (exclusive) are; their windows begin to be decoded."""
        pieces: list[Piece] = []
        for lane, epoch, position, count in self._order.stretches(first, last):
            while count:
                window = self._window(lane, epoch, position)
                taken = min(count, window.end - position)
                pieces.append(Piece(window, position - window.begin, taken))
                window.holders += 1
                position, count = position + taken, count - taken
                if position == window.end:
                    self._leave(lane)
        return pieces

    def done(self, piece: Piece) -> None:
        """A piece is in its batch."""
        self._release(piece.window)

    def blocks(self, window: Window) -> list[Block]:
        """The decoded row groups of a window, awaited where they are not there yet."""
        if not window.blocks:
            window.blocks = [future.result() for future in window.loading]
        return window.blocks

    def _window(self, lane: int, epoch: int, position: int) -> Window:
        window = self._of_lane.get(lane)
        if window is not None and window.epoch == epoch and window.begin <= position < window.end:
            return window
        self._leave(lane)
        window = self._found(epoch, position)
        window.holders += 1
        self._of_lane[lane] = window
        return window

    def _found(self, epoch: int, position: int) -> Window:
        part, begin = self._order.part_at(epoch, position)
        sizes = self._store.footer(part).rows
        groups = self._order.groups(epoch, part, len(sizes))
        ends = begin + np.cumsum(np.asarray(sizes, np.int64)[groups])
        number = int(np.searchsorted(ends, position, side="right")) // self._order.window
        chosen = groups[number * self._order.window : (number + 1) * self._order.window].tolist()
        before = number * self._order.window
        start = int(ends[before - 1]) if before else begin
        window = self._held.get((epoch, start))
        if window is None:
            firsts = [int(self._order.first_rows[part]) + sum(sizes[:group]) for group in chosen]
            window = Window(self._order, epoch, part, number, chosen, [sizes[n] for n in chosen], start, firsts)
            self._held[epoch, start] = window
            if self._pool is not None:
                window.loading = [self._pool.submit(self._store.read, part, group) for group in chosen]
                after = self._order.part_after(epoch, position)
                if after is not None:  # so that the lane need not wait for it
                    self._pool.submit(self._store.footer, after)
        return window

    def _leave(self, lane: int) -> None:
        window = self._of_lane.pop(lane, None)
        if window is not None:
            self._release(window)

    def _release(self, window: Window) -> None:
        window.holders -= 1
        if not window.holders:
            del self._held[window.epoch, window.begin]
