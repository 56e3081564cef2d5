"""Everything that was named, read as tools: files, modules, servers; then merged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from agent_data.tools import python
from agent_data.tools.documents import Unreadable, read_document, read_json
from agent_data.tools.merge import merged
from agent_data.tools.openapi.compile import is_openapi, tools_in
from agent_data.tools.schemas import Other, entries, is_function, returns_of
from agent_data.tools.simulated import described
from agent_data.tools.specs import spec_of
from agent_data.tools.stage import CollectTools
from arcmill.errors import UsageError
from arcmill.functions.forms import normal_function
from arcmill.functions.normal import normal_schema
from arcmill.functions.walk import SchemaError
from arcmill.gathered import Gathered
from arcmill.records import ToolSpec, stable_id
from arcmill.stage import Failure, Outcome, SourceFile
from arcmill.tables.lines import TooLong, lines

Found = ToolSpec | Failure


def collected(unit: SourceFile | str, config: CollectTools) -> Iterator[Found | Mapping[str, int]]:
    """The tools that stay, a Failure for each other one and for all that could not be read, and counts."""
    specs: list[ToolSpec] = []
    counts: Counter[str] = Counter()
    for one in _all(unit, config):
        if isinstance(one, ToolSpec):
            specs.append(one)
            counts[f"found_{one.origin}"] += 1
            if len(specs) > config.max_tools:
                raise UsageError(
                    f"collect-tools: more than max_tools={config.max_tools} tools; give fewer files, or raise it"
                )
        else:
            yield one
    for one in merged(specs, config.similarity):
        yield one
        if isinstance(one, ToolSpec):
            counts["with_remarks"] += bool(one.lint)
    yield dict(sorted(counts.items()))


def _all(unit: SourceFile | str, config: CollectTools) -> Iterator[Found]:
    for file in unit.files if isinstance(unit, Gathered) else ():
        yield from of_file(file, config)
    for place in config.modules:
        yield from python.tools_of(place, None)
    for name, server in config.servers.items():
        yield from of_server(name, server)


def of_file(file: SourceFile, config: CollectTools) -> Iterator[Found]:
    """The tools of a file."""
    if file.size > config.max_file_bytes:
        yield _failure(file.name, "too-large", f"{file.size} bytes, more than max_file_bytes={config.max_file_bytes}")
        return
    try:
        with file.open() as stream:
            data = stream.read(config.max_file_bytes + 1)
    except OSError as error:
        yield _failure(file.name, "unreadable", error.strerror or type(error).__name__)
        return
    if len(data) > config.max_file_bytes:
        yield _failure(file.name, "too-large", f"more than max_file_bytes={config.max_file_bytes}")
        return
    try:
        read = read_document(data)
    except Unreadable as error:
        if data.lstrip()[:1] == b"{" and b"\n" in data.strip():  # JSON lines
            yield from _lines(file, data, config)
            return
        yield _failure(file.name, error.rule, error.detail)
        return
    if read.twice:
        yield Failure(
            stable_id("file", file.name, "twice"), Outcome("duplicate-key", "dropped", detail=f"{file.name}: {', '.join(read.twice[:20])}; the last counts"[:500])
        )  # fmt: skip
    yield from of_value(read.value, file.name, config)


def _lines(file: SourceFile, data: bytes, config: CollectTools) -> Iterator[Found]:
    found = 0
    idle: list[int] = []
    for number, line in enumerate(lines(chunks_of(data), config.max_file_bytes), 1):
        if isinstance(line, TooLong) or not line.strip():
            continue
        try:
            read = read_json(line.decode("utf-8"))
        except (Unreadable, UnicodeDecodeError) as error:
            yield _failure(f"{file.name} line {number}", "not-json", str(error)[:200])
            continue
        before = found
        for one in of_value(read.value, file.name, config, quiet=True):
            found += 1
            yield one
        if found == before:
            idle.append(number)
    for number in idle if found else ():
        yield _failure(f"{file.name} line {number}", "no-tools", "nothing in it describes a tool", "dropped")
    if not found:
        yield _failure(file.name, "no-tools", "no line describes a tool", "dropped")


def chunks_of(data: bytes) -> Iterator[bytes]:
    """Bytes as one piece."""
    yield data


def of_value(value: Any, source: str, config: CollectTools, quiet: bool = False) -> Iterator[Found]:
    """The tools that a value describes: a document of OpenAPI, servers of MCP, function schemas, tools in words."""
    if is_openapi(value):
        yield from tools_in(value, source, config.license)
        return
    if isinstance(value, Mapping) and isinstance(servers := value.get("mcpServers"), Mapping):
        for name, server in servers.items():
            yield from _of_named_server(str(name), server, source, config)
        return
    found = False
    others: list[str] = []
    for number, entry in enumerate(entries(value)):
        if isinstance(entry, Other):
            others.append(f"entry {number + 1}: {repr(entry.value)[:200]}")
            continue
        found = True
        try:
            yield from _of_entry(entry, source, config)
        except SchemaError as error:
            name = next((entry[key] for key in ("name", "Name", "API") if isinstance(entry.get(key), str)), str(number))
            detail = json.dumps({"source": source, "tool": name[:100], "why": error.detail}, ensure_ascii=False)
            yield Failure(stable_id("tool", source, name, repr(entry)), Outcome(error.rule, "dropped", detail=detail))
    for other in others if found else ():  # each that stands among tools; a list of nothing else is one row
        detail = f"{source}: {other} describes no tool"
        yield Failure(stable_id("file", source, other), Outcome("no-tool", "dropped", detail=detail))
    if not found and not quiet:
        yield _failure(source, "no-tools", "nothing in it describes a tool", "dropped")


def _of_entry(entry: Mapping[str, Any], source: str, config: CollectTools) -> Iterator[Found]:
    if is_function(entry):
        remarks: list[str] = []
        function = normal_function(entry, remarks)["function"]
        returns = returns_of(entry)
        try:
            returns = None if returns is None else normal_schema(returns)
        except SchemaError as error:
            returns = None
            remarks.append(f"returns-left-out: {error.rule}")
        yield spec_of(
            function, origin=config.origin, source=source, license=config.license, returns=returns, remarks=remarks
        )
        return
    if isinstance(document := entry.get("Documentation"), str):
        inner = f"{source}:{entry.get('Name')}"
        made: list[Found] = []
        try:
            read = read_document(document.encode("utf-8", "replace"))
            made = list(tools_in(read.value, inner, config.license)) if is_openapi(read.value) else []
        except Unreadable as error:
            made = [_failure(inner, error.rule, error.detail, "dropped")]
        yield from made
        if any(isinstance(one, ToolSpec) for one in made):
            return
        source = inner
    yield from described(entry, source, config.license)


def _of_named_server(name: str, server: Any, source: str, config: CollectTools) -> Iterator[Found]:
    """A server that a file names: started only where the settings allow it, for that runs the file's command."""
    if not config.start_servers:
        why = f"{name}: {source} names it; start_servers=true lets the commands of input files be run"
        yield Failure(stable_id("server", source, name), Outcome("server-not-started", "dropped", detail=why))
    elif not isinstance(server, Mapping):
        yield _failure(f"server {name}", "bad-server", f"{source}: its entry is no mapping")
    else:
        try:
            yield from of_server(name, server)
        except UsageError as error:  # a mistake in the file, not in the settings
            yield _failure(f"server {name}", "bad-server", f"{source}: {error}")


def of_server(name: str, server: Mapping[str, Any]) -> Iterator[Found]:
    """The tools of an MCP server, their schemas made normal; a Failure where the server failed, or one of its schemas did."""
    try:
        client = import_module("agent_data.mcp.client")
        mcp = import_module("agent_data.tools.mcp")
    except ImportError as error:
        raise UsageError(f"servers: MCP servers cannot be asked here ({error})") from None
    try:
        listed = mcp.tools_of(name, server)
    except client.ServerFailed as failed:
        yield Failure(
            stable_id("server", name), Outcome(failed.reason, "errored", detail=f"{name}: {failed.detail}"[:500])
        )
        return
    for spec in listed:
        remarks: list[str] = []
        try:
            function = normal_function(json.loads(spec.schema), remarks)["function"]
        except SchemaError as error:
            yield Failure(spec.id, Outcome(error.rule, "dropped", detail=f"{name}: {spec.name}: {error.detail}"[:500]))
            continue
        call = None if spec.call is None else json.loads(spec.call)
        returns = None if spec.returns is None else json.loads(spec.returns)
        made = spec_of(
            function, origin="mcp", source=spec.source or name, license=spec.license, returns=returns, call=call,
            remarks=[*(spec.lint or ()), *remarks],
        )  # fmt: skip
        yield made


def _failure(name: str, rule: str, detail: str, outcome: str = "errored") -> Failure:
    return Failure(stable_id("file", name), Outcome(rule, outcome, detail=f"{name}: {detail}"[:500]))
