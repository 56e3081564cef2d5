"""The tools: one text for one call, bounded, and mistakes told as answers; through Python, the command line and MCP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from search_documents import DOCUMENTS

from arcmill.records import Document
from arcmill.search import TOOLS, SearchIndex, call
from arcmill.search.serve import server
from pipelines.cli import cli

ROOT = Path(__file__).resolve().parents[3]
CALLS: list[tuple[str, Any]] = [
    ("search", {"query": "Jeunet born"}),
    ("search", {"query": "龙城飞将", "k": 1}),
    ("search", {"query": "nothingofthekind"}),
    ("open", {"id": "d2", "start": 400}),
    ("open", {"id": "d0"}),
]
WRONG: list[tuple[str, Any, str]] = [
    ("search", {}, "query (a string) is missing"),
    ("search", {"query": 5}, "query is 5, which is no string"),
    ("search", {"query": "  "}, "query is empty"),
    ("search", {"query": "x" * 1001}, "1001 characters"),
    ("search", {"query": "a", "k": 0}, "whole number from 1 to 20"),
    ("search", {"query": "a", "k": 1000}, "k is 1000"),
    ("search", {"query": "a", "k": True}, "k is True"),
    ("search", {"query": "a", "k": "3"}, "k is '3'"),
    ("search", {"query": "a", "page": 1}, "no argument 'page'"),
    ("open", {"id": "none"}, "no page has the id 'none'"),
    ("open", {"id": "d1", "start": 10_000}, "start 10000 is not within"),
    ("open", {"id": "d1", "start": -1}, "of at least 0"),
    ("open", {"id": ["d1"]}, "which is no string"),
    ("close", {}, "no tool named 'close'"),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_answers_are_one_line_of_json_and_always_the_same(index: SearchIndex, name: str, arguments: Any) -> None:
    text = call(index, name, arguments)
    assert "\n" not in text and "error" not in json.loads(text)
    assert text == call(index, name, json.dumps(arguments)) == call(SearchIndex.open(index.folder), name, arguments)


@pytest.mark.parametrize(("name", "arguments", "told"), WRONG)
def test_mistakes_are_answers(index: SearchIndex, name: str, arguments: Any, told: str) -> None:
    assert told in json.loads(call(index, name, arguments))["error"]


@pytest.mark.parametrize(
    "arguments", ["{", "[1]", "nul", "7", '{"query": "\\ud800"}', '{"\\ud800": 1}', "[" * 100_000, None, "", '{"query": "a", "k": 1e999}',
                  '{"query": "a", "k": NaN}', '{"query": "a", "k": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_nothing_an_agent_writes_raises(index: SearchIndex, arguments: Any) -> None:
    for name in ("search", "open", "\ud800"):
        text = call(index, name, arguments)
        text.encode()
        assert set(json.loads(text)) & {"error", "note"}
        assert len(text) < 400


def test_answers_are_bounded(tmp_path: Path) -> None:
    from search_documents import indexed

    documents = [
        Document(f"n{number:02}", "word " + "\u0001" * 9000, "tiny", metadata={"title": "t" * 5000})
        for number in range(30)
    ]
    index = indexed(tmp_path, documents)
    found = json.loads(call(index, "search", {"query": "word", "k": 20}))["results"]
    assert len(found) == 20 and all(len(hit["snippet"]) <= 320 and len(hit["title"]) <= 200 for hit in found)
    page = json.loads(call(index, "open", {"id": "n00"}))
    assert len(page["text"]) == 4000 and page["next"] == 4000 and page["length"] == 9005


def test_every_page_can_be_read_to_its_end(index: SearchIndex) -> None:
    read, start = "", 0
    while start is not None:
        page = json.loads(call(index, "open", {"id": "d2", "start": start}))
        read, start = read + page["text"], page.get("next")
    assert read == next(document.text for document in DOCUMENTS if document.id == "d2")


def test_the_command_says_the_same(index: SearchIndex) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["search", str(index.folder), *arguments])

    assert run("Jeunet born", "--json").stdout == call(index, "search", {"query": "Jeunet born"}) + "\n"
    assert run("Jeunet", "--k", "1", "--json").stdout == call(index, "search", {"query": "Jeunet", "k": 1}) + "\n"
    assert run("--open", "d2", "--start", "9", "--json").stdout == call(index, "open", {"id": "d2", "start": 9}) + "\n"
    wrong = run("--open", "none", "--json")
    assert wrong.stdout == call(index, "open", {"id": "none"}) + "\n" and wrong.exit_code == 2
    assert "Amélie (film)" in run("Amélie").stdout and "characters 0 to" in run("--open", "d2").stdout
    for arguments in ((), ("a", "--open", "d2"), ("a", "--start", "1"), ("a", "--k", "50"), ("--open", "none")):
        assert run(*arguments).exit_code != 0


def command(index: SearchIndex, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipelines.cli", "serve-search", str(index.folder), *arguments]


async def talk(index: SearchIndex, transport: Any, mode: Any) -> None:
    """All calls through a client, many at once, are the texts of `call`; `mode` is how the protocol is agreed on."""
    from mcp import Client

    async with Client(transport, read_timeout_seconds=30, mode=mode) as client:
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == ["search", "open"]
        assert [tool.input_schema for tool in listed] == [tool["function"]["parameters"] for tool in TOOLS]
        every = [*CALLS, *((name, arguments) for name, arguments, _ in WRONG)]
        answers = await asyncio.gather(*(client.call_tool(name, arguments) for name, arguments in every * 4))
        for (name, arguments), answer in zip(every * 4, answers, strict=True):
            text = call(index, name, arguments)
            assert [piece.text for piece in answer.content] == [text]
            assert bool(answer.is_error) == ("error" in json.loads(text))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_mcp_over_stdio(index: SearchIndex, mode: str) -> None:
    pytest.importorskip("mcp")
    from mcp import StdioServerParameters

    program, *arguments = command(index)
    asyncio.run(talk(index, StdioServerParameters(command=program, args=arguments, env=environment()), mode))


def test_mcp_over_http(index: SearchIndex) -> None:
    pytest.importorskip("mcp")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    process = subprocess.Popen(command(index, "--transport", "http", "--port", str(port)), env=environment())
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        for mode in ("auto", "legacy"):
            asyncio.run(talk(index, f"http://127.0.0.1:{port}/mcp", mode))
    finally:
        process.terminate()
        process.wait(20)


def test_a_missing_sdk_is_told(index: SearchIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    from arcmill.errors import EngineError

    with pytest.raises(EngineError, match=r"pip install 'arcmill\[mcp\]'"):
        server(index)


def test_embeddings_join_by_reciprocal_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    from search_documents import dataset

    from arcmill.execute import execute
    from arcmill.search import dense
    from arcmill.search.stage import STAGE, IndexDocuments

    made = dataset(tmp_path, DOCUMENTS)
    vectors = _vectors(tmp_path, made, {"d1": [0, 1], "d4": [1, 0], "d2": [0.6, 0.8], "d3": [0, 1]})
    execute(STAGE, IndexDocuments(), {"input": [made], "embeddings": [vectors]}, str(tmp_path / "index"))

    class Model:
        def encode(self, texts: list[str], **_: Any) -> Any:
            return np.array([[1.0, 0.0]])

    monkeypatch.setattr(dense, "_load", lambda name: Model())
    index = SearchIndex.open(str(tmp_path / "index"))
    # d2 is second by meaning and first by words; d4 first by meaning and not found by words.
    assert [hit.id for hit in index.search("Amstel", 2)] == ["d2", "d4"]
    assert dense.fuse([3, 1], [1, 2], np.array([0, 1, 2, 3])) == [1, 3, 2]


def _vectors(tmp_path: Path, documents: str, held: dict[str, list[float]]) -> str:
    import pyarrow as pa

    from arcmill.config import StageConfig
    from arcmill.execute import execute
    from arcmill.stage import Stage

    def core(batches: Any, config: Any) -> Any:
        for batch in batches:
            ids = [name for name in batch.column("id").to_pylist() if name in held]
            flat = pa.array([np16 for name in ids for np16 in held[name]], pa.float32()).cast(pa.float16())
            column = pa.FixedSizeListArray.from_arrays(flat, 2)
            yield pa.RecordBatch.from_arrays([pa.array(ids, pa.string()), column], names=["id", "embedding"])

    stage = Stage(
        name="tiny-embed", version=1, help="Vectors as given.", config=StageConfig, reads={"input": "Document"}, writes="Embedding",
        engine="datatrove", core=core, makes=True, width=lambda config: 2,
    )  # fmt: skip
    execute(stage, StageConfig(), {"input": [documents]}, str(tmp_path / "vectors"))
    return str(tmp_path / "vectors")
