"""A dataset of given rows of any record, made by real stages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import pyarrow as pa

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.records import ROWS, Document, Message, ToolCall, batch_to_documents, rows_to_batch
from arcmill.stage import Outcome, Stage


class Given(StageConfig):
    rows: list[str] = Field([], description="rows as JSON")
    parts: int = Field(1, description="parts that they are dealt to")


def _documents(split: str, config: Given) -> Iterator[Document]:
    for number, row in enumerate(config.rows):
        if number % config.parts == int(split):
            yield Document(f"{number:032x}", row, "given")


def _row(record: str, text: str) -> Any:
    values = json.loads(text)
    if record == "Conversation":
        for message in values["messages"]:
            message["tool_calls"] = message["tool_calls"] and [ToolCall(**call) for call in message["tool_calls"]]
        values["messages"] = [Message(**message) for message in values["messages"]]
    return ROWS[record](**values)


def _problems(batches: Iterator[pa.RecordBatch], config: StageConfig) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    yield from _made("Problem", batches)


def _conversations(
    batches: Iterator[pa.RecordBatch], config: StageConfig
) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    yield from _made("Conversation", batches)


def _edges(batches: Iterator[pa.RecordBatch], config: StageConfig) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    yield from _made("Edge", batches)


def _any(record: str, batches: Iterator[pa.RecordBatch], config: StageConfig) -> Iterator[pa.RecordBatch]:
    yield from _made(record, batches)


def _made(record: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield rows_to_batch(record, [_row(record, document.text) for document in batch_to_documents(batch)])


GIVE = Stage(
    name="give", version=1, help="Rows as documents.", config=Given, writes="Document", engine="datatrove",
    core=_documents, splits=lambda config: [str(number) for number in range(config.parts)],
)  # fmt: skip
CORES = {"Problem": _problems, "Conversation": _conversations, "Edge": _edges}


def dataset_of(record: str, rows: Sequence[Any], folder: str, parts: int = 1) -> str:
    """The path of a dataset of these rows, dealt to `parts`."""
    texts = [json.dumps(asdict(row)) for row in rows]
    documents = execute(GIVE, Given(rows=texts, parts=parts), {}, f"{folder}-documents").dataset.url
    stage = Stage(
        name=f"make-{record.lower()}", version=1, help="Rows of a record.", config=StageConfig, makes=True, writes=record,
        engine="datatrove", reads={"input": "Document"}, core=CORES.get(record) or partial(_any, record),
    )  # fmt: skip
    return execute(stage, StageConfig(), {"input": [documents]}, folder).dataset.url
