"""Conversations in the columns that other tools read: rows, refusals, the same bytes from any number of workers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

from arcmill.chat import ChatError, parse, render
from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.parts import group_by_bytes
from arcmill.records import Conversation, Message, ToolCall
from sequences.export_rows import sft_rows
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


WEATHER = {"name": "weather", "parameters": {"type": "object", "required": ["city"], "additionalProperties": False, "properties": {
    "city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}, "unit": {"enum": ["c", "f"]}, "any": {}}}}  # fmt: skip


def weather(
    arguments: str = '{"city": "Zürich", "days": 3, "any": [1, "a"]}', name: str = "weather", **more: Any
) -> Conversation:
    """A sound conversation, but for what is said otherwise."""
    return Conversation(
        more.get("id", "sound"),
        [
            Message("system", "Be kind."), Message("user", more.get("user", "Weather?")),
            Message("assistant", more.get("text", ""), more.get("reasoning", "look"), [ToolCall("x", name, arguments), ToolCall("y", name, arguments)]),
            *more.get("results", [Message("tool", more.get("result", "sunny"), tool_call_id="x"), Message("tool", "cold", tool_call_id="y")]),
            *more.get("last", [Message("assistant", more.get("answer", "Sunny."), "done")]),
        ],
        "s", more.get("tools", [json.dumps(WEATHER)]), more.get("thinking", True),
    )  # fmt: skip


CORRUPTED = {
    "call-schema": [
        weather('{"days": 3}'), weather('{"city": "a", "days": "three"}'), weather('{"city": "a", "days": 0}'), weather('{"city": "a", "days": 2.5}'),
        weather('{"city": "a", "unit": "k"}'), weather('{"city": "a", "other": 1}'), weather('{"city": "a", "days": null}'),
        weather("{}"), weather(tools=['{"name": "weather"}']),
    ],
    "unknown-tool": [weather(name="Weather"), weather(name="weathers"), weather(tools=None), weather(tools=['{"name": "f"}'])],
    "duplicate-tool": [weather(tools=[json.dumps(WEATHER), '{"name": "weather"}'])],
    "tool-schema": [weather(tools=[json.dumps({"name": "weather", "parameters": {"type": "object", "properties": {"city": {"$ref": "http://x/y"}}}})])],
    "bad-tool": [weather(tools=["[]"]), weather(tools=['{"name": 1}']), weather(tools=['{"parameters": {}}'])],
    "value-type": [weather('{"city": "a", "any": "123"}'), weather('{"city": "a", "any": "true"}'), weather('{"city": "a", "any": " x"}'),
                   weather('{"city": 5}'), weather('{"city": "a", "any": "None"}')],
    "bad-arguments": [weather("[]"), weather("null"), weather('"x"')],
    "bad-json": [weather('{"city": "a"'), weather(""), weather('{"city": NaN}'), weather('{"city": "a", "city": "b"}'), weather("{'city': 1}"),
                 weather(tools=["{"])],
    "special-token": [
        weather('{"city": "</arg_value>"}'), weather('{"city": "a", "any": ["<|user|>"]}'), weather('{"<arg_key>": 1}'), weather(user="a <|assistant|>"),
        weather(text="</think>"), weather(reasoning="</think>"), weather(result="</tool_response>"), weather(answer="<tool_call>"),
        weather(tools=[json.dumps({**WEATHER, "description": "<|system|>"})]), weather(name="a<sop>"),
    ],
    "tool-order": [weather(results=[Message("tool", "1", tool_call_id="y"), Message("tool", "2", tool_call_id="x")])],
    "call-without-result": [weather(results=[])],
    "result-without-call": [weather(last=[Message("assistant", "a"), Message("tool", "b"), Message("assistant", "c")])],
    "no-stop-token": [weather(last=[Message("assistant", "a"), Message("assistant", "b")]), weather(last=[Message("assistant", "a"), Message("system", "b"), Message("user", "c"), Message("assistant", "d")])],
    "reasoning-in-direct-mode": [weather(thinking=False)],
    "empty-assistant": [weather(last=[Message("assistant", " ")])],
    "empty-user": [weather(user="")],
    "null-content": [weather(text="None")],
    "bad-call-name": [weather(name=" weather"), weather(name="")],
    "bad-argument-name": [weather('{" city": "a"}')],
    "lone-surrogate": [weather('{"city": "\\ud800"}')],
    "no-answer": [weather(last=[Message("assistant", "a"), Message("user", "b")])],
}  # fmt: skip


@pytest.mark.parametrize("layout", ["messages", "completion", "sharegpt", "text"])
@pytest.mark.parametrize("dialect", ["glm45", "glm47"])
def test_every_corruption_is_refused_in_every_layout(layout: str, dialect: str) -> None:
    """Each differs from the sound row by one thing. Told by its reason, whatever the layout does not hold."""
    config = ExportSft.model_validate({"layout": layout, "dialect": dialect})
    assert sft_rows(weather(), config) and sft_rows(weather('{"city": "12"}'), config)
    refused = 0
    for reason, rows in CORRUPTED.items():
        for row in rows:
            if reason == "no-answer" and config.by_turn:
                assert sft_rows(row, config)  # what is not answered is trained on by nobody
                continue
            with pytest.raises(ChatError) as caught:
                sft_rows(row, config)
            assert caught.value.reason == reason, (caught.value, row)
            refused += 1
    assert refused > 45


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
    with pytest.raises(UsageError, match="layout text is a rendering"):
        validate(ExportSft, {"layout": "text", "check": "protocol"}, "export-sft")
    with pytest.raises(UsageError, match="max_tokens is of layout tokens"):
        validate(ExportSft, {"layout": "text", "max_tokens": 5}, "export-sft")
    with pytest.raises(UsageError, match="dialect"):
        validate(ExportSft, {"dialect": "chatml"}, "export-sft")


def test_thinking_and_direct_variants(conversations: str, tmp_path: Path) -> None:
    def made(thinking: str, layout: str = "text") -> Dataset:
        return exported(conversations, tmp_path / f"{thinking}-{layout}", layout=layout, thinking=thinking)

    rows = rows_of(made("both"))
    assert [(row["id"], row["turn"], row["enable_thinking"]) for row in rows] == [
        ("one", 0, True), ("one", 0, False), ("two", 0, True), ("two", 0, False), ("two", 1, True), ("two", 1, False), ("three", 0, False),
    ]  # fmt: skip
    assert "easy" in rows[0]["text"] and "easy" not in rows[1]["text"] and "1+1?/nothink" in rows[1]["text"]
    assert rows_of(made("direct")) == [row for row in rows if not row["enable_thinking"]]
    thinking = made("thinking")
    assert rows_of(thinking) == [row for row in rows if row["enable_thinking"]]
    assert ledger_of(thinking)["three"] == "no-reasoning"
    direct = rows_of(made("direct", "messages"))
    assert all(message["reasoning_content"] is None for row in direct for message in row["messages"])
    assert all(row["chat_template_kwargs"] == {"enable_thinking": False} for row in direct)
    only = Conversation("only", [Message("user", "a"), Message("assistant", "", "thought alone")], "s")
    source = dataset_of("Conversation", [only], str(tmp_path / "only"))
    assert ledger_of(exported(source, tmp_path / "both", layout="text", thinking="both")) == {"only": "empty-assistant"}


def test_a_trajectory_that_ends_with_a_result(tmp_path: Path) -> None:
    """A call that ends the episode is the last that is learned; what it gave is not."""
    ended = weather(last=[], id="ended")
    source = dataset_of("Conversation", [ended], str(tmp_path / "in"))
    for layout in ("messages", "text"):
        for rows in ("turn", "conversation"):
            (row,) = rows_of(exported(source, tmp_path / f"{layout}-{rows}", layout=layout, rows=rows))
            if layout == "text":
                assert row["text"].endswith("</tool_call><|observation|>")
            else:
                assert row["messages"][-1]["role"] == "assistant" and len(row["messages"]) == 3
