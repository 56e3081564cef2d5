"""Conversations in the columns that other tools read: rows, refusals, the same bytes from any number of workers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

from arcmill.chat import parse, render
from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.parts import group_by_bytes
from arcmill.records import Conversation, Message, ToolCall
from sequences.export_sft import STAGE, ExportSft

TOOL = json.dumps(
    {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}}
)
CALL = ToolCall("x", "f", '{"a": "12"}')
GOOD = [
    Conversation("one", [Message("user", "1+1?"), Message("assistant", "2", "easy")], "sums", thinking=True),
    Conversation(
        "two",
        [
            Message("system", "Be kind."), Message("user", "Hi"), Message("assistant", "Hello 🎈", "greet"),
            Message("user", "f?"), Message("assistant", None, "call", [CALL, ToolCall("y", "f", "{}")]),
            Message("tool", "r1", tool_call_id="x"), Message("tool", "r2", tool_call_id="y"),
            Message("assistant", "r", "done"),
        ],
        "tools", [TOOL],
    ),
    Conversation("three", [Message("user", "Hi"), Message("assistant", "Ho")], "sums", thinking=False),
]  # fmt: skip
BAD = {
    "special-token": [Message("user", "x"), Message("assistant", "</think>")],
    "no-answer": [Message("user", "x")],
    "bad-json": [Message("user", "x"), Message("assistant", "", None, [ToolCall("x", "f", "{")])],
    "unknown-role": [Message("developer", "x"), Message("assistant", "y")],
    "tool-order": [Message("user", "x"), Message("assistant", "", None, [ToolCall("x", "f", "{}")]), Message("tool", "r", tool_call_id="z"),
                   Message("assistant", "y")],
}  # fmt: skip
ALL = [*GOOD, *(Conversation(reason, messages, "bad") for reason, messages in BAD.items())]


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> str:
    return dataset_of("Conversation", ALL, str(tmp_path_factory.mktemp("sft") / "conversations"))


def exported(source: str, folder: Path, workers: int = 1, **config: Any) -> Dataset:
    dataset = execute(STAGE, ExportSft(**config), {"input": [source]}, str(folder / "out"), workers=workers).dataset
    assert list(dataset.problems()) == []
    return dataset


def rows_of(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def ledger_of(dataset: Dataset) -> dict[str, str]:
    return {row["id"]: row["rule"] for batch in dataset.ledger() for row in batch.to_pylist()}


def test_text_with_the_spans_of_the_loss(conversations: str, tmp_path: Path) -> None:
    dataset = exported(conversations, tmp_path, layout="text")
    assert ledger_of(dataset) == {reason: reason for reason in BAD}
    rows = rows_of(dataset)
    assert [(row["id"], row["turn"], row["source"]) for row in rows] == [
        ("one", 0, "sums"), ("two", 0, "tools"), ("two", 1, "tools"), ("three", 0, "sums"),
    ]  # fmt: skip
    learned = [[row["text"][span["start"] : span["end"]] for span in row["loss"]] for row in rows]
    assert learned[0] == ["\n<think>easy</think>\n2<|endoftext|>"]
    assert learned[1] == ["\n<think>greet</think>\nHello 🎈<|user|>"]
    assert learned[2][0].startswith("\n<think>call</think>\n<tool_call>f\n") and len(learned[2]) == 2
    assert learned[2][0].endswith("</tool_call><|observation|>") and "None" not in rows[2]["text"]
    assert learned[3] == ["\nHo<|endoftext|>"]
    assert parse(rows[2]["text"]).messages[1] == Message("user", "Hi")
    assert dataset.statistics == {"conversations": 3, "rows": 4, "rows_direct": 1, "rows_thinking": 3}
    assert dataset.counts["in"] == len(ALL) and dataset.counts["kept"] == 3 and dataset.counts["created"] == 4


def test_text_of_the_later_dialect_by_conversation(conversations: str, tmp_path: Path) -> None:
    rows = rows_of(
        exported(conversations, tmp_path, layout="text", rows="conversation", dialect="glm47", end="<|user|>")
    )
    assert [row["turn"] for row in rows] == [0, 1, 0]
    assert rows[0]["text"] == "[gMASK]<sop><|user|>1+1?<|assistant|><think>easy</think>2<|user|>"
    assert "greet" not in rows[1]["text"]


def test_messages_as_openai_writes_them(conversations: str, tmp_path: Path) -> None:
    dataset = exported(conversations, tmp_path)
    assert ledger_of(dataset) == {reason: reason for reason in BAD}
    rows = rows_of(dataset)
    assert [row["id"] for row in rows] == ["one", "two", "three"]
    assert dataset.statistics["reasoning_of_earlier_turns"] == 1  # which templates leave out
    call = rows[1]["messages"][4]
    assert call["content"] == "" and call["reasoning_content"] == "call"
    assert call["tool_calls"][0] == {
        "id": "x",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a": "12"}'},
    }
    assert rows[1]["messages"][0]["tool_calls"] == []
    assert json.loads(rows[1]["tools"]) == [json.loads(TOOL)] and rows[0]["tools"] is None
    assert [row["enable_thinking"] for row in rows] == [True, True, False]
    assert [row["chat_template_kwargs"] for row in rows][2] == {"enable_thinking": False}
    # What is exported renders as the conversation itself.
    assert render(rows[1]["messages"], json.loads(rows[1]["tools"])) == render(
        [message if message.content is not None else Message("assistant", "", message.reasoning, message.tool_calls)
         for message in GOOD[1].messages], [TOOL],
    )  # fmt: skip


def test_only_the_protocol_for_models_of_other_formats(conversations: str, tmp_path: Path) -> None:
    dataset = exported(conversations, tmp_path, check="protocol")
    assert ledger_of(dataset) == {reason: reason for reason in set(BAD) - {"special-token"}}


def test_completion_has_the_last_turn_apart(conversations: str, tmp_path: Path) -> None:
    rows = rows_of(exported(conversations, tmp_path, layout="completion"))
    assert [(len(row["prompt"]), len(row["completion"])) for row in rows] == [(1, 1), (2, 1), (4, 4), (1, 1)]
    assert rows[2]["completion"][0]["role"] == "assistant"


def test_sharegpt(tmp_path: Path) -> None:
    refused = [
        Conversation("text", [Message("user", "a"), Message("assistant", "b", None, [CALL])], "s", [TOOL]),
        Conversation("two users", [Message("user", "a"), Message("user", "a"), Message("assistant", "b")], "s"),
        Conversation("late system", [Message("user", "a"), Message("system", "s"), Message("assistant", "b")], "s"),
        Conversation("half", [Message("user", "a"), Message("assistant", "", None, [ToolCall("", "f", '{"a": "\\ud800"}')])], "s"),
    ]  # fmt: skip
    dataset = exported(dataset_of("Conversation", [*GOOD, *refused], str(tmp_path / "in")), tmp_path, layout="sharegpt")
    assert ledger_of(dataset) == {
        "text": "text-with-calls", "two users": "sharegpt-order", "late system": "sharegpt-order", "half": "lone-surrogate",
    }  # fmt: skip
    one, two, three = rows_of(dataset)
    assert one["conversations"] == [
        {"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "<think>\neasy\n</think>\n\n2"},
    ]  # fmt: skip
    assert two["system"] == "Be kind." and json.loads(two["tools"]) == [json.loads(TOOL)]
    assert [turn["from"] for turn in two["conversations"]] == [
        "human",
        "gpt",
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    thought, _, calls = two["conversations"][3]["value"].partition("\n</think>\n\n")
    assert thought == "<think>\ncall"
    assert json.loads(calls) == [{"name": "f", "arguments": {"a": "12"}}, {"name": "f", "arguments": {}}]
    assert two["conversations"][4]["value"] == "r1\n</tool_response>\n<tool_response>\nr2"
    assert three["conversations"][1]["value"] == "Ho"


@pytest.mark.parametrize("config", [{"layout": "text"}, {"arguments": "json"}])
def test_the_same_bytes_from_any_number_of_workers(
    config: dict[str, Any], tmp_path: Path, digest: Callable[[Path | str], str]
) -> None:
    rng = random.Random(1)
    many = [
        Conversation(
            f"{c.id} {n}", [Message("system", rng.randbytes(400).hex()), *c.messages], c.source, c.tools, c.thinking
        )
        for n in range(100)
        for c in ALL
    ]
    source = dataset_of("Conversation", many, str(tmp_path / "in"), parts=6)
    tasks = group_by_bytes(part["bytes"] for part in Dataset.open(source).parts)
    assert len(tasks) > 1
    found = set()
    for workers in (1, 2):
        dataset = exported(source, tmp_path / str(workers), workers, **config)
        found.add(digest(dataset.path))
        assert dataset.counts["in"] == len(many)
    assert len(found) == 1


def test_datasets_reads_all_layouts(conversations: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for number, config in enumerate(
        [{}, {"layout": "completion"}, {"layout": "sharegpt"}, {"layout": "text"}, {"arguments": "json"}]
    ):
        if config.get("arguments") and not hasattr(datasets, "Json"):
            continue
        made = exported(conversations, tmp_path / str(number), **config)
        files = [made.file(part["path"]) for part in made.parts]
        loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"), split="train")
        rows = rows_of(made)
        assert len(loaded) == len(rows)
        if config.get("arguments"):
            call = loaded[1]["messages"][4]["tool_calls"][0]["function"]
            assert call == {"name": "f", "arguments": {"a": "12"}}
            assert loaded[1]["tools"] == [json.loads(TOOL)] and loaded[0]["tools"] is None
        else:
            assert loaded[1] == rows[1]


def test_a_changed_column_is_found(conversations: str, tmp_path: Path) -> None:
    manifest = Path(exported(conversations, tmp_path).path) / "manifest.json"
    values = json.loads(manifest.read_text())
    values["schema"]["turn"] = "int64"
    manifest.write_text(json.dumps(values))
    assert list(Dataset.open(str(manifest.parent)).problems()) == [
        "part-00000.parquet: schema differs from the manifest"
    ]


def test_mistakes_are_told(conversations: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="layout completion has a row for each turn"):
        validate(ExportSft, {"layout": "completion", "rows": "conversation"}, "export-sft")
    with pytest.raises(UsageError, match="dialect"):
        validate(ExportSft, {"dialect": "chatml"}, "export-sft")
