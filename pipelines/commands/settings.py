"""The settings of a stage or a command, as its help and the reference list them: from their declaration alone."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_NAMES = {bool: "true or false", str: "text", int: "int", float: "float", type(None): "null", Any: "any value"}
_BOUNDS = {
    "ge": "at least", "gt": "more than", "le": "at most", "lt": "less than", "min_length": "length at least",
    "max_length": "length at most", "pattern": "matches",
}  # fmt: skip
_LONGEST = 80  # characters of a default that are shown


class Setting(NamedTuple):
    """One setting. `key` has dots for groups, `NAME` for the keys of a mapping and `[]` for the elements of a list."""

    key: str
    kind: str  # in words, such as "int or null"
    default: str  # JSON, or "required"
    bounds: str  # such as "0 to 1"; empty where there are none
    meaning: str
    annotation: Any

    @property
    def default_told(self) -> str:
        """What help says of the default."""
        return self.default if self.default == "required" else f"default {self.default}"


def settings_of(model: type[BaseModel], prefix: str = "", held: BaseModel | None = None) -> list[Setting]:
    """Every setting of a model, those of groups with it. `held`: the defaults, where a group has others than its own."""
    from pydantic import BaseModel

    found: list[Setting] = []
    for key, field in model.model_fields.items():
        kind = field.annotation
        if held is not None:
            default = getattr(held, key)
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += settings_of(kind, f"{prefix}{key}.", default if isinstance(default, BaseModel) else None)
            continue
        shown = "required" if held is None and field.is_required() else _json(default)
        found.append(Setting(prefix + key, _kind(kind), shown, _bounds(field), field.description or "", kind))
        for place, group in groups_in(kind):
            found += settings_of(group, f"{prefix}{key}{place}.")
    return found


def groups_in(kind: Any, place: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The groups of settings that a list, a mapping or a choice holds, each with where it stands in it."""
    from pydantic import BaseModel

    parts = get_args(kind)
    if get_origin(kind) is dict:
        place, parts = f"{place}.NAME", parts[1:]
    elif get_origin(kind) in (list, tuple):
        place += "[]"
    for part in parts:
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield place, part
        else:
            yield from groups_in(part, place)


def settings_help(model: type[BaseModel], prefix: str = "") -> list[str]:
    """The lines of help about settings: key, type, bounds, default, and below them the meaning."""
    import textwrap

    lines = []
    for setting in settings_of(model, prefix):
        told = ", ".join(filter(None, (setting.kind, setting.bounds, setting.default_told)))
        lines.append(f"  {setting.key} ({told})")
        lines.extend(f"      {line}" for line in textwrap.wrap(setting.meaning, 100))
    return lines


def _kind(kind: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in parts)
    if origin is dict:
        return f"mapping of {_kind(parts[0])} to {_kind(parts[1])}"
    if origin is tuple and len(parts) > 1 and parts[1] is not Ellipsis:
        return f"list of {len(parts)}: {', '.join(_kind(part) for part in parts)}"
    if origin in (list, tuple, frozenset, set):
        inner = _kind(parts[0])
        return f"list of ({inner})" if " " in inner else f"list of {inner}"
    return _NAMES.get(kind) or ("mapping" if hasattr(kind, "model_fields") else str(getattr(kind, "__name__", kind)))


def _bounds(field: FieldInfo) -> str:
    """What a value, or the length of a text, list or mapping, must not pass; in words."""
    held = {
        name: value for rule in field.metadata for name in _BOUNDS if (value := getattr(rule, name, None)) is not None
    }
    told = []
    if "ge" in held and "le" in held:
        told.append(f"{_number(held.pop('ge'))} to {_number(held.pop('le'))}")
    if held.get("min_length") == 1:
        told.append("not empty")
        del held["min_length"]
    return ", ".join([*told, *(f"{_BOUNDS[name]} {_number(value)}" for name, value in held.items())])


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _json(value: Any) -> str:
    from pydantic import BaseModel

    def plain(inner: Any) -> Any:
        return inner.model_dump(mode="json") if isinstance(inner, BaseModel) else str(inner)

    text = json.dumps(value, default=plain)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
