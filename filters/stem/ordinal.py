"""From a raw score to an expected label, and how far scores agree with labels.

Ordinal logistic regression with one slope and a cut for each label (McCullagh 1980; the all-threshold loss of Rennie and
Srebro 2005): P(label >= k) = 1 / (1 + exp(cut_k - slope * raw)). The score is the expected label, the sum over k.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from filters.stem.labels import HIGHEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Ordinal", "agreement", "fit", "spearman"]

_BEYOND = 1000.0  # the cut of a label that no document reaches; -_BEYOND: that every one does
_PRIOR = 1e-3  # on the slope, so that labels which the raw score tells apart without error have a finite one
_STEPS = 100


class Ordinal(NamedTuple):
    """Slope, and the cuts of labels 1 to 5."""

    slope: float
    cuts: tuple[float, ...]

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected labels (0-5), rising with `raw`."""
        exponent = np.clip(np.array(self.cuts)[None, :] - self.slope * raw[:, None], -700.0, 700.0)
        expected: NDArray[np.float64] = (1.0 / (1.0 + np.exp(exponent))).sum(axis=1)
        return expected


def fit(raw: NDArray[np.float64], labels: NDArray[np.float64]) -> Ordinal:
    """Fit on raw scores of documents that the model has not seen. A fraction counts as reached by its part.

    A raw score that falls with the label gets slope 0: such a model has learned nothing. Raises ValueError where all
    labels are the same.
    """
    reached = np.clip(
        labels[:, None] - np.arange(HIGHEST)[None, :], 0.0, 1.0
    )  # n x 5, the share of label k that is reached
    share = reached.mean(axis=0)
    open_cuts = [k for k in range(HIGHEST) if 0 < share[k] < 1]
    if not open_cuts or labels.min() == labels.max():
        raise ValueError("all labels are the same")
    slope, found = _newton(raw, reached[:, open_cuts], True)
    if slope <= 0:
        slope, found = _newton(raw, reached[:, open_cuts], False)
    cuts = [-_BEYOND if share[k] == 1 else _BEYOND for k in range(HIGHEST)]
    for k, cut in zip(open_cuts, found, strict=True):
        cuts[k] = round(float(cut), 6)
    return Ordinal(round(float(slope), 6), tuple(cuts))


def _newton(raw: NDArray[np.float64], reached: NDArray[np.float64], sloped: bool) -> tuple[float, NDArray[np.float64]]:
    share = reached.mean(axis=0)
    slope, cuts = 0.0, np.log((1 - share) / share)

    def loss(slope: float, cuts: NDArray[np.float64]) -> float:
        exponent = slope * raw[:, None] - cuts[None, :]
        return float((np.logaddexp(0.0, exponent) - reached * exponent).sum()) + _PRIOR * slope * slope / 2

    last = loss(slope, cuts)
    for _ in range(_STEPS):
        predicted = 1.0 / (1.0 + np.exp(-np.clip(slope * raw[:, None] - cuts[None, :], -500.0, 500.0)))
        error, spread = predicted - reached, predicted * (1.0 - predicted) + 1e-12
        gradient = np.concatenate([[(error.sum(axis=1) * raw).sum() + _PRIOR * slope], -error.sum(axis=0)])
        hessian = np.diag(np.concatenate([[(spread.sum(axis=1) * raw * raw).sum() + _PRIOR], spread.sum(axis=0)]))
        hessian[0, 1:] = hessian[1:, 0] = -(spread * raw[:, None]).sum(axis=0)
        if not sloped:
            gradient[0], hessian[0, 1:], hessian[1:, 0] = 0.0, 0.0, 0.0
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10 and loss(slope - size * step[0], cuts - size * step[1:]) > last:
            size /= 2
        slope, cuts = float(slope - size * step[0]), cuts - size * step[1:]
        before, last = last, loss(slope, cuts)
        if before - last < 1e-10:
            break
    return slope, cuts


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return ranks


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where either side is constant."""
    ranks = np.stack([_ranks(a), _ranks(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((ranks * ranks).sum(axis=1))
    return float((ranks[0] * ranks[1]).sum() / (norms[0] * norms[1])) if norms.all() else 0.0


def agreement(
    scores: NDArray[np.float64], labels: NDArray[np.float64], threshold: float, label: float
) -> dict[str, Any]:
    """Spearman, mean absolute error, and precision and recall of `score >= threshold` for labels of `label` or more."""
    chosen, wanted = scores >= threshold, labels >= label
    both = int((chosen & wanted).sum())
    return {
        "documents": len(labels),
        "spearman": round(spearman(scores, labels), 4),
        "mean_absolute_error": round(float(np.abs(scores - labels).mean()), 4) if len(labels) else None,
        "threshold": threshold,
        "label": label,
        "chosen": int(chosen.sum()),
        "wanted": int(wanted.sum()),
        "precision": round(both / int(chosen.sum()), 4) if chosen.any() else None,
        "recall": round(both / int(wanted.sum()), 4) if wanted.any() else None,
    }
