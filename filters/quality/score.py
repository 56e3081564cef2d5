"""Stage `score-quality`: gives each document a calibrated quality score, from one classifier or several."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Changes, Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.quality.model import QualityModel

__all__ = ["STAGE", "ScoreQuality"]

DEFAULT_MODEL = Path(__file__).parent.parent / "models" / "prose-vs-boilerplate-en"


class ScoreQuality(StageConfig):
    models: list[str] = Field(
        default_factory=list,
        description="paths of more models: folders of train-quality, or fastText files (then set positive_label); "
        "without any and without the model input, the small English model of the package is used",
    )
    ensemble: Literal["max", "mean"] = Field(
        "max", description="how the scores of several models become one: the largest, or the arithmetic mean"
    )
    positive_label: str | None = Field(
        None, description="label that means good in bare fastText files, without the __label__ prefix"
    )
    min_score: float | None = Field(
        None, ge=0, le=1, description="drop documents that score less (0-1); null keeps all, for bucket-quality"
    )


def model_files(config: ScoreQuality) -> list[str]:
    from filters.quality.model import files_of

    return [file for path in config.models or [str(DEFAULT_MODEL)] for file in files_of(path, "models")]


def setup(config: ScoreQuality, inputs: Mapping[str, str]) -> list[QualityModel]:
    """Load the models; one that is none is a UsageError."""
    from filters.quality.model import QualityModel

    models = [QualityModel(inputs["model"], "input model")] if inputs.get("model") else []
    models += [QualityModel(path, "models", config.positive_label) for path in config.models]
    return models or [QualityModel(DEFAULT_MODEL, "models")]


def core(batch: pa.RecordBatch, config: ScoreQuality, models: list[QualityModel]) -> Changes:
    """Writes quality_score. Drop reason `quality-score`; `unreadable-text` is errored."""
    from filters.batch_text import texts_of
    from filters.quality.preparation import prepare

    texts, outcomes = texts_of(batch)
    prepared = [prepare(text) for text in texts]
    each = zip(*(model.score(prepared) for model in models), strict=True)
    scores = [max(values) if config.ensemble == "max" else sum(values) / len(values) for values in each]
    if config.min_score is not None:
        for row, score in enumerate(scores):
            if score < config.min_score and row not in outcomes:
                outcomes[row] = Outcome("quality-score", score=score, threshold=config.min_score)
    return Changes({"quality_score": scores}, outcomes)


STAGE = Stage(
    name="score-quality",
    version=1,
    help="Score the quality of each document from 0 to 1 with one classifier or several.",
    example="arcmill score-quality --input web --input model=quality-model --output web-scored",
    config=ScoreQuality,
    reads={"input": "Document", "model?": "Model"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
    model_files=model_files,
)
