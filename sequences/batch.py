"""Batches of a reader: rows gathered from decoded row groups, and the arrays that follow from them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sequences.ahead import Piece, Windows

IGNORED = -100  # label of a token that is not in the loss, as PyTorch's cross entropy has it
Batch = dict[str, Any]


class Item(NamedTuple):
    """What is read at once: one step's samples of this rank, or a micro-batch of them."""

    step: int
    micro: int
    first: int  # sample of the run, counted over all ranks and epochs
    last: int
    consumed: int  # samples of the whole run when this step is over


def gather(windows: Windows, item: Item, pieces: list[Piece], length: int, of_epoch: int, with_segments: bool) -> Batch:
    """What cannot be told from the rest of a batch; `Completer` adds that. `length`: tokens of a row; `of_epoch`: rows."""
    count = item.last - item.first
    input_ids = np.empty((count, length), np.int32)
    loss_mask = np.empty((count, length), np.uint8)
    ends: list[npt.NDArray[np.int32]] = [np.zeros(1, np.int32)]
    segments: list[Any] = []
    rows: list[int] = []
    for piece in pieces:
        blocks, first_rows = windows.blocks(piece.window), piece.window.first_rows
        for group, row in piece.window.places(piece.first, piece.rows):
            block, number = blocks[group], len(rows)
            block.tokens.copy(row, input_ids[number], loss_mask[number])
            ends.append(block.ends[block.splits[row] : block.splits[row + 1]] + number * length)
            if block.segments is not None:
                segments.append(block.segments[row].as_py())
            rows.append(first_rows[group] + row)
        windows.done(piece)
    batch: Batch = {
        "input_ids": input_ids,
        "loss_mask": loss_mask,
        "cu_seqlens": np.concatenate(ends),
        "rows": np.array(rows, np.int64),
        "step": item.step,
        "micro": item.micro,
        "first": item.first,
        "consumed": item.consumed,
        "epoch": item.first // of_epoch,
    }
    if with_segments:
        batch["segments"] = segments
    return batch


class Completer:
    """Adds to a batch what its rows decide, where it is used and not where it was read: less travels between processes."""

    def __init__(self, dtype: np.dtype[Any], labels: bool) -> None:
        self._dtype, self._labels = dtype, labels
        self._counted: npt.NDArray[Any] | None = None

    def complete(self, batch: Batch) -> Batch:
        """Add what follows from the rest: positions, the longest run, labels; and tokens as the dtype asked for."""
        ids, boundaries = batch["input_ids"], batch["cu_seqlens"]
        runs = np.diff(boundaries)
        # Each run begins at a boundary, padding too, so a position is the way from there.
        positions = self._numbers(ids.size) - np.repeat(boundaries[:-1].astype(self._dtype), runs)
        batch["input_ids"] = ids.astype(self._dtype, copy=False)
        batch["position_ids"] = positions.reshape(ids.shape)
        batch["max_seqlen"] = int(runs.max()) if len(runs) else 0
        if self._labels:
            trained = (batch["loss_mask"] != 0) & (batch["position_ids"] != 0)
            batch["labels"] = np.where(trained, ids, IGNORED).astype(np.int64, copy=False)
        return batch

    def _numbers(self, size: int) -> npt.NDArray[Any]:
        """0 to size - 1, kept from batch to batch."""
        if self._counted is None or len(self._counted) < size:
            self._counted = np.arange(size, dtype=self._dtype)
        return self._counted[:size]
