"""How a server is named in settings: the entry that MCP clients use under `mcpServers`, and what we add to it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from pydantic import field_validator, model_validator

from arcmill.config import Field, Settings, validate
from arcmill.errors import UsageError

FILES = "{files}"  # in args, env: the server's own working folder
# Keys of other clients that say nothing about the server itself.
FOREIGN = frozenset({
    "alwaysAllow", "autoApprove", "autoStart", "description", "disabledTools", "disabled_tools", "gallery", "icon", "iconUrl",
    "provider", "timeout", "trust", "version",
})  # fmt: skip
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Limits(Settings):
    """Upper bounds of one server. Seconds and bytes."""

    start_seconds: float = Field(
        30.0, gt=0, description="longest start: from the command to the last tool listed; seconds"
    )
    call_seconds: float = Field(30.0, gt=0, description="longest call; seconds")
    output_bytes: int = Field(
        16 << 20, ge=1 << 10, description="most that a server may write in one call, log included; bytes"
    )
    messages: int = Field(10_000, ge=10, description="most messages that a server may send in one call")
    tools: int = Field(512, ge=1, description="most tools of a server")
    schema_bytes: int = Field(
        256 << 10, ge=1 << 10, description="largest description of one tool, its schemas included; bytes"
    )
    memory_bytes: int = Field(4 << 30, ge=1 << 20, description="most memory of each process of a server; bytes")
    file_bytes: int = Field(
        256 << 20, ge=1 << 10, description="largest file that a server may write, and all its files; bytes"
    )


class Server(Settings):
    """A server by its command (stdio), or by its URL (streamable HTTP, or SSE)."""

    command: str | None = Field(None, description="program of a server over stdio: a name on PATH, or a path")
    args: tuple[str, ...] = Field(
        (), description="its arguments; {files} is its working folder, {seed} the episode's seed"
    )
    env: dict[str, str] = Field(
        default_factory=dict,
        description="its environment, besides PATH, HOME, TMPDIR, LANG; ${NAME} is a variable of ours",
    )
    cwd: str | None = Field(None, description="folder that it starts in, read-only; null: its working folder")
    url: str | None = Field(None, description="address of a server over HTTP")
    headers: dict[str, str] = Field(
        default_factory=dict, description="headers of each request to `url`; ${NAME} as in env"
    )
    type: str | None = Field(None, description="stdio | http | sse; null: stdio for a command, http for a url")
    disabled: bool = Field(False, description="skipped, as other clients skip it")
    network: bool = Field(False, description="whether a server over stdio may use the network")
    read: tuple[str, ...] = Field((), description="further folders and files of this machine that it may read")
    write: tuple[str, ...] = Field((), description="folders of this machine that it may change: shared by all episodes")
    sandbox: bool = Field(True, description="false: a server over stdio runs as yourself, with your files and network")
    only: tuple[str, ...] | None = Field(None, description="names of the tools that are taken; null: all")
    license: str | None = Field(None, description="licence of its tools' descriptions, kept in their rows (SPDX)")
    limits: Limits = Field(default_factory=Limits, description="upper bounds: see limits.*")

    @field_validator("type")
    @classmethod
    def _type(cls, value: str | None) -> str | None:
        known = {"stdio": "stdio", "http": "http", "streamable-http": "http", "streamableHttp": "http", "sse": "sse"}
        if value is not None and value not in known:
            raise ValueError("one of stdio, http, sse")
        return known[value] if value else None

    @model_validator(mode="after")
    def _one(self) -> Server:
        if (self.command is None) == (self.url is None):
            raise ValueError("an MCP server has a command or a url, and not both")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("url: not http:// or https://")
        if self.type is not None and (self.type == "stdio") == (self.command is None):
            raise ValueError(f"type {self.type} does not go with {'a url' if self.url else 'a command'}")
        return self

    def named(self) -> str:
        """What it is called in messages: no argument, no path, no query, for these may hold keys."""
        if self.command is not None:
            return os.path.basename(self.command)
        from urllib.parse import urlsplit

        return urlsplit(self.url or "").hostname or "url"


def read_server(name: str, given: Mapping[str, Any]) -> Server:
    """The entry of a server. UsageError names a wrong key or value."""
    if not isinstance(given, Mapping):
        raise UsageError(f"MCP server {name!r}: expected an entry with command or url, found {type(given).__name__}")
    held = {("url" if key in ("serverUrl", "httpUrl") else "type" if key == "transport" else key): value
            for key, value in given.items() if key not in FOREIGN}  # fmt: skip
    return validate(Server, held, f"MCP server {name!r}")


def filled(text: str, name: str) -> str:
    """A value with the variables of our own environment that it names, ${NAME} or ${NAME:-default}. UsageError where one is
    not set: an empty key would fail later, and elsewhere."""

    def value(found: re.Match[str]) -> str:
        got = os.environ.get(found[1], found[2])
        if got is None:
            raise UsageError(f"MCP server {name!r}: the environment variable {found[1]} is not set")
        return got

    return _VARIABLE.sub(value, text)
