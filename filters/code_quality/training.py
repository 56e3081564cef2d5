"""Training of a code quality model: one classifier a language, and a general one without syntax trees."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arcmill.errors import InputError
from filters.code_quality.classifier import fit, probability
from filters.code_quality.features import SIZE, Features, without_tree
from filters.code_quality.languages import GENERAL, MODELS, model_of
from filters.code_quality.model import Card, Language, write_weights
from filters.quality.calibration import Calibration, roc_auc
from filters.quality.calibration import fit as calibrate

if TYPE_CHECKING:
    from filters.code_quality.train import TrainCodeQuality

__all__ = ["Labelled", "train"]

Array = np.ndarray[Any, Any]
GOOD = 0.5  # labels from here on count as good for the AUC, the calibration and the tiers


class Labelled(NamedTuple):
    """A file with its label (0-1). `group`: the package or repository; files of one group are never on both sides."""

    text: str
    language: str | None
    path: str | None
    group: str
    label: float


class _Row(NamedTuple):
    order: bytes
    model: str
    held: bool
    label: float
    places: Array
    values: Array


def train(files: Iterable[Labelled], config: TrainCodeQuality, output: Path) -> dict[str, Any]:
    """Write the model into `output`; returns counts and held-out figures of each language.

    Vectors are kept in memory: about 12 kB for each file. A language with too few files in either label or side has no
    model of its own, and the general one reads it. Raises InputError where there are too few for that one.
    """
    rows = _vectors(files, config)
    languages: dict[str, Language] = {}
    for name in (*MODELS, GENERAL):
        some = rows if name == GENERAL else [row for row in rows if row.model == name]
        if name == GENERAL:
            some = [_Row(*row[:4], *without_tree(row.places, row.values)) for row in some]
        counts = _counts(some)
        if min(counts["train"]) < config.min_files or min(counts["held_out"]) < max(2, config.min_files // 10):
            if name == GENERAL:
                raise InputError(
                    f"too few labelled files: {counts} (bad, good); at least {config.min_files} of each are needed in "
                    f"training and {max(2, config.min_files // 10)} held out"
                )
            continue
        languages[name] = _train_one(name, some, counts, config, output)
    Card(config.name, languages).write(output)
    return {
        name: language.measured | {"low": language.low, "high": language.high} for name, language in languages.items()
    }


def _vectors(files: Iterable[Labelled], config: TrainCodeQuality) -> list[_Row]:
    features = Features()
    key = config.seed.to_bytes(8, "little")
    limit = int(config.holdout * (1 << 64))
    rows = []
    for file in files:
        group = blake2b(file.group.encode("utf-8", "replace"), digest_size=8, key=key).digest()
        text = file.text.encode("utf-8", "replace")
        order = blake2b(text, digest_size=16, key=key).digest() + (file.path or "").encode("utf-8", "replace")
        vector = features.vector(file.text, file.language or "", file.path)
        rows.append(_Row(order, model_of(file.language), int.from_bytes(group, "little") < limit, file.label, *vector))
    return sorted(rows, key=lambda row: (row.order, row.label))


def _counts(rows: list[_Row]) -> dict[str, list[int]]:
    """Files of each side, bad and good."""
    out = {"train": [0, 0], "held_out": [0, 0]}
    for row in rows:
        out["held_out" if row.held else "train"][row.label >= GOOD] += 1
    return out


def _train_one(
    name: str, rows: list[_Row], counts: dict[str, list[int]], config: TrainCodeQuality, output: Path
) -> Language:
    held = [row for row in rows if row.held]
    weights = _fit([row for row in rows if not row.held], config)
    raw = np.array([probability(row.places, row.values, weights) for row in held])
    good = np.array([row.label >= GOOD for row in held])
    curve: Calibration = calibrate(raw, good)
    scores = curve(raw)
    low, high = np.quantile(scores[good], [config.low_quantile, config.high_quantile])
    file, digest = write_weights(output, name, _fit(rows, config) if config.refit else weights)
    measured = {"files": counts, "auc": round(roc_auc(scores, good), 6)}
    return Language(file, digest, curve.slope, curve.offset, round(float(low), 6), round(float(high), 6), measured)


def _fit(rows: list[_Row], config: TrainCodeQuality) -> Array:
    """The weights that are learned from some files. Good and bad weigh the same, however many there are of each."""
    labels = np.array([row.label for row in rows])
    good = labels >= GOOD
    weights = np.where(good, 0.5 / good.mean(), 0.5 / (1 - good.mean()))
    found = fit(
        np.concatenate([row.places for row in rows]), np.concatenate([row.values for row in rows]),
        np.cumsum([len(row.places) for row in rows]), labels, weights, np.arange(len(rows)), SIZE, config.learning_rate,
        config.decay, config.epochs,
    )  # fmt: skip
    kept: Array = found.astype(np.float16).astype(np.float64)  # as the file will hold them
    return kept
