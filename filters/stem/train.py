"""Stage `train-stem`: learns the educational value for mathematics and science (0-5) from labelled documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.errors import InputError
from arcmill.stage import Stage

if TYPE_CHECKING:
    from arcmill.dataset import Dataset
    from filters.stem.training import Labelled

__all__ = ["STAGE", "TrainStem"]


class TrainStem(StageConfig):
    name: str = Field("stem", description="name of the model, written into its card")
    labels: str | None = Field(
        None, description="CSV, JSONL or Parquet file with the columns id and label (a number from 0 to 5); rows with an "
        "empty label are left out. null: the documents carry their labels in metadata.stem_label"
    )  # fmt: skip
    languages: list[str] | None = Field(
        None, description="language codes (en, zh) that the labelled documents are in; score-stem leaves documents that "
        "are known to be in another language unscored. null: all are scored"
    )  # fmt: skip
    folds: int = Field(5, ge=2, le=20, description="parts of the cross-validation that calibration is measured on")
    fold_by: Literal["text", "source", "repo"] = Field(
        "text", description="documents that stay in one fold: copies of a text, those of one source, or of one repository "
        "or package (agreement is then that on sources it has not seen)"
    )  # fmt: skip
    strength: float | None = Field(
        None,
        gt=0,
        description="strength of the ridge penalty (no unit); null: of 0.001 to 10 the one with the least squared error out of fold",
    )
    threshold: float = Field(
        2.5,
        gt=0,
        le=5,
        description="score (0-5) that precision and recall are told at, for labels of it or more, rounded up",
    )
    max_unknown: float = Field(
        0.05,
        ge=0,
        le=1,
        description="largest share (0-1) of the labels that may name a document the input does not hold",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="seed of the folds")


def core(inputs: Mapping[str, Dataset], config: TrainStem, output: Path) -> dict[str, Any]:
    """Write weights.bin and model.json into `output`; returns counts and the agreement with labels not learned from."""
    from filters.stem.training import evaluate, train

    known: dict[str, float] | None = None
    if config.labels is not None:
        from filters.stem.labels import read_labels

        known = read_labels(config.labels)
        if not known:
            raise InputError(f"labels: {config.labels!r} holds no label")
    seen: set[str] = set()
    held: set[str] = set()
    if "validation" in inputs:
        held = {text for text, _, _ in labelled(inputs["validation"], "validation", known, set(), config)}
    found = [row for row in labelled(inputs["input"], "input", known, seen, config) if row.text not in held]
    statistics = train(found, config, Path(output))
    if "validation" in inputs:
        rows = labelled(inputs["validation"], "validation", known, seen, config)
        statistics["validation"] = evaluate(Path(output), rows, config.threshold)
    if known is not None:
        missing = sorted(known.keys() - seen)
        statistics["unknown_labels"] = len(missing)
        if len(missing) > config.max_unknown * len(known):
            raise InputError(
                f"labels: {config.labels!r}: {len(missing)} of {len(known)} ids are in no input, such as {missing[0]!r}; "
                f"max_unknown allows {config.max_unknown:g}"
            )
    return statistics


def labelled(
    dataset: Dataset, name: str, known: dict[str, float] | None, seen: set[str], config: TrainStem
) -> Iterator[Labelled]:
    """The labelled documents of an input; ids that a label was found for are added to `seen`."""
    from filters.batch_text import texts_of
    from filters.stem.labels import LABEL_KEY, parse_label
    from filters.stem.training import Labelled

    for batch in dataset.batches(columns=["id", "text", "source", "repo", "metadata"]):
        texts, unreadable = texts_of(batch)
        groups = [None] * len(texts) if config.fold_by == "text" else batch.column(config.fold_by).to_pylist()
        metadata = batch.column("metadata").to_pylist() if known is None else [None] * len(texts)
        for row, identifier in enumerate(batch.column("id").to_pylist()):
            if known is None:
                value = dict(metadata[row] or ()).get(LABEL_KEY)
                label = parse_label(value, f"input {name}: document {identifier!r}, metadata.{LABEL_KEY}")
            else:
                label = known.get(identifier)
            if label is None:
                continue
            seen.add(identifier)
            if row not in unreadable:
                yield Labelled(texts[row], label, groups[row])


def model_files(config: TrainStem) -> list[str]:
    from arcmill.errors import UsageError
    from filters.stem.labels import SUFFIXES

    if config.labels is None:
        return []
    if Path(config.labels).suffix not in SUFFIXES or not Path(config.labels).is_file():
        raise UsageError(f"labels: {config.labels!r} is no file that ends in {', '.join(SUFFIXES)}")
    return [config.labels]


STAGE = Stage(
    name="train-stem",
    version=1,
    help="Learn the educational value for mathematics and science, 0 to 5, from labelled documents.",
    example="arcmill train-stem --input sample --output stem-model --set labels=labels.csv",
    config=TrainStem,
    reads={"input": "Document", "validation?": "Document"},
    writes="Model",
    engine="local",
    core=core,
    model_files=model_files,
)
