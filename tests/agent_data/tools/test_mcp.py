"""Tools of a server as rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

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
