"""MCP servers as sources of tools and as worlds: started, bounded, kept apart, ended (docs/mcp.md)."""
