"""Schemas of all kinds as one: JSON Schema 2020-12 with local `$defs` only.

Read are: those of OpenAI, Anthropic and MCP, Gemini's (upper case types), BFCL's ("dict", "float", "tuple", "any"), Swagger
2, OpenAPI 3.0 (`nullable`, `exclusiveMinimum: true`) and 3.1, and older drafts of JSON Schema. Nothing is fetched. What had to be changed or left out is told in `notes`, as "rule: where".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from arcmill.functions.shorten import shortened
from arcmill.functions.walk import (
    DEEPEST,
    LISTS,
    MAPS,
    MOST_NODES,
    SINGLES,
    Pointers,
    SchemaError,
    refuse_endless,
)

_TYPES = {
    "string": "string", "str": "string", "text": "string", "char": "string", "file": "string", "number": "number",
    "float": "number", "double": "number", "decimal": "number", "integer": "integer", "int": "integer", "long": "integer",
    "int32": "integer", "int64": "integer", "boolean": "boolean", "bool": "boolean", "array": "array", "list": "array",
    "tuple": "array", "set": "array", "object": "object", "dict": "object", "dictionary": "object", "map": "object",
    "hashmap": "object", "null": "null", "none": "null", "nonetype": "null",
}  # fmt: skip
_ANYTHING = frozenset({"any", "type_unspecified", "unspecified", "object | array", ""})
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = (
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
)
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_TEXTS = ("title", "description", "format", "contentEncoding", "contentMediaType")
# Known, and of no use to who calls a function: not told of.
_SILENT = frozenset({
    "$schema", "$id", "id", "$anchor", "$comment", "$defs", "definitions", "$vocabulary", "$dynamicAnchor", "$recursiveAnchor",
    "xml", "externalDocs", "example", "examples", "nullable", "optional", "additionalItems", "collectionFormat",
    "propertyOrdering", "contentSchema", "discriminator", "dependencies", "$dynamicRef", "$recursiveRef", "components", "paths",
    "info", "openapi", "swagger",
})  # fmt: skip
MOST_TEXT = 20_000  # characters of a description; what is beyond is cut
MOST_PATTERN = 2_000


def normal_schema(schema: Any, root: Any = None, notes: list[str] | None = None) -> dict[str, Any]:
    """A schema made normal. `root`: the document in which its references lie; None: itself. SchemaError says why not."""
    maker = _Maker(schema if root is None else root, [] if notes is None else notes)
    made = maker.all(schema)
    refuse_endless(made)
    return shortened(made)


class _Maker:
    """One schema being made normal; definitions are made one after the other, so that neither rings nor chains go deep."""

    def __init__(self, root: Any, notes: list[str]) -> None:
        self.pointers = Pointers(root)
        self.notes = notes
        self.nodes = 0
        self.names: dict[str, str] = {}
        self.waiting: list[str] = []
        self.definitions: dict[str, Any] = {}

    def all(self, schema: Any) -> dict[str, Any]:
        made = self.make(schema, "", 0)
        if made is False:
            raise SchemaError("nothing-fits", "the schema refuses every value")
        while self.waiting:
            key = self.waiting.pop()
            name = self.names[key]
            self.definitions[name] = self.make(self.pointers.at(key), f"$defs.{name}", 0)
        out: dict[str, Any] = {} if made is True else dict(made)
        if self.definitions:
            out["$defs"] = dict(sorted(self.definitions.items()))
        return out

    def make(self, schema: Any, where: str, depth: int) -> Any:
        """A schema, or true or false. What is none counts as one that says nothing."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise SchemaError("too-large", f"more than {MOST_NODES} schemas in one")
        if depth > DEEPEST:
            raise SchemaError("too-deep", f"schemas within schemas, {DEEPEST} and more, at {where:.100}")
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            self.note("no-schema", where)
            return {}
        made: dict[str, Any] = {}
        for name in ("$ref", "$dynamicRef", "$recursiveRef"):
            if name in schema and "$ref" not in made:
                made["$ref"] = self.reference(schema[name])
        self.type_of(schema, made, where)
        self.plain(schema, made, where)
        self.bounds(schema, made)
        self.values(schema, made, where)
        self.within(schema, made, where, depth)
        self.required(schema, made, where)
        if unknown := [str(name) for name in schema if not self.known(name)]:
            self.note("unknown-keyword", f"{where or 'schema'} ({', '.join(sorted(unknown)[:5]):.80})")
        return self.nullable(schema, made)

    def note(self, rule: str, where: str) -> None:
        if len(self.notes) < 100 and (text := f"{rule}: {where or 'schema'}"[:300]) not in self.notes:
            self.notes.append(text)

    def reference(self, given: Any) -> str:
        key = self.pointers.key(given)
        if key not in self.names:
            base = re.sub(r"[^A-Za-z0-9_.-]+", "_", key.rpartition("/")[2].lstrip("#"))[:60].strip("_") or "root"
            name, number = base, 2
            while name in self.definitions:
                name, number = f"{base}{number}", number + 1
            self.names[key] = name
            self.definitions[name] = {}
            self.pointers.at(key)  # a broken one is told of here
            self.waiting.append(key)
        return f"#/$defs/{self.names[key]}"

    def type_of(self, schema: Mapping[str, Any], made: dict[str, Any], where: str) -> None:
        given = schema.get("type")
        if given is None:
            return
        kinds: list[str] = []
        for one in given if isinstance(given, list) else [given]:
            if isinstance(one, Mapping):  # a union of older drafts
                self.note("unknown-type", where)
                return
            word = str(one).strip().lower()
            if word in _ANYTHING:
                return
            kind = _TYPES.get(word)
            if kind is None:
                self.note("unknown-type", f"{where or 'schema'} ({word:.40})")
                return
            if kind not in kinds:
                kinds.append(kind)
            if word == "file":
                made.setdefault("format", "binary")
            elif word in ("set",) and "uniqueItems" not in schema:
                made["uniqueItems"] = True
        if kinds:
            made["type"] = kinds[0] if len(kinds) == 1 else kinds

    def plain(self, schema: Mapping[str, Any], made: dict[str, Any], where: str) -> None:
        for name in _TEXTS:
            if isinstance(value := schema.get(name), str) and value.strip():
                made[name] = plain_text(value)
        if isinstance(title := made.get("title"), str) and _bare(title) == _bare(where.rpartition(".")[2]):
            del made["title"]  # the name, said once more
        for name in _FLAGS:
            if schema.get(name) is True:
                made[name] = True
        if isinstance(pattern := schema.get("pattern"), str):
            if len(pattern) <= MOST_PATTERN and usable_pattern(pattern):
                made["pattern"] = pattern
            else:
                self.note("pattern-left-out", where)

    def bounds(self, schema: Mapping[str, Any], made: dict[str, Any]) -> None:
        for name in _NUMBERS:
            value: Any = schema.get(name)
            if _is_number(value) and (name != "multipleOf" or value > 0):
                made[name] = value
        for name, closed in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if schema.get(name) is True and closed in made:
                made[name] = made.pop(closed)
        for name in _COUNTS:
            value = schema.get(name)
            if (
                isinstance(value, str) and value.isdecimal() and len(value) < 16
            ):  # Gemini writes 64 bit numbers as texts
                value = int(value)
            if _is_number(value) and value >= 0 and value == int(value) and value < 2**53:
                made[name] = int(value)

    def values(self, schema: Mapping[str, Any], made: dict[str, Any], where: str) -> None:
        if isinstance(given := schema.get("enum"), list) and given:
            kept: list[Any] = []
            seen: set[str] = set()
            for value in given:
                if _is_json(value) and (key := repr((type(value).__name__, value))) not in seen:
                    seen.add(key)
                    kept.append(value)
            made["enum"] = kept
        if "const" in schema and _is_json(schema["const"]):
            made["const"] = schema["const"]
        if "default" in schema and _is_json(schema["default"]):
            made["default"] = schema["default"]
        examples = schema.get("examples")
        if not isinstance(examples, list):
            examples = [schema["example"]] if "example" in schema else []
        if kept := [value for value in examples[:5] if _is_json(value)]:
            made["examples"] = kept

    def within(self, schema: Mapping[str, Any], made: dict[str, Any], where: str, depth: int) -> None:
        for name in MAPS:
            if isinstance(given := schema.get(name), Mapping):
                held = {}
                for key, one in given.items():
                    if name == "patternProperties" and not (len(str(key)) <= MOST_PATTERN and usable_pattern(str(key))):
                        self.note("pattern-left-out", where)
                        continue
                    held[str(key)] = self.make(one, f"{where}.{key}".lstrip("."), depth + 1)
                if held or name == "properties":
                    made[name] = held
        for name in LISTS:
            given = schema.get(name)
            if isinstance(given, list) and given:
                made[name] = [
                    self.make(one, f"{where}.{name}[{n}]".lstrip("."), depth + 1) for n, one in enumerate(given)
                ]
        for name in SINGLES:
            if name not in schema or (name == "items" and isinstance(schema[name], list)):
                continue
            made[name] = self.make(schema[name], f"{where}.{name}".lstrip("."), depth + 1)
        if isinstance(schema.get("items"), list):  # a tuple, as drafts up to 2019-09 wrote it
            made["prefixItems"] = [
                self.make(one, f"{where}.items[{n}]".lstrip("."), depth + 1) for n, one in enumerate(schema["items"])
            ]
            if "additionalItems" in schema:
                made["items"] = self.make(schema["additionalItems"], f"{where}.items".lstrip("."), depth + 1)
        if isinstance(given := schema.get("dependencies"), Mapping):
            for key, one in given.items():
                if isinstance(one, list):
                    made.setdefault("dependentRequired", {})[str(key)] = [str(name) for name in one]
                else:
                    made.setdefault("dependentSchemas", {})[str(key)] = self.make(one, f"{where}.{key}", depth + 1)
        if isinstance(given := schema.get("dependentRequired"), Mapping):
            made["dependentRequired"] = {str(k): [str(n) for n in v] for k, v in given.items() if isinstance(v, list)}
        if "properties" in made and "type" not in made and "$ref" not in made:
            made["type"] = "object"

    def required(self, schema: Mapping[str, Any], made: dict[str, Any], where: str) -> None:
        given = schema.get("required")
        names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
        held = schema.get("properties")
        if isinstance(held, Mapping):  # said of the property itself: BFCL, draft 3, RapidAPI
            names += [str(k) for k, one in held.items() if isinstance(one, Mapping) and one.get("required") is True]
        if names := list(dict.fromkeys(names)):
            made["required"] = names
            undeclared = [name for name in names if name not in made.get("properties", {})]
            if undeclared and "properties" in made and not any(k in made for k in ("allOf", "anyOf", "oneOf", "$ref")):
                self.note("required-undeclared", f"{where or 'schema'} ({', '.join(undeclared[:5]):.80})")

    def nullable(self, schema: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
        """OpenAPI 3.0 says beside the type that null is allowed. It stays forbidden where an enum does not list it (3.0.3)."""
        if schema.get("nullable") is not True and schema.get("x-nullable") is not True:
            return made
        if "type" in made:
            kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
            return {**made, "type": kinds if "null" in kinds else [*kinds, "null"]}
        if not any(name in made for name in ("$ref", "allOf", "anyOf", "oneOf")):
            return made
        told: dict[str, Any] = {
            name: made.pop(name)
            for name in ("title", "description", "default", "examples", "deprecated")
            if name in made
        }
        return {"anyOf": [made, {"type": "null"}], **told}

    def known(self, name: Any) -> bool:
        return (
            name in _SILENT or name in MAPS or name in LISTS or name in SINGLES or name in _TEXTS or name in _FLAGS
            or name in _NUMBERS or name in _COUNTS or str(name).startswith(("x-", "X-"))
            or name in ("type", "enum", "const", "default", "required", "pattern", "dependentRequired", "$ref")
        )  # fmt: skip


@cache
def usable_pattern(pattern: str) -> bool:
    """Whether a pattern can be matched in linear time: neither look-around nor references back."""
    import jsonschema_rs

    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except Exception:  # the library's own errors, ValueError among them
        return False
    return True


def plain_text(value: Any) -> str:
    """A text as UTF-8 holds it, without outer space, cut where it is longer than any description is; "" for anything else."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().strip()[:MOST_TEXT]


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_json(value: Any, depth: int = DEEPEST) -> bool:
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int | float):
        return _is_number(value)
    if depth == 0:
        return False
    if isinstance(value, list):
        return all(_is_json(one, depth - 1) for one in value)
    return isinstance(value, dict) and all(isinstance(k, str) and _is_json(v, depth - 1) for k, v in value.items())
