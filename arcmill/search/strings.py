"""Many texts in one file, read through a memory map: their bytes, and where each begins."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np


class StringsWriter:
    """Writes `<name>.bin` (UTF-8) and `<name>.starts.npy`; the bytes depend on the texts alone."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._stream = open(folder / f"{name}.bin", "wb")  # noqa: SIM115
        self._starts = _Numbers()

    def add(self, text: str) -> int:
        """Append one text; lone surrogates become question marks. Returns its bytes."""
        self._starts.add(self._stream.tell())
        return self._stream.write(text.encode("utf-8", "replace"))

    def __enter__(self) -> StringsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._starts.add(self._stream.tell())
        self._stream.close()
        np.save(self._folder / f"{self._name}.starts.npy", self._starts.array("<i8"))


class _Numbers:
    """A growing array of 64-bit numbers, at eight bytes each."""

    def __init__(self) -> None:
        from array import array

        self._held = array("q")
        self.add = self._held.append

    def array(self, kind: str) -> Any:
        return np.frombuffer(self._held, dtype=np.int64).astype(kind)


class Strings:
    """The texts that a StringsWriter wrote, by number."""

    def __init__(self, folder: Path, name: str) -> None:
        self._starts = np.load(folder / f"{name}.starts.npy", mmap_mode="r")
        with open(folder / f"{name}.bin", "rb") as stream:
            size = stream.seek(0, 2)
            if size != self._starts[-1]:
                raise ValueError(f"{name}.bin has {size} bytes, not {self._starts[-1]}")
            self._bytes: mmap.mmap | bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""

    def __len__(self) -> int:
        return len(self._starts) - 1

    def raw(self, number: int) -> bytes:
        return bytes(self._bytes[int(self._starts[number]) : int(self._starts[number + 1])])

    def size(self, number: int) -> int:
        """Bytes of one text."""
        return int(self._starts[number + 1]) - int(self._starts[number])

    def __getitem__(self, number: int) -> str:
        return self.raw(number).decode("utf-8")

    def slice(self, number: int, start: int, stop: int) -> str:
        """Bytes start to stop of one text; they must be borders of characters."""
        begin = int(self._starts[number])
        return bytes(self._bytes[begin + start : begin + stop]).decode("utf-8")

    def find(self, text: str, order: Any = None) -> int | None:
        """The number of a text, where the texts, taken in `order`, are sorted by their bytes."""
        wanted = text.encode("utf-8", "replace")
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            number = middle if order is None else int(order[middle])
            if self.raw(number) < wanted:
                low = middle + 1
            else:
                high = middle
        if low == len(self):
            return None
        number = low if order is None else int(order[low])
        return number if self.raw(number) == wanted else None


def write_strings(folder: Path, name: str, texts: Iterable[str]) -> None:
    """All texts at once."""
    with StringsWriter(folder, name) as writer:
        for text in texts:
            writer.add(text)
