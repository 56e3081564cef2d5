"""JSON and YAML of unknown origin as plain values, within bounds: never a Python object, never more than its size allows.

YAML is read by the core schema of YAML 1.2, as OpenAPI has it: `no` and `2024-01-01` are texts. Aliases are followed, but what
they would unfold to is counted, so that a file of a few lines cannot fill the memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_VALUES = 2_000_000  # in one document, aliases unfolded
DEEPEST = 200  # collections within collections
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_HEX = re.compile(r"0(?:o[0-7]{1,80}|x[0-9a-fA-F]{1,80})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}  # fmt: skip


class Unreadable(Exception):
    """A file that is neither JSON nor YAML, or larger than its bounds."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule, self.detail = rule, detail


@dataclass(slots=True)
class Read:
    """A value, and the keys that stood twice in one object, of which the last counts."""

    value: Any
    twice: list[str] = field(default_factory=list)


def read_document(data: bytes) -> Read:
    """The value of a file. Unreadable says why there is none."""
    try:
        text = data.decode("utf-8-sig") if data[:2] not in (b"\xff\xfe", b"\xfe\xff") else data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise Unreadable("not-utf-8", str(error)[:200]) from None
    if text.lstrip()[:1] in ("{", "["):
        try:
            return read_json(text)
        except Unreadable:
            if text.lstrip()[:1] == "[" and len(text) > 1 << 16:
                raise
            try:
                return read_yaml(text)  # flow style is nearly JSON
            except Unreadable:
                pass
            raise
    return read_yaml(text)


def read_json(text: str) -> Read:
    """A JSON text. Numbers that JSON has not (NaN) are refused."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items) and len(twice) < 100:
            seen: set[str] = set()
            twice.extend(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return made

    try:
        return Read(json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse), twice)
    except RecursionError:
        raise Unreadable("too-deep", "brackets within brackets") from None
    except ValueError as error:
        raise Unreadable("not-json", str(error)[:200]) from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def read_yaml(text: str) -> Read:
    """The one document of a YAML text."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # its events alone are read
    try:
        parser = loader(text)
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable("not-yaml", " ".join(str(error).split())[:200]) from None
    try:
        return _Builder().built(_events(parser))
    except yaml.YAMLError as error:
        raise Unreadable("not-yaml", " ".join(str(error).split())[:200]) from None
    except RecursionError:
        raise Unreadable("too-deep", "collections within collections") from None


def _events(parser: Any) -> Iterator[Any]:
    while parser.check_event():
        yield parser.get_event()


class _Builder:
    """Events to values, with an own stack: how deep a file nests cannot reach the interpreter's."""

    def __init__(self) -> None:
        self.stack: list[
            tuple[Any, str | None, list[Any], int]
        ] = []  # collection, anchor, key waiting, values before it
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.values = 0
        self.twice: list[str] = []
        self.done: list[Any] = []

    def built(self, events: Iterator[Any]) -> Read:
        import yaml

        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Unreadable("several-documents", "more than one YAML document in a file")
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                if len(self.stack) >= DEEPEST:
                    raise Unreadable("too-deep", f"collections within collections, {DEEPEST} and more")
                held: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
                self.stack.append((held, event.anchor, [], self.values))
                if event.anchor:
                    self.anchors.pop(event.anchor, None)  # not to be named before it is complete
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                held, anchor, _, before = self.stack.pop()
                self.put(held, anchor, self.values - before)
            elif isinstance(event, yaml.ScalarEvent):
                self.put(_scalar(event), event.anchor, 0)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self.anchors:
                    raise Unreadable("endless-alias", f"*{event.anchor} stands for nothing, or for what holds it")
                value, size = self.anchors[event.anchor]
                self.values += size
                self.put(value, None, 0)
        if not self.done:
            raise Unreadable("empty", "nothing in it")
        return Read(self.done[0], self.twice)

    def put(self, value: Any, anchor: str | None, size: int) -> None:
        self.values += 1
        if self.values > MOST_VALUES:
            raise Unreadable("too-large", f"more than {MOST_VALUES} values, with what aliases stand for")
        if anchor:
            self.anchors[anchor] = (value, size + 1)
        if not self.stack:
            self.done.append(value)
            return
        held, _, waiting, _ = self.stack[-1]
        if isinstance(held, list):
            held.append(value)
        elif not waiting:
            waiting.append(value if isinstance(value, str) else _key(value))
        else:
            key = waiting.pop()
            if key == "<<" and isinstance(value, dict):
                for name, one in value.items():
                    held.setdefault(name, one)
                return
            if key in held and len(self.twice) < 100:
                self.twice.append(key)
            held[key] = value


def _key(value: Any) -> str:
    """A key that is no text, such as the 200 of a response."""
    if isinstance(value, dict | list):
        raise Unreadable("not-yaml", "a key that is a collection")
    return json.dumps(value) if not isinstance(value, float) else repr(value)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag in ("tag:yaml.org,2002:str", "!"):
        return text
    if event.style not in (None, ""):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if number - number == 0 else text  # 1e999 is a text
    return text
