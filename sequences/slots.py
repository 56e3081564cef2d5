"""How workers hand batches over: memory that all processes share from the start, used again and again.

PyTorch makes new shared memory for each tensor of each batch and passes its descriptor through a socket, which costs more
than reading the tokens did. Here each worker has as many slots as it can have batches under way and two more: PyTorch asks it
for a further batch only when the loop takes one, so a slot is written anew only after it was copied out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sequences.batch import Batch

_SLOT = "_slot"


class Slots:
    """Tokens and loss masks of up to `rows` rows of `length` tokens a slot; the rest of a batch goes by PyTorch's queue."""

    def __init__(self, workers: int, under_way: int, rows: int, length: int) -> None:
        self._tokens, self._length = rows * length, length
        self._depth = under_way + 2
        self._shared = torch.empty((workers, self._depth, self._tokens * 5), dtype=torch.uint8).share_memory_()

    def _arrays(self, worker: int, slot: int, rows: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        data = self._shared[worker, slot].numpy()
        size, shape = rows * self._length, (rows, self._length)
        ids = data[: size * 4].view(np.int32).reshape(shape)
        return ids, data[self._tokens * 4 : self._tokens * 4 + size].reshape(shape)

    def put(self, worker: int, number: int, batch: Batch) -> Batch:
        """What goes by the queue of a worker's batch with that number."""
        rows, slot = len(batch["input_ids"]), number % self._depth
        ids, mask = self._arrays(worker, slot, rows)
        ids[:], mask[:] = batch.pop("input_ids"), batch.pop("loss_mask")
        return {**batch, _SLOT: (worker, slot, rows)}

    def take(self, batch: Batch) -> Batch:
        """The batch that was put; nothing of it is in the slot any more."""
        ids, mask = self._arrays(*batch.pop(_SLOT))
        return {"input_ids": ids.copy(), "loss_mask": mask.copy(), **batch}
