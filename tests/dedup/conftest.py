from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Frame = Callable[..., Any]


@pytest.fixture(scope="session")
def frame(to_frame: Any) -> Frame:
    """Documents as a Spark DataFrame with locators, in any number of partitions and any order."""
    import pyarrow as pa

    from arcmill.records import schema

    def build(rows: list[dict[str, Any]], partitions: int = 1, backwards: bool = False) -> Any:
        full = [{"source": "web", "_part": i % 3, "_row": i // 3, **row} for i, row in enumerate(rows)]
        columns = schema("Document")
        columns = columns.append(pa.field("_part", pa.int32())).append(pa.field("_row", pa.int64()))
        table = pa.Table.from_pylist(full[::-1] if backwards else full, schema=columns)
        return to_frame(table, partitions)

    return build


@pytest.fixture(scope="session")
def merged() -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Run a stage core: {removed id: its decision} and the statistics."""

    from arcmill.engines.frames import drop_kept

    def run(stage: Any, df: Any, **settings: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        decisions, statistics = stage.core(df, stage.config(**settings), {})
        ids = {(row["_part"], row["_row"]): row["id"] for row in df.select("_part", "_row", "id").collect()}
        found = decisions.collect()
        drop_kept(df.sparkSession)
        out = {ids[row["_part"], row["_row"]]: row for row in found}
        assert len(out) == len(found), "two decisions on one row"
        assert all(row["outcome"] == "merged" for row in found)
        return out, statistics

    return run
