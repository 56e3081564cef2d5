"""No model: an OpenAI-compatible server over HTTP whose replies a test writes, by the request."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class Answers(BaseHTTPRequestHandler):
    """Serves the model `planned`; a test says in `answer` what it replies to a request, or in `reply` with which message."""

    def reply(self, body: Any) -> tuple[int, dict[str, Any]]:
        """Status and message; of a status other than 200, the error."""
        return 200, {"role": "assistant", "content": self.answer(body["messages"][0]["content"])}

    def answer(self, asked: str) -> str:
        """The reply to the first message of a request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "planned"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, message = self.reply(body)
        if status != 200:
            self._send({"error": message}, status)
            return
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        self._send({"id": "x", "object": "x", "model": body["model"], "choices": choices, "usage": usage})

    def _send(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
