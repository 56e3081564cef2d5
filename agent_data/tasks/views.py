"""Values in what a tool gave: each with its name, its place, and the record that it stands in.

The record of a value (its view) is all that belongs to it: the fields of the object that holds it, with what lies below, and
the plain fields of the objects around. Two orders in one list have views of their own; both see the customer around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Scalar = str | int | float | bool


class View(dict[str, frozenset[Any]]):
    """A record: field names -> values, as `key` holds them."""

    owners: frozenset[tuple[str, Any]] = frozenset()  # whose record it is: names and values of the ids that lead it
    _text: str | None = None
    _ids: tuple[str, ...] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the ids in it."""
        if self._ids is None:
            self._ids = tuple(name for name in self if name.endswith("_id"))
        return self._ids

    def names(self, value: str) -> bool:
        """Whether a text of several words in it holds the words of a value."""
        if self._text is None:
            held = {one for values in self.values() for one in values if isinstance(one, str) and " " in one}
            self._text = "\n".join(sorted(held)).casefold()
        word = value.casefold()
        return word in self._text and whole_word(word).search(self._text) is not None


_PLURALS = ((re.compile(r"ies$"), "y"), (re.compile(r"(ss|sh|ch|x|z)es$"), r"\1"), (re.compile(r"(?<!s)s$"), ""))
_WITHIN = 4  # characters of a text that counts as named within another
MOST = 4000  # values of one observation that are looked at


@dataclass(frozen=True, slots=True)
class Seen:
    """A value of an observation. `names`: by which a parameter may take it; `path`: list places and keys with dots."""

    names: frozenset[str]
    path: str
    value: Scalar
    view: View = field(hash=False)
    listed: bool = False  # it is one of several of its kind
    own: bool = True  # its record is its own, not one that only refers to it: its id (the first field of an object, or `id`), or a plain field

    @property
    def place(self) -> str:
        """Its path without places in lists."""
        parts = [part for part in self.path.split(".") if not part.isdigit()]
        # In a list by another name the id is the key.
        return ".".join(parts[:-1] if parts and parts[-1] == self.value else parts)


def singular(word: str) -> str:
    """`orders` -> `order`, as far as endings tell."""
    for pattern, ending in _PLURALS:
        if pattern.search(word):
            return pattern.sub(ending, word)
    return word


def noun_of(tool: str) -> str:
    """What a tool is about, by its name: `order` of get_order_details, `` where it cannot be told."""
    words = [word for word in tool.replace("-", "_").replace(".", "_").lower().split("_") if word]
    return singular(words[1]) if len(words) > 1 else ""


def seen(observation: Any, noun: str = "") -> list[Seen]:
    """The values of an observation in their order; `noun` is what the tool gives, such as `order` of get_order."""
    found: list[Seen] = []
    for value in _walk(observation, "", noun, "", {}, View(), False):
        found.append(value)
        if len(found) >= MOST:
            break
    return found


@lru_cache(maxsize=4096)
def whole_word(word: str) -> re.Pattern[str]:
    """A word, or several, between borders."""
    return re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")


def holds(view: View, by: Mapping[str, Any]) -> bool:
    """Whether a record has all the values that a description names: in the field, or a name within a longer text of it."""
    return all(
        key(value) in view.get(name, frozenset())
        or (isinstance(value, str) and len(value) >= _WITHIN and view.names(value))
        for name, value in by.items()
    )


def key(value: Any) -> Any:
    """A scalar as views hold it: true is not 1, 10 is 10.0."""
    if isinstance(value, bool):
        return ("bool", value)
    return value if isinstance(value, str | int | float) else repr(value)


def scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Scalar]]:
    """The scalars of a value with their paths; null is none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{number}" if path else str(number))
    elif scalar(value):
        yield path, value


def _walk(
    node: Any,
    path: str,
    parent: str,
    name: str,
    around: dict[str, frozenset[Any]],
    within: View,
    listed: bool,
    owners: frozenset[tuple[str, Any]] = frozenset(),
) -> Iterator[Seen]:
    """`parent` is the word for what the node is, `around` the plain fields outside it, `within` the view it belongs to."""
    if isinstance(node, dict):
        if _keyed(node, name):
            for inner, value in node.items():
                word = singular(name)
                view = _joined(
                    around, _below(value, word), {f"{word}_id": frozenset([inner]), word: frozenset([inner])}
                )
                place = _at(path, inner)
                view.owners = owners | {(f"{word}_id", inner), (word, inner)}
                yield Seen(frozenset({f"{word}_id", word}), place, inner, view, True)
                yield from _walk(
                    value, place, word, "", _joined(around, {f"{word}_id": frozenset([inner])}), view, True, view.owners
                )
            return
        own = _own(node, parent)
        view = _joined(around, _below(node, parent))
        outer = _joined(around, own)
        first = next(iter(node), "")
        if scalar(node.get(first)):
            owners |= {(one, key(node[first])) for one in _names(first, parent)}
        view.owners = owners
        for inner, value in node.items():
            place = _at(path, inner)
            if scalar(value):
                owns = inner in (first, "id", f"{parent}_id") or not inner.endswith("_id")
                yield Seen(_names(inner, parent), place, value, view, listed, owns)
            else:
                yield from _walk(value, place, singular(inner), inner, outer, view, listed, owners)
    elif isinstance(node, list):
        word = singular(name) if name else singular(parent)
        for number, value in enumerate(node):
            place = _at(path, str(number))
            if scalar(value):
                own = {one: frozenset([key(value)]) for one in (word, f"{word}_id")}
                names = frozenset({name, word, f"{word}_id"} - {""})
                yield Seen(names, place, value, _joined(around, own), True, False)
            else:
                yield from _walk(value, place, word, "", around, within, True, owners)
    elif scalar(node) and not path:
        yield Seen(frozenset({parent, f"{parent}_id"}), "", node, View({parent: frozenset([key(node)])}), False)


def _keyed(node: dict[str, Any], name: str) -> bool:
    """Whether an object is a list by another name: {"orders": {"W1": {…}, "W2": {…}}}."""
    return bool(node) and name != singular(name) and all(isinstance(value, dict) for value in node.values())


def _names(name: str, parent: str) -> frozenset[str]:
    return frozenset({name, f"{parent}_{name}"} if parent and not name.startswith(f"{parent}_") else {name})


def _own(node: dict[str, Any], parent: str) -> dict[str, frozenset[Any]]:
    held: dict[str, frozenset[Any]] = {}
    for name, value in node.items():
        if scalar(value):
            for one in _names(name, parent):
                held[one] = frozenset([key(value)])
    return held


def _below(node: Any, parent: str) -> dict[str, frozenset[Any]]:
    """All scalars of a subtree by their names."""
    held: dict[str, frozenset[Any]] = {}
    if isinstance(node, dict):
        held = _own(node, parent)
        for name, value in node.items():
            if _keyed(value, name) if isinstance(value, dict) else False:
                held = _joined(held, *(_below(inner, singular(name)) for inner in value.values()))
            elif not scalar(value):
                held = _joined(held, _below(value, singular(name)))
    elif isinstance(node, list):
        for value in node:
            if scalar(value):
                held = _joined(held, {parent: frozenset([key(value)])})
            else:
                held = _joined(held, _below(value, parent))
    return held


def _joined(*parts: Mapping[str, frozenset[Any]]) -> View:
    held = View()
    for part in parts:
        for name, values in part.items():
            held[name] = held[name] | values if name in held else values
    return held


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
