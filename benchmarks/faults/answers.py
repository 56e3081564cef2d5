"""No model: an OpenAI-compatible server on loopback whose reply is a function of the request alone.

It gives a grade and an answer to whatever is asked, which is enough for a stage to have rows under way when it is killed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from answering import Answers


class Planned(Answers):
    """The model `planned`."""

    def reply(self, body: Any) -> tuple[int, dict[str, Any]]:
        number = int(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8], 16)
        said = f'I think so. {{"grade": {number % 6}}}\nAnswer: {number % 18}'
        return 200, {"role": "assistant", "content": said}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked was killed: that is what it is for."""


@contextmanager
def answering() -> Iterator[str]:
    """The endpoint of a server that lives as long as the block."""
    server = _Quiet(("127.0.0.1", 0), Planned)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
