"""Where the arguments of an operation go: path, query, header, cookie or body, and how each is written there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from arcmill.functions.walk import Pointers, SchemaError

_STYLES = {
    "path": ("simple", "label", "matrix"), "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited"),
    "header": ("simple",), "cookie": ("form",),
}  # fmt: skip
_NOT_GIVEN = ("accept", "content-type", "authorization")  # headers that are said elsewhere in the document
_TELLING = ("description", "deprecated")


class Arguments:
    """The arguments of one operation, as they are gathered: schemas, and how the call is made of them."""

    def __init__(self, pointers: Pointers) -> None:
        self.pointers = pointers
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        self.places: list[dict[str, Any]] = []
        self.remarks: list[str] = []

    def schema(self) -> dict[str, Any]:
        """That of all of them, with references into the document."""
        return {"type": "object", "properties": self.properties, "required": self.required}

    def add(self, name: str, schema: Any, needed: bool, place: dict[str, Any]) -> None:
        """One more. Two of one name in two places get the place put before the later one's."""
        argument = name
        if argument in self.properties:
            argument = f"{place['in']}_{name}"
            number = 2
            while argument in self.properties:
                argument, number = f"{place['in']}_{name}_{number}", number + 1
            self.remarks.append(f"argument-renamed: {argument}")
        self.properties[argument] = schema
        if needed:
            self.required.append(argument)
        self.places.append({"argument": argument, **place})

    def parameter(self, one: Mapping[str, Any]) -> None:
        """A parameter object. SchemaError where it says not where it goes."""
        name, place = one.get("name"), one.get("in")
        if not isinstance(name, str) or not name or not isinstance(place, str) or place not in _STYLES:
            raise SchemaError("bad-parameter", f"a parameter {str(name)[:80]!r} in {str(place)[:40]!r}")
        if place == "header" and name.lower() in _NOT_GIVEN:
            self.remarks.append(f"header-left-out: {name}")
            return
        needed = one.get("required") is True or place == "path"
        default = "form" if place in ("query", "cookie") else "simple"
        style = one.get("style", default)
        if not isinstance(style, str) or style not in _STYLES[place]:
            self.remarks.append(f"unknown-style: {name} ({str(style)[:40]})")
            style = default
        explode = one.get("explode")
        said: dict[str, Any] = {"name": name, "in": place}
        if isinstance(content := one.get("content"), Mapping) and content:
            kind, media = next(iter(content.items()))
            held = self.pointers.resolved(media)
            schema = held.get("schema", {}) if isinstance(held, Mapping) else {}
            said["content_type"] = str(kind)
        else:
            schema = one.get("schema", {})
            said |= {"style": style, "explode": explode if isinstance(explode, bool) else style == "form"}
            if one.get("allowReserved") is True:
                said["reserved"] = True
        self.add(name, told(schema, one, self.pointers), needed, said)

    def body(self, one: Mapping[str, Any]) -> None:
        """A request body, as one argument named `body`; the first kind of content counts that a caller can write best."""
        content = one.get("content")
        held = (
            {str(kind): self.pointers.resolved(media) for kind, media in content.items()}
            if isinstance(content, Mapping)
            else {}
        )
        if not held:
            self.remarks.append("body-without-content")
            return
        kind = min(held, key=lambda name: (_rank(name), list(held).index(name)))
        media = held[kind] if isinstance(held[kind], Mapping) else {}
        said: dict[str, Any] = {"in": "body", "content_type": kind}
        if others := [name for name in held if name != kind]:
            said["other_content_types"] = others
        if isinstance(encoding := media.get("encoding"), Mapping):
            said["encoding"] = {
                str(name): {k: v for k, v in given.items() if k in ("contentType", "style", "explode", "allowReserved")}
                for name, given in encoding.items() if isinstance(given, Mapping)
            }  # fmt: skip
        schema = media.get("schema")
        if schema is None:
            schema = (
                {}
                if "json" in kind
                else {"type": "string", **({} if kind.startswith("text/") else {"format": "binary"})}
            )
        telling = {**{name: media[name] for name in ("example", "examples") if name in media}, **one}
        self.add("body", told(schema, telling, self.pointers), one.get("required") is True, said)

    def template(self, path: str) -> None:
        """The names in braces of a path that no parameter declares: texts, which the call needs."""
        declared = {one["name"] for one in self.places if one["in"] == "path"}
        for name in dict.fromkeys(re.findall(r"\{([^{}/]+)\}", path)):
            if name not in declared:
                self.remarks.append(f"path-parameter-undeclared: {name}")
                self.add(
                    name, {"type": "string"}, True, {"name": name, "in": "path", "style": "simple", "explode": False}
                )
        for name in sorted(declared):
            if "{" + name + "}" not in path:
                self.remarks.append(f"path-parameter-unused: {name}")


def told(schema: Any, about: Mapping[str, Any], pointers: Pointers) -> Any:
    """A schema with what the parameter that holds it says besides."""
    said: dict[str, Any] = {name: about[name] for name in _TELLING if name in about}
    examples = about.get("examples")
    if isinstance(examples, Mapping):
        values = [pointers.resolved(one) for one in list(examples.values())[:3]]
        said["examples"] = [one["value"] for one in values if isinstance(one, Mapping) and "value" in one]
    elif "example" in about:
        said["examples"] = [about["example"]]
    if not said:
        return schema
    if isinstance(schema, Mapping) and "$ref" not in schema:
        return {**schema, **said}
    return {"allOf": [schema], **said}


def merged(of_path: Any, of_operation: Any, pointers: Pointers) -> list[Mapping[str, Any]]:
    """The parameters of an operation: the path's, each replaced by the operation's own of its name and place."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for given in (of_path, of_operation):
        for one in given if isinstance(given, Sequence) and not isinstance(given, str) else ():
            held = pointers.resolved(one)
            if not isinstance(held, Mapping):
                raise SchemaError("bad-parameter", f"{held!r:.80} is no parameter")
            found[str(held.get("name")), str(held.get("in"))] = held
    return list(found.values())


def _rank(kind: str) -> int:
    kind = kind.split(";")[0].strip().lower()
    order = (
        "application/json",
        "+json",
        "*/*",
        "application/x-www-form-urlencoded",
        "multipart/",
        "text/plain",
        "text/",
    )
    for number, known in enumerate(order):
        if (
            kind == known
            or (known == "+json" and kind.endswith(known))
            or (known.endswith("/") and kind.startswith(known))
        ):
            return number
    return len(order) + ("xml" in kind)
