"""The tools of a search index as an MCP server, by the official SDK: over stdio, or streamable HTTP.

Answers are the texts of `arcmill.search.call`; a call that cannot be answered is a result marked as an error, so that the
agent reads what was wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arcmill.errors import EngineError
from arcmill.search.index import SearchIndex
from arcmill.search.tools import TOOLS, answer

if TYPE_CHECKING:
    from mcp.server import Server

INSTALL = "pip install 'arcmill[mcp]'"


def server(index: SearchIndex) -> Server[Any]:
    """An MCP server over an index. EngineError where the SDK is not installed."""
    try:
        import anyio.to_thread
        from mcp import types
        from mcp.server import Server
    except ModuleNotFoundError as error:
        raise EngineError(f"serve-search needs the MCP SDK ({error.name} is not installed): {INSTALL}") from None

    tools = [
        types.Tool(
            name=tool["function"]["name"],
            description=tool["function"]["description"],
            input_schema=tool["function"]["parameters"],
            annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
        )
        for tool in TOOLS
    ]

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        text, wrong = await anyio.to_thread.run_sync(answer, index, params.name, params.arguments)
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=wrong)

    return Server(
        "arcmill-search",
        version=index.fingerprint[:12],
        instructions="Search a fixed set of documents, and read them page by page.",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def serve_stdio(index: SearchIndex) -> None:
    """Answer on stdin and stdout until stdin ends."""
    made = server(index)
    import anyio
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        async with stdio_server() as (read, write):
            await made.run(read, write, made.create_initialization_options())

    anyio.run(run)


def serve_http(index: SearchIndex, host: str, port: int) -> None:
    """Answer at http://HOST:PORT/mcp until interrupted. Without sessions: each call stands for itself."""
    made = server(index)
    import uvicorn

    app = made.streamable_http_app(stateless_http=True, json_response=True, host=host)
    uvicorn.run(app, host=host, port=port, log_level="warning")
