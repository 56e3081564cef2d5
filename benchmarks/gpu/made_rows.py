"""Datasets written without an engine: a GPU machine may lack Spark and datatrove."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any


def write(folder: Path, record: str, batches: Iterable[Any], per_group: int) -> Path:
    """One part of record batches, in row groups of `per_group` rows, and its manifest."""
    import pyarrow.parquet as pq

    from arcmill.dataset import FORMAT_VERSION, fingerprint
    from arcmill.records import schema

    folder.mkdir(parents=True)
    rows, part = 0, folder / "part-00000.parquet"
    known = schema(record)
    with pq.ParquetWriter(part, known, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=per_group)
            rows += batch.num_rows
    held = part.read_bytes()
    counts = {"in": 0, "kept": 0, "dropped": 0, "merged": 0, "errored": 0, "created": rows}
    manifest = {
        "format_version": FORMAT_VERSION, "stage": "generated", "stage_version": 1, "record": record,
        "schema": {field.name: str(field.type) for field in known}, "config": {"rows": rows}, "inputs": [],
        "files": [{"path": part.name, "rows": rows, "bytes": len(held), "sha256": hashlib.sha256(held).hexdigest()}],
        "counts": counts, "fingerprint": fingerprint("generated", 1, {"rows": rows}, [], {}),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def sequences(rows: int, length: int, per_batch: int) -> Iterable[Any]:
    """Sequence rows of tokens by Zipf's law, each of a few documents."""
    import numpy as np
    import pyarrow as pa

    from arcmill.records import schema

    random, known = np.random.default_rng(0), schema("Sequence")
    kinds = {field.name: field.type for field in known}
    bounds = np.linspace(0, length, 6).astype(int)
    for begin in range(0, rows, per_batch):
        count = min(per_batch, rows - begin)
        ids = np.minimum(random.zipf(1.2, count * length), 32_000).astype(np.int32)
        at = pa.array(np.arange(0, count * length + 1, length, dtype=np.int32))
        segments = [
            {"id": f"d{begin + row}-{n}", "start": a, "length": b - a, "offset": 0, "source": "made", "bucket": None,
             "epoch": 0, "role": "document"}
            for row in range(count)
            for n, (a, b) in enumerate(pairwise(bounds.tolist()))
        ]  # fmt: skip
        columns = {
            "input_ids": pa.ListArray.from_arrays(at, pa.array(ids), type=kinds["input_ids"]),
            "loss_mask": pa.ListArray.from_arrays(at, pa.array(np.ones(count * length, np.uint8)), type=kinds["loss_mask"]),
            "segments": pa.ListArray.from_arrays(
                pa.array(np.arange(0, len(segments) + 1, 5, dtype=np.int32)),
                pa.array(segments, kinds["segments"].value_type), type=kinds["segments"],
            ),
        }  # fmt: skip
        yield pa.RecordBatch.from_arrays([columns[field.name] for field in known], schema=known)
