"""Stage `score-stem`: scores documents from 0 to 5 for mathematics and science, and up-samples those over the threshold.

After GLM-4.5 (arXiv 2508.06471, section 2.2); scale and threshold are FineWeb-Edu's (arXiv 2406.17557, section 4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from arcmill.config import Field, StageConfig
from arcmill.stage import Changes, Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from filters.stem.model import StemModel

__all__ = ["SCORE_KEY", "STAGE", "TAG", "ScoreStem"]

DEFAULT_MODEL = Path(__file__).parent.parent / "models" / "stem-docs-en"
SCORE_KEY, TAG = "stem_score", "stem"


class ScoreStem(StageConfig):
    model: str | None = Field(
        None, description="folder of train-stem; null, and no input named model: the small English model of the package"
    )
    threshold: float = Field(
        2.5, ge=0, le=5, description="score (0-5) from which a document is tagged stem and up-sampled; 2.5 rounds to 3, "
        "FineWeb-Edu's threshold"
    )  # fmt: skip
    epochs: float = Field(2.0, ge=0, description="times that a document from the threshold on shall be seen")
    combine: Literal["multiply", "max", "replace"] = Field(
        "multiply", description="how `epochs` meets the weight that a document has: multiply = their product, max = the "
        "larger, replace = ours; a missing weight counts as 1. Documents below the threshold keep theirs"
    )  # fmt: skip
    drop_below: float | None = Field(
        None, ge=0, le=5, description="drop documents that score less (0-5), rule stem-score; null: none"
    )
    tiers: bool = Field(
        False, description="also write quality_score (score / 5) and quality_bucket (2 from the threshold, 1 from "
        "`medium`, else 0), over what other stages wrote there"
    )  # fmt: skip
    medium: float = Field(
        1.5, ge=0, le=5, description="score (0-5) from which a document is in bucket 1, where tiers is on"
    )

    @model_validator(mode="after")
    def _rising(self) -> ScoreStem:
        if self.tiers and self.medium > self.threshold:
            raise ValueError(f"medium ({self.medium:g}) is above threshold ({self.threshold:g})")
        return self


def model_files(config: ScoreStem) -> list[str]:
    from filters.stem.model import files_of

    return files_of(config.model or str(DEFAULT_MODEL), "model")


def setup(config: ScoreStem, inputs: Mapping[str, str]) -> StemModel:
    """Load the model; one that is none, or damaged, is a UsageError."""
    from arcmill.errors import UsageError
    from filters.stem.model import StemModel

    given = inputs.get("model")
    if given and config.model:
        raise UsageError("model: give a model as an input or as a setting, not both")
    return StemModel(given or config.model or DEFAULT_MODEL, "input model" if given else "model")


def core(batch: pa.RecordBatch, config: ScoreStem, model: StemModel) -> Changes:
    """Writes metadata.stem_score, the tag stem, and epochs. `unreadable-text` is errored."""
    from filters.batch_text import texts_of

    texts, outcomes = texts_of(batch)
    scores = model.score(texts).tolist()
    languages = batch.column("language").to_pylist()
    metadata, tags, epochs = (batch.column(name).to_pylist() for name in ("metadata", "tags", "epochs"))
    quality, buckets = (batch.column(name).to_pylist() for name in ("quality_score", "quality_bucket"))
    tallies: Counter[str] = Counter()
    spoken = model.card.languages
    for row, score in enumerate(scores):
        if row in outcomes:
            continue
        rest = [(key, value) for key, value in metadata[row] or () if key != SCORE_KEY]
        other = [tag for tag in tags[row] or () if tag != TAG]
        if spoken is not None and languages[row] is not None and languages[row] not in spoken:
            tallies["not scored: other language"] += 1
            metadata[row], tags[row] = rest or None, other or None
            continue
        tallies[f"score {int(score)} to {int(score) + 1}" if score < 5 else "score 5"] += 1
        over = score >= config.threshold
        metadata[row] = [*rest, (SCORE_KEY, f"{score:.2f}")]
        tags[row] = [*other, TAG] if over else other or None
        if over:
            tallies["over the threshold"] += 1
            epochs[row] = _combined(epochs[row], config)
        if config.tiers:
            quality[row], buckets[row] = score / 5, 2 if over else int(score >= config.medium)
        if config.drop_below is not None and score < config.drop_below:
            outcomes[row] = Outcome("stem-score", score=score, threshold=config.drop_below)
    columns: dict[str, list[Any]] = {"metadata": metadata, "tags": tags, "epochs": epochs}
    if config.tiers:
        columns |= {"quality_score": quality, "quality_bucket": buckets}
    return Changes(columns, outcomes, tallies)


def _combined(weight: float | None, config: ScoreStem) -> float:
    before = 1.0 if weight is None else weight
    if config.combine == "multiply":
        return before * config.epochs
    return max(before, config.epochs) if config.combine == "max" else config.epochs


STAGE = Stage(
    name="score-stem",
    version=1,
    help="Score documents for mathematics and science from 0 to 5, and up-sample those over the threshold.",
    example="arcmill score-stem --input web-scored --input model=stem-model --output web-stem --set epochs=2.5",
    config=ScoreStem,
    reads={"input": "Document", "model?": "Model"},
    writes="Document",
    engine="datatrove",
    core=core,
    setup=setup,
    model_files=model_files,
)
