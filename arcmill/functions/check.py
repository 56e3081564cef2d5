"""Arguments of a call against the tool's schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Checker = Callable[[Mapping[str, Any]], list[str]]


def checker(parameters: Mapping[str, Any]) -> Checker:
    """A function that says what is wrong with a call's arguments: texts such as "count is 'two', not an integer"; [] where
    nothing is. ValueError for a schema that cannot be used, such as one with references out of itself."""
    import jsonschema_rs

    made = jsonschema_rs.validator_for(dict(parameters))

    def check(arguments: Mapping[str, Any]) -> list[str]:
        if made.is_valid(arguments):
            return []
        return [
            f"{'.'.join(map(str, error.instance_path)) or 'arguments'}: {error.message}"
            for error in made.iter_errors(arguments)
        ]

    return check
