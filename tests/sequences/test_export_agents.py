"""Trajectories as prompts step by step, tasks end to end: what each row holds, what is left out, what scores it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

from arcmill.chat import DIALECTS, render, to_message
from arcmill.chat.render import rendered
from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.functions.reward import compute_score, judge_step
from arcmill.records import AgentTask, Conversation, Message, Problem, ToolCall
from sequences.export_rl import STAGE, ExportRl

TOOLS = [
    json.dumps({"type": "function", "function": {"name": name, "description": "", "parameters": {"type": "object", "properties":
        properties, "required": list(properties)}}})
    for name, properties in (("find", {"email": {"type": "string"}}), ("renew", {"loan": {"type": "string"}, "days": {"type": "integer"}}))
]  # fmt: skip


def evidence(calls: list[dict[str, Any]], **more: Any) -> str:
    return json.dumps({
        "kind": "trajectory", "environment": "library", "version": "1", "seed": 3, "task": "t1", "steps": "multi", "player": "gold",
        "ended": "answered", "calls": calls, "states": {}, "verdict": "right", **more,
    })  # fmt: skip


MESSAGES = [
    Message("system", "Lend books."), Message("user", "Renew L1 by 7 days. I am a@b.c."),
    Message("assistant", "", "who", [ToolCall("x", "find", '{"email": "a@b"}')]), Message("tool", '{"error": "nobody"}', tool_call_id="x"),
    Message("assistant", "", "again", [ToolCall("y", "find", '{"email": "a@b.c"}')]), Message("tool", "M1", tool_call_id="y"),
    Message("assistant", "I renew.", "now", [ToolCall("z", "renew", '{"loan": "12", "days": 7}'), ToolCall("w", "renew", '{"loan": "L2", "days": 7}')]),
    Message("tool", "ok", tool_call_id="z"), Message("tool", "ok", tool_call_id="w"), Message("assistant", "Done.", "so"),
]  # fmt: skip
CALLS = [{"name": "find", "error": True}, {"name": "find"}, {"name": "renew"}, {"name": "renew"}]
GOOD = Conversation("good", MESSAGES, "library", TOOLS, True, evidence(CALLS))
ENDED = Conversation("ended", MESSAGES[:9], "library", TOOLS, True, evidence(CALLS, ended="terminal-call"))


def changed(name: str, change: Callable[[list[Message]], Any], **more: Any) -> Conversation:
    messages = copy.deepcopy(MESSAGES)
    change(messages)
    return Conversation(
        name, messages, "library", more.get("tools", TOOLS), True, more.get("evidence", evidence(CALLS))
    )


def _call(arguments: str, name: str = "renew") -> Callable[[list[Message]], None]:
    def change(messages: list[Message]) -> None:
        messages[6].tool_calls[0] = ToolCall("z", name, arguments)  # type: ignore[index]

    return change


BAD = [
    changed("unverified", lambda m: None, evidence=evidence(CALLS, verdict="unjudged")),
    changed("bad-evidence", lambda m: None, evidence=evidence(CALLS[:2])),
    changed("call-schema", _call('{"loan": "L1", "days": "seven"}')),
    changed("unknown-tool", _call("{}", "lend")),
    changed("bad-json", _call('{"loan": ')),
    changed("duplicate-tool", lambda m: None, tools=[*TOOLS, TOOLS[0]]),
    changed("special-token", _call('{"loan": "</arg_value>", "days": 7}')),
    changed("tool-order", lambda m: m.__setitem__(slice(7, 9), [m[8], m[7]])),
    Conversation("no-calls", [Message("user", "a"), Message("assistant", "b")], "library", TOOLS, True, evidence([])),
]  # fmt: skip


def exported(given: list[Any], folder: Path, **config: Any) -> Dataset:
    source = dataset_of(type(given[0]).__name__, given, str(folder / "in"))
    dataset = execute(STAGE, ExportRl(**config), {"input": [source]}, str(folder / "out")).dataset
    assert list(dataset.problems()) == []
    return dataset


def rows_of(dataset: Dataset) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def ledger_of(dataset: Dataset) -> dict[str, str]:
    return {row["id"]: row["rule"] for batch in dataset.ledger() for row in batch.to_pylist()}


def test_steps_for_verl(tmp_path: Path) -> None:
    dataset = exported([GOOD, ENDED, *BAD], tmp_path, rows="steps", rewards={"calls": "arcmill"})
    assert ledger_of(dataset) == {row.id: row.id for row in BAD}
    assert dataset.statistics == {"steps": 4, "steps_refused": 2}
    rows = rows_of(dataset)
    assert [(row["id"], row["step"]) for row in rows] == [("good", 4), ("good", 6), ("ended", 4), ("ended", 6)]
    row = rows[1]
    assert row["data_source"] == "arcmill" and row["ability"] == "tool-use" and row["reward_model"]["style"] == "rule"
    truth = json.loads(row["reward_model"]["ground_truth"])
    assert truth == [
        {"name": "renew", "arguments": {"loan": "12", "days": 7}},
        {"name": "renew", "arguments": {"loan": "L2", "days": 7}},
    ]
    assert [message["role"] for message in row["prompt"]] == [
        "system",
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "tool",
    ]
    about = row["extra_info"]
    assert (about["environment"], about["seed"], about["task"], about["step"], about["verifier"]) == (
        "library",
        3,
        "t1",
        6,
        "calls",
    )
    assert about["tool_selection"] == ["find", "renew"]
    assert len({row["extra_info"]["index"] for row in rows}) == 4
    # With the tools in the system message the prompt is rendered as it is with them beside.
    for dialect in ("glm45", "glm47"):
        made = rows_of(exported([GOOD], tmp_path / dialect, rows="steps", dialect=dialect))[1]
        told = [to_message(message) for message in made["prompt"]]
        assert rendered(told, [], DIALECTS[dialect], False, None) == render(MESSAGES[:6], TOOLS, dialect)


def test_steps_for_slime_are_rendered(tmp_path: Path) -> None:
    for dialect in ("glm45", "glm47"):
        row = rows_of(exported([GOOD], tmp_path / dialect, rows="steps", layout="slime", dialect=dialect))[1]
        prompt = render(MESSAGES[:6], TOOLS, dialect, generation_prompt=True)
        assert row["prompt"] == prompt and json.loads(row["tools"]) == [json.loads(tool) for tool in TOOLS]
        # The answer of the trajectory itself is right, and any other call is not.
        whole = render(MESSAGES[:7], TOOLS, dialect)
        answer = whole.removeprefix(prompt)
        assert answer != whole
        assert judge_step(answer, row["label"], row["metadata"]).right
        assert not judge_step(answer.replace("7", "8"), row["label"], row["metadata"]).right
        assert not judge_step(answer.replace(">12<", ">13<"), row["label"], row["metadata"]).right
        assert compute_score("", answer, row["label"], row["metadata"]) == 1.0


def test_thinking_may_be_turned_off_or_on(tmp_path: Path) -> None:
    off = rows_of(exported([GOOD], tmp_path / "off", rows="steps", layout="slime", thinking=False))[1]
    assert (
        off["prompt"].endswith("<|assistant|>\n<think></think>")
        and "/nothink" in off["prompt"]
        and "again" not in off["prompt"]
    )
    assert off["metadata"]["thinking"] is False
    direct = Conversation("direct", [Message("user", "a"), Message("assistant", "", None, [ToolCall("x", "find", '{"email": "a"}')])], "s", TOOLS, False, evidence([{"name": "find"}]))  # fmt: skip
    on = rows_of(exported([direct], tmp_path / "on", rows="steps", layout="slime", thinking=True))[0]
    assert on["prompt"].endswith("<|user|>\na<|assistant|>") and on["metadata"]["thinking"] is True


def test_answers_without_a_call(tmp_path: Path) -> None:
    rows = rows_of(exported([GOOD, BAD[-1]], tmp_path, rows="steps", answers=True))
    assert [(row["id"], row["step"], row["reward_model"]["ground_truth"] == "[]") for row in rows] == [
        ("good", 4, False), ("good", 6, False), ("good", 9, True), ("no-calls", 1, True),
    ]  # fmt: skip


def test_arguments_as_objects_for_templates(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    if not hasattr(datasets, "Json"):
        pytest.skip("this version of datasets has no JSON")
    made = exported([GOOD], tmp_path, rows="steps", arguments="json")
    files = [made.file(part["path"]) for part in made.parts]
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded[1]["prompt"][3]["tool_calls"][0]["function"] == {"name": "find", "arguments": {"email": "a@b"}}


GOAL = {"kind": "done", "seed": 5, "state": "0" * 64, "calls": []}
TASKS = [
    AgentTask("one", "Renew L1.", "library", "multi", TOOLS, json.dumps(GOAL), source="made"),
    AgentTask("two", "…", "library", "dialogue", TOOLS, json.dumps({**GOAL, "user": {"introduction": "I am Mei.", "requests": [{"text": "Renew L1."}]}})),
    AgentTask("three", "Who?", "search:ab", "multi", TOOLS, json.dumps({"answer": "Mei"})),
    AgentTask("bad-goal", "x", "library", "single", TOOLS, "["),
    AgentTask("no-goal", "x", "library", "single", TOOLS, "{}"),
    AgentTask("special-token", "x <|user|>", "library", "single", TOOLS, json.dumps(GOAL)),
    AgentTask("bad-tool", "x", "library", "single", ["{}"], json.dumps(GOAL)),
]  # fmt: skip


def test_tasks(tmp_path: Path) -> None:
    dataset = exported(TASKS, tmp_path, rows="tasks", system="Be brief.")
    assert ledger_of(dataset) == {"two": "dialogue", **{task.id: task.id for task in TASKS[3:]}}
    one, three = rows_of(dataset)
    assert [(message["role"], message["content"]) for message in one["prompt"]] == [
        ("system", "Be brief."),
        ("user", "Renew L1."),
    ]
    assert json.loads(one["reward_model"]["ground_truth"]) == GOAL and one["extra_info"]["goal"] == json.dumps(GOAL)
    assert (one["data_source"], three["data_source"], three["extra_info"]["seed"]) == ("made", "search:ab", 0)
    assert one["extra_info"]["verifier"] == "environment" and one["extra_info"]["seed"] == 5
    slime = rows_of(exported(TASKS, tmp_path / "slime", rows="tasks", layout="slime", dialogues=True, prompt_as="text"))
    assert slime[1]["prompt"] == render([Message("user", "I am Mei. Renew L1.")], TOOLS, generation_prompt=True)
    dialogue = AgentTask("mute", "x", "library", "dialogue", TOOLS, json.dumps({**GOAL, "user": {}}))
    assert ledger_of(exported([dialogue], tmp_path / "mute", rows="tasks", dialogues=True)) == {"mute": "no-goal"}


def test_the_same_bytes_from_any_number_of_workers(tmp_path: Path, digest: Callable[[Path | str], str]) -> None:
    many = [
        Conversation(f"{row.id} {n}", [Message("system", f"{n} " * 400), *row.messages[1:]], row.source, row.tools, row.thinking, row.evidence)
        for n in range(60)
        for row in (GOOD, *BAD)
    ]  # fmt: skip
    source = dataset_of("Conversation", many, str(tmp_path / "in"), parts=6)
    found = {
        digest(execute(STAGE, ExportRl(rows="steps", arguments="json"), {"input": [source]}, str(tmp_path / f"{workers}"), workers=workers).dataset.path)
        for workers in (1, 2)
    }  # fmt: skip
    assert len(found) == 1


def test_mistakes_are_told(tmp_path: Path) -> None:
    source = dataset_of("Problem", [Problem("p", "1+1?", "math", "s", "2")], str(tmp_path / "in"))
    with pytest.raises(UsageError, match="holds Problem rows, and rows is steps: --set rows=problems"):
        execute(STAGE, ExportRl(rows="steps"), {"input": [source]}, str(tmp_path / "out"))
    for values, told in (
        ({"rows": "steps", "template": "{prompt}!"}, "a template is for problems"),
        ({"rows": "steps", "system": "x"}, "steps have the system message"),
        (
            {"rows": "steps", "layout": "slime", "prompt_as": "text", "tools_as": "system"},
            "tools_as is for prompts as messages",
        ),
        ({"rows": "steps", "layout": "slime", "tool_key": "prompt"}, "names of their own"),
        ({"rows": "steps", "tool_key": "t"}, "of layout slime"),
        ({"rows": "calls"}, "rows"),
    ):
        with pytest.raises(UsageError, match=told):
            validate(ExportRl, values, "export-rl")
