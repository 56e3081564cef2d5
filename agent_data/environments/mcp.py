"""Any MCP server as a world: a process of its own with a private working folder for each episode.

    environments:
      notes: {mcp: {command: mcp-server-filesystem, args: ["{files}"], files: data/notes, repeatable: true}}

The entry is that of MCP clients with what `agent_data.mcp.server` and WorldConfig below add. What a server can change besides
its folder (a database elsewhere, a site) is no part of an episode's state unless `state` says how it is read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_data.environments.environment import (
    Environment,
    Episode,
    EpisodeLost,
    Steps,
    Tool,
    ToolError,
    canonical,
)
from agent_data.mcp.client import Connection, Given, Offered
from agent_data.mcp.failure import ServerFailed
from agent_data.mcp.folder import check_seed, contents
from agent_data.mcp.server import FILES, Server, read_server
from arcmill.config import Field, Settings, validate
from arcmill.errors import EngineError, UsageError
from arcmill.functions.check import Checker, checker
from arcmill.generation import Work


class StateOf(Settings):
    """A call or a resource that tells the state."""

    tool: str | None = Field(None, description="name of a tool whose answer is the state")
    arguments: dict[str, Any] = Field(default_factory=dict, description="its arguments")
    resource: str | None = Field(None, description="URI of a resource that is the state")


class WorldConfig(Settings):
    """What makes a world of a server."""

    files: str | None = Field(None, description="folder whose copy is the working folder at the start of each episode")
    state: str | StateOf = Field(
        "files", description="what the state is: files (the working folder), none, {tool, arguments}, or {resource}"
    )
    ignore: tuple[str, ...] = Field(
        (), description="paths below the working folder that are no state, such as .git/index"
    )
    repeatable: bool = Field(
        False,
        description="whether the same calls give the same answers: then trajectories are replayed by `arcmill verify`",
    )
    reads: tuple[str, ...] = Field(
        (), description="tools that change nothing, besides those that the server says so of"
    )
    ends: tuple[str, ...] = Field((), description="tools that end an episode")
    policy: str = Field("", description="what the agent is told of its duties")
    open: int = Field(8, ge=1, description="servers that may run at once")


OWN = tuple(WorldConfig.model_fields)


def environment(name: str, entry: Mapping[str, Any]) -> McpEnvironment:
    """The world of a server. UsageError for a wrong entry, EngineError where the server cannot be used."""
    if not isinstance(entry, Mapping):
        raise UsageError(f"environment {name!r}: mcp: expected an entry with command or url")
    config = validate(WorldConfig, {key: entry[key] for key in OWN if key in entry}, f"environment {name!r}")
    server = read_server(name, {key: value for key, value in entry.items() if key not in OWN})
    return McpEnvironment(name, server, config)


class McpEnvironment(Environment):
    """Opens the server once, to learn its tools."""

    def __init__(self, name: str, server: Server, config: WorldConfig) -> None:
        self.name, self.server, self.config = name, server, config
        self.files = None if config.files is None else check_seed(config.files)
        if isinstance(config.state, str) and config.state not in ("files", "none"):
            raise UsageError(
                f"environment {name!r}: state is {config.state!r}: files, none, {{tool: …}} or {{resource: …}}"
            )
        if isinstance(config.state, StateOf) and (config.state.tool is None) == (config.state.resource is None):
            raise UsageError(f"environment {name!r}: state: either tool or resource")
        if config.repeatable and not server.sandbox and _places(server):
            raise UsageError(
                f"environment {name!r}: without the sandbox the working folder lies elsewhere each time, so a server that "
                "knows it is not repeatable"
            )
        try:
            with Connection(name, server, files=self.files) as connection:
                offered, about = connection.tools(), connection.about
        except ServerFailed as failure:
            raise EngineError(f"environment {name!r}: its MCP server ({server.named()}) failed: {failure}") from None
        names = {tool.name for tool in offered}
        wanted = [*config.reads, *config.ends]
        if isinstance(config.state, StateOf) and config.state.tool is not None:
            wanted.append(config.state.tool)
        for unknown in (tool for tool in wanted if tool not in names):
            raise UsageError(f"environment {name!r}: the server has no tool {unknown!r}")
        self.tools = tuple(self._tool(tool) for tool in offered)
        self.checkers = {tool.name: self._returns(tool) for tool in offered if tool.returns is not None}
        self.policy = config.policy
        self.repeatable = config.repeatable
        self.most_open = config.open
        self.version = self._version(about)
        self._open: set[Connection] = set()

    def begin(self, seed: int, tools: Sequence[Tool] | None = None) -> Steps:
        """A server of its own, asked for in a thread."""

        def made() -> Connection:
            connection = Connection(self.name, self.server, seed, self.files)
            try:
                return connection.open()
            except BaseException:
                connection.close()
                raise

        connection = yield from _work(made)
        self._open.add(connection)
        return McpEpisode(self, connection)

    def ended(self, connection: Connection) -> None:
        """An episode gives its server back."""
        self._open.discard(connection)
        connection.close()

    def close(self) -> None:
        for connection in list(self._open):
            self.ended(connection)

    def _tool(self, offered: Offered) -> Tool:
        try:
            checker(offered.parameters)
        except ValueError as error:
            raise EngineError(
                f"environment {self.name!r}: the schema of {offered.name} cannot be used ({error}); leave it out by `only`"
            ) from None
        reads = offered.reads or offered.name in self.config.reads
        return Tool(
            offered.name,
            offered.description,
            offered.parameters,
            not reads,
            offered.name in self.config.ends,
            offered.returns,
        )

    def _returns(self, offered: Offered) -> Checker:
        try:
            return checker(offered.returns or {})
        except ValueError as error:
            raise EngineError(
                f"environment {self.name!r}: what {offered.name} says it returns cannot be used ({error})"
            ) from None

    def _version(self, about: str) -> str:
        """What decides the answers, as far as it can be seen: the server's own name, version and tools, its arguments and
        the files that they name, the working folder at the start. No path and no value of the environment."""
        server, config = self.server, self.config
        arguments = [
            _digest(text) if os.path.isfile(text) else os.path.basename(text.rstrip("/")) for text in server.args
        ]
        files = {} if self.files is None else contents(str(self.files), 1 << 40)
        held = {
            "about": about, "command": server.named(), "arguments": arguments, "variables": sorted(server.env),
            "network": server.network, "tools": [tool.text() for tool in self.tools], "files": files,
            "writes": [tool.name for tool in self.tools if tool.writes], "ends": sorted(config.ends),
            "state": config.state if isinstance(config.state, str) else config.state.model_dump(), "ignore": config.ignore,
            "policy": config.policy,
        }  # fmt: skip
        return "1-" + sha256(canonical(held)).hexdigest()[:16]


class McpEpisode(Episode):
    """One server with its folder."""

    def __init__(self, world: McpEnvironment, connection: Connection) -> None:
        self.world, self.connection = world, connection

    def call(self, name: str, arguments: Mapping[str, Any]) -> Steps:
        """Text, as the agent reads it. What the server calls an error is told to the agent."""
        given: Given = yield from _work(self.connection.call, name, arguments)
        if given.error:
            raise ToolError(given.text or f"{name} failed")
        check = self.world.checkers.get(name)
        if check is not None:
            if given.structured is None:
                raise EpisodeLost("bad-result", f"{name}: no structured content, though it says that it gives some")
            if wrong := check(given.structured):
                raise EpisodeLost("bad-result", f"{name}: not what it says that it returns: {wrong[0]}"[:300])
        return given.text

    def state(self) -> Steps:
        """See `state` of the settings; None where there is none to be seen."""
        of = self.world.config.state
        if isinstance(of, StateOf):
            if of.resource is not None:
                return (yield from _work(self.connection.read, of.resource))
            given: Given = yield from _work(self.connection.call, of.tool, of.arguments)
            if given.error:
                raise EpisodeLost("no-state", given.text[:300])
            return given.structured if given.structured is not None else given.text
        if of == "none" or self.connection.work is None:
            return None
        config, limits = self.world.config, self.world.server.limits
        return (yield from _work(contents, self.connection.work, limits.file_bytes, config.ignore))

    def close(self) -> None:
        self.world.ended(self.connection)


def _work(function: Any, *arguments: Any) -> Generator[Any, Any, Any]:
    """In a thread; a server's failure ends the episode."""
    try:
        (result,) = yield [Work(function, arguments)]
    except ServerFailed as failure:
        raise EpisodeLost(failure.reason, failure.detail) from None
    except OSError as error:  # of the working folder, which the server may be changing
        raise EpisodeLost("no-state", str(error)[:300]) from None
    return result


def _places(server: Server) -> bool:
    return any(FILES in text for text in (*server.args, *server.env.values()))


def _digest(path: str) -> str:
    digest = sha256()
    with contextlib.suppress(OSError), open(Path(path), "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:16]
