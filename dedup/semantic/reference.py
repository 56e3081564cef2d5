"""SemDeDup as it was published (arXiv 2303.09540): the largest similarity to an earlier item of the same cluster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dedup.semantic.neighbours import Vectors

Longs = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


def earlier_maxima(vectors: Vectors, rows: Longs, low: float = 0.0) -> tuple[Doubles, Longs]:
    """For each of `rows`, in this order: the largest cosine to an earlier one (0 where none is larger, as in the
    published triangle of similarities), and that one's row (the earliest of equals; -1 for none). Maxima below `low` are
    not sought, and may be told as 0.

    Exact: blocks nominate all that lie within twice the margin of a row's maximum, and float64 decides.
    """
    import torch

    score, nearest = np.zeros(len(rows), np.float64), np.full(len(rows), -1, np.int64)
    if not len(rows):
        return score, nearest
    held = vectors.take(rows)
    for start in range(0, len(rows), vectors.rows):
        block = held.part(start, start + vectors.rows)
        products = vectors.products(block, held.part(0, start + len(block.rows)))
        mine = torch.arange(start, start + len(block.rows), device=products.device)[:, None]
        later = torch.arange(products.shape[1], device=products.device)[None, :] >= mine
        products = products.masked_fill(later, -2.0)
        top = products.max(dim=1, keepdim=True).values.clamp(min=0.0) - 2 * vectors.margin
        worth = products >= top.clamp(min=low - vectors.margin)
        at, other = (part.cpu().numpy() for part in torch.nonzero(worth, as_tuple=True))
        exact = vectors.cosines(rows[start + at], rows[other])
        # The best of each row: sorted by row, then larger cosine, then earlier item.
        order = np.lexsort((other, -exact, at))
        first = order[np.unique(at[order], return_index=True)[1]]
        first = first[exact[first] > 0]
        score[start + at[first]] = exact[first]
        nearest[start + at[first]] = rows[other[first]]
    return score, nearest


def survivors(nearest: Longs, gone: npt.NDArray[np.bool_]) -> Longs:
    """The survivor at the end of each removed row's chain of earlier neighbours; rows are in rank order.

    An item of SemDeDup may go because of one that went itself, so its neighbour is not always a survivor.
    """
    into = nearest.copy()
    for row in np.flatnonzero(gone):  # ascending: the neighbour was settled before
        if gone[into[row]]:
            into[row] = into[into[row]]
    return into
