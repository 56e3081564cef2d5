"""How much a server has said since it was last asked, and whether it has failed."""

from __future__ import annotations

import asyncio

from agent_data.mcp.failure import ServerFailed
from agent_data.mcp.server import Limits


class Meter:
    """Counts for one server. Used in the loop's thread alone."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.failed: asyncio.Future[ServerFailed] = asyncio.get_running_loop().create_future()
        self._bytes = self._messages = 0

    def begin(self) -> None:
        """A call begins: it may use the limits anew."""
        self._bytes = self._messages = 0

    def read(self, size: int) -> None:
        """Bytes that came. Raises ServerFailed beyond the limit."""
        self._bytes += size
        if self._bytes > self.limits.output_bytes:
            raise self.fail(ServerFailed("flood", f"more than {self.limits.output_bytes} bytes in one call"))

    def message(self) -> None:
        """A message that came. Raises ServerFailed beyond the limit."""
        self._messages += 1
        if self._messages > self.limits.messages:
            raise self.fail(ServerFailed("flood", f"more than {self.limits.messages} messages in one call"))

    def fail(self, failure: ServerFailed) -> ServerFailed:
        """The server is of no use from now on; the first reason stands."""
        if not self.failed.done():
            self.failed.set_result(failure)
        return self.failed.result()
