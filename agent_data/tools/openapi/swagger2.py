"""Operations of Swagger 2 in the form of OpenAPI 3, so that one compiler reads both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arcmill.functions.walk import Pointers

_STYLES = {"csv": ("form", False), "ssv": ("spaceDelimited", False), "tsv": ("tabDelimited", False),
           "pipes": ("pipeDelimited", False), "multi": ("form", True)}  # fmt: skip
_OF_PARAMETER = frozenset({"name", "in", "description", "required", "collectionFormat", "allowEmptyValue"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def server(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    """Where the operation is."""
    schemes = operation.get("schemes") or document.get("schemes") or ["https"]
    host = document.get("host")
    scheme = "https" if "https" in schemes or not isinstance(schemes, list) or not schemes else str(schemes[0])
    base = str(document.get("basePath") or "")
    return f"{scheme}://{host}{base}".rstrip("/") if host else base


def modern(
    document: Mapping[str, Any],
    operation: Mapping[str, Any],
    parameters: Sequence[Mapping[str, Any]],
    pointers: Pointers,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(operation, parameters) as OpenAPI 3 writes them. `parameters`: resolved, those of the path among them."""
    kept: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    needed: list[str] = []
    body: Mapping[str, Any] | None = None
    for one in parameters:
        place = one.get("in")
        if place == "body":
            body = one
        elif place == "formData":
            fields[str(one.get("name"))] = _described(one)
            if one.get("required") is True:
                needed.append(str(one.get("name")))
        else:
            made = {name: one[name] for name in ("name", "in", "description", "required") if name in one}
            style, explode = _STYLES.get(str(one.get("collectionFormat", "csv")), ("form", False))
            if one.get("type") == "array":
                made |= {
                    "style": "simple" if place in ("path", "header") and style == "form" else style,
                    "explode": explode,
                }
            kept.append({**made, "schema": _schema(one)})
    out = {name: value for name, value in operation.items() if name not in ("parameters", "responses")}
    consumes = _types(operation.get("consumes", document.get("consumes")))
    if body is not None:
        content = {name: {"schema": body.get("schema", {})} for name in consumes or ["application/json"]}
        out["requestBody"] = {**{n: body[n] for n in ("description", "required") if n in body}, "content": content}
    elif fields:
        schema: dict[str, Any] = {"type": "object", "properties": fields, "required": needed}
        files = any(str(one.get("type")) == "file" for one in parameters)
        forms = [name for name in consumes if name in _FORMS] or [_FORMS[1] if files else _FORMS[0]]
        out["requestBody"] = {"required": bool(needed), "content": {name: {"schema": schema} for name in forms}}
    produces = _types(operation.get("produces", document.get("produces"))) or ["application/json"]
    out["responses"] = {}
    given = operation.get("responses")
    for status, one in given.items() if isinstance(given, Mapping) else ():
        held = pointers.resolved(one)
        if isinstance(held, Mapping):
            content = {name: {"schema": held["schema"]} for name in produces} if "schema" in held else {}
            out["responses"][status] = {"description": held.get("description", ""), "content": content}
    return out, kept


def _types(given: Any) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list) else []


def _schema(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in _OF_PARAMETER}


def _described(one: Mapping[str, Any]) -> dict[str, Any]:
    return {**_schema(one), **({"description": one["description"]} if "description" in one else {})}
