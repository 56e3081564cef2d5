"""A stem model on disk: a folder with `model.json` and the weights that it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arcmill.errors import UsageError
from filters.model_card import CARD, card_values, write_card
from filters.stem.features import BITS, FEATURES, Bags
from filters.stem.ordinal import Ordinal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CARD", "Card", "StemModel", "files_of", "quantize"]

WEIGHTS = "weights.bin"
FORMAT = 1
_LARGEST = 32767


@dataclass(frozen=True)
class Card:
    """What model.json holds: raw = mean + scale * (sum of weights) / sqrt(slots); then the expected label."""

    name: str
    mean: float
    scale: float
    slope: float
    cuts: list[float]
    weights_sha256: str
    languages: list[str] | None = None  # ISO 639-1 codes that it was trained on; None: not said
    features: int = FEATURES
    bits: int = BITS
    format: int = FORMAT
    measured: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        write_card(self, folder)

    @classmethod
    def read(cls, folder: Path, setting: str) -> Card:
        """Raises UsageError naming `setting` where the folder holds no stem model of this format."""
        path = folder / CARD
        try:
            card = cls(**card_values(folder, setting, "train-stem"))
            Ordinal(float(card.slope), tuple(map(float, card.cuts)))
            valid = len(card.cuts) == 5 and np.isfinite([card.mean, card.scale, card.slope, *card.cuts]).all()
        except (ValueError, TypeError):
            valid = False
        if not valid:
            raise UsageError(f"{setting}: {str(path)!r} is not the card of a stem model")
        if (card.format, card.features, card.bits) != (FORMAT, FEATURES, BITS):
            raise UsageError(
                f"{setting}: {str(path)!r} is of format {card.format}.{card.features}.{card.bits}; this arcmill reads "
                f"{FORMAT}.{FEATURES}.{BITS}: train the model again"
            )
        return card


def quantize(weights: NDArray[np.float64]) -> tuple[NDArray[np.int16], float]:
    """Weights as 16-bit integers and the scale that gives them back: sums of integers are the same on any machine."""
    largest = float(np.abs(weights).max())
    scale = largest / _LARGEST if largest > 0 else 1.0
    return np.rint(weights / scale).astype("<i2"), float(np.float32(scale))


class StemModel:
    """Scores texts from 0 to 5. One belongs to one thread."""

    def __init__(self, path: str | Path, setting: str) -> None:
        folder = Path(path)
        self.card = Card.read(folder, setting)
        try:
            data = (folder / WEIGHTS).read_bytes()
        except OSError as error:
            raise UsageError(f"{setting}: {str(folder / WEIGHTS)!r} cannot be read: {error.strerror}") from None
        if sha256(data).hexdigest() != self.card.weights_sha256 or len(data) != 2 << BITS:
            raise UsageError(
                f"{setting}: {str(folder / WEIGHTS)!r} is damaged: it is not the file that {CARD} describes"
            )
        self._weights = np.frombuffer(data, "<i2").astype(np.int16)
        self._ordinal = Ordinal(self.card.slope, tuple(self.card.cuts))
        self._bags = Bags()

    def raw(self, texts: list[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Uncalibrated scores, and which texts have a token at all."""
        totals, counts = self._bags.sums(texts, self._weights)
        return self.card.mean + self.card.scale * totals / np.sqrt(np.maximum(counts, 1)), counts > 0

    def score(self, texts: list[str]) -> NDArray[np.float64]:
        """Expected labels (0-5) to two decimals; a text without a token scores 0."""
        raw, has = self.raw(texts)
        return np.where(has, np.round(self._ordinal(raw), 2), 0.0)


def files_of(path: str, setting: str) -> list[str]:
    """The files that decide what the model at `path` answers."""
    Card.read(Path(path), setting)
    return [str(Path(path) / CARD), str(Path(path) / WEIGHTS)]
