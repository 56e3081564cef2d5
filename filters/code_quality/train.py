"""Stage `train-code-quality`: trains classifiers of code, one a language, on labelled files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from arcmill.dataset import Dataset
    from filters.code_quality.training import Labelled

__all__ = ["STAGE", "TrainCodeQuality"]


class TrainCodeQuality(StageConfig):
    name: str = Field("code-quality", description="name of the model, written into its card")
    label_key: str = Field(
        "label", description="key of a document's metadata that holds its label: a number from 0 to label_max, or low, "
        "medium, high; documents without one are not used"
    )  # fmt: skip
    labels: str | None = Field(
        None, description="path of a CSV (header with id, label) or JSONL file of labels by document id, in place of "
        "label_key"
    )  # fmt: skip
    label_max: float = Field(1.0, gt=0, description="grade of a label that means 1, such as 5 for a rubric of 0 to 5")
    holdout: float = Field(
        0.2, gt=0, lt=1, description="share of the repositories (0-1) kept from training, for calibration, tiers and AUC; "
        "documents without `repo` are held out each on their own"
    )  # fmt: skip
    refit: bool = Field(
        True, description="train the weights that are written on all files, the held-out ones too, once AUC, calibration "
        "and thresholds are known from a first training without them"
    )  # fmt: skip
    min_files: int = Field(
        50, ge=10, description="fewest files of each label in training (a tenth of it held out) for a model of its own"
    )
    low_quantile: float = Field(
        0.05, ge=0, le=1, description="tier 0 ends at this quantile (0-1) of the scores of the held-out good files"
    )
    high_quantile: float = Field(
        0.5, ge=0, le=1, description="tier 2 begins at this quantile (0-1) of the scores of the held-out good files"
    )
    epochs: int = Field(15, ge=1, le=1000, description="passes over the training files")
    learning_rate: float = Field(0.05, gt=0, le=2, description="AdaGrad's rate")
    decay: float = Field(1e-5, ge=0, le=1, description="pull of the weights towards 0 in each step")
    seed: int = Field(0, ge=0, lt=1 << 31, description="seed of the held-out share and of the order of training")

    @model_validator(mode="after")
    def _rising(self) -> TrainCodeQuality:
        if self.low_quantile > self.high_quantile:
            raise ValueError("low_quantile must not be above high_quantile")
        return self


def core(inputs: Mapping[str, Dataset], config: TrainCodeQuality, output: Path) -> dict[str, Any]:
    """Write model.json and the weights into `output`; returns counts and held-out AUC of each language."""
    from filters.code_quality.training import train

    counted = {"labelled": 0, "unlabelled": 0}
    statistics = train(_files(inputs["input"], config, counted), config, Path(output))
    return {"documents": counted, "languages": statistics}


def _files(dataset: Dataset, config: TrainCodeQuality, counted: dict[str, int]) -> Iterator[Labelled]:
    from arcmill.syntax import programming_language
    from filters.code_quality import labels
    from filters.code_quality.training import Labelled

    given = labels.read(config.labels, config.label_max) if config.labels else None
    for batch in dataset.batches(columns=["id", "text", "repo", "path", "metadata"]):
        for row in batch.to_pylist():
            metadata = dict(row["metadata"] or ())
            if given is not None:
                label = given.get(row["id"])
            else:
                value = metadata.get(config.label_key)
                label = None if value is None else labels.parse(value, config.label_max, f"document {row['id']}")
            counted["unlabelled" if label is None else "labelled"] += 1
            if label is not None:
                group = row["repo"] or row["id"]
                yield Labelled(row["text"], programming_language(metadata), row["path"], group, label)


STAGE = Stage(
    name="train-code-quality",
    version=2,
    help="Train classifiers of code quality, one a programming language, on labelled files.",
    example="arcmill train-code-quality --input code-labelled --output code-model --set labels=labels.csv",
    config=TrainCodeQuality,
    reads={"input": "Document"},
    writes="Model",
    engine="local",
    core=core,
    model_files=lambda config: [config.labels] if config.labels else [],
)
