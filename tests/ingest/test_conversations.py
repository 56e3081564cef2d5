"""Chats of others become Conversations, whole, or rows of the ledger that say why not; and go on to training rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.execute import execute
from arcmill.records import Conversation, Message, ToolCall, batch_to_rows
from ingest.conversations import STAGE, IngestConversations
from sequences.export_sft import STAGE as EXPORT
from sequences.export_sft import ExportSft

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
    "a": {"type": "string"}}}}}  # fmt: skip
CALLS = [ToolCall("c0", "f", '{"a": "x"}'), ToolCall("c1", "f", '{"a": "é"}')]
MESSAGES = [
    Message("system", "be brief"), Message("user", "hi"), Message("assistant", None, "I look", CALLS),
    Message("tool", "one", tool_call_id="c0"), Message("tool", "two", tool_call_id="c1"),
    Message("assistant", "both", "so\n\nit is"), Message("user", "and?"), Message("assistant", "no"),
]  # fmt: skip


def taken(folder: Path, *rows: Any, **config: Any) -> tuple[list[Conversation], dict[str, str]]:
    """Conversations of a file of JSON lines, and of the ledger the rule of each row."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "rows.jsonl").write_text(text)
    settings = IngestConversations(**{"max_error_rate": 1, **config})
    done = execute(STAGE, settings, {"input": [str(folder / "rows.jsonl")]}, str(folder / "out"), workers=1).dataset
    made = [row for batch in done.batches() for row in batch_to_rows("Conversation", batch)]
    return made, {row["id"]: row["rule"] for batch in done.ledger() for row in batch.to_pylist()}


def test_openai_form(tmp_path: Path) -> None:
    call = {"id": "c0", "type": "function", "function": {"name": "f", "arguments": '{"a": "x"}'}}
    messages = [
        {"role": "developer", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c0", "content": "1"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nwell", "name": "x"},
    ]  # fmt: skip
    made, lost = taken(
        tmp_path, {"id": "a", "messages": messages, "tools": [TOOL]}, {"messages": messages[1:2] + messages[4:]}
    )
    assert not lost
    one, two = sorted(made, key=lambda row: row.id != "a")
    assert [m.role for m in one.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert one.messages[1].content == "hi" and one.messages[2].tool_calls == [ToolCall("c0", "f", '{"a": "x"}')]
    assert (one.messages[4].content, one.messages[4].reasoning) == ("well", "hm")
    assert [json.loads(tool) for tool in one.tools or ()] == [TOOL] and one.source == "conversations"
    assert two.tools is None and len(two.id) == 32
    again, _ = taken(tmp_path / "again", {"messages": messages[1:2] + messages[4:]})
    assert again[0].id == two.id  # the id follows from what is in it


def test_sharegpt_form(tmp_path: Path) -> None:
    turns = [("human", "hi"), ("function_call", '<think>a</think>{"name": "f", "arguments": {"a": "</think>"}}'),
             ("observation", "1"), ("gpt", "well")]  # fmt: skip
    row = {"conversations": [{"from": who, "value": value} for who, value in turns], "system": "s", "source": "mine"}
    made, lost = taken(tmp_path, row | {"tools": json.dumps([TOOL])})
    assert not lost
    assert [m.role for m in made[0].messages] == ["system", "user", "assistant", "tool", "assistant"]
    call = made[0].messages[2]
    assert (call.reasoning, call.content) == ("a", None) and call.tool_calls is not None
    assert json.loads(call.tool_calls[0].arguments) == {"a": "</think>"}
    assert made[0].messages[3].tool_call_id == call.tool_calls[0].id and made[0].source == "mine"


@pytest.mark.parametrize("layout", ["messages", "sharegpt"])
def test_what_export_sft_wrote_comes_back(tmp_path: Path, layout: Any) -> None:
    """Each row's own reasoning and texts, as far as its layout holds them."""
    given = dataset_of("Conversation", [Conversation("k", MESSAGES, "s", [json.dumps(TOOL)])], str(tmp_path / "given"))
    exported = execute(EXPORT, ExportSft(layout=layout, rows="turn"), {"input": [given]}, str(tmp_path / "sft")).dataset
    files = sorted(str(path) for path in Path(exported.url).glob("part-*.parquet"))
    assert exported.rows == 2, list(exported.ledger())
    out = execute(STAGE, IngestConversations(), {"input": files}, str(tmp_path / "back"), workers=1).dataset
    back = [row for batch in out.batches() for row in batch_to_rows("Conversation", batch)]
    first = next(row for row in back if len(row.messages) == 6)
    assert [(m.role, m.content or None, m.reasoning) for m in first.messages] == [
        (m.role, m.content, m.reasoning) for m in MESSAGES[:6]
    ]
    called = first.messages[2].tool_calls
    assert called is not None
    assert [json.loads(c.arguments) for c in called] == [{"a": "x"}, {"a": "é"}]
    assert [m.tool_call_id for m in first.messages[3:5]] == [c.id for c in called]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("[1]", "not-an-object"), ("{", "bad-json"), ({"text": "x"}, "missing-messages"), ({"messages": "nonsense"}, "bad-json"),
        ({"messages": {"role": "user"}}, "not-a-list"), ({"messages": [3]}, "not-a-message"),
        ({"messages": [{"content": "x"}]}, "not-a-message"), ({"messages": [{"role": "user", "content": "x"}]}, "no-answer"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "unknown-role"),
        ({"messages": [{"role": "user", "content": 5}]}, "not-text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "not-text"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "result-without-call"),
        ({"messages": [{"role": "assistant", "content": "x", "reasoning": 7}]}, "not-text"),
        ({"messages": [{"role": "assistant", "content": "x", "tool_calls": [7]}]}, "not-calls"),
        ({"messages": [{"role": "assistant", "content": "<think>x"}]}, "open-reasoning"),
        ({"messages": [{"role": "assistant", "content": "x\0"}]}, "nul-bytes"),
        ({"messages": [{"role": "assistant", "content": "x"}], "tools": ["x"]}, "bad-json"),
        ({"conversations": [{"from": "cat", "value": "x"}]}, "unknown-role"),
        ({"conversations": [{"from": "gpt", "value": None}]}, "not-text"),
        ({"conversations": [{"from": "function_call", "value": "f(x)"}]}, "bad-json"),
        ({"conversations": [{"from": "function_call", "value": "[3]"}]}, "not-calls"),
        ({"conversations": [{"from": "function_call", "value": '{"name": "f", "arguments": "{"}'}]}, "bad-json"),
    ],
)  # fmt: skip
def test_what_is_no_conversation_is_told(tmp_path: Path, row: Any, rule: str) -> None:
    good = {"id": "good", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    made, lost = taken(tmp_path, good, row)
    assert [conversation.id for conversation in made] == ["good"]
    assert list(lost.values()) == [rule]


def test_a_table_without_messages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,id\nx,1\n")
    with pytest.raises(InputError, match="no column messages or conversations; the columns are"):
        execute(STAGE, IngestConversations(), {"input": [str(tmp_path / "rows.csv")]}, str(tmp_path / "out"), workers=1)


def test_any_workers_end_in_the_same_rows(tmp_path: Path) -> None:
    for name in "ab":
        rows = [
            {"conversations": [{"from": "human", "value": f"{name}{n}"}, {"from": "gpt", "value": "x"}]}
            for n in range(50)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = {"input": [str(tmp_path / f"{name}.jsonl") for name in "ab"]}
    one, two = (
        execute(STAGE, IngestConversations(), files, str(tmp_path / f"out{workers}"), workers=workers).dataset
        for workers in (1, 2)
    )
    assert one.manifest == two.manifest and Dataset.open(one.url).rows == 100
