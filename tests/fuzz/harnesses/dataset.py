"""Datasets read back: the manifest, a part, the ledger."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from functools import cache
from pathlib import Path

from ..harness import Harness

FOLDER = tempfile.TemporaryDirectory(prefix="arcmill-fuzz-")
_FILES = ("manifest.json", "part-00000.parquet", "ledger/part-00000.parquet")


@cache
def _made() -> dict[str, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from arcmill.dataset import fingerprint
    from arcmill.ledger import ledger_batch, ledger_schema
    from arcmill.records import Document, schema
    from arcmill.stage import Outcome
    from arcmill.storage import file_sha256, locate

    root = Path(FOLDER.name, "data")
    (root / "ledger").mkdir(parents=True)
    kind = schema("Document")
    rows = [Document("a", "words", "s", metadata={"k": "v"}), Document("b", "more", "s", tags=["t"])]
    values = [{name: getattr(row, name) for name in kind.names} for row in rows]
    values = [{**row, "metadata": list((row["metadata"] or {}).items()) or None} for row in values]
    pq.write_table(pa.Table.from_pylist(values, kind), root / _FILES[1])
    pq.write_table(
        pa.Table.from_batches([ledger_batch([("c", Outcome("rule", detail="d"))])], ledger_schema()), root / _FILES[2]
    )
    listed = [
        {
            "path": name,
            "rows": 2 - number,
            "bytes": (root / name).stat().st_size,
            "sha256": file_sha256(*locate(str(root / name))),
        }
        for number, name in enumerate(_FILES[1:])
    ]
    counts = {"in": 3, "kept": 2, "dropped": 1, "merged": 0, "errored": 0, "created": 0}
    manifest = {
        "format_version": 1, "stage": "ingest-text", "stage_version": 1, "record": "Document", "schema": {field.name: str(field.type) for field in kind},
        "config": {"a": {"b": 1}}, "inputs": [{"name": "input", "fingerprint": "f"}], "files": listed, "counts": counts, "models": {}, "statistics": {"x": 1},
        "fingerprint": fingerprint("ingest-text", 1, {"a": {"b": 1}}, [{"name": "input", "fingerprint": "f"}], {}),
    }  # fmt: skip
    return {_FILES[0]: json.dumps(manifest).encode(), **{name: (root / name).read_bytes() for name in _FILES[1:]}}


def seeds() -> list[bytes]:
    """The manifest; each file after its number."""
    return [_made()[_FILES[0]], *(bytes([number]) + data for number, data in enumerate(_made().values()))]


def run(data: bytes) -> str:
    from arcmill.dataset import Dataset, describe_drift
    from pipelines.inspect import inspect_dataset
    from pipelines.inspect_view import show

    root = Path(FOLDER.name, "data")
    held = dict(_made())
    if data[:1] in b"\0\1\2" and data:
        held[_FILES[data[0]]] = data[1:]
    else:
        held[_FILES[0]] = data
    for name, content in held.items():
        (root / name).write_bytes(content)
    dataset = Dataset.open(str(root))
    for part in (*dataset.parts, *dataset.ledger_parts):
        if not Path(dataset.file(part["path"])).resolve().is_relative_to(root):
            raise AssertionError(f"{part['path']} leads out")
    describe_drift(dataset.manifest, json.loads(_made()[_FILES[0]]))
    problems = list(dataset.problems())
    rows = sum(batch.num_rows for batch in dataset.batches()) + sum(batch.num_rows for batch in dataset.ledger())
    if not problems:
        with contextlib.redirect_stdout(io.StringIO()):
            show(inspect_dataset(str(root), 2))
    return f"{len(problems) > 0} {rows > 0}"


WORDS = ("format_version", "stage", "files", "path", "rows", "bytes", "sha256", "counts", "schema", "record", "config", "inputs", "name", "fingerprint", "models", "part-00000.parquet",
         "part-/../../x", "ledger/../../x", "Model", "Sequence", "Embedding", "Export")  # fmt: skip
HARNESS = Harness("dataset", seeds, run, json=True, tokens=WORDS)
