"""collect-tools from files, modules and servers: everything kept, merged, or told in the ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent_data.tools.stage import STAGE, CollectTools
from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import ToolSpec

Digest = Callable[[Path | str], str]
WEATHER = {
    "name": "get_weather",
    "description": "Tell the weather of a city on a day.",
    "parameters": {
        "type": "dict",
        "properties": {"city": {"type": "string", "description": "which city"}},
        "required": ["city"],
    },
}


def collect(output: Path, *inputs: Path, workers: int = 1, **settings: Any) -> Dataset:
    config = validate(CollectTools, {"max_error_rate": 1, **settings}, "test")
    given = {"input": [str(one) for one in inputs]} if inputs else {}
    return execute(STAGE, config, given, str(output), workers=workers).dataset


def rows(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for batch in dataset.batches() for row in batch.to_pylist()}


def ledger(dataset: Dataset) -> list[tuple[str, str]]:
    return sorted((row["outcome"], row["rule"]) for batch in dataset.ledger() for row in batch.to_pylist())


def write(path: Path, *values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values), encoding="utf-8"
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    other = {**WEATHER, "description": "Tell the weather of a city on a given day."}
    write(
        raw / "bfcl.json",
        {"id": "1", "question": [], "function": [WEATHER]},
        {"id": "2", "function": [WEATHER, {"name": "two.b", "parameters": {}}]},
    )
    write(raw / "openai.json", [{"type": "function", "function": other}])
    write(
        raw / "mcp_list.json",
        {"tools": [{"name": "echo", "description": "Say it again.", "inputSchema": {"type": "object"}}]},
    )
    write(
        raw / "pets.yaml",
        "openapi: 3.0.0\npaths:\n  /a:\n    get: {operationId: list, description: All of them}\n    put: {parameters: [{$ref: 'x.yaml#/a'}]}\n",
    )
    write(
        raw / "gemini.json",
        {
            "functionDeclarations": [
                {
                    "name": "g",
                    "description": "Does it.",
                    "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
                }
            ]
        },
    )
    write(
        raw / "words.jsonl",
        {
            "name": "Fish Finder",
            "description": "Finds fish.",
            "input": {"kind": "Optional. String. One of: [cod, eel]", "most": "Integer. How many"},
            "output": "a list",
        },
        {"API": "Moon", "Description": "Phases of the moon"},
    )
    toolalpaca = {
        "Name": "Owls",
        "Description": "Owls",
        "Documentation": json.dumps({"openapi": "3.0.0", "paths": {"/owl": {"get": {"operationId": "owl"}}}}),
    }
    broken = {
        "Name": "Newts",
        "Description": "Newts",
        "Documentation": "{",
        "Functions": '1. Name: findNewt\n   Description: Find one.\n   Input: {"size": "Required. Integer. cm"}\n   Output: a newt',
    }
    write(raw / "alpaca.json", [toolalpaca, broken])
    write(raw / "clients.mcp.json", {"mcpServers": {"evil": {"command": "touch", "args": [str(tmp_path / "touched")]}}})
    write(raw / "bad.json", "{")
    write(raw / "none.json", {"hello": 1})
    write(raw / "array.json", [{"name": "wrong", "parameters": {"type": "array"}}])
    return raw


def test_every_form_is_read_and_every_other_row_is_told(folder: Path, tmp_path: Path) -> None:
    dataset = collect(tmp_path / "out", folder)
    found = rows(dataset)
    assert set(found) == {"get_weather", "two.b", "echo", "list", "g", "Fish_Finder", "Moon", "owl", "findNewt"}
    assert ledger(dataset) == sorted([
        ("merged", "near-duplicate"), ("merged", "near-duplicate"), ("dropped", "remote-reference"), ("dropped", "server-not-started"),
        ("errored", "not-json"), ("dropped", "no-tools"), ("dropped", "not-an-object"), ("dropped", "not-json"),
    ])  # fmt: skip
    assert not (tmp_path / "touched").exists()
    fish = json.loads(found["Fish_Finder"]["schema"])["function"]["parameters"]
    assert fish["required"] == ["most"] and fish["properties"]["kind"]["enum"] == ["cod", "eel"]
    assert fish["properties"]["most"]["type"] == "integer" and found["Fish_Finder"]["origin"] == "simulated"
    assert list(json.loads(found["Moon"]["schema"])["function"]["parameters"]["properties"]) == ["request"]
    assert found["findNewt"]["origin"] == "simulated" and found["owl"]["source"] == "alpaca.json:Owls"
    merged = [row for batch in dataset.ledger() for row in batch.to_pylist() if row["outcome"] == "merged"]
    assert {row["into_id"] for row in merged} == {found["get_weather"]["id"]}
    assert "no-description: two.b" in found["two.b"]["lint"]


def test_same_bytes_for_any_number_of_workers(folder: Path, tmp_path: Path, digest: Digest) -> None:
    made = {digest(tmp_path / str(n)) for n in (1, 2, 4) if collect(tmp_path / str(n), folder, workers=n)}
    assert len(made) == 1


def test_modules_are_read_by_their_signatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path / "src" / "mytools.py", "from json import dumps", "def add(a: int, b: int = 2) -> int:", "    '''Add.'''", "    raise SystemError",
        "def _hidden(): ...", "class C: ...", "def odd(x: C): ...", "PI = 3",
    )  # fmt: skip
    write(tmp_path / "src" / "quits.py", "raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    dataset = collect(tmp_path / "out", modules=["mytools", "mytools:PI", "mytools:nothing", "quits", "nosuch.module"])
    found = rows(dataset)
    assert set(found) == {"add"} and found["add"]["origin"] == "python"
    assert json.loads(found["add"]["call"]) == {
        "kind": "python",
        "module": "mytools",
        "function": "add",
        "positional": [],
    }
    assert json.loads(found["add"]["returns"]) == {"type": "integer"}
    assert ledger(dataset) == [
        ("dropped", "no-function"), ("dropped", "no-function"), ("dropped", "no-signature"), ("errored", "not-imported"),
        ("errored", "not-imported"),
    ]  # fmt: skip
    write(tmp_path / "src" / "mytools.py", "def add(a: int) -> int: ...")
    with pytest.raises(UsageError):
        collect(tmp_path / "out", modules=["mytools", "mytools:PI", "mytools:nothing", "quits", "nosuch.module"])


def test_servers_are_asked_by_one_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ServerFailed(Exception):
        def __init__(self, reason: str, detail: str) -> None:
            self.reason, self.detail = reason, detail

    def tools_of(name: str, server: Mapping[str, Any]) -> list[ToolSpec]:
        if server["command"] == "bad":
            raise ServerFailed("hang", "30 s")
        return [
            ToolSpec(f"{name}-{tool}", tool, json.dumps({"function": {"name": tool, "description": "d", "parameters": schema}}), "mcp", source=name)
            for tool, schema in (("good", {"type": "object", "properties": {"a": {"type": "string"}}}), ("lies", {"$ref": "http://x/y"}))
        ]  # fmt: skip

    client, mcp = ModuleType("agent_data.mcp.client"), ModuleType("agent_data.tools.mcp")
    client.ServerFailed = ServerFailed  # type: ignore[attr-defined]
    mcp.tools_of = tools_of  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "agent_data.mcp.client", client)
    monkeypatch.setitem(sys.modules, "agent_data.tools.mcp", mcp)
    servers = {"one": {"command": "x", "env": {"KEY": "secret"}}, "two": {"command": "bad"}}
    dataset = collect(tmp_path / "out", servers=servers)
    assert set(rows(dataset)) == {"good"} and rows(dataset)["good"]["origin"] == "mcp"
    assert ledger(dataset) == [("dropped", "remote-reference"), ("errored", "hang")]
    assert "secret" not in (tmp_path / "out" / "manifest.json").read_text()
    named = write(tmp_path / "clients.json", {"mcpServers": {**servers, "three": 3}})
    assert ledger(collect(tmp_path / "started", named, start_servers=True)) == [
        ("dropped", "remote-reference"), ("errored", "bad-server"), ("errored", "hang"),
    ]  # fmt: skip


def test_bad_input_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to read"):
        collect(tmp_path / "out")
    with pytest.raises(InputError):
        collect(tmp_path / "out", tmp_path / "missing")
    with pytest.raises(UsageError, match="similarity"):
        collect(tmp_path / "out", modules=["json"], similarity=2)
    big = write(tmp_path / "big.json", [WEATHER])
    assert ledger(collect(tmp_path / "big", big, max_file_bytes=10)) == [("errored", "too-large")]


def test_near_duplicates_of_one_source_are_two(tmp_path: Path) -> None:
    two = {**WEATHER, "name": "get_weather_now"}
    one = write(tmp_path / "a.json", [WEATHER, two])
    assert len(rows(collect(tmp_path / "one", one, similarity=0.5))) == 2
    assert ledger(collect(tmp_path / "same", write(tmp_path / "d.json", [two]), one)) == [("merged", "duplicate")]
    write(tmp_path / "b.json", [two])
    write(tmp_path / "c.json", [{**two, "name": "weather_get_now"}])
    assert len(rows(collect(tmp_path / "two", tmp_path / "b.json", tmp_path / "c.json"))) == 1
    assert len(rows(collect(tmp_path / "three", tmp_path / "b.json", tmp_path / "c.json", similarity=1))) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [("get_user", "get_users"), ("create_user", "deleteUser"), ("lock", "unlock"), ("get_v1", "get_v2")],
)
def test_tools_of_other_names_are_two_however_much_is_said_of_both(tmp_path: Path, one: str, other: str) -> None:
    said = " ".join(f"word{n}" for n in range(60))
    for file, name in (("a", one), ("b", other)):
        write(tmp_path / f"{file}.json", [{**WEATHER, "name": name, "description": said}])
    assert set(rows(collect(tmp_path / "out", tmp_path / "a.json", tmp_path / "b.json"))) == {one, other}


def test_tools_of_other_defaults_are_two(tmp_path: Path) -> None:
    for unit in ("celsius", "kelvin"):
        schema = {"type": "object", "properties": {"unit": {"type": "string", "default": unit}}}
        write(tmp_path / f"{unit}.json", [{"name": "heat", "description": "How warm it is.", "parameters": schema}])
    assert ledger(collect(tmp_path / "out", tmp_path / "celsius.json", tmp_path / "kelvin.json")) == []


def test_what_stands_among_tools_and_is_none_is_told(tmp_path: Path) -> None:
    among = write(tmp_path / "a.json", {"tools": [WEATHER, {"type": "web_search"}, {"name": "bare"}, 7]})  # type: ignore[arg-type]
    made = collect(tmp_path / "one", among)
    assert set(rows(made)) == {"get_weather"} and ledger(made) == [("dropped", "no-tool")] * 3
    told = [row["detail"] for batch in made.ledger() for row in batch.to_pylist()]
    assert sum("web_search" in one for one in told) == 1 and all("a.json" in one for one in told)
    lines = write(tmp_path / "b.jsonl", {**WEATHER, "name": "ok"}, {"foo": 1}, "[]", "42")
    assert ledger(collect(tmp_path / "two", lines)) == [("dropped", "no-tools")] * 3
    assert ledger(collect(tmp_path / "none", write(tmp_path / "c.json", [{"foo": 1}, 2]))) == [("dropped", "no-tools")]


def test_a_wrong_server_of_a_file_ends_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    servers = {
        "wrong": {"command": "x", "wat": 1},
        "poor": {"command": "x", "env": {"T": "${NO_SUCH_TOKEN}"}},
        "none": 5,
    }
    file = write(tmp_path / "clients.json", {"mcpServers": servers})
    tools = write(tmp_path / "tools.json", [WEATHER])
    made = collect(tmp_path / "out", file, tools, start_servers=True)
    assert set(rows(made)) == {"get_weather"} and ledger(made) == [("errored", "bad-server")] * 3
    with pytest.raises(UsageError, match="wat"):
        collect(tmp_path / "own", servers={"wrong": {"command": "x", "wat": 1}})
    waiting = collect(tmp_path / "not", file)
    told = [row["detail"] for batch in waiting.ledger() for row in batch.to_pylist()]
    assert all(any(name in one for one in told) for name in servers)
