"""Rows as integers of -127 to 127, whose dot products are exact wherever they are computed.

int8 products are many times as fast as float32 on a processor with instructions for them (VNNI, AMX), and their sums are
exact integers. The same integers in float32 (or TF32, which holds eleven bits) give the same sums, since a row has a
length of at most 2^12 and so no sum leaves 2^24. A row's own scale does not change which centroid is nearest.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]
LARGEST = 127
LONGEST = 4000.0  # scale of a row of length 1; rounding adds half a unit in each dimension, and 2^12 is the bound


class Codes(NamedTuple):
    """`codes * unit` is each row at length 1, but for a difference whose length is at most `error`."""

    codes: Any  # tensor [rows, dimensions]: int8, or float32 of the same integers
    scale: Floats  # codes = round(row * scale)
    unit: Floats
    error: Floats


def encode(values: npt.NDArray[Any], device: str, precision: str) -> Codes:
    """Rows of length about 1 as integers; the integers are the same on every device."""
    import torch

    kind = torch.int8 if precision == "int8" else torch.float32
    held = torch.empty(values.shape, dtype=kind, device=device)
    told = torch.empty((3, len(values)), dtype=torch.float32, device=device)
    step = 1024 if device == "cpu" else 1 << 16  # stays in the processor's cache
    for low in range(0, len(values), step):
        high = low + step
        wide = torch.from_numpy(np.ascontiguousarray(values[low:high])).to(device).float()
        length = torch.linalg.vector_norm(wide, dim=1)
        scale = (LARGEST / wide.abs().amax(dim=1)).clamp_(max=LONGEST)
        rounded = (wide * scale[:, None]).round_()
        held[low:high] = rounded
        off = torch.linalg.vector_norm(torch.addcmul(wide, rounded, (1 / scale)[:, None], value=-1), dim=1)
        told[0, low:high] = scale
        told[1, low:high] = 1 / (scale * length)
        told[2, low:high] = off / length * 1.001 + 1e-6
    scale, unit, error = told.cpu().numpy()
    return Codes(held, scale, unit, error)


def centroid_codes(centroids: npt.NDArray[np.float64]) -> Floats:
    """Rows of length about 1 as integers of one scale, so that products with several of them compare."""
    largest = float(np.abs(centroids).max(initial=0))
    scale = min(LARGEST / largest, LONGEST) if largest else LONGEST
    return np.rint(centroids * scale).astype(np.float32)


@cache
def int8_is_fast() -> bool:
    """Whether this processor multiplies int8 by instructions of its own, and exactly (older ones saturate)."""
    import torch

    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
            flags = next((line for line in stream if line.startswith("flags")), "")
    except OSError:
        flags = ""
    if not {"avx512_vnni", "avx_vnni", "amx_int8"} & set(flags.split()):
        return False
    extreme = torch.full((64, 256), LARGEST, dtype=torch.int8)
    for sign in (1, -1):
        found = torch._int_mm(extreme, (sign * extreme).T)
        if not bool((found == sign * 256 * LARGEST**2).all()):
            return False
    return True


@njit(cache=True, nogil=True)
def _best(products, count):  # type: ignore[no-untyped-def]
    rows, columns = products.shape
    scores = np.empty((rows, count), np.int32)
    labels = np.empty((rows, count), np.int64)
    for row in range(rows):
        line = products[row]
        for place in range(count):
            top = line[0]
            for column in range(1, columns):
                top = max(top, line[column])
            column = 0
            while line[column] != top:
                column += 1
            scores[row, place] = top
            labels[row, place] = column
            line[column] = np.iinfo(np.int32).min
    return scores, labels


def best(products: npt.NDArray[np.int32], count: int) -> tuple[npt.NDArray[np.int32], Longs]:
    """The `count` largest of each row and their columns, largest first; of equals the smaller column. Spoils its input."""
    found: tuple[npt.NDArray[np.int32], Longs] = _best(products, count)
    return found


@njit(cache=True, nogil=True)
def _alike(products, unit_a, error_a, unit_b, error_b, threshold, slack, ends):  # type: ignore[no-untyped-def]
    # Two steps: a run of columns is asked whether any may reach (vectorised), and only then each by itself.
    rows, columns = products.shape
    at = np.empty(256, np.int64)
    other = np.empty(256, np.int64)
    sure = np.empty(256, np.bool_)
    held = 0
    worst = np.float32(0)
    for column in range(columns):
        worst = max(worst, error_b[column])
    for row in range(rows):
        end = ends[row]
        mine, wide = unit_a[row], np.float32(1) + error_a[row]
        low = threshold - slack - error_a[row]
        least = np.float32((low - wide * worst) / mine)
        for start in range(0, end, 64):
            run, units = products[row, start : min(start + 64, end)], unit_b[start : min(start + 64, end)]
            any_may = False
            for column in range(run.size):
                any_may |= np.float32(run[column]) * units[column] >= least
            if not any_may:
                continue
            for column in range(start, start + run.size):
                cosine = np.float32(products[row, column]) * unit_b[column] * mine
                bound = slack + error_a[row] + wide * error_b[column]
                if cosine < threshold - bound:
                    continue
                if held == at.size:
                    at = np.append(at, np.empty(held, np.int64))
                    other = np.append(other, np.empty(held, np.int64))
                    sure = np.append(sure, np.empty(held, np.bool_))
                at[held], other[held], sure[held] = row, column, cosine >= threshold + bound
                held += 1
    return at[:held], other[:held], sure[:held]


def alike(
    products: npt.NDArray[np.int32], a: tuple[Floats, Floats], b: tuple[Floats, Floats], threshold: float, ends: Longs
) -> tuple[Longs, Longs, npt.NDArray[np.bool_]]:
    """Row and column of the products whose cosine may reach `threshold`, and whether it does for sure.

    `a` and `b` are (unit, error) of the rows and of the columns; row i is asked about the columns before `ends[i]`.
    The cosine differs from that of the codes by at most e_a + e_b + e_a e_b.
    """
    slack = np.float32(1e-5)  # rounding of `unit` and of these float32 products, many times over
    found: tuple[Longs, Longs, npt.NDArray[np.bool_]]
    found = _alike(products, *a, *b, np.float32(threshold), slack, ends)
    return found
