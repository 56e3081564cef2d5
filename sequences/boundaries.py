"""What a training loop needs besides tokens, from `segments`: where attention starts anew, and positions.

A row of a Sequence dataset holds runs of several documents and, at its end, perhaps padding, which no segment covers.
Attention must not reach from one run into another: `cu_seqlens` are the boundaries that varlen kernels take (FlashAttention's
`flash_attn_varlen_func`, PyTorch's `varlen_attn`), `position_ids` restart with each run. Padding is a run of its own, so that
boundaries always end at the length of the row and no kernel meets tokens that belong to nothing; its loss_mask is 0.

Segments come as Arrow gives them, in their order in the row: `start` and `length` in tokens, `offset` in the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from arcmill.errors import InputError

Ints = npt.NDArray[np.int32]
Segments = Sequence[Mapping[str, Any]]


def cu_seqlens(segments: Segments, length: int) -> Ints:
    """Boundaries of the runs of one row: 0, the end of each run, and last `length`. int32, shape (runs + 1,).

    Raises InputError where segments overlap, leave a gap, or reach over `length`.
    """
    starts, lengths = _column(segments, "start"), _column(segments, "length")
    return cu_seqlens_of(starts, lengths, np.array([0, len(starts)]), length)


def position_ids(segments: Segments, length: int, *, continued: bool = False) -> Ints:
    """Position of each token of one row in its run, from 0; of padding, too. int32, shape (length,).

    `continued`: a run that goes on with a document begins at its `offset`, as if the row held all of the document; a run
    that was rearranged for fill-in-the-middle begins at 0 all the same, for its tokens are in another order.
    """
    starts, lengths = _column(segments, "start"), _column(segments, "length")
    offsets = None
    if continued:
        offsets = _column(segments, "offset")
        offsets[[segment.get("role") in ("psm", "spm") for segment in segments]] = 0
    return position_ids_of(starts, lengths, np.array([0, len(starts)]), length, offsets).reshape(length)


def cu_seqlens_of(starts: npt.ArrayLike, lengths: npt.ArrayLike, splits: npt.ArrayLike, length: int) -> Ints:
    """Boundaries of a batch of rows laid end to end, as varlen kernels want them; shape (runs of all rows + 1,).

    `starts` and `lengths` are of the segments of all rows, one after the other; those of row r are at
    splits[r] to splits[r + 1]: the flattened columns, and the offsets, of an Arrow list column `segments`.
    """
    begin, extent, bounds, rows = _checked(starts, lengths, splits, length)
    ends = begin + extent + rows * length
    whole = np.arange(1, len(bounds), dtype=np.int64) * length
    # The end of each row is a boundary whether padding leads there or a run does.
    return np.unique(np.concatenate(([0], ends, whole))).astype(np.int32)


def position_ids_of(
    starts: npt.ArrayLike,
    lengths: npt.ArrayLike,
    splits: npt.ArrayLike,
    length: int,
    offsets: npt.ArrayLike | None = None,
) -> Ints:
    """Positions of the tokens of a batch, shape (rows, length). See `cu_seqlens_of`; `offsets`: where each run begins."""
    begin, extent, bounds, rows = _checked(starts, lengths, splits, length)
    count = len(bounds) - 1
    filled = np.zeros(count, np.int64)
    np.maximum.at(filled, rows, begin + extent)
    padded = np.flatnonzero(filled < length)
    at = np.concatenate((begin + rows * length, filled[padded] + padded * length))
    first = np.zeros(len(at), np.int64)
    if offsets is not None:
        first[: len(begin)] = np.asarray(offsets, np.int64)
    order = np.argsort(at, kind="stable")
    at, first = at[order], first[order]
    sizes = np.diff(at, append=count * length)
    positions = np.arange(count * length, dtype=np.int64) - np.repeat(at - first, sizes)
    return positions.astype(np.int32).reshape(count, length)


def _column(segments: Segments, name: str) -> npt.NDArray[np.int64]:
    return np.fromiter((segment[name] for segment in segments), np.int64, len(segments))


def _checked(
    starts: npt.ArrayLike, lengths: npt.ArrayLike, splits: npt.ArrayLike, length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Starts, lengths, splits from 0, and the row of each segment; runs follow one another from the row's start."""
    begin, extent = np.asarray(starts, np.int64), np.asarray(lengths, np.int64)
    bounds = np.asarray(splits, np.int64)
    bounds = bounds - bounds[0]
    rows = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    if not len(begin) == len(extent) == len(rows):
        raise InputError(f"{len(begin)} starts and {len(extent)} lengths for {len(rows)} segments")
    expected = np.zeros(len(begin), np.int64)
    expected[1:] = np.where(rows[1:] == rows[:-1], begin[:-1] + extent[:-1], 0)
    wrong = np.flatnonzero((begin != expected) | (extent < 1) | (begin + extent > length))
    if len(wrong):
        place = wrong[0]
        raise InputError(
            f"segment {place - bounds[rows[place]]} of row {rows[place]} is tokens {begin[place]} to "
            f"{begin[place] + extent[place]} of {length}; it must begin at {expected[place]}, where the one before it ends"
        )
    return begin, extent, bounds, rows
