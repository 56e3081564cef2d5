"""Servers over HTTP, good and bad, and over SSE."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("mcp")

from agent_data.mcp.client import Connection, ServerFailed
from agent_data.mcp.server import read_server


class Handler(BaseHTTPRequestHandler):
    """Answers each POST with one JSON-RPC message; `how` misbehaves at calls."""

    how = "well"
    seen: list[dict[str, str]]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_error(405)

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(dict(self.headers))
        method = message["method"]
        if "id" not in message:
            self._send(b"", 202)
        elif method == "initialize":
            about = {"name": "web", "version": "2"}
            self._answer(
                message,
                {
                    "protocolVersion": message["params"]["protocolVersion"],
                    "capabilities": {"tools": {}},
                    "serverInfo": about,
                },
            )
        elif method == "tools/list":
            self._answer(message, {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]})
        elif method != "tools/call":
            self._send(
                json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "?"}}).encode()
            )
        elif self.how == "hangs":
            time.sleep(5)
        elif self.how == "large":
            self._answer(message, {"content": [{"type": "text", "text": "x" * 50_000_000}]})
        elif self.how == "packed":
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}).encode()
            self._send(gzip.compress(body), 200, {"content-encoding": "gzip"})
        elif self.how == "page":
            self._send(b"<html>Sign in</html>", 200, {"content-type": "text/html"})
        elif self.how == "fails":
            self._send(b"oops", 500)
        elif self.how == "drops":
            self.connection.close()
        else:
            self._answer(message, {"content": [{"type": "text", "text": "hello"}]})

    def _answer(self, message: dict[str, Any], result: dict[str, Any]) -> None:
        self._send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())

    def _send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


@contextmanager
def serving(how: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    seen: list[dict[str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Handler,), {"how": how, "seen": seen}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/mcp", seen
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_WEB", "t")
    with serving("well") as (url, seen):
        entry = {"url": url, "headers": {"authorization": "Bearer ${TOKEN_OF_WEB}"}}
        with Connection("web", read_server("web", entry)) as server:
            assert [tool.name for tool in server.tools()] == ["echo"]
            assert server.call("echo", {}).text == "hello"
            assert server.about == "web 2"
        assert {headers.get("authorization") for headers in seen} == {"Bearer t"}


@pytest.mark.parametrize(
    ("how", "reason"), [("hangs", "hang"), ("large", "flood"), ("packed", "bad-message"), ("drops", "unreachable")]
)
def test_what_ends_a_connection(how: str, reason: str) -> None:
    limits = {"call_seconds": 1.0 if how == "hangs" else 20.0}
    with serving("well") as (fine, _), serving(how) as (url, _):
        other = Connection("fine", read_server("fine", {"url": fine}))
        with other, Connection("web", read_server("web", {"url": url, "limits": limits})) as server:
            with pytest.raises(ServerFailed) as failed:
                server.call("echo", {})
            assert failed.value.reason == reason
            assert other.call("echo", {}).text == "hello"


@pytest.mark.parametrize("how", ["page", "fails"])
def test_an_answer_that_is_none_is_an_error_of_the_call(how: str) -> None:
    with serving(how) as (url, _), Connection("web", read_server("web", {"url": url})) as server:
        assert server.call("echo", {}).error


@pytest.mark.parametrize("kind", ["http", "sse"])
def test_the_sdk_s_own_server(kind: str) -> None:
    """Both transports of the SDK, with a session."""
    import socket

    import uvicorn
    from mcp.server.mcpserver import MCPServer

    made = MCPServer("own")

    @made.tool()
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    app = made.streamable_http_app() if kind == "http" else made.sse_app()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        entry = {"url": f"http://127.0.0.1:{port}/{'mcp' if kind == 'http' else 'sse'}", "type": kind}
        with Connection("own", read_server("own", entry)) as connection:
            assert [tool.name for tool in connection.tools()] == ["add"]
            assert connection.call("add", {"a": 2, "b": 3}).structured == {"result": 5}
            assert connection.call("add", {"a": "x", "b": 3}).error
    finally:
        server.should_exit = True
        thread.join(10)
