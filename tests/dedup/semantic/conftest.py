from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.records import schema
from arcmill.stage import Outcome, Stage

Make = Callable[..., Dataset]


@pytest.fixture
def documents(tmp_path: Path) -> Make:
    """A Document dataset of rows (dictionaries; id is needed), in parts of `per_part` rows."""

    def make(rows: list[dict[str, Any]], name: str = "documents", parts: int = 1) -> Dataset:
        from arcmill.records import Document
        from arcmill.stage import Failure

        per = -(-len(rows) // parts) if rows else 1

        def core(split: str, config: StageConfig) -> Any:
            at = int(split)
            for row in rows[at * per : (at + 1) * per]:
                yield Document(**{"source": "web", "text": row["id"], **row})
            if not rows:
                yield Failure("none", Outcome("none"))

        stage = Stage(
            name="given", version=1, help="x", config=StageConfig, writes="Document", engine="datatrove", core=core,
            splits=lambda config: [str(number) for number in range(parts)], identity=lambda config: repr(rows),
        )  # fmt: skip
        return execute(stage, StageConfig(), {}, str(tmp_path / name)).dataset

    return make


@pytest.fixture
def embeddings(tmp_path: Path, documents: Make) -> Make:
    """An Embedding dataset of ids and vectors."""
    import numpy as np
    import pyarrow as pa

    def make(ids: list[str], vectors: Any, name: str = "vectors") -> Dataset:
        values = np.ascontiguousarray(vectors, np.float16)
        width = values.shape[1]
        column = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), width)
        batch = pa.RecordBatch.from_arrays([pa.array(ids, pa.string()), column], schema=schema("Embedding", width))

        def core(batches: Any, config: StageConfig) -> Any:
            for _ in batches:
                yield batch

        stage = Stage(
            name="vectors", version=1, help="x", config=StageConfig, reads={"input": "Document"}, writes="Embedding",
            engine="datatrove", core=core, makes=True, width=lambda config: width,
        )  # fmt: skip
        one = documents([{"id": "seed"}], name=f"{name}-seed")
        return execute(stage, StageConfig(), {"input": [one.url]}, str(tmp_path / name)).dataset

    return make
