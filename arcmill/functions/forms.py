"""Functions in the forms of all houses as one: OpenAI's tools (both forms), Anthropic's (`input_schema`), MCP's (`inputSchema`)
and Gemini's (`parametersJsonSchema`). Notes are those of `normal_schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arcmill.functions.normal import normal_schema, plain_text
from arcmill.functions.walk import SchemaError


def normal_parameters(schema: Any, root: Any = None, notes: list[str] | None = None) -> dict[str, Any]:
    """The schema of a function's arguments made normal: that of an object, and closed: an argument that it does not declare is a
    mistake, unless the schema itself says otherwise. None and {} are those of a function without arguments."""
    notes = [] if notes is None else notes
    made = normal_schema({} if schema is None else schema, root, notes)
    if "$ref" in made:  # a ring that begins at the top: the first turn of it stands here
        made = {**made["$defs"][made["$ref"].rpartition("/")[2]], "$defs": made["$defs"]}
    kind = made.get("type")
    if kind is None or (isinstance(kind, list) and "object" in kind):
        made = {"type": "object", **{name: value for name, value in made.items() if name != "type"}}
    elif kind != "object":
        raise SchemaError("not-an-object", f"arguments of type {kind!r}")
    composed = any(name in made for name in ("allOf", "anyOf", "oneOf", "if", "$ref"))
    made["properties"] = {**made.get("properties", {})}
    if not composed and "additionalProperties" not in made and "patternProperties" not in made:
        for name in made.get("required", ()):
            made["properties"].setdefault(name, {})  # demanded, and never declared: of any type
    if "additionalProperties" not in made and "unevaluatedProperties" not in made and "patternProperties" not in made:
        made["unevaluatedProperties" if composed else "additionalProperties"] = False
    return _ordered(made)


def normal_function(tool: Any, notes: list[str] | None = None) -> dict[str, Any]:
    """A function in any of the known forms, in OpenAI's: {"type": "function", "function": {name, description, parameters}}."""
    if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping):
        tool = tool["function"]
    if not isinstance(tool, Mapping):
        raise SchemaError("no-function", f"{tool!r:.100} describes no function")
    name = tool.get("name")
    if not isinstance(name, str) or not name.strip():
        raise SchemaError("no-name", "a function without a name")
    given = next(
        (tool[key] for key in ("parameters", "input_schema", "inputSchema", "parametersJsonSchema") if key in tool),
        None,
    )
    made: dict[str, Any] = {"name": name, "description": plain_text(tool.get("description"))}
    made["parameters"] = normal_parameters(given, notes=notes)
    return {"type": "function", "function": made}


def _ordered(made: Mapping[str, Any]) -> dict[str, Any]:
    """The order in which a schema is read best."""
    first = ("type", "description", "properties", "required", "additionalProperties")
    return {
        name: made[name]
        for name in (*first, *(n for n in made if n not in first and n != "$defs"), "$defs")
        if name in made
    }
