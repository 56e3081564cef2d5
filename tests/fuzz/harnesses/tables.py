"""Tables: JSON lines, CSV and Parquet, packed and not, as documents, conversations, problems and dumps of forges."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tempfile
from pathlib import Path

from ..harness import Harness, told

FOLDER = tempfile.TemporaryDirectory(prefix="arcmill-fuzz-")
KINDS = ("a.jsonl", "a.csv", "a.parquet", "a.json")
READERS = ("text", "conversations", "problems", "forge")


def _rows() -> dict[str, list[dict]]:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "<think>x</think>Hello"}]
    turns = [
        {"from": "human", "value": "Hi"},
        {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
        {"from": "observation", "value": "1"},
        {"from": "gpt", "value": "Hm"},
    ]
    issue = {"url": "https://api.forge.example/repos/a/b/issues/1", "html_url": "https://forge.example/a/b/issues/1", "number": 1, "title": "It breaks", "body": "Words @someone",
             "user": {"login": "someone"}, "created_at": "2024-01-01T00:00:00Z", "labels": [{"name": "bug"}], "repository_url": "https://api.forge.example/repos/a/b", "comments": 1, "state": "open"}  # fmt: skip
    task = {
        "instance_id": "a__b-1",
        "repo": "a/b",
        "base_commit": "f" * 40,
        "problem_statement": "Words",
        "patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        "test_patch": "",
        "hints_text": "",
    }
    return {
        "text": [{"id": "1", "text": "words", "meta": {"url": "http://a.example"}, "quality_score": 0.5}, {"text": "more", "tags": ["a"]}],
        "conversations": [{"messages": talk, "tools": []}, {"conversations": turns, "system": "s", "tools": "[]"}],
        "problems": [{"prompt": "1+1?", "answer": "2", "answer_type": "math"}, {"prompt": "Which?", "answer": 1, "choices": ["x", "y"]}],
        "forge": [issue, task, {**issue, "pull_request": {"url": "u"}}, {"issue_url": issue["url"], "body": "A comment", "user": None, "id": 5}],
    }  # fmt: skip


def seeds() -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import zstandard

    made = []
    for reader, (_, rows) in enumerate(_rows().items()):
        lines = "\n".join(json.dumps(row) for row in rows).encode()
        made += [bytes([reader, 0]) + lines, bytes([reader, 3]) + json.dumps(rows).encode()]
        for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress):
            made.append(bytes([reader, 0]) + pack(lines))
        flat = [
            {key: value if isinstance(value, str | int | float) else json.dumps(value) for key, value in row.items()}
            for row in rows
        ]
        names = sorted({key for row in flat for key in row})
        table = "\n".join(
            [
                ",".join(names),
                *(",".join('"' + str(row.get(name, "")).replace('"', '""') + '"' for name in names) for row in flat),
            ]
        )
        made.append(bytes([reader, 1]) + table.encode())
        held = io.BytesIO()
        pq.write_table(
            pa.table({name: [None if row.get(name) is None else str(row[name]) for row in flat] for name in names}),
            held,
        )
        made.append(bytes([reader, 2]) + held.getvalue())
    return made


def run(data: bytes) -> str:
    from arcmill.stage import SourceFile
    from ingest import conversations, problems, text
    from ingest.forge import inputs
    from ingest.forge.stage import IngestForge

    reader, kind = (*data[:2], 0, 0)[:2]
    name = KINDS[kind % 4]
    path = Path(FOLDER.name, name)
    path.write_bytes(data[2:])
    file = SourceFile(str(path), name, len(data))
    which = READERS[reader % 4]
    if which == "text":
        rows = list(text.core(file, text.IngestText(metadata_columns=["*"], max_line_bytes=1 << 17)))
    elif which == "conversations":
        rows = list(conversations.core(file, conversations.IngestConversations(max_line_bytes=1 << 17)))
    elif which == "problems":
        rows = list(problems.core(file, problems.IngestProblems(choices=["choices"], max_line_bytes=1 << 17)))
    else:
        config = IngestForge()
        rows = [row for unit in inputs.find_inputs([str(path)], config) for row in inputs.read_input(unit, config)]
    if len(rows) > len(data) * 40 + 100:
        raise AssertionError("more rows than there can be")
    return f"{which} {told(rows)}"


WORDS = ("role", "content", "messages", "conversations", "from", "value", "text", "id", "prompt", "answer", "choices", "tools", "url", "number", "user", "login", "labels", "patch", "diff --git a/x b/x\n",
         "@@ -1 +1 @@", "created_at", "pull_request", "PAR1", "\"\"", "function_call", "observation")  # fmt: skip
HARNESS = Harness("tables", seeds, run, tokens=WORDS)
