"""Documents of OpenAPI, small and hostile, as tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_data.tools.openapi.compile import tools_in
from arcmill.functions.check import checker
from arcmill.records import ToolSpec
from arcmill.stage import Failure


def document(
    operation: dict[str, Any], path: str = "/pets/{id}", version: str = "3.0.3", **more: Any
) -> dict[str, Any]:
    kind = {"swagger": "2.0"} if version == "2.0" else {"openapi": version}
    return {**kind, "info": {"title": "Pets", "license": {"name": "MIT"}}, "paths": {path: {"post": operation}}, **more}


def only(given: dict[str, Any]) -> ToolSpec:
    (spec,) = tools_in(given, "pets.json")
    assert isinstance(spec, ToolSpec), spec
    return spec


def parameters(spec: ToolSpec) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(spec.schema)["function"]["parameters"]
    return found


def places(spec: ToolSpec) -> dict[str, dict[str, Any]]:
    return {one["argument"]: one for one in json.loads(spec.call or "")["arguments"]}


def test_parameters_of_every_place_and_style() -> None:
    spec = only(
        document(
            {
                "operationId": "find", "summary": "Find pets.", "security": [{"key": []}],
                "parameters": [
                    {"name": "id", "in": "path", "style": "matrix", "explode": True, "schema": {"type": "integer"}},
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
                    {"name": "tags", "in": "query", "style": "pipeDelimited", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "point", "in": "query", "content": {"application/json": {"schema": {"type": "array"}}}},
                    {"name": "X-Trace", "in": "header", "required": True, "description": "trace", "schema": {"type": "string"}},
                    {"name": "Accept", "in": "header", "schema": {"type": "string"}},
                    {"name": "id", "in": "cookie", "schema": {"type": "string"}},
                    {"name": "odd", "in": "query", "style": "curly", "schema": {"type": "string"}},
                ],
                "callbacks": {"done": {}}, "deprecated": True,
            },
            components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key", "x": 1}}},
            servers=[{"url": "https://{host}/v1", "variables": {"host": {"default": "pets.example"}}}],
        )
    )  # fmt: skip
    assert parameters(spec)["required"] == ["id", "X-Trace"]
    held = places(spec)
    assert held["id"] == {"argument": "id", "name": "id", "in": "path", "style": "matrix", "explode": True}
    assert held["cookie_id"]["name"] == "id" and held["cookie_id"]["in"] == "cookie"
    assert (held["filter"]["style"], held["tags"]["style"], held["tags"]["explode"]) == (
        "deepObject",
        "pipeDelimited",
        False,
    )
    assert held["point"] == {"argument": "point", "name": "point", "in": "query", "content_type": "application/json"}
    assert "Accept" not in held and held["odd"]["style"] == "form"
    call = json.loads(spec.call or "")
    assert call["server"] == "https://pets.example/v1" and call["callbacks"] == ["done"]
    assert call["security"] == [[{"scheme": "key", "type": "apiKey", "in": "header", "name": "X-Key"}]]
    assert {
        "argument-renamed: cookie_id",
        "header-left-out: Accept",
        "unknown-style: odd (curly)",
        "callbacks: done",
        "deprecated: find",
    } <= set(spec.lint or ())
    assert (spec.name, spec.origin, spec.license, spec.source) == ("find", "openapi", "MIT", "pets.json")


def test_bodies_leave_out_what_the_server_writes_and_returns_what_it_never_tells() -> None:
    pet = {
        "type": "object", "required": ["id", "name"],
        "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}, "secret": {"type": "string", "writeOnly": True}},
    }  # fmt: skip
    spec = only(
        document(
            {
                "requestBody": {"required": True, "content": {"application/xml": {}, "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                "responses": {"404": {"description": "no"}, "201": {"description": "yes", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}},
            },
            components={"schemas": {"Pet": pet}},
        )
    )  # fmt: skip
    body = parameters(spec)["properties"]["body"]
    assert set(body["properties"]) == {"name", "secret"} and body["required"] == ["name"]
    assert set(json.loads(spec.returns or "")["properties"]) == {"id", "name"}
    assert places(spec)["body"] == {
        "argument": "body",
        "in": "body",
        "content_type": "application/json",
        "other_content_types": ["application/xml"],
    }
    assert spec.name == "post_pets_id", "made of method and path"
    assert parameters(spec)["required"] == ["body", "id"], "a name in the path that nothing declares is needed, too"


def test_swagger_2_forms_files_and_collections() -> None:
    spec = only(
        document(
            {
                "operationId": "up load", "consumes": ["multipart/form-data"],
                "parameters": [
                    {"name": "id", "in": "path", "type": "integer", "required": True},
                    {"name": "ids", "in": "query", "type": "array", "items": {"type": "integer"}, "collectionFormat": "multi"},
                    {"name": "photo", "in": "formData", "type": "file", "required": True},
                ],
                "responses": {"200": {"schema": {"type": "array", "items": {"type": "string"}}}},
            },
            version="2.0", host="pets.example", basePath="/v2", schemes=["http"],
        )
    )  # fmt: skip
    assert spec.name == "up_load" and "renamed: up load" in (spec.lint or ())
    assert parameters(spec)["properties"]["body"]["properties"]["photo"] == {"type": "string", "format": "binary"}
    assert places(spec)["ids"]["explode"] is True and places(spec)["body"]["content_type"] == "multipart/form-data"
    assert json.loads(spec.call or "")["server"] == "http://pets.example/v2"
    assert json.loads(spec.returns or "") == {"type": "array", "items": {"type": "string"}}


def test_circular_schemas_are_kept_as_such() -> None:
    node = {
        "type": "object",
        "properties": {
            "kids": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            "n": {"type": "integer"},
        },
    }
    spec = only(
        document(
            {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}}, "/n",
            components={"schemas": {"Node": node}},
        )
    )  # fmt: skip
    check = checker(parameters(spec))
    assert not check({"body": {"kids": [{"n": 1}]}}) and check({"body": {"kids": [{"n": "x"}]}})


def test_names_that_stand_twice_are_told_apart() -> None:
    given = document({"operationId": "a"})
    given["paths"]["/b"] = {"get": {"operationId": "a"}}
    names = [(one.name, one.lint) for one in tools_in(given, "x") if isinstance(one, ToolSpec)]
    assert [name for name, _ in names] == ["a", "a_2"] and "duplicate-operation-id: a" in (names[1][1] or ())
    for order in (["a_2", "a", "a"], ["a", "a", "a_2", "a_2"], ["b" * 70, "b" * 64, "b" * 60 + "_2"]):
        given["paths"] = {f"/{number}": {"get": {"operationId": one}} for number, one in enumerate(order)}
        found = [one.name for one in tools_in(given, "x") if isinstance(one, ToolSpec)]
        assert len(set(found)) == len(order) and all(len(name) <= 64 for name in found)


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        ({"parameters": [{"$ref": "https://example.com/p.json"}]}, "remote-reference"),
        ({"parameters": [{"$ref": "#/nope"}]}, "broken-reference"),
        ({"parameters": [{"name": "a", "in": "nowhere"}]}, "bad-parameter"),
        ({"parameters": ["a"]}, "bad-parameter"),
        ({"requestBody": {"$ref": "#/components/requestBodies/a"}}, "endless-reference"),
        ({"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ring"}}}}}, "endless-reference"),
        ([], "bad-operation"),
    ],
)  # fmt: skip
def test_an_operation_that_cannot_be_compiled_costs_only_itself(operation: Any, rule: str) -> None:
    given = document(
        operation,
        components={"requestBodies": {"a": {"$ref": "#/components/requestBodies/a"}}, "schemas": {"ring": {"allOf": [{"$ref": "#/components/schemas/ring"}]}}},
    )  # fmt: skip
    given["paths"]["/good"] = {"get": {"operationId": "good"}}
    found = list(tools_in(given, "x"))
    assert [one.outcome.rule for one in found if isinstance(one, Failure)] == [rule]
    assert [one.name for one in found if isinstance(one, ToolSpec)] == ["good"]


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ({"openapi": "3.1.0", "webhooks": {"new": {"post": {}}}}, ["webhook"]), ({"openapi": "3.0.0", "paths": []}, ["no-operations"]),
        ({"swagger": "1.2", "paths": {"/a": {"get": {}}}}, ["unknown-version"]), ({"openapi": 3, "paths": {"/a": 1}}, ["unknown-version"]),
        ({"openapi": "3.0.0", "paths": {"/a": "b"}}, ["bad-path"]),
    ],
)  # fmt: skip
def test_documents_without_operations_say_why(given: dict[str, Any], rules: list[str]) -> None:
    assert [one.outcome.rule for one in tools_in(given, "x") if isinstance(one, Failure)] == rules


@pytest.mark.parametrize(
    "change", [{"in": []}, {"in": {}}, {"name": [], "in": "query"}, {"style": ["form"]}, {"style": {}}]
)
def test_a_parameter_of_another_form_costs_only_its_operation(change: dict[str, Any]) -> None:
    one = {"name": "a", "in": "query", "schema": {"type": "string"}, **change}
    given = {"openapi": "3.1.0", "paths": {"/x": {"get": {"parameters": [one]}, "post": {}}}}
    found = list(tools_in(given, "a"))
    assert len(found) == 2 and isinstance(found[1], ToolSpec)
