"""ToolSpec rows, made one way whatever the tool comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arcmill.functions.lint import MOST, lint
from arcmill.records import ToolSpec, stable_id


def spec_of(
    function: Mapping[str, Any], *, origin: str, source: str, license: str | None = None, returns: Mapping[str, Any] | None = None,
    call: Mapping[str, Any] | None = None, remarks: Sequence[str] = (),
) -> ToolSpec:  # fmt: skip
    """A row of a function {name, description, parameters}, its parameters a normal schema. `remarks` go before the lint."""
    name, description = clean(function["name"]), function.get("description") or ""
    made = {"name": name, "description": description, "parameters": function["parameters"]}
    tool = {"type": "function", "function": made}
    text = clean(json.dumps(tool, ensure_ascii=False))
    return ToolSpec(
        id=stable_id("tool", source, name, text), name=name, schema=text, origin=origin,
        description=clean(description) or None, license=license, source=source,
        returns=None if returns is None else clean(json.dumps(returns, ensure_ascii=False)),
        call=None if call is None else clean(json.dumps(call, ensure_ascii=False)),
        lint=[clean(one) for one in dict.fromkeys([*remarks, *lint(tool)])][: 2 * MOST],
    )  # fmt: skip


def clean(text: str) -> str:
    """What UTF-8 can hold: half surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode()
