"""Where tools come from: MCP servers, OpenAPI documents, Python callables, function schemas, models."""
