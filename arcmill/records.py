"""The typed rows that flow between stages, and their Arrow schemas (DESIGN section 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

RECORDS = (
    "Document", "Problem", "Conversation", "ToolSpec", "AgentTask", "Node", "Edge", "Sequence", "Signature", "Embedding",
    "Export",
)  # fmt: skip


@dataclass(slots=True)
class Document:
    """A text with its origin. `id` is stable: made from the origin, never from a position in a file."""

    id: str
    text: str
    source: str
    url: str | None = None
    html: str | None = None
    language: str | None = None
    language_score: float | None = None
    repo: str | None = None
    path: str | None = None
    license: str | None = None
    created: str | None = None  # ISO 8601, UTC
    quality_score: float | None = None  # 0-1
    quality_bucket: int | None = None  # 0 = lowest
    epochs: float | None = None
    tags: list[str] | None = None
    metadata: dict[str, str] | None = None


DOCUMENT_FIELDS = tuple(field.name for field in fields(Document))


@dataclass(slots=True)
class Problem:
    """A task with an answer that can be checked. `source` names the benchmark or collection."""

    id: str
    prompt: str
    answer_type: str  # one of ANSWER_TYPES
    source: str
    answer: str | None = None
    tests: str | None = None
    domain: str | None = None
    pass_rate: float | None = None  # 0-1
    attempts: int | None = None
    difficulty: str | None = None  # a class that estimate-difficulty gave
    evidence: str | None = None  # JSON: where the answer stands in a document, votes, intervals


PROBLEM_FIELDS = tuple(field.name for field in fields(Problem))
ANSWER_TYPES = ("math", "choice", "code", "exact", "judged")


@dataclass(slots=True)
class ToolCall:
    """A call of a tool by an assistant message. `arguments` is a JSON object, as text."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Message:
    """One message of a conversation; `role` is system, user, assistant or tool."""

    role: str
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


@dataclass(slots=True)
class Conversation:
    """Messages with what makes them right. `usage` holds prompt_tokens and completion_tokens."""

    id: str
    messages: list[Message]
    source: str
    tools: list[str] | None = None  # JSON schemas
    thinking: bool | None = None
    evidence: str | None = None  # JSON: verifier, verdict, expected, observed
    usage: dict[str, int] | None = None


@dataclass(slots=True)
class ToolSpec:
    """A tool that was collected. `schema` is a JSON text in OpenAI's function form, its parameters a normal JSON schema."""

    id: str  # stable_id("tool", source, name, schema)
    name: str
    schema: str
    origin: str  # one of ORIGINS
    description: str | None = None
    license: str | None = None
    source: str | None = None  # the document, server or module that offers it
    returns: str | None = None  # JSON schema of what it gives, where that is known
    call: str | None = None  # JSON: how it is run, such as method, path and place of each parameter
    lint: list[str] | None = None  # what is wrong with it, as "rule: where"


ORIGINS = ("mcp", "openapi", "python", "simulated", "schema")  # schema: given as a function schema, with nothing to run


@dataclass(slots=True)
class AgentTask:
    """A task for an agent in an environment. `goal` is JSON: what must be said or hold at the end (agent_data.goal)."""

    id: str
    instruction: str
    environment: str  # by which it is run, such as search:INDEX
    steps: str  # single | multi | dialogue
    tools: list[str] | None = None  # JSON schemas
    goal: str | None = None
    rubric: str | None = None
    source: str | None = None


@dataclass(slots=True)
class Edge:
    """A fact of a knowledge graph: subject, relation and object, each with where it comes from.

    `kind` says what the object is: node (the id of one), text, number (decimal), or date (ISO 8601, shortened to what is
    known: 1967, 1967-03, 1967-03-21). What is said of a node or relation itself is an edge of text, with one of the
    relations of `NAMING`.
    """

    id: str  # stable_id("edge", subject, relation, object, kind), and the language where it has one
    subject: str
    relation: str
    object: str
    kind: str  # one of KINDS
    source: str
    origin: str | None = None  # where it was read first: file:line, or a distribution
    document: str | None = None  # the Document that says it
    sentence: str | None = None  # as it stands there
    language: str | None = None  # of an object of text
    license: str | None = None


EDGE_KINDS = ("node", "text", "number", "date")
# label and alias: names; description: a phrase; redirect: another id of the same thing (the object is the id that stands)
NAMING = ("label", "alias", "description", "redirect")


@dataclass(slots=True)
class Node:
    """A thing of a knowledge graph, or one of its relations (`role`), with its names.

    `members` are further ids that mean the same thing, by redirects or by resolution; edges keep the ids they were read
    with, and whoever loads the graph puts `id` in the place of its members.
    """

    id: str
    name: str  # in English where there is one, else the first; the id where there is none
    source: str
    role: str = "node"  # node | relation
    labels: dict[str, str] | None = None  # language -> name
    aliases: list[str] | None = None
    types: list[str] | None = None  # ids of nodes
    description: str | None = None
    members: list[str] | None = None
    degree: int | None = None  # edges that it has, of a relation: edges that are of it
    documents: list[str] | None = None  # Documents about it
    evidence: str | None = None  # JSON: why its members are one


TEXT = {"Document": "text", "Problem": "prompt"}  # the column that holds a row's text, where stages read either


def text_column(columns: Collection[str]) -> str:
    """Which of a table's columns holds the text of its rows. ValueError where none does."""
    found = [column for column in TEXT.values() if column in columns]
    if len(found) != 1:
        raise ValueError(f"none of {', '.join(TEXT.values())} is a column here, or both are")
    return found[0]


ROWS: dict[str, type] = {
    "Document": Document, "Problem": Problem, "Conversation": Conversation, "ToolSpec": ToolSpec, "AgentTask": AgentTask, "Node": Node,
    "Edge": Edge,
}  # fmt: skip
MAPS = ("metadata", "labels")  # columns of these names hold maps


def stable_id(*parts: str) -> str:
    """An identifier of 32 hex characters (BLAKE2b-128) of the parts of an origin; lone surrogates are allowed."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@cache
def schema(record: str, width: int = 1) -> pa.Schema:
    """The Arrow schema of a record type. `width` is the number of dimensions of an Embedding, which its model decides."""
    import pyarrow as pa

    strings, text = pa.list_(pa.string()), pa.large_string()

    def build(required: dict[str, pa.DataType], optional: dict[str, pa.DataType], order: str = "") -> pa.Schema:
        columns = {**required, **optional}
        return pa.schema(
            [pa.field(name, columns[name], nullable=name in optional) for name in (order.split() or columns)]
        )

    if record == "Document":
        return build(
            {"id": pa.string(), "text": text, "source": pa.string()},
            {
                "url": pa.string(), "html": text, "language": pa.string(), "language_score": pa.float64(),
                "repo": pa.string(), "path": pa.string(), "license": pa.string(), "created": pa.string(),
                "quality_score": pa.float64(), "quality_bucket": pa.int32(), "epochs": pa.float64(),
                "tags": strings, "metadata": pa.map_(pa.string(), pa.string()),
            },
        )  # fmt: skip
    if record == "Problem":
        return build(
            {"id": pa.string(), "prompt": text, "answer_type": pa.string(), "source": pa.string()},
            {
                "answer": text,
                "tests": text,
                "domain": pa.string(),
                "pass_rate": pa.float64(),
                "attempts": pa.int32(),
                "difficulty": pa.string(),
                "evidence": text,
            },
            "id prompt answer answer_type tests domain source pass_rate attempts difficulty evidence",
        )
    if record == "Conversation":
        call = pa.struct([("id", pa.string()), ("name", pa.string()), ("arguments", text)])
        message = pa.struct(
            [("role", pa.string()), ("content", text), ("reasoning", text), ("tool_calls", pa.list_(call)),
             ("tool_call_id", pa.string())]
        )  # fmt: skip
        usage = pa.struct([("prompt_tokens", pa.int64()), ("completion_tokens", pa.int64())])
        return build(
            {"id": pa.string(), "messages": pa.list_(message), "source": pa.string()},
            {"tools": pa.list_(text), "thinking": pa.bool_(), "evidence": text, "usage": usage},
            "id messages tools thinking source evidence usage",
        )
    if record == "ToolSpec":
        return build(
            {"id": pa.string(), "name": pa.string(), "schema": text, "origin": pa.string()},
            {
                "description": text, "license": pa.string(), "source": pa.string(), "returns": text, "call": text,
                "lint": strings,
            },
        )  # fmt: skip
    if record == "AgentTask":
        return build(
            {"id": pa.string(), "instruction": text, "environment": pa.string(), "steps": pa.string()},
            {"tools": pa.list_(text), "goal": text, "rubric": text, "source": pa.string()},
        )
    if record == "Edge":
        return build(
            {name: pa.string() for name in ("id", "subject", "relation", "object", "kind", "source")},
            {"origin": pa.string(), "document": pa.string(), "sentence": text, "language": pa.string(),
             "license": pa.string()},
        )  # fmt: skip
    if record == "Node":
        return build(
            {"id": pa.string(), "name": pa.string(), "source": pa.string(), "role": pa.string()},
            {
                "labels": pa.map_(pa.string(), pa.string()), "aliases": strings, "types": strings, "description": text,
                "members": strings, "degree": pa.int64(), "documents": strings, "evidence": text,
            },
        )  # fmt: skip
    if record == "Sequence":
        segment = pa.struct(
            [("id", pa.string()), ("start", pa.int32()), ("length", pa.int32()), ("offset", pa.int64()),
             ("source", pa.string()), ("bucket", pa.int32()), ("epoch", pa.int32()), ("role", pa.string())]
        )  # fmt: skip
        return build(
            {"input_ids": pa.list_(pa.int32()), "loss_mask": pa.list_(pa.uint8()), "segments": pa.list_(segment)}, {}
        )
    if record == "Signature":  # MinHash band keys; `size` in bytes of text; a short document has one key
        return build(
            {"id": pa.string(), "source": pa.string(), "size": pa.int64(), "short": pa.bool_(),
             "keys": pa.list_(pa.int64())}, {},
        )  # fmt: skip
    if record == "Embedding":
        return build({"id": pa.string(), "embedding": pa.list_(pa.float16(), width)}, {})
    if record == "Export":
        raise ValueError("an Export has the columns that its stage lays out (Stage.layout)")
    raise ValueError(f"unknown record type {record!r}; known: {', '.join(RECORDS)}")


def documents_to_batch(documents: Iterable[Document]) -> pa.RecordBatch:
    """Documents as one Arrow batch. Raises UnicodeEncodeError for text that holds lone surrogates."""
    return rows_to_batch("Document", documents)


def rows_to_batch(record: str, rows: Iterable[Any]) -> pa.RecordBatch:
    """Rows of a record type that has a class here as one Arrow batch. Raises as `documents_to_batch` does."""
    import pyarrow as pa

    held = list(rows)
    arrays = []
    for field in schema(record):
        values: list[Any] = [getattr(row, field.name) for row in held]
        if field.name in MAPS:
            values = [None if value is None else list(value.items()) for value in values]
        elif field.name == "messages":
            values = [[_fields(message) for message in value] for value in values]
        arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema(record))


def _fields(message: Message) -> dict[str, Any]:
    """As dataclasses.asdict, without copying every text."""
    calls = message.tool_calls
    return {
        "role": message.role, "content": message.content, "reasoning": message.reasoning,
        "tool_calls": calls and [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls],
        "tool_call_id": message.tool_call_id,
    }  # fmt: skip


def batch_to_rows(record: str, batch: pa.RecordBatch) -> list[Any]:
    """The rows of a batch as objects of the record's class."""
    kind = ROWS[record]
    columns = [batch.column(field.name).to_pylist() for field in fields(kind)]
    rows = [kind(*values) for values in zip(*columns, strict=True)]
    for row in rows:
        if record == "Document" and row.metadata is not None:
            row.metadata = dict(row.metadata)
        elif record == "Node" and row.labels is not None:
            row.labels = dict(row.labels)
        elif record == "Conversation":
            row.messages = [_message(value) for value in row.messages]
    return rows


def _message(value: dict[str, Any]) -> Message:
    calls = value["tool_calls"]
    return Message(**{**value, "tool_calls": None if calls is None else [ToolCall(**call) for call in calls]})


def batch_to_documents(batch: pa.RecordBatch) -> list[Document]:
    """The rows of a Document batch as Python objects."""
    return batch_to_rows("Document", batch)
