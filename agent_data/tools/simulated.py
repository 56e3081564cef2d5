"""Tools of which there are only words: a name, what it does, perhaps what it takes. A language model will answer their calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent_data.tools.specs import spec_of
from arcmill.functions.forms import normal_parameters
from arcmill.functions.walk import SchemaError
from arcmill.records import ToolSpec

_TYPE = re.compile(
    r"(?i)\b(string|text|str|integer|int|number|float|double|boolean|bool|array|list|object|dict|date-time|datetime|date)\b"
)
_WORDS = {"text": "string", "str": "string", "int": "integer", "float": "number", "double": "number", "bool": "boolean",
          "list": "array", "dict": "object", "date": "string", "datetime": "string", "date-time": "string"}  # fmt: skip
_ONE_OF = re.compile(r"(?i)\bone of:?\s*[\[(]([^\])]{1,500})[\])]")
_LISTED = re.compile(r"^\s*\d+\.\s*Name:\s*(?P<name>.+?)\s*\n\s*Description:\s*(?P<description>.*?)\s*\n\s*Input:\s*(?P<input>.*?)"
                     r"\s*(?:\n\s*Output:\s*(?P<output>.*?)\s*)?(?=^\s*\d+\.\s*Name:|\Z)", re.M | re.S)  # fmt: skip
_CHARACTERS = 200_000


def described(entry: Mapping[str, Any], source: str, license: str | None) -> Iterator[ToolSpec]:
    """The tools that an entry describes. SchemaError where it says not enough.

    Known are {name, description, parameters?, output?, examples?}, its parameters either in words ({"limit": "Optional. Integer.
    How many"}) or missing, and ToolAlpaca's lists of functions in words. Where nothing is said of parameters, it takes one
    text: what is asked of it.
    """
    if isinstance(listed := entry.get("Functions"), str):
        yield from _listed(listed[:_CHARACTERS], source, license)
        return
    name = next((entry[key] for key in ("name", "Name", "API") if isinstance(entry.get(key), str)), "")
    description = next((entry[key] for key in ("description", "Description") if isinstance(entry.get(key), str)), "")
    given = next((entry[key] for key in ("input", "arguments", "params") if isinstance(entry.get(key), Mapping)), None)
    output = next((entry[key] for key in ("output", "Output", "returns") if isinstance(entry.get(key), str)), None)
    yield _spec(name, description, given, output, entry.get("examples"), source, license, link=entry.get("Link"))


def parameters_in_words(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters, each described in words, as a schema: "Optional. String. The colour, one of: [red, green]"."""
    properties, required = {}, []
    for name, words in given.items():
        if isinstance(words, Mapping):
            properties[str(name)] = dict(words)
            continue
        text = str(words)
        made: dict[str, Any] = {"description": text}
        if match := _TYPE.search(text[:80]):
            word = match[1].lower()
            made["type"] = _WORDS.get(word, word)
            if word.startswith("date"):
                made["format"] = "date" if word == "date" else "date-time"
        if match := _ONE_OF.search(text):
            values = [value.strip().strip("'\"") for value in match[1].split(",")]
            if made.get("type", "string") == "string":
                made |= {"type": "string", "enum": values}
        properties[str(name)] = made
        if not re.search(r"(?i)\boptional\b", text[:80]):
            required.append(str(name))
    return {"type": "object", "properties": properties, "required": required}


def _listed(text: str, source: str, license: str | None) -> Iterator[ToolSpec]:
    found = False
    for match in _LISTED.finditer(text):
        found = True
        try:
            given = json.loads(match["input"])
        except (ValueError, RecursionError):
            given = None
        yield _spec(match["name"], match["description"], given if isinstance(given, dict) else None, match["output"], None, source, license)  # fmt: skip
    if not found:
        raise SchemaError("no-function", f"{text[:80]!r} lists no functions")


def _spec(
    name: str, description: str, given: Mapping[str, Any] | None, output: str | None, examples: Any, source: str,
    license: str | None, link: Any = None,
) -> ToolSpec:  # fmt: skip
    short = re.sub(r"[^A-Za-z0-9_-]+", "_", name.strip()).strip("_")[:64]
    if not short or not description.strip():
        raise SchemaError("no-name" if not short else "no-description", f"{name[:80]!r} says not what it is")
    remarks = [f"renamed: {name[:100]}"] if short != name else []
    if given is None:
        remarks.append(f"parameters-unknown: {short}")
        asked = {"type": "string", "description": "What is asked of it, in words, with all that it needs to know."}
        schema: dict[str, Any] = {"type": "object", "properties": {"request": asked}, "required": ["request"]}
    else:
        schema = parameters_in_words(given)
    call: dict[str, Any] = {"kind": "simulated"}
    call |= {key: value for key, value in (("output", output), ("link", link)) if isinstance(value, str) and value}
    if isinstance(examples, list) and examples:
        call["examples"] = json.loads(json.dumps(examples[:5], default=str))
    return spec_of(
        {"name": short, "description": description.strip(), "parameters": normal_parameters(schema, notes=remarks)},
        origin="simulated", source=source, license=license, call=call, remarks=remarks,
    )  # fmt: skip
