"""The tokens of an arm on disk, and the order in which a training sees them.

Documents in a drawn order make an endless stream, which is cut into windows; then the windows are drawn. Without the
second draw all rows of a step would be of one long document, and a small decoder learns half of what it could.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
TOKENS, MASK, STARTS, KEYS, FACTS = "tokens.bin", "mask.bin", "starts.npy", "keys.npy", "arm.json"
_PASSES = 3  # passes whose order is held


class Stream:
    """An arm's documents in the order of one training, read again from the start in another order when they end.

    Any window of the endless stream can be read, so that a training goes on from any step.
    """

    def __init__(self, folder: Path, order: int) -> None:
        self.facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
        self._tokens = np.memmap(folder / TOKENS, dtype=self.facts["dtype"], mode="r")
        self._mask = np.memmap(folder / MASK, dtype=np.uint8, mode="r") if self.facts["masked"] else None
        self._starts = np.load(folder / STARTS)
        self._keys = np.load(folder / KEYS)
        self._order = order
        self._passes: dict[int, tuple[Array, Array]] = {}
        self._drawn: tuple[int, Array] = (-1, self._keys)

    @property
    def length(self) -> int:
        """Tokens in one pass."""
        return int(self._starts[-1])

    def window(self, start: int, count: int) -> tuple[Array, Array]:
        """`count` tokens from `start` on, and which of them are in the loss."""
        ids, mask = np.empty(count, np.int64), np.ones(count, np.bool_)
        done = 0
        while done < count:
            number, offset = divmod(start + done, self.length)
            documents, ends = self._ordered(number)
            place = int(np.searchsorted(ends, offset, side="right"))
            document = int(documents[place])
            first, last = int(self._starts[document]), int(self._starts[document + 1])
            begin = last - (int(ends[place]) - offset)
            taken = min(last - begin, count - done)
            ids[done : done + taken] = self._tokens[begin : begin + taken]
            if self._mask is not None:
                mask[done : done + taken] = self._mask[begin : begin + taken]
            done += taken
            assert first <= begin < last
        return ids, mask

    def sample(self, number: int, total: int, count: int) -> tuple[Array, Array]:
        """The `number`th of `total` windows of `count` tokens, and one more token, in the order that they are trained on.

        Windows are drawn within about one pass, so that a document comes again only after all others.
        """
        block = max(1, min(total, self.length // count))
        which, place = divmod(number, block)
        size = min(block, total - which * block)
        if self._drawn[0] != which:
            drawn = np.argsort(mixed(np.arange(size), self._order, which, 1), kind="stable")
            self._drawn = (which, drawn)
        return self.window((which * block + int(self._drawn[1][place])) * count, count + 1)

    def _ordered(self, number: int) -> tuple[Array, Array]:
        """Documents of pass `number`, and where each ends in it."""
        if number not in self._passes:
            documents = np.argsort(mixed(self._keys, self._order, number), kind="stable")
            while len(self._passes) >= _PASSES:
                del self._passes[next(iter(self._passes))]
            self._passes[number] = documents, np.cumsum(np.diff(self._starts)[documents])
        return self._passes[number]


def mixed(keys: Array, *words: int) -> Array:
    """Other numbers for `keys`, by words: splitmix64 (Steele et al. 2014), once for each."""
    found = keys.astype(np.uint64)
    with np.errstate(over="ignore"):
        for word in words:
            found = found + np.uint64((word * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % (1 << 64))
            found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            found = found ^ (found >> np.uint64(31))
    return found
