"""Tokens and loss masks of a row group in as few bytes as they need, while a reader waits for their turn.

A reader of a shuffled order holds many row groups and copies a row of them at a time, so what they take decides its memory.
int32 tokens and a byte of mask are 5 bytes a token; here ids are two bytes where all of the row group fit (a vocabulary up
to 65,536), else three, and the mask is a bit. Unpacking a row costs no more than copying it did, for less is read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]
Mask = npt.NDArray[np.uint8]


class Compact:
    """Rows of `input_ids` (int32) and `loss_mask` (uint8), both of shape (rows, length); whatever they hold comes out again."""

    def __init__(self, input_ids: Tokens, loss_mask: Mask) -> None:
        self.rows, self.length = input_ids.shape
        most = int(input_ids.view(np.uint32).max(initial=0))  # a negative number, which no tokenizer has, is a huge one
        self._high: Mask | None = None
        if most < 1 << 24:
            self._low: npt.NDArray[np.generic] = input_ids.astype(
                np.uint16
            )  # the lower half: casts between integers wrap
            if most >= 1 << 16:
                self._high = (input_ids >> 16).astype(np.uint8)
        else:
            self._low = input_ids
        self._bits = not len(loss_mask) or int(loss_mask.max(initial=0)) <= 1
        self._mask = np.packbits(loss_mask, axis=1) if self._bits else loss_mask

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return self._low.nbytes + self._mask.nbytes + (0 if self._high is None else self._high.nbytes)

    def copy(self, row: int, input_ids: Tokens, loss_mask: Mask) -> None:
        """Write a row to arrays of `length`."""
        input_ids[:] = self._low[row]
        if self._high is not None:
            input_ids |= self._high[row].astype(np.int32) << np.int32(16)
        loss_mask[:] = np.unpackbits(self._mask[row], count=self.length) if self._bits else self._mask[row]
