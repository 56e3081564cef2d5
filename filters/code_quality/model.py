"""A code quality model on disk: a folder with `model.json` and the weights of each language (`python.npy`, ...)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from arcmill.errors import UsageError
from filters.code_quality.classifier import probability
from filters.code_quality.features import FEATURES, SIZE, Features
from filters.code_quality.languages import GENERAL, MODELS, model_of
from filters.model_card import CARD, card_values, write_card
from filters.quality.calibration import Calibration

__all__ = ["CARD", "Card", "CodeQualityModel", "Language", "files_of"]

FORMAT = 1
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Language:
    """One language's model: its file, its calibration, and where its tiers begin."""

    file: str
    sha256: str
    slope: float
    offset: float
    low: float  # scores below it are of tier 0
    high: float  # scores from it on are of tier 2
    measured: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What model.json holds."""

    name: str
    languages: dict[str, Language]
    features: int = FEATURES
    format: int = FORMAT
    trained_on: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        write_card(self, folder)

    @classmethod
    def read(cls, folder: Path, setting: str) -> Card:
        """Raises UsageError naming `setting` where the folder holds no model of this format."""
        path = folder / CARD
        try:
            values = card_values(folder, setting, "train-code-quality")
            languages = {name: Language(**given) for name, given in values.pop("languages").items()}
            card = cls(languages=languages, **values)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UsageError(f"{setting}: {str(path)!r} is not the card of a code quality model") from None
        if (card.format, card.features) != (FORMAT, FEATURES):
            raise UsageError(
                f"{setting}: {str(path)!r} is of format {card.format}.{card.features}; this arcmill reads "
                f"{FORMAT}.{FEATURES}: train the model again"
            )
        unknown = sorted(set(languages) - {*MODELS, GENERAL})
        if unknown or GENERAL not in languages:
            raise UsageError(
                f"{setting}: {str(path)!r} must hold {GENERAL!r} and may hold {', '.join(MODELS)}; found "
                f"{', '.join(languages) or 'none'}"
            )
        for language in languages.values():
            if Path(language.file).name != language.file:
                raise UsageError(f"{setting}: {str(path)!r} names {language.file!r}; expected a file beside it")
        return card


def write_weights(folder: Path, name: str, weights: Array) -> tuple[str, str]:
    """Write weights in half precision; returns the name of the file and its sha256."""
    file = f"{name}.npy"
    np.save(folder / file, weights.astype(np.float16), allow_pickle=False)
    return file, hashlib.sha256((folder / file).read_bytes()).hexdigest()


def _read_weights(folder: Path, language: Language, setting: str) -> Array:
    path = folder / language.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{setting}: {str(path)!r} cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != language.sha256:
        raise UsageError(f"{setting}: {str(path)!r} is cut off or damaged (its sha256 is not the one in {CARD})")
    try:
        weights: Array = np.load(path, allow_pickle=False)
    except ValueError:
        raise UsageError(f"{setting}: {str(path)!r} holds no weights") from None
    if weights.shape != (SIZE + 1,) or weights.dtype != np.float16:
        raise UsageError(f"{setting}: {str(path)!r} holds {weights.dtype} {weights.shape}, not float16 ({SIZE + 1},)")
    return weights.astype(np.float64)


class CodeQualityModel:
    """Scores files of every language. Raises UsageError for a folder that holds no model, or a damaged one."""

    def __init__(self, folder: str | Path, setting: str) -> None:
        self.card = Card.read(Path(folder), setting)
        self._features = Features()
        self._weights = {
            name: _read_weights(Path(folder), language, setting) for name, language in self.card.languages.items()
        }

    def language(self, language: str | None) -> tuple[str, Language]:
        """The model that reads a language, by name, and its thresholds."""
        name = model_of(language)
        name = name if name in self._weights else GENERAL
        return name, self.card.languages[name]

    def score(self, text: str, language: str | None, path: str | None = None) -> float:
        """The calibrated score (0-1) of one file; a file without a line scores 0."""
        if not text.strip():
            return 0.0
        name, model = self.language(language)
        places, values = self._features.vector(text, language or "", path, tree=name != GENERAL)
        raw = np.array([probability(places, values, self._weights[name])])
        return float(Calibration(model.slope, model.offset)(raw)[0])


def files_of(folder: str, setting: str) -> list[str]:
    """The files that decide what the model answers."""
    card = Card.read(Path(folder), setting)
    return [str(Path(folder) / name) for name in (CARD, *sorted(one.file for one in card.languages.values()))]
