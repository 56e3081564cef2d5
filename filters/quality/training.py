"""Training of one quality classifier: fastText on one thread, so that the same documents give the same bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import EngineError, InputError
from filters.quality.calibration import fit, roc_auc
from filters.quality.fasttext_process import train_in_process
from filters.quality.model import Card, QualityModel
from filters.quality.preparation import prepare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from filters.quality.train import TrainQuality

__all__ = ["evaluate", "train"]

POSITIVE, NEGATIVE = "positive", "negative"
_SHARDS = 64  # the shuffle sorts one of these at a time in memory
_LEAST = 10  # documents of each label, in training and held out
_BATCH = 512


def train(positive: Iterable[str], negative: Iterable[str], config: TrainQuality, output: Path) -> dict[str, Any]:
    """Write the model and its card into `output`; returns counts of documents and the held-out AUC and Brier score.

    A document is held out by the hash of its text, so copies of one text never lie on both sides. Training order is
    that of the hashes. Raises InputError where a label has too few documents.
    """
    with tempfile.TemporaryDirectory(prefix="arcmill-train-") as scratch:
        folder = Path(scratch)
        counts, held = _write_shards(folder, positive, negative, config)
        _check(counts)
        lines = folder / "train.txt"
        _shuffle(folder, lines)
        name = "model.ftz" if config.quantize else "model.bin"
        complaint = train_in_process(
            {
                "arguments": {
                    "input": str(lines), "dim": config.dimension, "epoch": config.epochs, "lr": config.learning_rate,
                    "wordNgrams": config.word_ngrams, "minCount": config.min_count, "bucket": config.hash_bucket,
                    "seed": config.seed,
                },
                "features": config.features if config.quantize else 0,
                "output": str(output / name),
            }
        )  # fmt: skip
        if complaint:  # fastText meets NaN when the learning rate is too high
            raise EngineError(f"train-quality: {complaint} (for NaN try a smaller learning_rate)")
    Card(config.name, name, POSITIVE, 1.0, 0.0).write(output)
    raw = QualityModel(output, "output")
    probabilities = np.array([score for some in _batches(text for text, _ in held) for score in raw.score(some)])
    labels = np.array([label for _, label in held], dtype=np.bool_)
    calibration = fit(probabilities, labels)
    measured = {"documents": counts, "held_out": _figures(calibration(probabilities), labels)}
    Card(config.name, name, POSITIVE, calibration.slope, calibration.offset, measured=measured).write(output)
    return measured


def evaluate(folder: Path, positive: Iterable[str], negative: Iterable[str]) -> dict[str, Any]:
    """AUC and Brier score of the model in `folder` on documents that it was not trained on."""
    model = QualityModel(folder, "output")
    scores: list[float] = []
    labels: list[bool] = []
    for label, texts in ((True, positive), (False, negative)):
        for some in _batches(prepare(text) for text in texts):
            scores.extend(model.score(some))
            labels.extend([label] * len(some))
    if len(set(labels)) < 2:
        raise InputError("positive_validation and negative_validation must both hold documents")
    return _figures(np.array(scores), np.array(labels, dtype=np.bool_))


def _write_shards(
    folder: Path, positive: Iterable[str], negative: Iterable[str], config: TrainQuality
) -> tuple[dict[str, dict[str, int]], list[tuple[str, bool]]]:
    counts = {POSITIVE: {"train": 0, "held_out": 0, "empty": 0}, NEGATIVE: {"train": 0, "held_out": 0, "empty": 0}}
    held: list[tuple[str, bool]] = []
    key = config.seed.to_bytes(8, "little")
    limit = int(config.holdout * (1 << 64))
    with ExitStack() as files:
        shards = [
            files.enter_context(open(folder / f"shard-{number:02d}", "w", encoding="utf-8"))
            for number in range(_SHARDS)
        ]
        for label, texts in ((POSITIVE, positive), (NEGATIVE, negative)):
            for text in texts:
                # Underscores stand apart after prepare(), so no word of a text can pass for a label.
                line = " ".join(prepare(text).split())
                if not line:
                    counts[label]["empty"] += 1
                    continue
                digest = blake2b(line.encode("utf-8"), digest_size=16, key=key).digest()
                if int.from_bytes(digest[:8], "little") < limit:
                    counts[label]["held_out"] += 1
                    held.append((line, label == POSITIVE))
                else:
                    counts[label]["train"] += 1
                    shards[digest[8] % _SHARDS].write(f"{digest.hex()} __label__{label} {line}\n")
    return counts, held


def _check(counts: dict[str, dict[str, int]]) -> None:
    for label, count in counts.items():
        for share in ("train", "held_out"):
            if count[share] < _LEAST:
                raise InputError(
                    f"input {label}: {count[share]} documents in the {share.replace('_', '-')} share "
                    f"({count['empty']} without text); at least {_LEAST} are needed"
                )


def _shuffle(folder: Path, lines: Path) -> None:
    with open(lines, "w", encoding="utf-8") as out:
        for number in range(_SHARDS):
            with open(folder / f"shard-{number:02d}", encoding="utf-8", newline="\n") as shard:
                out.writelines(line.split(" ", 1)[1] for line in sorted(shard))


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _figures(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> dict[str, Any]:
    """Brier with both labels weighing the same, as the calibration does: 0.25 says nothing, 0 is perfect."""
    error = (scores - positive) ** 2
    brier = (error[positive].mean() + error[~positive].mean()) / 2
    return {
        "positive": int(positive.sum()),
        "negative": int((~positive).sum()),
        "auc": round(roc_auc(scores, positive), 6),
        "brier": round(float(brier), 6),
    }
