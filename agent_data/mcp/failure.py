"""Why a server is of no use any more."""

from __future__ import annotations

REASONS = (
    "disabled", "not-found", "no-sandbox",  # not begun
    "start", "hang", "died", "unreachable",  # it does not come up, does not answer, ended, is not there
    "flood", "bad-message", "bad-utf8", "bad-result",  # what it says
    "endless-list", "too-many-tools", "no-tools", "duplicate-tools", "bad-name", "bad-schema", "schema-size", "unknown-tool",
    "special-token",
)  # fmt: skip


class ServerFailed(Exception):
    """A server that failed; what it was used for ends. `reason` is one of REASONS, `detail` for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail
