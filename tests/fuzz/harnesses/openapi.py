"""Tools: OpenAPI 2 and 3, function schemas, MCP's listings, words; JSON and YAML."""

from __future__ import annotations

import json

from ..harness import Harness, told

OPENAPI = {
    "openapi": "3.1.0", "info": {"title": "Zoo", "version": "1", "license": {"identifier": "MIT"}}, "servers": [{"url": "https://zoo.example/{v}"}],
    "paths": {"/animals/{id}": {"parameters": [{"$ref": "#/components/parameters/id"}], "get": {"operationId": "animal", "summary": "One animal",
        "parameters": [{"name": "deep", "in": "query", "style": "deepObject", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}],
        "responses": {"200": {"description": "it", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Animal"}}}}}},
        "post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Animal"}}}}, "security": [{"key": []}]}}},
    "components": {"parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "schemas": {"Animal": {"type": "object", "required": ["name"], "properties": {"name": {"type": ["string", "null"], "pattern": "^a+$"},
            "young": {"type": "array", "items": {"$ref": "#/components/schemas/Animal"}}, "kind": {"oneOf": [{"const": 1}, {"enum": ["x"]}]}}}},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X"}}},
}  # fmt: skip
SWAGGER = {
    "swagger": "2.0", "info": {"title": "t", "version": "1"}, "host": "a.example", "basePath": "/v1", "schemes": ["https"],
    "paths": {"/x": {"post": {"parameters": [{"name": "b", "in": "body", "schema": {"$ref": "#/definitions/B"}}, {"name": "f", "in": "formData", "type": "file"}],
        "responses": {"default": {"schema": {"type": "array", "items": {"type": "string"}}}}}}}, "definitions": {"B": {"allOf": [{"type": "object"}]}},
}  # fmt: skip
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "$defs": {}},
    },
}
WORDS_ = {"Name": "weather", "Documentation": "It tells the weather.\nParameters: city (string)."}


def seeds() -> list[bytes]:
    import yaml

    values = (OPENAPI, SWAGGER, [TOOL, TOOL], {"mcpServers": {"x": {"command": "x"}}}, [WORDS_], TOOL["function"])
    return [*(json.dumps(value).encode() for value in values), yaml.safe_dump(OPENAPI).encode()]


def run(data: bytes) -> str:
    from agent_data.tools.collect import of_value
    from agent_data.tools.documents import Unreadable, read_document
    from agent_data.tools.merge import merged
    from agent_data.tools.stage import CollectTools
    from arcmill.records import ToolSpec

    try:
        read = read_document(data)
    except Unreadable as error:
        return error.rule
    found = list(of_value(read.value, "a", CollectTools()))
    for one in found:
        if isinstance(one, ToolSpec):
            json.loads(one.schema)
    return told([*found, *merged([one for one in found if isinstance(one, ToolSpec)], 0.9)])


WORDS = ("$ref", "#/components/schemas/Animal", "allOf", "anyOf", "oneOf", "not", "properties", "items", "parameters", "in", "schema", "type", "object", "array",
         "additionalProperties", "$defs", "pattern", "enum", "default", "required", "content", "style", "<<", "paths", "name", "%")  # fmt: skip
HARNESS = Harness("openapi", seeds, run, json=True, tokens=WORDS)
