"""YAML of settings and recipes as plain values, within bounds: a file that was given to a user may be meant to harm.

The safe loader makes no Python objects, but unfolds merged aliases without end, follows brackets as deep as they go, and raises
what its constructors happen to raise. Here the parser's events are counted first, aliases unfolded.
"""

from __future__ import annotations

from typing import Any

MOST_BYTES = 4 << 20
MOST_VALUES = 100_000  # with what aliases stand for
DEEPEST = 100  # collections within collections


class BadYaml(ValueError):
    """No YAML, or more than its bounds allow."""


def load(text: str) -> Any:
    """The one value of a YAML text. BadYaml says why there is none."""
    import yaml

    if len(text) > MOST_BYTES:
        raise BadYaml(f"more than {MOST_BYTES >> 20} MiB")
    try:
        _count(yaml.parse(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    # Besides its own errors what int(), a date, a tagged value of another form, or a lone surrogate come to.
    except (
        yaml.YAMLError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise BadYaml(" ".join(str(error).split())[:500] or type(error).__name__) from None


def _count(events: Any) -> None:
    """BadYaml where the values, aliases unfolded, are more than the bounds allow, or an alias stands for what holds it."""
    import yaml

    total = 0
    open_: list[tuple[str | None, int]] = []  # anchor of a collection, and the values before it
    sizes: dict[str, int] = {}
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            total += 1
            open_.append((event.anchor, total))
            if event.anchor:
                sizes.pop(event.anchor, None)
            if len(open_) > DEEPEST:
                raise BadYaml(f"collections within collections, more than {DEEPEST}")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = total - before + 1
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise BadYaml(f"*{event.anchor} stands for nothing, or for what holds it")
            total += sizes[event.anchor]
        if total > MOST_VALUES:
            raise BadYaml(f"more than {MOST_VALUES} values, with what aliases stand for")
