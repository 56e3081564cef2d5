"""Arguments of a call against the tool's schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

from arcmill.functions.cost import cost
from arcmill.functions.normal import normal_schema
from arcmill.functions.walk import DEEPEST, SchemaError

Checker = Callable[[Mapping[str, Any]], list[str]]

MOST_MISTAKES = 20  # that are told of one call
MOST_CHARACTERS = 300  # of each
MOST_PARTS = 200_000  # values in the arguments of one call
MOST_WORK = 5_000_000  # steps of a validator, at worst, for one call
MOST_SCANS = 30_000_000  # members of enums, and required names, that it may go through besides; about 2 s
MANY_SCANS = 200_000  # from which on only the first mistake is told: the library makes all of them before it gives one


def checker(parameters: Mapping[str, Any]) -> Checker:
    """A function that says what is wrong with a call's arguments: texts such as "count: 'two' is not of type integer"; [] where
    nothing is. Any kind of schema is taken, as `normal_schema` reads it.

    Both may come from anyone: nothing is fetched, patterns match in linear time, and what would take too long is refused: a
    schema, also one of a type that nobody knows, by ValueError (SchemaError), arguments by a text. A tool's `format` is not checked, as 2020-12 has it.

    Made once for each schema: compiling costs hundreds of times what a check does, and every episode asks for its own.
    """
    try:
        text = json.dumps(parameters, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):  # what is no JSON, or nested too deep: it is refused as what it is
        return _compiled(dict(parameters))
    return _known(text)


@lru_cache(maxsize=4096)
def _known(text: str) -> Checker:
    return _compiled(json.loads(text))


def _compiled(parameters: dict[str, Any]) -> Checker:
    import jsonschema_rs

    notes: list[str] = []
    schema = normal_schema(parameters, notes=notes)
    if wrong := next((note for note in notes if note.startswith("unknown-type")), None):
        raise SchemaError(*wrong.split(": ", 1))  # left out, everything would fit it
    price = cost(schema)
    try:
        made = jsonschema_rs.Draft202012Validator(
            schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, RecursionError) as error:
        raise SchemaError("no-schema", str(error)[:MOST_CHARACTERS]) from None

    def check(arguments: Mapping[str, Any]) -> list[str]:
        nodes, depth = _measure(arguments)
        if nodes > MOST_PARTS or depth > DEEPEST:
            return [f"arguments: more than {MOST_PARTS} values, or nested deeper than {DEEPEST}"]
        if price.of(nodes, depth) > MOST_WORK:
            return ["arguments: too large or too deep for a schema of so many alternatives"]
        if (scans := price.scans(nodes, depth)) > MOST_SCANS:
            return ["arguments: too large for a schema of such long enums or lists of required names"]
        try:
            if made.is_valid(arguments):
                return []
            if scans > MANY_SCANS:
                made.validate(arguments)
            return [_told(error) for error in islice(made.iter_errors(arguments), MOST_MISTAKES)]
        except jsonschema_rs.ValidationError as error:
            return [_told(error)]
        except (ValueError, TypeError, RecursionError) as error:  # half surrogate pairs, what JSON cannot hold
            return [f"arguments: cannot be read as JSON ({error})"[:MOST_CHARACTERS]]

    return check


def _told(error: Any) -> str:
    return f"{'.'.join(map(str, error.instance_path)) or 'arguments'}: {error.message}"[:MOST_CHARACTERS]


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is not fetched")


def _measure(value: Any) -> tuple[int, int]:
    """How many values there are, and how deep they are nested; counting ends where it is too much."""
    nodes, depth, level = 0, 0, [value]
    while level and nodes <= MOST_PARTS and depth <= DEEPEST:
        nodes += len(level)
        depth += 1
        below: list[Any] = []
        for one in level:
            if isinstance(one, Mapping):
                below.extend(one.values())
            elif isinstance(one, list | tuple):
                below.extend(one)
        level = below
    return nodes, depth
