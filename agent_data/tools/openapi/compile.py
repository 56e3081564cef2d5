"""An OpenAPI document as tools. The document may come from anyone: it is bounded, and nothing that it names is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent_data.tools.openapi import swagger2
from agent_data.tools.openapi.parameters import Arguments, merged
from agent_data.tools.specs import spec_of
from arcmill.functions.forms import normal_parameters
from arcmill.functions.normal import normal_schema
from arcmill.functions.walk import Pointers, SchemaError, parts
from arcmill.records import ToolSpec, stable_id
from arcmill.stage import Failure, Outcome

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
MOST_OPERATIONS = 10_000
_TEXT = 8_000  # characters of a description


def is_openapi(value: Any) -> bool:
    """Whether a document says that it is one."""
    return isinstance(value, Mapping) and ("swagger" in value or "openapi" in value)


def tools_in(document: Mapping[str, Any], source: str, license: str | None = None) -> Iterator[ToolSpec | Failure]:
    """A tool for each operation of a document; a Failure for each that cannot be one, and for what is none (webhooks)."""
    version = str(document.get("openapi") or document.get("swagger"))
    if not re.match(r"(2|3\.[0-9]+)(\.|$)", version):
        yield _refused(source, "", "unknown-version", f"OpenAPI {version[:40]!r}; known are 2.0, 3.0, 3.1 and 3.2")
        return
    info = document.get("info")
    held = info.get("license") if isinstance(info, Mapping) else None
    if isinstance(held, Mapping):
        license = str(held.get("identifier") or held.get("name") or "") or license
    compiler = _Document(document, source, license, version.startswith("2"))
    paths = document.get("paths")
    found = 0
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for one in compiler.path(str(path), item):
            found += 1
            if found > MOST_OPERATIONS:
                yield _refused(source, "", "too-large", f"more than {MOST_OPERATIONS} operations")
                return
            yield one
    webhooks = document.get("webhooks", document.get("x-webhooks"))
    for name in webhooks if isinstance(webhooks, Mapping) else ():
        found += 1
        yield _refused(source, f"webhook {name}", "webhook", "the service calls whoever listens; nobody can call it")
    if not found:
        yield _refused(source, "", "no-operations", "the document describes no operation")


class _Document:
    """One document, as it is compiled."""

    def __init__(self, document: Mapping[str, Any], source: str, license: str | None, old: bool) -> None:
        self.document, self.source, self.license, self.old = document, source, license, old
        self.pointers = Pointers(document)
        self.names: dict[str, int] = {}
        self.taken: set[str] = set()

    def path(self, path: str, item: Any) -> Iterator[ToolSpec | Failure]:
        if path.startswith("x-"):
            return
        try:
            held = self._item(item)
        except SchemaError as error:
            yield _refused(self.source, path, error.rule, error.detail)
            return
        for method in METHODS:
            if method not in held:
                continue
            try:
                yield self.operation(path, method, held, held[method])
            except SchemaError as error:
                yield _refused(self.source, f"{method.upper()} {path}", error.rule, error.detail)
            except RecursionError:
                yield _refused(self.source, f"{method.upper()} {path}", "too-deep", "definitions within definitions")

    def _item(self, item: Any) -> Mapping[str, Any]:
        """A path, with what it refers to."""
        held = self.pointers.resolved(item)
        if not isinstance(held, Mapping):
            raise SchemaError("bad-path", f"{held!r:.80} is no path item")
        beside = {name: value for name, value in item.items() if name != "$ref"} if isinstance(item, Mapping) else {}
        return {**held, **beside}

    def operation(self, path: str, method: str, item: Mapping[str, Any], operation: Any) -> ToolSpec:
        if not isinstance(operation, Mapping):
            raise SchemaError("bad-operation", f"{operation!r:.80} is no operation")
        parameters = merged(item.get("parameters"), operation.get("parameters"), self.pointers)
        if self.old:
            operation, upgraded = swagger2.modern(self.document, operation, parameters, self.pointers)
            parameters = list(upgraded)
        arguments = Arguments(self.pointers)
        for one in parameters:
            arguments.parameter(one)
        if (body := self.pointers.resolved(operation.get("requestBody"))) is not None:
            if not isinstance(body, Mapping):
                raise SchemaError("bad-body", f"{body!r:.80} is no request body")
            arguments.body(body)
        arguments.template(path)
        notes = arguments.remarks
        schema = normal_parameters(without(arguments.schema(), "readOnly", self.pointers), self.document, notes)
        schema = _stripped(schema, "readOnly")
        name = self._name(operation.get("operationId"), method, path, notes)
        if operation.get("deprecated") is True:
            notes.append(f"deprecated: {name}")
        call: dict[str, Any] = {
            "kind": "http", "server": self._server(item, operation), "method": method.upper(), "path": path,
            "arguments": arguments.places,
        }  # fmt: skip
        if security := self._security(operation):
            call["security"] = security
        if isinstance(callbacks := operation.get("callbacks"), Mapping) and callbacks:
            call["callbacks"] = sorted(map(str, callbacks))
            notes.append(f"callbacks: {', '.join(call['callbacks'])[:200]}")
        return spec_of(
            {"name": name, "description": _description(operation, item), "parameters": schema},
            origin="openapi", source=self.source, license=self.license, returns=self._returns(operation, notes),
            call=call, remarks=notes,
        )  # fmt: skip

    def _name(self, given: Any, method: str, path: str, notes: list[str]) -> str:
        if isinstance(given, str) and given.strip():
            name = re.sub(r"[^A-Za-z0-9_-]+", "_", given.strip()).strip("_")[:64]
            if name != given:
                notes.append(f"renamed: {given[:100]}")
        else:
            name = re.sub(r"[^A-Za-z0-9]+", "_", f"{method} {path}").strip("_")[:64]
            notes.append(f"no-operation-id: {method.upper()} {path[:100]}")
        name = name or method
        self.names[name] = number = self.names.get(name, 0) + 1
        if name in self.taken:
            notes.append(f"duplicate-operation-id: {name}")
            base, number = name[:58], max(number, 2)
            while (name := f"{base}_{number}") in self.taken:
                number += 1
        self.taken.add(name)
        return name

    def _server(self, item: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
        if self.old:
            return swagger2.server(self.document, operation)
        for given in (operation.get("servers"), item.get("servers"), self.document.get("servers")):
            if isinstance(given, list) and given and isinstance(given[0], Mapping):
                url = str(given[0].get("url", ""))
                variables = given[0].get("variables")
                for name, one in variables.items() if isinstance(variables, Mapping) else ():
                    if isinstance(one, Mapping):
                        url = url.replace("{" + str(name) + "}", str(one.get("default", "")))
                return url[:1000]
        return "/"

    def _security(self, operation: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        """Ways to sign in, of which one is needed, each of one scheme or several."""
        given = operation.get("security", self.document.get("security"))
        if self.old:
            schemes = self.document.get("securityDefinitions")
        else:
            components = self.document.get("components")
            schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
        out = []
        for way in given if isinstance(given, list) else ():
            if isinstance(way, Mapping):
                out.append([self._scheme(str(name), schemes) for name in way])
        return out

    def _scheme(self, name: str, schemes: Any) -> dict[str, Any]:
        held = schemes.get(name) if isinstance(schemes, Mapping) else None
        try:
            held = self.pointers.resolved(held)
        except SchemaError:
            held = None
        if not isinstance(held, Mapping):
            return {"scheme": name}
        return {"scheme": name, **{key: held[key] for key in ("type", "in", "name") if isinstance(held.get(key), str)}}

    def _returns(self, operation: Mapping[str, Any], notes: list[str]) -> dict[str, Any] | None:
        """The schema of what a call gives that went well, where it is JSON."""
        responses = operation.get("responses")
        if not isinstance(responses, Mapping):
            return None
        good = [status for status in responses if re.fullmatch(r"2(\d\d|XX|xx)", str(status))] or ["default"]
        try:
            for status in sorted(good, key=str):
                held = self.pointers.resolved(responses.get(status))
                content = held.get("content") if isinstance(held, Mapping) else None
                for kind, media in content.items() if isinstance(content, Mapping) else ():
                    media = self.pointers.resolved(media)
                    if ("json" in str(kind) or kind == "*/*") and isinstance(media, Mapping) and "schema" in media:
                        return _stripped(normal_schema(media["schema"], self.document), "writeOnly")
        except SchemaError as error:
            notes.append(f"returns-left-out: {error.rule}")
        return None


def without(schema: dict[str, Any], flag: str, pointers: Pointers) -> dict[str, Any]:
    """The top properties but for those that are never sent, such as `readOnly` ones."""
    kept = {
        name: one
        for name, one in schema["properties"].items()
        if not (isinstance(one, Mapping) and one.get(flag) is True)
    }
    return {**schema, "properties": kept, "required": [name for name in schema["required"] if name in kept]}


def _stripped(schema: dict[str, Any], flag: str) -> dict[str, Any]:
    """A normal schema without properties of a flag: what a server alone writes, or what it never tells."""
    waiting = [schema, *(one for one in schema.get("$defs", {}).values() if isinstance(one, dict))]
    while waiting:
        one = waiting.pop()
        held = one.get("properties")
        if isinstance(held, dict):
            for name in [name for name, part in held.items() if isinstance(part, dict) and part.get(flag) is True]:
                del held[name]
                one["required"] = [other for other in one.get("required", []) if other != name]
            if one.get("required") == []:
                del one["required"]
        waiting.extend(part for _, _, part in parts(one))
    return schema


def _description(operation: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    texts = [str(operation.get(name) or item.get(name) or "").strip() for name in ("summary", "description")]
    if texts[0] and texts[1].startswith(texts[0]):
        texts = texts[1:]
    return "\n\n".join(text for text in texts if text)[:_TEXT]


def _refused(source: str, where: str, rule: str, detail: str) -> Failure:
    told = json.dumps({"source": source, "operation": where, "why": detail}, ensure_ascii=False)
    return Failure(stable_id("operation", source, where), Outcome(rule, "dropped", detail=told))
