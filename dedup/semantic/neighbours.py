"""Pairs of rows whose cosine reaches a threshold, from matrix products in blocks: never a whole N x N matrix.

The products run in the fastest arithmetic of the device. How far they can be off is bounded, and only pairs within that
bound of the threshold are computed exactly, so the pairs do not depend on the device or the blocks.
"""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.semantic.codes import Codes, alike, encode, int8_is_fast
from dedup.semantic.cosine import cosines, reach

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
ROWS = 512  # of a block; on a GPU 4096
COLUMNS = 8192  # on a GPU 65536


class Pairs(NamedTuple):
    """Rows `a` and `b`; `sure` where the block alone proves that the cosine reaches the threshold."""

    a: Longs
    b: Longs
    sure: npt.NDArray[np.bool_]


class Taken(NamedTuple):
    """Some rows where the vectors are: of int8 with their `unit` and `error`, else of length 1."""

    rows: Any
    unit: Floats
    error: Floats

    def part(self, low: int, high: int) -> Taken:
        """A run of them."""
        return Taken(self.rows[low:high], self.unit[low:high], self.error[low:high])


class Vectors:
    """Unit rows on a device. `values` are float16 or float32 [rows, dimensions], finite and not zero."""

    def __init__(self, values: npt.NDArray[Any], device: str = "cpu", precision: str | None = None) -> None:
        import torch

        self.values, self.device, self.place = values, device, np.arange(len(values))
        self.precision = precision or fastest(device)
        self.rows, self.columns = (ROWS, COLUMNS) if device.startswith("cpu") else (8 * ROWS, 8 * COLUMNS)
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        torch.backends.cuda.matmul.allow_tf32 = True
        if self.precision == "int8":
            self.codes = encode(values, device, "int8")
            self.tensor = self.codes.codes
            error = float(self.codes.error.max(initial=0))
            self.margin = error * (2 + error) + 1e-5
            return
        kind = getattr(torch, self.precision)
        self.tensor = torch.empty(values.shape, dtype=kind, device=device)
        for low in range(0, len(values), 1 << 16):
            block = torch.from_numpy(np.ascontiguousarray(values[low : low + (1 << 16)])).to(device).float()
            length = torch.linalg.vector_norm(block, dim=1, keepdim=True)
            self.tensor[low : low + len(block)] = (block / length).to(kind)
        if device == "cpu":
            none = np.zeros(len(values), np.float32)
            self.codes = Codes(None, none, none, none)
        else:  # for the k-means: they stay there, so that the vectors go over to the GPU once
            self.codes = encode(values, device, "int8")
        # Rounding of the two inputs, of the product and of the threshold; sums are in float32. TF32 rounds as float16.
        unit = {"float16": 2.0**-11, "float32": 2.0**-24 if device == "cpu" else 2.0**-11}
        self.margin = 4.01 * unit[self.precision] + (values.shape[1] + 8) * 2.0**-23

    def ranked(self, order: Longs) -> Vectors:
        """The same, where row 0 is `order[0]` from now on."""
        made = copy(self)
        made.place = order
        return made

    def coded(self, rows: Longs) -> Codes:
        """Rows as the integers of the k-means, whatever `ranked` says."""
        import torch

        if self.codes.codes is None:
            return encode(self.values[rows], self.device, self.precision)
        taken = self.codes.codes.index_select(0, torch.from_numpy(rows).to(self.codes.codes.device))
        if self.device != "cpu":
            taken = taken.float()
        return Codes(taken, *(column[rows] for column in self.codes[1:]))

    def near(self, left: Longs, right: Longs, threshold: float, before: Longs | None = None) -> Pairs:
        """Pairs of `left` and `right` that may reach the threshold.

        With `before`, never descending, row i of `left` is compared with the first `before[i]` of `right` only; where both
        are the same rows and it is 0, 1, 2, ..., each pair is compared once.
        """
        a, b = self.take(left), self.take(right)
        ends = np.full(len(left), len(right)) if before is None else before
        found: list[Pairs] = []
        for low in range(0, len(left), self.rows):
            end = ends[low : low + self.rows]
            block = a.part(low, low + self.rows)
            for start in range(0, int(end[-1]), self.columns):
                part = b.part(start, min(start + self.columns, int(end[-1])))
                at, other, sure = self._hits(block, part, threshold, np.clip(end - start, 0, len(part.rows)))
                if len(at):
                    found.append(Pairs(left[low + at], right[start + other], sure))
        if not found:
            return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_))
        return Pairs(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _hits(self, a: Taken, b: Taken, threshold: float, end: Longs) -> tuple[Longs, Longs, npt.NDArray[np.bool_]]:
        """Row, column and certainty of the pairs that may reach; of row i only the columns before `end[i]`."""
        import torch

        if self.precision == "int8":
            return alike(torch._int_mm(a.rows, b.rows.T).numpy(), a[1:], b[1:], threshold, end)
        products = a.rows @ b.rows.T
        low = threshold - self.margin
        if self.device.startswith("cpu"):
            hits = np.flatnonzero(products.numpy() >= low)
        else:
            hits = torch.nonzero(products.view(-1) >= low).view(-1).cpu().numpy()
        at, other = np.divmod(hits, products.shape[1])
        below = other < end[at]
        hits, at, other = hits[below], at[below], other[below]
        values = products.view(-1)[torch.from_numpy(hits).to(products.device)].float().cpu().numpy()
        return at, other, values >= threshold + self.margin

    def products(self, a: Taken, b: Taken) -> Any:
        """Cosines of each of `a` to each of `b` within `margin`: a float32 tensor."""
        import torch

        if self.precision != "int8":
            return (a.rows @ b.rows.T).float()
        scaled = torch._int_mm(a.rows, b.rows.T).float()
        return scaled.mul_(torch.from_numpy(a.unit)[:, None]).mul_(torch.from_numpy(b.unit)[None])

    def take(self, rows: Longs) -> Taken:
        """Some of the rows, where the vectors are."""
        import torch

        place = self.place[rows]
        taken = self.tensor.index_select(0, torch.from_numpy(place).to(self.tensor.device))
        return Taken(taken, self.codes.unit[place], self.codes.error[place])

    def cosines(self, a: Longs, b: Longs) -> npt.NDArray[np.float64]:
        """Exact cosines of pairs of rows."""
        return cosines(self.values, self.place[a], self.values, self.place[b])

    def reaching(self, pairs: Pairs, threshold: float) -> tuple[Longs, Longs]:
        """Of the pairs found, those whose exact cosine is at least the threshold."""
        doubt = np.flatnonzero(~pairs.sure)
        keep = pairs.sure.copy()
        keep[doubt] = reach(self.values, self.place[pairs.a[doubt]], self.place[pairs.b[doubt]], threshold)
        return pairs.a[keep], pairs.b[keep]


def fastest(device: str) -> str:
    """The arithmetic of the products: float16 on a GPU, int8 on a processor with instructions for it, else float32."""
    if not device.startswith("cpu"):
        return "float16"
    return "int8" if device == "cpu" and int8_is_fast() else "float32"


def find_device() -> str:
    """`cuda` where torch finds a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
