"""Tools of a server as rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("mcp")

from agent_data.tools.mcp import ServerFailed, tools_of
from arcmill.records import rows_to_batch
from arcmill.sandbox import available

HOSTILE = str(Path(__file__).parents[1] / "mcp" / "hostile.py")


def test_rows_hold_the_schema_and_neither_command_nor_keys() -> None:
    entry = {
        "command": sys.executable, "args": ["-I", HOSTILE], "sandbox": bool(available()), "env": {"KEY": "s3cr3t"},
        "license": "MIT",
    }  # fmt: skip
    rows = tools_of("notes", entry)
    assert [row.name for row in rows] == ["echo", "write", "see"]
    held = json.loads(rows[0].schema)
    assert held["function"]["parameters"]["required"] == ["text"] and held["type"] == "function"
    assert {(row.origin, row.source, row.license) for row in rows} == {("mcp", "notes", "MIT")}
    assert json.loads(rows[2].call or "") == {
        "server": "notes", "about": "hostile 1.0", "tool": "see", "annotations": {"readOnlyHint": True}
    }  # fmt: skip
    told = repr(rows)
    assert "s3cr3t" not in told and HOSTILE not in told
    assert rows_to_batch("ToolSpec", rows).num_rows == 3
    assert tools_of("notes", entry) == rows


def test_a_failed_server_raises_its_reason() -> None:
    with pytest.raises(ServerFailed) as failed:
        tools_of(
            "notes", {"command": sys.executable, "args": ["-I", HOSTILE, "duplicates"], "sandbox": bool(available())}
        )
    assert failed.value.reason == "duplicate-tools"


def test_collect_tools_names_each_server_that_failed_and_keeps_the_others(tmp_path: Path) -> None:
    from agent_data.tools.stage import STAGE, CollectTools
    from arcmill.execute import execute

    hows = [
        "well",
        "hangs-at-list",
        "dies-at-start",
        "floods-at-start",
        "duplicates",
        "endless-list",
        "commands-in-schema",
    ]
    servers = {
        how: {
            "command": sys.executable, "args": ["-I", HOSTILE, how], "sandbox": bool(available()),
            "limits": {"start_seconds": 2.0 if how == "hangs-at-list" else 20.0},
        }
        for how in hows
    }  # fmt: skip
    config = CollectTools.model_validate({"servers": servers, "max_error_rate": 1})
    dataset = execute(STAGE, config, {}, str(tmp_path / "tools")).dataset
    rows = [row for batch in dataset.batches() for row in batch.to_pylist()]
    assert sorted(row["name"] for row in rows) == ["echo", "see", "write"]
    assert {row["source"] for row in rows} == {"well"}
    ledger = [
        row
        for path in sorted((tmp_path / "tools" / "ledger").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    told = {row["detail"].partition(":")[0]: row["rule"] for row in ledger if row["outcome"] == "errored"}
    assert told == {
        "hangs-at-list": "hang", "dies-at-start": "died", "floods-at-start": "flood", "duplicates": "duplicate-tools",
        "endless-list": "endless-list", "commands-in-schema": "special-token",
    }  # fmt: skip
