"""A quality model on disk: a folder with `model.json` and the fastText file that it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from arcmill.errors import UsageError
from filters.fasttext_model import FastTextModel
from filters.model_card import CARD, card_values, write_card
from filters.quality.calibration import Calibration
from filters.quality.preparation import PREPARATION, prepare

__all__ = ["CARD", "Card", "QualityModel", "files_of"]

FORMAT = 1


@dataclass(frozen=True)
class Card:
    """What model.json holds: which file, which label counts as good, how its output becomes a score."""

    name: str
    model_file: str
    positive_label: str
    slope: float
    offset: float
    preparation: int = PREPARATION
    format: int = FORMAT
    measured: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        write_card(self, folder)

    @classmethod
    def read(cls, folder: Path, setting: str) -> Card:
        """Raises UsageError naming `setting` where the folder holds no quality model of this format."""
        path = folder / CARD
        try:
            card = cls(**card_values(folder, setting, "train-quality"))
        except (ValueError, TypeError):
            raise UsageError(f"{setting}: {str(path)!r} is not the card of a quality model") from None
        if (card.format, card.preparation) != (FORMAT, PREPARATION):
            raise UsageError(
                f"{setting}: {str(path)!r} is of format {card.format}.{card.preparation}; this arcmill reads "
                f"{FORMAT}.{PREPARATION}: train the model again"
            )
        if Path(card.model_file).name != card.model_file:
            raise UsageError(f"{setting}: {str(path)!r} names {card.model_file!r}; expected a file beside it")
        return card


class QualityModel:
    """A calibrated classifier. `path` is a folder of train-quality, or a bare fastText file with its good `label`."""

    def __init__(self, path: str | Path, setting: str, label: str | None = None) -> None:
        path = Path(path)
        if path.is_dir():
            card = Card.read(path, setting)
            file, self._label = path / card.model_file, card.positive_label
            self._calibration = Calibration(card.slope, card.offset)
        else:
            if label is None:
                raise UsageError(
                    f"{setting}: {str(path)!r} is no folder of train-quality; for a bare fastText file set "
                    "positive_label to the label that means good"
                )
            file, self._label, self._calibration = path, label, Calibration()
        self._model = FastTextModel(file, setting)
        labels = self._model.labels
        if self._label not in labels:
            raise UsageError(
                f"{setting}: {str(file)!r} has no label {self._label!r}; its labels: {', '.join(sorted(labels)[:20])}"
            )
        self._k = len(labels)

    def score(self, prepared: list[str]) -> list[float]:
        """Scores (0-1) of texts that went through prepare(); a text without a word scores 0."""
        predicted = self._model.predict(prepared, self._k)
        raw = np.array([dict(candidates).get(self._label, 0.0) for candidates in predicted], dtype=np.float64)
        scores = self._calibration(raw).tolist() if len(raw) else []
        return [score if text else 0.0 for score, text in zip(scores, prepared, strict=True)]

    def score_texts(self, texts: list[str]) -> list[float]:
        return self.score([prepare(text) for text in texts])


def files_of(path: str, setting: str) -> list[str]:
    """The files that decide what the model at `path` answers."""
    folder = Path(path)
    if folder.is_dir():
        return [str(folder / CARD), str(folder / Card.read(folder, setting).model_file)]
    if not folder.is_file():
        raise UsageError(f"{setting}: {path!r} does not exist; expected a folder of train-quality or a fastText file")
    return [path]
