"""Training of a stem model: cross-validated strength, calibration on out-of-fold scores, then one fit on all labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arcmill.errors import InputError
from filters.stem.features import BITS, Bags
from filters.stem.model import WEIGHTS, Card, StemModel, quantize
from filters.stem.ordinal import agreement, fit
from filters.stem.ridge import Rows, solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filters.stem.train import TrainStem

__all__ = ["Labelled", "evaluate", "train"]

_LEAST = 20  # labelled documents
_STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
_TRIED = 20_000  # documents that the strength is chosen on
_BATCH = 512


class Labelled(NamedTuple):
    """A document to learn from."""

    text: str
    label: float
    group: str | None  # documents of a group lie in one fold; None: the text itself


def train(documents: Iterable[Labelled], config: TrainStem, output: Path) -> dict[str, Any]:
    """Write the model into `output`; returns counts, the strength and the out-of-fold agreement.

    Documents are learned from in the order of their texts' digests, so the order of the input changes nothing. A text
    that is labelled twice counts once, with its mean label. Raises InputError where labels are too few, all the same, or
    all in one fold.
    """
    rows, labels, folds, counts = _gather(documents, config)
    _check(labels, folds, counts)
    strength = config.strength if config.strength is not None else _strongest(rows, labels, folds)
    raw = _out_of_fold(rows, labels, folds, strength)
    ordinal = fit(raw, labels)
    out_of_fold = agreement(np.round(ordinal(raw), 2), labels, config.threshold, np.ceil(config.threshold))
    mean = round(float(labels.mean()), 6)
    weights, scale = quantize(solve(rows, labels - mean, strength))
    data = weights.tobytes()
    (output / WEIGHTS).write_bytes(data)
    measured = {"documents": counts, "strength": strength, "out_of_fold": out_of_fold}
    Card(
        config.name, mean, scale, ordinal.slope, list(ordinal.cuts), sha256(data).hexdigest(), config.languages,
        measured=measured,
    ).write(output)  # fmt: skip
    return measured


def evaluate(folder: Path, documents: Iterable[Labelled], threshold: float) -> dict[str, Any]:
    """Agreement of the model in `folder` with labels of documents that it was not trained on."""
    model = StemModel(folder, "output")
    given = list(documents)
    if not given:
        raise InputError("input validation holds no labelled document")
    scores = [model.score([text for text, _, _ in given[at : at + _BATCH]]) for at in range(0, len(given), _BATCH)]
    labels = np.array([label for _, label, _ in given])
    return agreement(np.concatenate(scores), labels, threshold, np.ceil(threshold))


def _gather(
    documents: Iterable[Labelled], config: TrainStem
) -> tuple[Rows, NDArray[np.float64], NDArray[np.int64], dict[str, Any]]:
    bags = Bags()
    key = config.seed.to_bytes(8, "little")
    sets: dict[bytes, NDArray[np.int32]] = {}
    given: dict[bytes, list[float]] = {}
    folds: dict[bytes, int] = {}
    empty = 0
    for text, label, group in documents:
        digest = blake2b(text.encode("utf-8", "replace"), digest_size=16, key=key).digest()
        given.setdefault(digest, []).append(label)
        if digest in sets:
            continue
        sets[digest] = bags.slots(text)
        empty += not len(sets[digest])
        place = digest if group is None else blake2b(group.encode("utf-8", "replace"), digest_size=16, key=key).digest()
        folds[digest] = int.from_bytes(place[:8], "little") % config.folds
    order = sorted(digest for digest in sets if len(sets[digest]))
    labels = np.array([sum(sorted(given[digest])) / len(given[digest]) for digest in order])
    counts = {
        "labelled": sum(map(len, given.values())),
        "texts": len(order),
        "empty": empty,
        "labels": dict(sorted(Counter(str(int(label)) for label in labels).items())),
    }
    return (
        Rows([sets[digest] for digest in order], 1 << BITS),
        labels,
        np.array([folds[d] for d in order], np.int64),
        counts,
    )


def _check(labels: NDArray[np.float64], folds: NDArray[np.int64], counts: dict[str, Any]) -> None:
    if len(labels) < _LEAST:
        raise InputError(
            f"input: {len(labels)} texts with a label ({counts['empty']} without a token); at least {_LEAST} are needed"
        )
    if labels.min() == labels.max():
        raise InputError(f"input: every label is {labels[0]:g}; at least two different ones are needed")
    for fold in np.unique(folds):
        rest = labels[folds != fold]
        if not len(rest) or rest.min() == rest.max():
            raise InputError(
                "input: cross-validation leaves a fold without two different labels to learn from; label more documents, "
                "or set fold_by to text"
            )


def _out_of_fold(
    rows: Rows, labels: NDArray[np.float64], folds: NDArray[np.int64], strength: float
) -> NDArray[np.float64]:
    """Raw scores, each by a model that has not seen the document's fold."""
    raw = np.zeros(len(labels))
    for fold in np.unique(folds):
        use = folds != fold
        mean = float(labels[use].mean())
        raw[~use] = mean + rows.times(solve(rows, labels - mean, strength, use))[~use]
    return raw


def _strongest(rows: Rows, labels: NDArray[np.float64], folds: NDArray[np.int64]) -> float:
    """The strength of least squared error out of fold; of equal ones the largest. Rows lie in the order of digests."""
    some = min(len(labels), _TRIED)
    part = rows.first(some)
    errors = [
        (
            round(float(((_out_of_fold(part, labels[:some], folds[:some], strength) - labels[:some]) ** 2).mean()), 9),
            -strength,
        )
        for strength in _STRENGTHS
    ]
    return -min(errors)[1]
