"""Stage `identify-language`: names the language of each document and keeps the wanted ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError
from arcmill.stage import Changes, Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.language_identifier import LanguageIdentifier

__all__ = ["STAGE", "IdentifyLanguage"]

DEFAULT_MODEL = Path(__file__).parent / "models" / "lid.176.ftz"


class IdentifyLanguage(StageConfig):
    languages: list[str] | None = Field(
        None, description="language codes to keep, as the model names them (en, zh, ja, ...); null keeps all"
    )
    min_score: float = Field(
        0.65, ge=0, le=1, description="least share of the text (0-1, by content) that is surely in its language"
    )
    thresholds: dict[str, float] = Field(
        default_factory=dict, description="min_score for single languages, such as {zh: 0.5}"
    )
    keep_uncertain: bool = Field(
        False, description="keep documents below the threshold too; their language and score are still written"
    )
    model: str | None = Field(
        None, description="path of another fastText language model; null is lid.176, which is in the package"
    )


def model_path(config: IdentifyLanguage) -> str:
    return config.model or str(DEFAULT_MODEL)


def setup(config: IdentifyLanguage, inputs: Mapping[str, str]) -> LanguageIdentifier:
    """Load the model, and refuse language codes that it does not know."""
    from filters.fasttext_model import FastTextModel
    from filters.language_identifier import UNDETERMINED, LanguageIdentifier

    model = FastTextModel(model_path(config), "model")
    labels = {*model.labels, UNDETERMINED}
    for field, codes in (("languages", config.languages or ()), ("thresholds", config.thresholds)):
        for code in codes:
            if code not in labels:
                raise UsageError(
                    f"{field}: {code!r} is no language of the model; accepted: {', '.join(sorted(labels))}"
                )
    for code, threshold in config.thresholds.items():
        if not 0 <= threshold <= 1:
            raise UsageError(f"thresholds: {code} is {threshold}; expected a score from 0 to 1")
    return LanguageIdentifier(model)


def core(batch: pa.RecordBatch, config: IdentifyLanguage, identifier: LanguageIdentifier) -> Changes:
    """Drop reasons: `language` (not wanted), `language-score` (below its threshold). Errored: `unreadable-text`."""
    from filters.batch_text import texts_of

    texts, outcomes = texts_of(batch)
    wanted = None if config.languages is None else frozenset(config.languages)
    codes: list[str] = []
    scores: list[float] = []
    for row, (code, score) in enumerate(identifier.identify(texts)):
        codes.append(code)
        scores.append(score)
        if row in outcomes:
            continue
        threshold = config.thresholds.get(code, config.min_score)
        if wanted is not None and code not in wanted:
            outcomes[row] = Outcome("language", score=score, detail=code)
        elif score < threshold and not config.keep_uncertain:
            outcomes[row] = Outcome("language-score", score=score, threshold=threshold, detail=code)
    return Changes({"language": codes, "language_score": scores}, outcomes)


STAGE = Stage(
    name="identify-language",
    version=1,
    help="Name the language of each document and keep the wanted ones.",
    example="arcmill identify-language --input web --output web-en-zh --set languages=[en,zh]",
    config=IdentifyLanguage,
    reads={"input": "Document"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
    model_files=lambda config: [model_path(config)],
)
