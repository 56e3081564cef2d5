"""The one thread that all servers are spoken to from: the SDK is asynchronous, and what uses it here is not."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

_lock = threading.Lock()
_held: tuple[int, asyncio.AbstractEventLoop] | None = None


def submit(work: Coroutine[Any, Any, Any]) -> Future[Any]:
    """Run a coroutine in that thread, which is begun when it is first needed, in a forked child anew."""
    return asyncio.run_coroutine_threadsafe(work, _loop())


def _loop() -> asyncio.AbstractEventLoop:
    global _held
    with _lock:
        if _held is None or _held[0] != os.getpid():
            # What a server does wrong is told by ServerFailed; the SDK's own lines would name it to nobody.
            for name in ("mcp", "client", "httpx2"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="arcmill-mcp", daemon=True).start()
            _held = (os.getpid(), loop)
        return _held[1]


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
