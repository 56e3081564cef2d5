"""Python annotations as JSON schemas."""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_PLAIN: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_ARRAYS = (list, tuple, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection, abc.Set,
           abc.MutableSet)  # fmt: skip
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_OBJECTS = (dict, abc.Mapping, abc.MutableMapping)
_UNWRAPPED = {"Required", "NotRequired", "ReadOnly", "Final", "ClassVar", "Unpack"}
# Constraints of annotated_types and pydantic, known by their attributes, so that neither has to be imported.
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum", "multiple_of": "multipleOf",
           "pattern": "pattern"}  # fmt: skip
_LENGTHS = {"string": "Length", "array": "Items", "object": "Properties"}
_MISSING = object()


class NoSchema(ValueError):
    """An annotation whose values JSON cannot hold."""


class Annotations:
    """Compiles annotations; classes with fields go to `definitions`, which belong into `$defs` of the whole schema."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def schema(self, kind: Any) -> dict[str, Any]:
        """The schema of an annotation; {} for Any. NoSchema where JSON cannot hold such values."""
        if kind in (Any, object, inspect.Parameter.empty):
            return {}
        if kind is None:
            return {"type": "null"}
        if isinstance(kind, type) and kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self.refined(self.schema(args[0]), args[1:])
        if origin is typing.Literal:
            return literal(args)
        if origin in (typing.Union, types.UnionType):
            return self._union(args)
        if getattr(origin, "_name", getattr(origin, "__name__", None)) in _UNWRAPPED and args:
            return self.schema(args[0])
        if (held := _container(origin or kind)) is not None:
            return self._array(held, args) if held in _ARRAYS else self._object(args)
        if isinstance(kind, typing.TypeVar):
            if kind.__constraints__:
                return self._union(kind.__constraints__)
            return self.schema(kind.__bound__) if kind.__bound__ is not None else {}
        if isinstance(kind, typing.NewType):
            return self.schema(kind.__supertype__)
        if type(kind).__name__ == "TypeAliasType":
            return self.schema(kind.__value__)
        if isinstance(kind, type):
            return self._class(kind)
        if isinstance(origin, type):
            return self._class(origin)
        raise NoSchema(f"no JSON form of {kind!r:.100}")

    def refined(self, made: dict[str, Any], metadata: Iterable[Any]) -> dict[str, Any]:
        """A schema with what `Annotated` adds: a text is its description; bounds and lengths of pydantic and alike."""
        made = {"allOf": [made]} if "$ref" in made else dict(made)
        for item in metadata:
            if isinstance(item, str):
                made["description"] = item
                continue
            if isinstance(description := getattr(item, "description", None), str):
                made["description"] = description
            if isinstance(examples := getattr(item, "examples", None), list):
                made["examples"] = examples
            made = self.refined(made, getattr(item, "metadata", None) or ())
            for attribute, keyword in _BOUNDS.items():
                value = getattr(item, attribute, None)
                if isinstance(value, int | float | str) and not isinstance(value, bool):
                    made[keyword] = value
            suffix = _LENGTHS.get(str(made.get("type")), "Length")
            for attribute in ("min_length", "max_length"):
                if isinstance(value := getattr(item, attribute, None), int):
                    made[f"{attribute[:3]}{suffix}"] = value
        if len(made) == 1 and "allOf" in made:
            return dict(made["allOf"][0])
        return made

    def _union(self, args: Sequence[Any]) -> dict[str, Any]:
        made = [self.schema(arg) for arg in args]
        if {} in made:
            return {}
        if all(set(one) == {"type"} for one in made):
            kinds = list(dict.fromkeys(one["type"] for one in made))
            return {"type": kinds[0] if len(kinds) == 1 else kinds}
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _array(self, held: Any, args: Sequence[Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "array"}
        if held is tuple and args and Ellipsis not in args:
            items = [] if args == ((),) else [self.schema(arg) for arg in args]
            return {**made, "prefixItems": items, "items": False, "minItems": len(items), "maxItems": len(items)}
        if args and (items_of := self.schema(args[0])):
            made["items"] = items_of
        return {**made, "uniqueItems": True} if held in _SETS else made

    def _object(self, args: Sequence[Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "object"}
        if len(args) == 2 and (values := self.schema(args[1])):
            made["additionalProperties"] = values
        return made

    def _class(self, kind: Any) -> dict[str, Any]:
        if issubclass(kind, enum.Enum):
            return literal([member.value for member in kind])
        if typing.is_typeddict(kind):
            hints = _hints(kind)
            required = _required(kind, hints)
            return self._named(kind, lambda: self._fields(kind, {n: (hints[n], _MISSING) for n in hints}, required))
        if dataclasses.is_dataclass(kind):
            return self._named(kind, lambda: self._dataclass(kind))
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            hints = _hints(kind)
            items = [hints.get(name, Any) for name in kind._fields]
            return self._named(kind, lambda: self._array(tuple, items))
        return self._foreign(kind)

    def _dataclass(self, kind: Any) -> dict[str, Any]:
        hints, held, required = _hints(kind), {}, set()
        for one in dataclasses.fields(kind):
            if one.init:
                given = one.default is not dataclasses.MISSING
                held[one.name] = (hints.get(one.name, Any), one.default if given else _MISSING)
                if not given and one.default_factory is dataclasses.MISSING:
                    required.add(one.name)
        return self._fields(kind, held, required)

    def _fields(self, kind: Any, held: Mapping[str, tuple[Any, Any]], required: Iterable[str]) -> dict[str, Any]:
        properties = {}
        for name, (annotation, default) in held.items():
            made = self.schema(annotation)
            if default is not _MISSING and is_json(default):
                made = {**(made if "$ref" not in made else {"allOf": [made]}), "default": default}
            properties[name] = made
        made = {"type": "object", "properties": properties, "additionalProperties": False}
        if named := [name for name in properties if name in set(required)]:
            made["required"] = named
        text = kind.__doc__ or ""
        if text and not text.startswith((f"{kind.__name__}(", "dict(")):
            made["description"] = inspect.cleandoc(text)
        return made

    def _named(self, kind: Any, make: Any) -> dict[str, Any]:
        """A class with fields: made once, so that one that holds itself ends."""
        name = self._names.get(kind)
        if name is None:
            name = base = kind.__name__
            number = 2
            while name in self.definitions:
                name, number = f"{base}{number}", number + 1
            self._names[kind] = name
            self.definitions[name] = {}
            self.definitions[name] = make()
        return {"$ref": f"#/$defs/{name}"}

    def _foreign(self, kind: Any) -> dict[str, Any]:
        """What pydantic knows: its models, dates, paths, identifiers …"""
        from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
        from pydantic.errors import PydanticInvalidForJsonSchema

        try:
            made = TypeAdapter(kind).json_schema()
        except (
            PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError, TypeError, NameError,
        ) as error:  # fmt: skip
            raise NoSchema(f"no JSON form of {getattr(kind, '__qualname__', kind)} ({type(error).__name__})") from None
        for name, definition in made.pop("$defs", {}).items():
            self.definitions.setdefault(name, untitled(definition))
        return typing.cast("dict[str, Any]", untitled(made))


def literal(values: Iterable[Any]) -> dict[str, Any]:
    """The schema of one of some values."""
    held = [value.value if isinstance(value, enum.Enum) else value for value in values]
    if not all(is_json(value) for value in held):
        raise NoSchema(f"no JSON form of one of {held!r:.100}")
    kinds = list(dict.fromkeys(_PLAIN.get(type(value), "") for value in held))
    typed = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds and "" not in kinds else {}
    return {**typed, "enum": held}


def is_json(value: Any, depth: int = 20) -> bool:
    """Whether JSON can hold a value as it is."""
    if value is None or isinstance(value, str | bool | int):
        return not isinstance(value, enum.Enum)
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    if depth == 0:
        return False
    if type(value) is list:
        return all(is_json(one, depth - 1) for one in value)
    return type(value) is dict and all(isinstance(k, str) and is_json(v, depth - 1) for k, v in value.items())


def untitled(made: Any) -> Any:
    """A schema without the titles that pydantic makes of names; a property named title stays."""
    if isinstance(made, list):
        return [untitled(one) for one in made]
    if not isinstance(made, dict):
        return made
    out = {}
    for name, value in made.items():
        if name == "title" and isinstance(value, str):
            continue
        if name in ("properties", "$defs") and isinstance(value, dict):
            out[name] = {key: untitled(one) for key, one in value.items()}
        else:
            out[name] = value if name in ("default", "enum", "const", "examples") else untitled(value)
    return out


def _required(kind: Any, hints: Mapping[str, Any]) -> set[str]:
    """The keys that a TypedDict must have. Where annotations are texts, the class itself does not know Required and NotRequired."""
    required = set(kind.__required_keys__)
    for name, annotation in hints.items():
        wrapper = getattr(typing.get_origin(annotation), "_name", None)
        if wrapper == "NotRequired":
            required.discard(name)
        elif wrapper == "Required":
            required.add(name)
    return required


def _container(kind: Any) -> Any:
    return next((known for known in (*_ARRAYS, *_OBJECTS) if kind is known), None)


def _hints(kind: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception as error:  # whatever a name in an annotation may raise
        raise NoSchema(f"annotations of {kind.__qualname__}: {error}"[:200]) from None
