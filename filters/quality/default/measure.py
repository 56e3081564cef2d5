"""How the packaged model ranks kinds of text that it has not seen: each good kind in turn is left out of its training."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import numpy as np

from filters.quality.calibration import roc_auc
from filters.quality.default.boilerplate import makers
from filters.quality.model import QualityModel
from filters.quality.train import TrainQuality
from filters.quality.training import train

__all__ = ["Row", "bad_documents", "leave_out"]

_MEASURED = 60  # bad documents of a kind, made anew


class Row(NamedTuple):
    """A good kind that the model was trained without, against every kind of bad text."""

    left_out: str
    documents: int
    median: float
    auc: dict[str, float]  # by bad kind, and against all of them


def bad_documents(good: list[str], real: dict[str, list[str]], count: int, seed: str) -> dict[str, list[str]]:
    """About `count` bad texts, as many of every kind."""
    by_kind = makers(Random(seed), good, real)
    each = -(-count // len(by_kind))
    return {kind: [maker() for _ in range(each)] for kind, maker in by_kind.items()}


def leave_out(
    kinds: dict[str, list[str]], real: dict[str, list[str]], config: TrainQuality, only: tuple[str, ...] = ()
) -> list[Row]:
    """One training for each kind of good text (or for those of `only`), without it and without its words.

    Of the boilerplate found in packages every fifth run is kept from training.
    """
    held = {kind: texts[::5] for kind, texts in real.items()}
    shown = {kind: [text for at, text in enumerate(texts) if at % 5] for kind, texts in real.items()}
    rows = []
    for left_out in only or tuple(kinds):
        good = [text for kind, texts in kinds.items() if kind != left_out for text in texts]
        bad = [text for texts in bad_documents(good, shown, len(good), "bad").values() for text in texts]
        with tempfile.TemporaryDirectory(prefix="arcmill-leave-out-") as folder:
            train(iter(good), iter(bad), config, Path(folder))
            model = QualityModel(folder, "output")
        scores = model.score_texts(kinds[left_out])
        others = makers(Random("measured"), kinds[left_out], held)
        low = {kind: model.score_texts([maker() for _ in range(_MEASURED)]) for kind, maker in others.items()}
        auc = {kind: _auc(scores, some) for kind, some in low.items()}
        auc["all"] = _auc(scores, [score for some in low.values() for score in some])
        rows.append(Row(left_out, len(scores), median(scores), auc))
    return rows


def _auc(high: list[float], low: list[float]) -> float:
    return roc_auc(np.array(high + low), np.arange(len(high) + len(low)) < len(high))
