"""`arcmill search` and `arcmill serve-search`: the tools of agents over an index, by hand and as a server."""

from __future__ import annotations

import click

from arcmill.errors import UsageError
from pipelines.commands.options import json_option


@click.command()
@click.argument("index")
@click.argument("query", required=False)
@click.option("--k", type=int, help="How many pages to show, 1 to 20.  [default: 5]")
@click.option("--open", "page", metavar="ID", help="Read this page instead of searching.")
@click.option("--start", type=int, help="Character of the page to begin at, with --open.  [default: 0]")
@json_option
def search(index: str, query: str | None, k: int | None, page: str | None, start: int | None, as_json: bool) -> None:
    """Search an index that index-documents made, as the agents' tools do; --json prints what an agent is given.

    \b
    Example:
      arcmill search runs/x/index 'who maintains numpy' --k 3
      arcmill search runs/x/index --open 3f2a9c… --start 4000
    """
    from arcmill.search import SearchIndex, answer
    from pipelines.commands.shown import harmless
    from pipelines.search import render

    if (query is None) == (page is None):
        raise UsageError("search: give words to look for, or --open ID")
    if (k is not None and page is not None) or (start is not None and page is None):
        raise UsageError("search: --k goes with a query, --start with --open")
    tool, given = ("search", {"query": query, "k": k}) if page is None else ("open", {"id": page, "start": start})
    text, wrong = answer(SearchIndex.open(index), tool, given)
    if wrong and not as_json:
        import json

        raise UsageError(f"search: {json.loads(text)['error']}")
    click.echo(text if as_json else harmless(render(text)))
    if wrong:
        raise SystemExit(2)


@click.command("serve-search")
@click.argument("index")
@click.option(
    "--transport", type=click.Choice(["stdio", "http"]), default="stdio", show_default=True, help="How clients connect."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at, with http.")
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True, help="Port, with http.")
def serve_search(index: str, transport: str, host: str, port: int) -> None:
    """Serve the tools `search` and `open` over an index as an MCP server, on stdio or at http://HOST:PORT/mcp.

    \b
    Example:
      arcmill serve-search runs/x/index
      arcmill serve-search runs/x/index --transport http --port 8765
    """
    from arcmill.search import SearchIndex
    from arcmill.search.serve import serve_http, serve_stdio

    opened = SearchIndex.open(index)
    if transport == "stdio":
        serve_stdio(opened)
    else:
        serve_http(opened, host, port)
