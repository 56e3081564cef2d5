"""The streams of a server over HTTP, by the SDK's transports, with what comes in counted below them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from agent_data.mcp.failure import ServerFailed
from agent_data.mcp.meter import Meter


@contextlib.asynccontextmanager
async def streams(url: str, kind: str, headers: Mapping[str, str], meter: Meter) -> AsyncIterator[Any]:
    """(what it says, what it is told), as the SDK wants them. `kind` is http or sse."""
    import httpx2
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    class Counted(httpx2.AsyncByteStream):
        """A body whose bytes are counted as they come."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self.inner:
                try:
                    meter.read(len(piece))
                except ServerFailed as failure:
                    raise httpx2.ReadError(str(failure)) from None
                yield piece

        async def aclose(self) -> None:
            await self.inner.aclose()

    class Transport(httpx2.AsyncHTTPTransport):
        """Notes a server that cannot be reached, which the SDK only logs in some places."""

        async def handle_async_request(self, request: Any) -> Any:
            try:
                response = await super().handle_async_request(request)
            except httpx2.TransportError as error:
                meter.fail(ServerFailed("unreachable", f"{type(error).__name__}: {error}"[:200]))
                raise
            if response.headers.get("content-encoding", "identity") != "identity":
                meter.fail(ServerFailed("bad-message", "a packed body, which was not asked for"))
                raise httpx2.ReadError("a packed body")
            response.stream = Counted(response.stream)
            return response

    seconds = meter.limits.call_seconds
    # A body that is packed could unpack to any size after it was counted, so none is asked for.
    sent = {"accept-encoding": "identity", **headers}

    def client(headers: Any = None, timeout: Any = None, auth: Any = None) -> Any:
        return httpx2.AsyncClient(
            transport=Transport(), headers={**sent, **(headers or {})}, timeout=httpx2.Timeout(seconds + 5), auth=auth
        )

    if kind == "sse":
        async with sse_client(url, httpx_client_factory=client, sse_read_timeout=seconds + 5) as found:
            yield found
    else:
        async with (
            client() as made,
            streamable_http_client(url, http_client=made, max_sse_event_size=meter.limits.output_bytes) as found,
        ):
            yield found
