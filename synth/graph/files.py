"""The files of a graph: gathered into one unit of work, and each given to the reader of its format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial

from arcmill.errors import InputError
from arcmill.stage import SourceFile
from arcmill.tables.formats import ACCEPTED
from arcmill.tables.lines import Broken, TooLong, chunks, lines
from synth.graph.build import BuildGraph
from synth.graph.formats import codex, metaqa, ntriples, tables, triples, wikidata
from synth.graph.formats.reader import Reader, base, skipped

_NOTES = ("license", "licence", "readme", "copying", "notice", "changelog", "citation", "authors")
_SEEN_LINES, _SEEN_BYTES = 20, 1 << 16


def readers(files: Sequence[SourceFile], config: BuildGraph) -> Iterator[tuple[SourceFile, Reader, str]]:
    """(file, its reader, the format's name), in the order of reading. InputError where no file is of a known form."""
    chosen: dict[str, tuple[Reader, str]] = {}
    if config.format in ("auto", "codex"):
        found = codex.claim(files, config.max_line_bytes, config.languages)
        chosen |= {name: (reader, "codex") for name, reader in found.items()}
    if config.format in ("auto", "metaqa"):
        left = [file for file in files if file.name not in chosen]
        chosen |= {name: (reader, "metaqa") for name, reader in metaqa.claim(left, config.max_line_bytes).items()}
    seen: list[str] = []
    for file in files:
        if file.name not in chosen:
            chosen[file.name] = _reader(file, config, seen)
    if all(kind == "" for _, kind in chosen.values()):
        listed = "\n  ".join(
            seen[:10] or [f"{file.name}: not one of the layout {config.format}" for file in files[:10]]
        )
        raise InputError(
            f"build-graph: no file is of a known form:\n  {listed}\nknown: triples (three fields parted by tabs or |), "
            "N-Triples, Wikidata JSON, folders of MetaQA and CoDEx, and tables (say how with `tables`)"
        )
    for file in sorted(files, key=lambda file: codex.order(file) if chosen[file.name][1] == "codex" else 0):
        yield file, *chosen[file.name]


def _reader(file: SourceFile, config: BuildGraph, seen: list[str]) -> tuple[Reader, str]:
    limit = config.max_line_bytes
    table = next((table for table in config.tables if fnmatchcase(file.name, table.files)), None)
    if table is not None and (
        config.format == "table" or (config.format == "auto" and base(file).lower().endswith(ACCEPTED))
    ):
        return partial(tables.read, table=table, config=config), "table"
    if config.format == "triples":
        return partial(triples.read, limit=limit, order=config.order), "triples"
    if config.format == "pipes":
        return partial(triples.read, limit=limit, sign="|", order=config.order), "triples"
    if config.format == "ntriples":
        return partial(ntriples.read, limit=limit, languages=config.languages), "ntriples"
    if config.format == "wikidata":
        return partial(wikidata.read, limit=limit, languages=config.languages), "wikidata"
    if config.format in ("metaqa", "codex", "table"):
        seen.append(f"{file.name}: " + ("no entry of `tables` fits it" if config.format == "table" else f"no part of {config.format}"))  # fmt: skip
        return partial(skipped, why=f"no part of {config.format}"), ""
    if base(file).lower().startswith(_NOTES):
        seen.append(f"{file.name}: a note by its name")
        return partial(skipped, why="a note by its name"), ""
    first = _first(file)
    if ntriples.looks_so(first):
        return partial(ntriples.read, limit=limit, languages=config.languages), "ntriples"
    if wikidata.looks_so(first):
        return partial(wikidata.read, limit=limit, languages=config.languages), "wikidata"
    if sign := triples.sign_of(first):
        return partial(triples.read, limit=limit, sign=sign, order=config.order), "triples"
    shown = next((line for line in first if line.strip()), "")
    what = f"first line {shown[:60]!r}" if shown else "empty"
    if base(file).lower().endswith(ACCEPTED) and shown:
        what += "; a table? say how it is read with `tables`"
    seen.append(f"{file.name}: {what}")
    return partial(skipped, why=f"no known form ({what})"), ""


def _first(file: SourceFile) -> list[str]:
    """The first lines of a file; of a very long first line only its beginning."""
    held, cut = b"", False
    try:
        with file.open() as stream:
            for piece in chunks(stream):
                held += piece[:_SEEN_BYTES]
                if len(held) >= _SEEN_BYTES:
                    held, cut = held[:_SEEN_BYTES], True
                    break
    except (Broken, OSError):
        cut = True  # what was read before tells the form; the reader tells the break
    found = [
        line.decode("utf-8", "replace") for line in lines(iter([held]), _SEEN_BYTES) if not isinstance(line, TooLong)
    ]
    if cut and len(found) > 1:
        found.pop()
    return found[:_SEEN_LINES]
