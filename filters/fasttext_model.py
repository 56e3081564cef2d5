"""Loading and asking fastText models, without the traps of its Python wrapper.

The wrapper raises on a newline, prints to stderr on load and copies arrays in a way that NumPy 2 refuses; its C++
loader takes any bytes for a model and ends the process on a damaged one. So the layout of the file is followed to its
end first, and the compiled object is asked directly.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

from arcmill.errors import UsageError

__all__ = ["FastTextModel", "check_model_file"]

MAGIC = 793712314  # first four bytes of a fastText .bin or .ftz file, little endian
VERSIONS = (11, 12)
# magic, version, 12 integer arguments, the double t, entries, words, labels, tokens, pruned n-grams (-1: not pruned)
HEADER = struct.Struct("<2i12id3i2q")
CENTROIDS = 256  # of each part of a product quantizer


def check_model_file(path: str | Path, field: str) -> None:
    """Raise UsageError naming `field` unless the file is a whole supervised fastText model, by its layout."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise UsageError(
            f"{field}: {str(path)!r} cannot be read ({error.strerror}); expected a fastText model file"
        ) from None
    if size < HEADER.size or struct.unpack_from("<i", data)[0] != MAGIC:
        raise UsageError(f"{field}: {str(path)!r} is not a fastText model; expected a .bin or .ftz file")
    try:
        labels, end = _layout(data)
    except (struct.error, ValueError):
        labels, end = 0, -1
    if end != size:
        raise UsageError(f"{field}: {str(path)!r} is a fastText model that is cut off or damaged")
    if labels < 2:
        raise UsageError(f"{field}: {str(path)!r} holds no classifier ({labels} labels); expected a supervised model")


def _layout(data: mmap.mmap | bytes) -> tuple[int, int]:
    """Number of labels, and where the model ends; raises struct.error or ValueError where it cannot be one."""
    _, version, width, *arguments, _, entries, words, labels, _, pruned = HEADER.unpack_from(data)
    buckets = arguments[7]
    if version not in VERSIONS or entries != words + labels or min(words, labels, buckets) < 0 or width < 1:
        raise ValueError("header")
    at = HEADER.size
    for number in range(entries):
        end = data.find(b"\0", at)
        if end < 0 or data[end + 9] != (number >= words):  # words first, then labels: their numbers are rows
            raise ValueError("dictionary")
        at = end + 10  # the end mark, an int64 count and a byte for the kind
    for place in range(at, at + 8 * max(pruned, 0), 8):
        if not 0 <= struct.unpack_from("<2i", data, place)[1] < pruned:
            raise ValueError("pruned")
    at += 8 * max(pruned, 0)
    (quantized,) = struct.unpack_from("<?", data, at)
    # The compiled object takes rows by these numbers without looking whether they are there.
    at = _matrix(data, at + 1, quantized, words + (buckets if pruned < 0 else pruned), width)
    (quantized_output,) = struct.unpack_from("<?", data, at)
    return labels, _matrix(data, at + 1, quantized and quantized_output, labels, width)


def _matrix(data: mmap.mmap | bytes, at: int, quantized: bool, needed: int, width: int) -> int:
    """Where a matrix ends; ValueError unless it has the rows that are needed, each of this width."""
    if not quantized:
        rows, columns = struct.unpack_from("<2q", data, at)
        if rows < needed or columns != width:
            raise ValueError("matrix")
        return int(at + 16 + 4 * rows * columns)
    with_norms, rows, columns, codes = struct.unpack_from("<?2qi", data, at)
    if rows < needed or columns != width:
        raise ValueError("codes")
    at, parts = _quantizer(data, at + 21 + codes, width)
    if codes != rows * parts:
        raise ValueError("codes")
    return _quantizer(data, at + rows, 1)[0] if with_norms else at


def _quantizer(data: mmap.mmap | bytes, at: int, width: int) -> tuple[int, int]:
    """(where a quantizer ends, into how many parts it divides a row)."""
    dimension, parts, part, last = struct.unpack_from("<4i", data, at)
    if dimension != width or min(parts, part, last) < 1 or (parts - 1) * part + last != width or last > part:
        raise ValueError("quantizer")
    return int(at + 16 + 4 * CENTROIDS * dimension), parts


class FastTextModel:
    """A supervised fastText model; labels come without their `__label__` prefix."""

    def __init__(self, path: str | Path, field: str = "model") -> None:
        check_model_file(path, field)
        from fasttext_pybind import fasttext

        self._model = fasttext()
        try:
            self._model.loadModel(str(path))
            self._model.predict("a\n", 1, 0.0, "strict")
        except Exception as error:  # the loader raises what C++ throws: bad_alloc, invalid_argument, length_error
            raise UsageError(f"{field}: {str(path)!r} cannot be loaded as a fastText model ({error})") from None

    @property
    def labels(self) -> list[str]:
        labels, _ = self._model.getLabels("strict")
        return [label.removeprefix("__label__") for label in labels]

    def predict(self, texts: list[str], k: int) -> list[list[tuple[str, float]]]:
        """The `k` likeliest labels of each text with their probabilities, likeliest first.

        Texts must hold no newline and be encodable as UTF-8. A text without a known token gives an empty list.
        """
        lines = [text.replace("\x00", " ") + "\n" for text in texts]
        if not lines:
            return []
        labels, scores = self._model.multilinePredict(lines, k, 0.0, "strict")
        return [
            [(label[9:], min(float(p), 1.0)) for label, p in zip(names, values, strict=True)]
            for names, values in zip(labels, scores, strict=True)
        ]

    @property
    def raw(self) -> Any:
        """The compiled model, for training tools."""
        return self._model
