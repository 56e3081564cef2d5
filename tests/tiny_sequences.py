"""Sequence datasets whose every token says where it stands, of several parts and row groups."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arcmill.dataset import fingerprint
from arcmill.records import schema


def sequence_rows(first: int, count: int, length: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose first token is their number; of one to four segments, some with padding at the end."""
    rows = []
    for number in range(first, first + count):
        rng = np.random.default_rng([seed, number, length])
        filled = length if number % 3 else length - int(rng.integers(1, length // 2))
        pieces = min(filled, int(rng.integers(1, 5)))
        cuts = [0, *sorted(rng.choice(np.arange(1, filled), pieces - 1, replace=False).tolist()), filled]
        ids = rng.integers(0, 30_000, length).tolist()
        ids[0] = number
        segments = [
            {"id": f"document-{number}-{place}", "start": begin, "length": end - begin, "offset": 0, "source": "web",
             "bucket": None, "epoch": 0, "role": "document"}
            for place, (begin, end) in enumerate(itertools.pairwise(cuts))
        ]  # fmt: skip
        mask = [1] * filled + [0] * (length - filled)
        rows.append({"input_ids": ids, "loss_mask": mask, "segments": segments})
    return rows


def write_sequences(
    folder: Path,
    parts: tuple[tuple[int, ...], ...] = ((5, 3), (7,), (4, 4, 2)),
    length: int = 16,
    tokenizer: str = "t" * 64,
    seed: int = 0,
    **options: Any,
) -> str:
    """A dataset with these row groups in its parts; `options` go to pyarrow's writer."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[dict[str, Any]] = []
    first = 0
    for number, groups in enumerate(parts):
        path = folder / f"part-{number:05d}.parquet"
        settings = {"compression": "zstd", "use_dictionary": [], **options}
        with pq.ParquetWriter(path, schema("Sequence"), **settings) as writer:
            for count in groups:
                rows = sequence_rows(first, count, length, seed)
                writer.write_table(pa.Table.from_pylist(rows, schema=schema("Sequence")), row_group_size=max(count, 1))
                first += count
        data = path.read_bytes()
        files.append({"path": path.name, "rows": sum(groups), "bytes": len(data),
                      "sha256": hashlib.sha256(data).hexdigest()})  # fmt: skip
    config = {"sequence_length": length, "seed": seed}
    inputs = [{"name": "input", "fingerprint": f"{first:064x}"}, {"name": "tokenizer", "fingerprint": tokenizer}]
    manifest = {
        "format_version": 1, "stage": "pack", "stage_version": 1, "record": "Sequence",
        "schema": {field.name: str(field.type) for field in schema("Sequence")}, "config": config, "inputs": inputs,
        "models": {}, "files": files,
        "counts": {"in": 1, "kept": 1, "dropped": 0, "merged": 0, "errored": 0, "created": first},
        "fingerprint": fingerprint("pack", 1, config, inputs, {}),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def row_values(url: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """All tokens and masks of a dataset, in its order, by pyarrow alone."""
    files = sorted(Path(url).glob("part-*.parquet"))
    table = pa.concat_tables(pq.read_table(file) for file in files)
    return np.array(table["input_ids"].to_pylist()), np.array(table["loss_mask"].to_pylist())
