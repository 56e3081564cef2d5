"""collect-tools: API documents, function schemas, Python functions and MCP servers, to ToolSpecs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, Literal

from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError
from arcmill.stage import SourceFile, Stage

ACCEPTED = (".json", ".yaml", ".yml", ".jsonl", ".ndjson")


class CollectTools(StageConfig):
    """What is read besides the files, and how tools of files are taken."""

    modules: list[str] = Field(
        default_factory=list, description="Python modules whose public functions are tools, or single ones as "
        "package.module:function. They are IMPORTED, which runs their code; nothing of them is called"
    )  # fmt: skip
    servers: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="MCP servers: name -> {command, args, env, …} or {url, …} (docs/mcp.md). They are started, "
        "asked for their tools, and ended; a digest of this reaches the manifest"
    )  # fmt: skip
    start_servers: bool = Field(
        False, description="start the servers that input files name (mcpServers): runs the files' commands; false: they are "
        "dropped, and told"
    )  # fmt: skip
    origin: Literal["schema", "simulated"] = Field(
        "schema", description="origin of functions that files give by their schema alone; simulated: a language model answers "
        "their calls"
    )  # fmt: skip
    license: str | None = Field(None, description="licence of tools from files; a document's own counts before it")
    similarity: float = Field(
        0.9, gt=0, le=1, description="Jaccard similarity of words (0-1) from which tools of different sources with names of the "
        "same words and the same parameters are one; 1: only equal ones are"
    )  # fmt: skip
    max_file_bytes: int = Field(32 << 20, ge=1, description="bytes; a larger file is errored")
    max_tools: int = Field(200_000, ge=1, description="tools, at most; more is refused")

    def identity(self) -> dict[str, Any]:
        """As of any stage; of servers a digest, for what starts them may hold paths and keys."""
        held = super().identity()
        servers = {}
        for name, server in self.servers.items():
            hidden = {key: sorted(server[key]) for key in ("env", "headers") if isinstance(server.get(key), dict)}
            text = json.dumps({**server, **hidden}, sort_keys=True, default=str)
            servers[name] = sha256(text.encode("utf-8", "replace")).hexdigest()
        return {**held, "servers": servers}


def find(urls: Sequence[str], config: CollectTools) -> list[SourceFile]:
    """All files as one unit of work: which tools are the same is seen over all of them."""
    from arcmill.gathered import gathered

    return list(gathered(urls, ACCEPTED, identity(config)))


def splits(config: CollectTools) -> list[str]:
    """One unit."""
    if not config.modules and not config.servers:
        raise UsageError("collect-tools: nothing to read: give --input FILES, or --set modules=… or --set servers=…")
    return ["tools"]


def identity(config: CollectTools) -> str:
    """Digest of the modules' files, and of what the servers are started by. What a server says is not known before it is asked:
    after it has changed, use --force."""
    from agent_data.tools.python import digest

    return sha256(
        f"{digest(config.modules)} {json.dumps(config.identity()['servers'], sort_keys=True)}".encode()
    ).hexdigest()


def core(unit: SourceFile | str, config: CollectTools) -> Iterator[Any]:
    """The tools, a Failure for each that is not among them, and counts."""
    from agent_data.tools.collect import collected

    return collected(unit, config)


STAGE = Stage(
    name="collect-tools",
    version=1,
    help="Collect tools from OpenAPI documents, function schemas, Python functions, MCP servers and descriptions in words.",
    example="arcmill collect-tools --input apis/ --output tools --set 'modules=[json, statistics:mean]'",
    config=CollectTools,
    reads={"input?": "Files"},
    writes="ToolSpec",
    engine="datatrove",
    core=core,
    find=find,
    splits=splits,
    identity=identity,
)
