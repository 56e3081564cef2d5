"""The inputs of ingest-forge: git histories, and JSON, JSON lines or Parquet of API objects or rows of issues with patches.

A folder is one dump (comments find their issues in it), a repository in it a history of its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import orjson

from arcmill.errors import InputError
from arcmill.records import Document, stable_id
from arcmill.stage import Failure, Outcome, SourceFile
from arcmill.storage import file_sha256, is_local, locate
from arcmill.tables.lines import Broken, TooLong, chunks, lines
from ingest.code.git_bundle import BUNDLE, open_bundle
from ingest.code.git_objects import Corrupt, Missing, TooLarge
from ingest.code.git_repository import BadRepository, open_folder
from ingest.code.inputs import Input, add, matches, repository_input, stem
from ingest.forge import api, history, tasks

if TYPE_CHECKING:
    from ingest.forge.stage import IngestForge

_ROWS = (*(f"{kind}{packed}" for kind in (".json", ".jsonl", ".ndjson") for packed in ("", ".gz", ".zst")), ".parquet")
_LINE = 64 << 20  # bytes of one JSON line


def find_inputs(urls: Sequence[str], config: IngestForge) -> list[SourceFile]:
    """Histories and dumps in order of their names. Raises InputError where a path does not exist or holds neither."""
    found: dict[str, Input] = {}
    for url in urls:
        filesystem, path = locate(url)
        if not is_local(filesystem):
            raise InputError(f"input {url}: ingest-forge reads local files; copy it to this machine")
        for match in matches(url, path):
            for made in _inputs(match, config):
                add(found, made)
    return [found[name] for name in sorted(found)]


def _inputs(path: str, config: IngestForge) -> Iterator[Input]:
    name = os.path.basename(path)
    if os.path.isfile(path):
        with open(path, "rb") as stream:
            kind = "bundle" if BUNDLE.match(stream.read(64)) else "dump"
        yield Input(path, name, os.path.getsize(path), file_sha256(*locate(path)), kind)
        return
    if (history_of := repository_input(path, name, config.revision, 0)) is not None:
        yield history_of
        return
    files: list[str] = []
    repositories = 0
    for folder, folders, names in os.walk(path):
        kept = []
        for sub in sorted(folders):
            full = f"{folder}/{sub}"
            made = (
                None
                if os.path.islink(full)
                else repository_input(full, f"{name}/{full[len(path) + 1 :]}", config.revision, 0)
            )
            if made is not None:
                repositories += 1
                yield made
            elif not os.path.islink(full):
                kept.append(sub)
        folders[:] = kept
        files += [
            f"{folder}/{sub}"
            for sub in sorted(names)
            if sub.lower().endswith(_ROWS) and not os.path.islink(f"{folder}/{sub}")
        ]
    if files:
        files.sort()
        sha = hashlib.sha256()
        for file in files:
            sha.update(f"{file[len(path) :]}\0{file_sha256(*locate(file))}\n".encode("utf-8", "surrogateescape"))
        yield Input(path, name, sum(map(os.path.getsize, files)), sha.hexdigest(), "dump", None, tuple(files))
    elif not repositories:
        raise InputError(f"input {path}: the folder holds no repository and none of {', '.join(_ROWS)}")


def read_input(file: SourceFile, config: IngestForge) -> Iterator[Document | Failure]:
    """The documents of one input. What cannot be read at all is one errored row."""
    unit = cast(Input, file)
    try:
        if unit.kind == "dump":
            yield from _dump(unit, config)
            return
        with open_folder(unit.path) if unit.kind == "git" else open_bundle(unit.path) as repository:
            head = unit.commit or repository.resolve(config.revision)
            name = config.repo or repository.origin or stem(unit.name)
            yield from history.commits(repository, head, name, config)
    except BadRepository as error:
        outcome = "dropped" if error.rule == "empty" else "errored"
        yield Failure(stable_id("input", unit.name), Outcome(error.rule, outcome, detail=f"{unit.name}: {error}"))
    except (Corrupt, Missing, TooLarge) as error:
        yield Failure(stable_id("input", unit.name), Outcome("corrupt", "errored", detail=f"{unit.name}: {error}"))


def _dump(unit: Input, config: IngestForge) -> Iterator[Document | Failure]:
    """API objects are held until all are read; rows of issues with patches are told at once."""
    held: list[api.Row] = []
    left = config.max_dump_bytes
    for path in unit.inner or (unit.path,):
        name = f"{unit.name}{path[len(unit.path) :]}"
        left -= os.path.getsize(path) if not path.endswith(".parquet") else 0
        if left < 0:
            detail = f"{name}: more than {config.max_dump_bytes:,} bytes of JSON (max_dump_bytes); give its parts as inputs of their own"
            yield Failure(stable_id("input", name), Outcome("too-large", "errored", detail=detail))
            continue
        for where, value in _values(path, name, config):
            if isinstance(value, Outcome):
                yield Failure(stable_id("forge", where), value)
            elif not isinstance(value, dict):
                yield Failure(stable_id("forge", where), Outcome("not-an-object", "errored", detail=where))
            elif tasks.is_task(value):
                yield from tasks.documents(value, where, config)
            elif (kind := api.kind_of(value)) is not None:
                held.append(api.Row(where, value, kind))
            else:
                yield Failure(
                    stable_id("forge", where),
                    Outcome("unknown-object", "errored", detail=f"{where}: {', '.join(sorted(value))[:200]}"),
                )
    yield from api.documents(held, config)


def _values(path: str, name: str, config: IngestForge) -> Iterator[tuple[str, Any]]:
    """(place, object or what went wrong) of each row of a file."""
    if path.lower().endswith(".parquet"):
        yield from _parquet(path, name)
        return
    with open(path, "rb") as stream:
        pieces = chunks(stream)
        try:
            if ".json" in path.lower() and ".jsonl" not in path.lower():
                data = bytearray()
                for piece in pieces:
                    data += piece
                    if len(data) > config.max_dump_bytes:
                        yield (
                            name,
                            Outcome("too-large", "errored", detail=f"{name}: expands to more than max_dump_bytes"),
                        )
                        return
                try:
                    whole = orjson.loads(data)
                except orjson.JSONDecodeError:
                    whole = None  # perhaps lines
                if whole is not None:
                    values = whole if isinstance(whole, list) else [whole]
                    yield from ((f"{name}#{number}", value) for number, value in enumerate(values))
                    return
                pieces = iter([bytes(data)])
            for number, line in enumerate(lines(pieces, _LINE), 1):
                yield from _line(f"{name}, line {number}", line)
        except Broken as error:
            yield name, Outcome(error.rule, "errored", detail=f"{name}: {error}")


def _line(where: str, line: bytes | TooLong) -> Iterator[tuple[str, Any]]:
    if isinstance(line, TooLong):
        yield where, Outcome("line-too-long", "errored", detail=f"{where}: {line.bytes:,} bytes")
    elif line.strip():
        try:
            yield where, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield where, Outcome("bad-json", "errored", detail=f"{where}: {error}")


def _parquet(path: str, name: str) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=64, use_threads=False):
                for value in batch.to_pylist():
                    number += 1
                    when = value.get("created_at")
                    if when is not None and not isinstance(when, str):
                        value["created_at"] = when.isoformat() if hasattr(when, "isoformat") else None
                    yield f"{name}, row {number}", value
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        yield name, Outcome("corrupt", "errored", detail=f"{name}: {' '.join(str(error).split())[:200]}")
