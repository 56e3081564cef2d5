"""Stage `train-quality`: trains a calibrated fastText classifier that tells good documents from bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    from arcmill.dataset import Dataset

__all__ = ["STAGE", "TrainQuality"]


class TrainQuality(StageConfig):
    name: str = Field("quality", description="name of the model, written into its card")
    holdout: float = Field(
        0.1, gt=0, lt=1, description="share of the documents (0-1) kept from training, for calibration and the AUC"
    )
    dimension: int = Field(16, ge=2, le=512, description="dimensions of the word vectors")
    epochs: int = Field(10, ge=1, le=1000, description="passes over the training documents")
    learning_rate: float = Field(0.3, gt=0, le=2, description="fastText's lr; falls linearly to 0")
    word_ngrams: int = Field(2, ge=1, le=5, description="longest run of words that is a feature")
    min_count: int = Field(3, ge=1, description="least number of times a word is seen to be a feature of its own")
    hash_bucket: int = Field(1 << 16, ge=1024, le=1 << 24, description="slots that runs of words are hashed into")
    quantize: bool = Field(True, description="compress the model (product quantization), some ten times smaller")
    features: int = Field(
        40_000, ge=1000, description="words and n-grams kept when quantizing, those with the largest vectors"
    )
    seed: int = Field(0, ge=0, lt=1 << 31, description="seed of the training and of the held-out share")


def core(inputs: Mapping[str, Dataset], config: TrainQuality, output: Path) -> dict[str, Any]:
    """Write model.ftz (or model.bin) and model.json into `output`; returns counts and held-out figures."""
    from filters.quality.training import evaluate, train

    def texts(name: str) -> Any:
        for batch in inputs[name].batches(columns=["text"]):
            yield from batch.column("text").to_pylist()

    statistics = train(texts("positive"), texts("negative"), config, Path(output))
    if "positive_validation" in inputs and "negative_validation" in inputs:
        statistics["validation"] = evaluate(Path(output), texts("positive_validation"), texts("negative_validation"))
    return statistics


STAGE = Stage(
    name="train-quality",
    version=1,
    help="Train a calibrated classifier that tells good documents from bad ones.",
    example="arcmill train-quality --input positive=books --input negative=spam --output quality-model",
    config=TrainQuality,
    reads={
        "positive": "Document",
        "negative": "Document",
        "positive_validation?": "Document",
        "negative_validation?": "Document",
    },
    writes="Model",
    engine="local",
    core=core,
)
