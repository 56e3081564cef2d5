"""Stage `select-code-web`: keeps web pages about code, in tiers of quality.

After GLM-4.5 (arXiv 2508.06471, section 2.2): pages are recalled by HTML tags of code or by a classifier, a quality model
sorts them into high, medium and low, low ones are dropped. The re-parse of what stays is `reparse-web`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Changes, Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.quality.model import QualityModel

__all__ = ["DEFAULT_MODEL", "STAGE", "SelectCodeWeb"]

DEFAULT_MODEL = Path(__file__).parent.parent / "models" / "code-docs-vs-noise-en"
TAG = "code-web"


class SelectCodeWeb(StageConfig):
    min_marks: int | None = Field(
        4, ge=1,
        description="marks of code that recall a page: two for each <pre> or fenced block, one for each <code>, code span "
        "or two lines that look like code; null: by the classifier alone",
    )  # fmt: skip
    recall_models: list[str] = Field(
        default_factory=list,
        description="paths of classifiers that recall pages too (folders of train-quality; positive: about code), beside "
        "the input recall",
    )
    min_recall: float = Field(0.5, ge=0, le=1, description="score of such a classifier that recalls a page (0-1)")
    models: list[str] = Field(
        default_factory=list,
        description="paths of quality models (folders of train-quality); with several the mean; without any and without "
        "the input model, the small English model of the package",
    )
    medium: float = Field(0.35, ge=0, le=1, description="score (0-1) from which quality is medium; lower is dropped")
    high: float = Field(0.75, ge=0, le=1, description="score (0-1) from which quality is high")
    epochs: tuple[float, float, float] = Field(
        (0.0, 1.0, 2.0), description="epoch weights of low, medium and high; documents of weight 0 are dropped"
    )

    @model_validator(mode="after")
    def _rising(self) -> SelectCodeWeb:
        if self.medium > self.high:
            raise ValueError(f"medium ({self.medium}) must not be above high ({self.high})")
        if min(self.epochs) < 0 or list(self.epochs) != sorted(self.epochs):
            raise ValueError(f"epochs needs three weights of 0 or more, never falling, not {list(self.epochs)}")
        return self


class Models(NamedTuple):
    recall: list[QualityModel]
    quality: list[QualityModel]


def model_files(config: SelectCodeWeb) -> list[str]:
    from filters.quality.model import files_of

    files = [file for path in config.recall_models for file in files_of(path, "recall_models")]
    return files + [file for path in config.models or [str(DEFAULT_MODEL)] for file in files_of(path, "models")]


def setup(config: SelectCodeWeb, inputs: Mapping[str, str]) -> Models:
    """Load the models; one that is none is a UsageError, and so is a config by which nothing could be recalled."""
    from arcmill.errors import UsageError
    from filters.quality.model import QualityModel

    def load(name: str, paths: list[str], setting: str) -> list[QualityModel]:
        found = [QualityModel(inputs[name], f"input {name}")] if inputs.get(name) else []
        return found + [QualityModel(path, setting) for path in paths]

    recall = load("recall", config.recall_models, "recall_models")
    if config.min_marks is None and not recall:
        raise UsageError("min_marks: null recalls nothing without a classifier; give the input recall or recall_models")
    return Models(recall, load("model", config.models, "models") or [QualityModel(DEFAULT_MODEL, "models")])


def core(batch: pa.RecordBatch, config: SelectCodeWeb, models: Models) -> Changes:
    """Writes quality_score, quality_bucket, epochs, tags. Drop reasons `not-code`, `low-quality`; `unreadable-text`."""
    from filters.batch_text import texts_of
    from filters.code_web.marks import marks_of_html, marks_of_text
    from filters.quality.preparation import prepare

    texts, outcomes = texts_of(batch)
    pages = _strings(batch, "html")
    prepared = [prepare(text) for text in texts]
    needed = config.min_marks
    marks = [marks_of_html(page) if page else marks_of_text(text) for page, text in zip(pages, texts, strict=True)]
    related = [max(values) for values in zip(*(model.score(prepared) for model in models.recall), strict=True)]
    quality = [
        sum(values) / len(values) for values in zip(*(model.score(prepared) for model in models.quality), strict=True)
    ]
    buckets: list[int] = []
    for row, score in enumerate(quality):
        bucket = (score >= config.medium) + (score >= config.high)
        buckets.append(bucket)
        if row in outcomes:
            continue
        if (needed is not None and marks[row] >= needed) or (related and related[row] >= config.min_recall):
            if config.epochs[bucket] == 0:
                edge = config.medium if config.epochs[1] else config.high
                outcomes[row] = Outcome("low-quality", score=score, threshold=edge)
        elif related:
            outcomes[row] = Outcome(
                "not-code", score=related[row], threshold=config.min_recall, detail=f"{marks[row]} marks of code"
            )
        else:
            outcomes[row] = Outcome("not-code", score=float(marks[row]), threshold=float(needed or 0))
    tags = [[*(held or ()), *(() if TAG in (held or ()) else (TAG,))] for held in batch.column("tags").to_pylist()]
    columns = {
        "quality_score": quality,
        "quality_bucket": buckets,
        "epochs": [config.epochs[bucket] for bucket in buckets],
        "tags": tags,
    }
    return Changes(columns, outcomes)


def _strings(batch: pa.RecordBatch, name: str) -> list[str | None]:
    """A column as strings; a value that is no UTF-8 counts as none."""
    column = batch.column(name)
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        found: list[str | None] = []
        for value in column:
            try:
                found.append(value.as_py())
            except UnicodeDecodeError:
                found.append(None)
        return found


STAGE = Stage(
    name="select-code-web",
    version=1,
    help="Select web pages about code: recall by marks of code or a classifier, then three tiers of quality.",
    example="arcmill select-code-web --input web --output code-web --set min_marks=4",
    config=SelectCodeWeb,
    reads={"input": "Document", "recall?": "Model", "model?": "Model"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
    model_files=model_files,
)
