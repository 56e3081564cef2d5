"""Pairs of rows whose cosine reaches a threshold, from matrix products in blocks: never a whole N x N matrix.

The products run in the fastest arithmetic of the device. How far it can be off is bounded (`margin`), and only pairs
within that bound of the threshold are computed exactly, so the pairs do not depend on the device or the blocks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dedup.semantic.cosine import cosines, norms, widened

Longs = npt.NDArray[np.int64]
ROWS = 512  # of a block; on a GPU 4096


class Pairs(NamedTuple):
    """Rows `a` and `b`; `sure` where the block alone proves that the cosine reaches the threshold."""

    a: Longs
    b: Longs
    sure: npt.NDArray[np.bool_]


class Vectors:
    """Unit rows on a device. `values` are float16 or float32 [rows, dimensions], finite and not zero."""

    def __init__(self, values: npt.NDArray[Any], device: str = "cpu", precision: str | None = None) -> None:
        import torch

        self.values, self.lengths = values, norms(values)
        precision = precision or fastest(device)
        kind = getattr(torch, precision)
        self.rows = ROWS if device.startswith("cpu") else 8 * ROWS
        self.tensor = torch.empty(values.shape, dtype=kind, device=device)
        for low in range(0, len(values), 1 << 16):
            length = torch.from_numpy(self.lengths[low : low + (1 << 16)]).float()
            block = widened(values[low : low + (1 << 16)]) / length[:, None]
            self.tensor[low : low + len(block)] = block.to(device).to(kind)
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        torch.backends.cuda.matmul.allow_tf32 = True
        # Rounding of the two inputs, of the product and of the threshold; sums are in float32. TF32 rounds as float16.
        unit = {"bfloat16": 2.0**-9, "float16": 2.0**-11, "float32": 2.0**-24 if device == "cpu" else 2.0**-11}
        self.margin = 4.01 * unit[precision] + values.shape[1] * 2.0**-23

    def near(self, left: Longs, right: Longs, threshold: float, *, triangle: bool = False) -> Pairs:
        """Pairs of `left` and `right` that may reach the threshold; with `triangle` (both the same) each pair once."""
        import torch

        a = self.take(left)
        b = a if triangle else self.take(right)
        found: list[Pairs] = []
        for low in range(0, len(left), self.rows):
            block = a[low : low + self.rows]
            high = low + len(block) if triangle else len(right)
            products = block @ b[:high].T
            hits = _at_least(products, threshold - self.margin)
            at, other = np.divmod(hits, products.shape[1])
            if triangle:
                below = other < at + low
                hits, at, other = hits[below], at[below], other[below]
            if not len(hits):
                continue
            values = products.view(-1)[torch.from_numpy(hits).to(products.device)].float().cpu().numpy()
            found.append(Pairs(left[low + at], right[other], values >= threshold + self.margin))
        if not found:
            return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_))
        return Pairs(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def take(self, rows: Longs) -> Any:
        """Some of the rows, where the vectors are."""
        import torch

        return self.tensor.index_select(0, torch.from_numpy(rows).to(self.tensor.device))

    def cosines(self, a: Longs, b: Longs) -> npt.NDArray[np.float64]:
        """Exact cosines of pairs of rows."""
        return cosines(self.values, self.lengths, a, b)

    def reaching(self, pairs: Pairs, threshold: float) -> tuple[Longs, Longs]:
        """Of the pairs found, those whose exact cosine is at least the threshold."""
        doubt = np.flatnonzero(~pairs.sure)
        keep = pairs.sure.copy()
        keep[doubt] = self.cosines(pairs.a[doubt], pairs.b[doubt]) >= threshold
        return pairs.a[keep], pairs.b[keep]


def _at_least(products: Any, low: float) -> Longs:
    """Flat numbers of the products of at least `low`."""
    import torch

    if products.device.type != "cpu":
        found: Longs = torch.nonzero(products.view(-1) >= low).view(-1).cpu().numpy()
        return found
    if products.dtype == torch.bfloat16 and low > 0:
        # Positive floats are in the order of their bits, negative ones have the highest: integers compare far faster.
        bits = int(torch.tensor(low).bfloat16().view(torch.int16).item())
        return np.flatnonzero(products.view(torch.int16).numpy() >= bits)
    return np.flatnonzero(products.float().numpy() >= low)


def fastest(device: str) -> str:
    """The arithmetic of the products: float16 on a GPU, bfloat16 on a processor that has it, else float32."""
    if not device.startswith("cpu"):
        return "float16"
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
            flags = next((line for line in stream if line.startswith("flags")), "")
    except OSError:
        flags = ""
    return "bfloat16" if {"avx512_bf16", "amx_bf16"} & set(flags.split()) else "float32"


def find_device() -> str:
    """`cuda` where torch finds a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
