"""Tools, collected: API documents, function schemas, Python functions, MCP servers."""
