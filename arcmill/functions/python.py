"""A Python function as a tool: its schema from the signature, the annotations and the docstring. Nothing is called."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from arcmill.functions.annotations import Annotations, NoSchema, is_json
from arcmill.functions.docstring import Docstring, read_docstring
from arcmill.functions.forms import normal_parameters
from arcmill.functions.normal import normal_schema

_WORDS = {"str": "string", "string": "string", "text": "string", "int": "integer", "integer": "integer",
          "float": "number", "number": "number", "bool": "boolean", "boolean": "boolean", "list": "array", "array": "array",
          "dict": "object", "object": "object"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Described:
    """A function that can be offered as a tool. `positional`: parameters that it takes by their place only."""

    name: str
    description: str
    parameters: dict[str, Any]
    returns: dict[str, Any] | None
    positional: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """In OpenAI's function form."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.parameters},
        }


def function_schema(function: Callable[..., Any], skip: Collection[str] | int = ()) -> dict[str, Any]:
    """A function's schema in OpenAI's function form; see `described`."""
    return described(function, skip).schema()


def described(function: Callable[..., Any], skip: Collection[str] | int = (), name: str | None = None) -> Described:
    """Name, description, parameters (a JSON schema) and result of a function, read from its signature and docstring.

    `skip`: parameters that no caller gives, by name, or as a number of leading ones, such as the state of a world. A parameter
    `x: T | None = None` is one of T that may be left out; one without annotation takes the docstring's type, if it is a plain
    one. ValueError for what has no signature, or takes what JSON cannot hold.
    """
    name = name or _name(function)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        raise ValueError(f"{name} has no signature that can be read") from None
    said = read_docstring(inspect.getdoc(_documented(function)))
    hints = _hints(function)
    held = list(signature.parameters.values())
    left_out = {one.name for one in held[:skip]} if isinstance(skip, int) else set(skip)
    compiler = Annotations()
    properties: dict[str, Any] = {}
    required: list[str] = []
    positional: list[str] = []
    more: Any = False
    for one in held:
        if one.name in left_out or one.kind is one.VAR_POSITIONAL:
            continue
        try:
            made, needed = _parameter(one, hints.get(one.name, one.empty), said, compiler)
        except NoSchema as error:
            if one.default is one.empty or one.kind is one.VAR_KEYWORD:
                raise ValueError(f"{name}: parameter {one.name}: {error}") from None
            continue  # nobody can give it, and nobody has to
        if one.kind is one.VAR_KEYWORD:
            more = made or True
            continue
        properties[one.name] = made
        if needed:
            required.append(one.name)
        if one.kind is one.POSITIONAL_ONLY:
            positional.append(one.name)
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    parameters["additionalProperties"] = more
    if compiler.definitions:
        parameters["$defs"] = compiler.definitions
    return Described(name, said.summary, normal_parameters(parameters), _returns(hints), tuple(positional))


def _parameter(
    one: inspect.Parameter, annotation: Any, said: Docstring, compiler: Annotations
) -> tuple[dict[str, Any], bool]:
    """The schema of a parameter, and whether it must be given."""
    default = one.default
    field = default if type(default).__name__ == "FieldInfo" else None  # pydantic's Field as a default
    if field is not None:
        default = one.empty if field.is_required() else field.get_default()
    if default is None:
        annotation = _without_none(annotation)
    made = compiler.schema(annotation)
    if field is not None:
        made = compiler.refined(made, [field])
    if not made and annotation is one.empty and one.name in said.types:
        made = _from_words(said.types[one.name])
    if default is not one.empty and default is not None and is_json(default):
        made = {**_open(made), "default": default}
    if "description" not in made and (text := said.parameters.get(one.name)):
        made = {**_open(made), "description": text}
    return made, default is one.empty


def _open(made: dict[str, Any]) -> dict[str, Any]:
    """A schema that more can be said of; what stands beside a reference is not read by everyone."""
    return {"allOf": [made]} if "$ref" in made else made


def _without_none(annotation: Any) -> Any:
    """`T` of `T | None`, also within Annotated."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return typing.Annotated[_without_none(args[0]), *args[1:]]
    if type(None) not in args or len(args) < 2:
        return annotation
    kept = tuple(arg for arg in args if arg is not type(None))
    return typing.Union[kept]  # noqa: UP007


def _from_words(text: str) -> dict[str, Any]:
    """The type that a docstring names, where it is a plain one: "int", "list[str]", "str or None"."""
    kept = [word for word in re.split(r"\s*(?:\||\bor\b)\s*", text.strip().strip("`")) if word.lower() != "none"]
    if len(kept) == 1 and (match := re.fullmatch(r"(?:Optional\[)?(\w+)(?:\[(\w+)\]|\s+of\s+(\w+?)s?)?\]?", kept[0])):
        kind = _WORDS.get(match[1].lower())
        item = _WORDS.get((match[2] or match[3] or "").lower())
        if kind == "array" and item:
            return {"type": "array", "items": {"type": item}}
        if kind:
            return {"type": kind}
    return {}


def _returns(hints: dict[str, Any]) -> dict[str, Any] | None:
    if "return" not in hints:
        return None
    compiler = Annotations()
    try:
        made = compiler.schema(hints["return"])
    except NoSchema:
        return None
    if compiler.definitions:
        made = {**made, "$defs": compiler.definitions}
    return normal_schema(made) if made else None


def _documented(function: Any) -> Any:
    """Where the docstring stands."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if inspect.isroutine(function):
        return function
    return getattr(type(function), "__call__", function)  # noqa: B004  (the method, not whether there is one)


def _name(function: Any) -> str:
    held = function
    while isinstance(held, functools.partial):
        held = held.func
    return str(getattr(held, "__name__", None) or type(held).__name__)


def _hints(function: Any) -> dict[str, Any]:
    """The annotations, evaluated; one that cannot be (imported for type checkers alone) counts as none."""
    where = _documented(function)
    try:
        return typing.get_type_hints(where, include_extras=True)
    except Exception:  # whatever a name in an annotation may raise
        pass
    found = {}
    names = getattr(where, "__globals__", {})
    for name, annotation in getattr(where, "__annotations__", {}).items():
        try:
            found[name] = eval(annotation, names) if isinstance(annotation, str) else annotation
        except Exception:
            continue
    return found
