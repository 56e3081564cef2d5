"""The three stages of a shadow run that no recipe names: sampling, planting, and lowering a canary's score.

They are stages like any other, so that what they make is a dataset with manifest and ledger, taken up after a kill.
Where they read from is told by a path that stays out of the identity; the fingerprints found there are in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from arcmill.config import Field, StageConfig
from arcmill.dataset import Dataset
from arcmill.records import Document
from arcmill.stage import Changes, Failure, Stage
from pipelines.canaries.config import Canaries

if TYPE_CHECKING:
    import pyarrow as pa

_PARTS = 16  # parts of a source that the sample is drawn from, which bounds what is read
_PROBLEMS = 2000  # benchmark items of a dataset that disguises are drawn from


def hash_of(seed: int, *parts: str) -> int:
    """64 bits that order rows by seed and name, whatever their place."""
    text = "\0".join([str(seed), *parts])
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _one(config: StageConfig) -> list[str]:
    return ["all"]


# -- the sample ------------------------------------------------------------------------------------------------


class CanarySample(StageConfig):
    """Which rows of a dataset are sampled."""

    guards: ClassVar[frozenset[str]] = frozenset({"max_error_rate", "source"})

    source: str = Field(description="path of the Document dataset that is sampled")
    documents: int = Field(ge=1, description="rows of the sample")
    seed: int = Field(ge=0, description="seed of the choice")


def _sample_identity(config: CanarySample) -> str:
    return Dataset.open(config.source).fingerprint


def sample(split: str, config: CanarySample) -> Iterator[Document | Failure]:
    """The documents with the smallest hashes of their ids, in the order of the dataset; an id that repeats, once."""
    import heapq

    from arcmill.dataset import read_part

    dataset = Dataset.open(config.source)
    parts = sorted(dataset.parts, key=lambda part: hash_of(config.seed, "part", part["sha256"]))[:_PARTS]
    ordered = sorted(part["path"] for part in parts)
    ids = {
        row_id
        for path in ordered
        for batch in read_part(dataset, path, ["id"])
        for row_id in batch.column(0).to_pylist()
    }
    chosen = set(heapq.nsmallest(config.documents, ids, key=lambda row_id: (hash_of(config.seed, row_id), row_id)))
    yield from _documents(dataset, ordered, chosen)


def _documents(dataset: Dataset, parts: list[str], wanted: set[str]) -> Iterator[Document]:
    from pipelines.lineage import rows_of_part

    left = set(wanted)
    for path in parts:
        if not left:
            return
        for row in rows_of_part(dataset, path, left, _columns()):
            if row["id"] in left:
                left.discard(row["id"])
                yield document_of(row)


def _columns() -> tuple[str, ...]:
    from arcmill.records import DOCUMENT_FIELDS

    return DOCUMENT_FIELDS


def document_of(row: Mapping[str, Any]) -> Document:
    """A row of a Document dataset as a Python object."""
    metadata = row["metadata"]
    return Document(**{**row, "metadata": None if metadata is None else dict(metadata)})


SAMPLE = Stage(
    name="canary-sample",
    version=1,
    help="Sample documents for a shadow run.",
    config=CanarySample,
    writes="Document",
    engine="datatrove",
    core=sample,
    splits=_one,
    identity=_sample_identity,
)


# -- the planting ----------------------------------------------------------------------------------------------


class PlantCanaries(StageConfig):
    """What is planted beside a sample."""

    guards: ClassVar[frozenset[str]] = frozenset({"max_error_rate", "sample", "control", "benchmarks"})

    sample: str = Field(description="path of the sampled documents")
    control: tuple[str, ...] = Field(description="paths of what the stages made of the sample, without canaries")
    benchmarks: tuple[str, ...] = Field(description="paths of the Problem datasets that disguises are made from")
    settings: Canaries = Field(description="the recipe's settings, its kinds less those that no step could catch")
    count: int = Field(ge=1, description="canaries of each kind")
    ngram: int = Field(ge=1, description="tokens in a shingle of the Jaccard index")


def _plant_identity(config: PlantCanaries) -> str:
    digest = hashlib.sha256()
    for group in ([config.sample], config.control, config.benchmarks):
        for path in group:
            digest.update(Dataset.open(path).fingerprint.encode())
        digest.update(b"|")
    return digest.hexdigest()


def plant(split: str, config: PlantCanaries) -> Iterator[Document | Failure]:
    """The sample, then canaries made from those of its documents that no stage of the control run took."""
    from pipelines.canaries.kinds import Material, make

    dataset = Dataset.open(config.sample)
    documents = [document_of(row) for batch in dataset.batches() for row in batch.to_pylist()]
    gone = {
        row_id
        for path in config.control
        for batch in Dataset.open(path).ledger(["id"])
        for row_id in batch.column(0).to_pylist()
    }
    problems: list[dict[str, Any]] = []
    for path in config.benchmarks:
        rows = [row for b in Dataset.open(path).batches(["id", "prompt", "answer"]) for row in b.to_pylist()]
        problems += sorted(rows, key=lambda row: hash_of(config.settings.seed, row["id"]))[:_PROBLEMS]
    yield from documents
    originals = [document for document in documents if document.id not in gone]
    yield from make(config.settings, Material.of(originals, problems, config.ngram), config.count)


PLANT = Stage(
    name="canary-plant",
    version=1,
    help="Plant canaries beside a sample of documents.",
    config=PlantCanaries,
    writes="Document",
    engine="datatrove",
    core=plant,
    splits=_one,
    identity=_plant_identity,
)


# -- the score -------------------------------------------------------------------------------------------------


class LowerCanaries(StageConfig):
    """Where the scores of originals stand."""

    guards: ClassVar[frozenset[str]] = frozenset({"max_error_rate", "scored"})

    scored: str = Field(description="path of the input, whose scores are looked up")


def lower_setup(config: LowerCanaries, inputs: object) -> dict[str, float | None]:
    """The score of every document of the (small) input."""
    scores: dict[str, float | None] = {}
    for batch in Dataset.open(config.scored).batches(["id", "quality_score"]):
        scores.update(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    return scores


def lower(batch: pa.RecordBatch, config: LowerCanaries, scores: Mapping[str, float | None]) -> Changes:
    """A canary that scores as well as its original gets the next lower score, so that its original survives."""
    from pipelines.canaries.kinds import below, known

    lowered = []
    for row in batch.select(["quality_score", "metadata"]).to_pylist():
        own = row["quality_score"]
        told = known(row)
        limit = below(scores.get(told["original"])) if told and told["original"] else None
        lowered.append(limit if own is not None and limit is not None and not own < limit else own)
    return Changes({"quality_score": lowered}, {})


LOWER = Stage(
    name="canary-lower",
    version=1,
    help="Make canaries lose against their originals.",
    config=LowerCanaries,
    reads={"input": "Document"},
    writes="Document",
    engine="datatrove",
    core=lower,
    setup=lower_setup,
)
