"""A normal schema means what the schema meant, and rubbish is refused by one kind of error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_data.tools.openapi.compile import tools_in
from arcmill.functions.check import checker
from arcmill.functions.forms import normal_function
from arcmill.functions.normal import normal_schema
from arcmill.functions.walk import SchemaError

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "b", "ab"]), st.just(1.5))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
LEAVES = st.one_of(
    st.just({}), st.booleans(), st.builds(lambda t: {"type": t}, st.sampled_from(["string", "integer", "number", "object", "array", ["string", "null"]])),
    st.builds(lambda e: {"enum": e}, st.lists(SCALARS, min_size=1, max_size=3)), st.builds(lambda n: {"minimum": n}, st.integers(-2, 2)),
    st.builds(lambda n: {"$ref": f"#/$defs/{n}"}, NAMES), st.builds(lambda n: {"$ref": f"#/$defs/{n}", "description": "d"}, NAMES),
    st.builds(lambda n: {"$ref": f"#/$defs/{n}", "type": "object"}, NAMES), st.just({"required": ["a"]}),
)  # fmt: skip


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    many = st.lists(inner, min_size=1, max_size=3)
    objects = st.builds(
        lambda p, r, more: {"type": "object", "properties": p, "required": r, **({} if more is None else {"additionalProperties": more})},
        st.dictionaries(NAMES, inner, max_size=3), st.lists(NAMES, max_size=2, unique=True), st.none() | inner,
    )  # fmt: skip
    mixed = st.builds(
        lambda name, held, beside: {**beside, name: held},
        st.sampled_from(["allOf", "anyOf", "oneOf"]),
        many,
        st.just({}) | objects,
    )
    return st.one_of(
        objects,
        mixed,
        st.builds(lambda i: {"type": "array", "items": i}, inner),
        st.builds(lambda i: {"not": i}, inner),
    )


SCHEMAS = st.recursive(LEAVES, _around, max_leaves=8)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    SCHEMAS,
    st.fixed_dictionaries(dict.fromkeys(("a", "b", "c"), SCHEMAS)),
    st.lists(VALUES, min_size=1, max_size=6),
)
def test_the_meaning_stays(schema: Any, definitions: dict[str, Any], values: list[Any]) -> None:
    given = {"allOf": [schema], "$defs": definitions}
    try:
        made = normal_schema(given)
    except SchemaError as error:
        refused = error.rule
    else:
        refused = ""
    if refused:
        assert refused in ("endless-reference", "nothing-fits", "too-many-alternatives")
        return
    again = jsonschema_rs.Draft202012Validator(normal_schema(made))
    before, after = jsonschema_rs.Draft202012Validator(given), jsonschema_rs.Draft202012Validator(made)
    for value in values:
        assert before.is_valid(value) == after.is_valid(value) == again.is_valid(value), (given, made, value)
        assert (not checker(given)(value)) == before.is_valid(value)


WORDS = st.sampled_from(
    ["type", "properties", "items", "$ref", "allOf", "required", "enum", "$defs", "#/a", "#", "object", "name", "parameters", "in", "path",
     "schema", "content", "get", "/a/{b}", "requestBody", "responses", "200", "nullable", "pattern", "(", "default", "additionalProperties"]
)  # fmt: skip
RUBBISH = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(RUBBISH)
def test_rubbish_is_refused_by_one_kind_of_error(value: Any) -> None:
    for read in (normal_schema, normal_function, lambda given: checker(normal_schema(given))({"a": given})):
        with suppress(SchemaError):
            read(value)
    list(
        tools_in(
            {"openapi": "3.1.0", "paths": {"/a/{b}": {"get": value, "parameters": value}, "/c": value}, "a": value}, "x"
        )
    )
    list(tools_in({"swagger": "2.0", "paths": {"/a/{b}": {"get": value}, "/c": value}, "definitions": value}, "x"))
