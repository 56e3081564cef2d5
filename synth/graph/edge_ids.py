"""The ids of edges in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa


class EdgeIds:
    """The ids of edges: 16 bytes each where all are 32 hex characters, as text otherwise."""

    def __init__(self, packed: npt.NDArray[np.uint8] | None, texts: pa.Array | None) -> None:
        self._packed, self._texts = packed, texts

    @classmethod
    def of(cls, chunks: list[pa.Array]) -> EdgeIds:
        import pyarrow as pa

        packed = [_packed(chunk) for chunk in chunks]
        if all(block is not None for block in packed):
            return cls(np.concatenate([b for b in packed if b is not None] or [np.empty((0, 16), np.uint8)]), None)
        return cls(None, pa.chunked_array(chunks, pa.large_string()).combine_chunks())

    def taken(self, order: npt.NDArray[np.intp]) -> EdgeIds:
        import pyarrow as pa

        if self._packed is not None:
            return EdgeIds(self._packed[order], None)
        assert self._texts is not None
        return EdgeIds(None, self._texts.take(pa.array(order)))

    def __getitem__(self, at: int) -> str:
        if self._packed is not None:
            return bytes(self._packed[at]).hex()
        assert self._texts is not None
        return str(self._texts[at].as_py())


_HEX = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


def _packed(chunk: pa.Array) -> npt.NDArray[np.uint8] | None:
    """Ids of 32 hex characters as 16 bytes each; None where one is something else."""
    import pyarrow.compute as pc

    if chunk.null_count or not pc.all(pc.equal(pc.binary_length(chunk), 32)).as_py():
        return None
    data = np.frombuffer(chunk.buffers()[2], np.uint8)
    first = int(np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset])
    digits = _HEX[data[first : first + 32 * len(chunk)]]
    if (digits == 255).any():
        return None
    return ((digits[0::2] << 4) | digits[1::2]).astype(np.uint8).reshape(-1, 16)
