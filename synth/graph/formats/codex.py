"""CoDEx (Safavi and Koutra 2020), and what is laid out as it: Wikidata triples as TSV with files of labels and types.

    triples/<graph>/{train,valid,test}.txt      subject relation object, parted by tabs
    relations/<language>/relations.json         {"P749": {"label": …, "description": …}}
    types/<language>/types.json, entities/<language>/entities.json      likewise
    types/entity2types.json                     {"Q33999": ["Q28640", …]}

`*_negatives.txt` hold statements that are false: they are never read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import orjson

from arcmill.stage import Failure, SourceFile
from arcmill.tables.lines import Broken, chunks
from synth.graph.facts import TYPE, TYPE_LABELS, Fact, Read, dropped, errored
from synth.graph.formats import triples
from synth.graph.formats.reader import Reader, skipped

_TRIPLES = re.compile(r"(^|/)triples/.*\.txt(\.\w+)?\Z")
_LABELS = re.compile(r"(?:^|/)(relations|types|entities)/([A-Za-z-]+)/\1\.json(\.\w+)?\Z")
_TYPES = re.compile(r"(^|/)entity2types\.json(\.\w+)?\Z")
_WHOLE_BYTES = 256 << 20  # a table of labels is one JSON value, so it is held


def claim(files: Sequence[SourceFile], limit: int, languages: Collection[str] | None) -> dict[str, Reader]:
    """Readers of the files (by name) that lie as CoDEx's do; none where there are no labels nor types beside the triples."""
    if not any(_LABELS.search(file.path) or _TYPES.search(file.path) for file in files):
        return {}
    seen: set[str] = set()
    found: dict[str, Reader] = {}
    for file in files:
        if _TRIPLES.search(file.path):
            if "negatives" in file.path.rpartition("/")[2]:
                found[file.name] = partial(skipped, why="hard negatives are false statements")
            else:
                found[file.name] = partial(_triples, limit=limit, seen=seen)
        elif labels := _LABELS.search(file.path):
            if languages is not None and labels[2] not in languages:
                found[file.name] = partial(skipped, why=f"the language {labels[2]} is none of `languages`")
            else:
                found[file.name] = partial(_labels, language=labels[2])
        elif _TYPES.search(file.path):
            found[file.name] = partial(_types, seen=seen, languages=languages)
    return found


def order(file: SourceFile) -> int:
    """Types are told of what the triples name, so those come first."""
    return 1 if _TYPES.search(file.path) or _LABELS.search(file.path) else 0


def _triples(file: SourceFile, limit: int, seen: set[str]) -> Iterator[Read]:
    for fact in triples.read(file, limit, kind="node"):
        if isinstance(fact, Fact):
            seen.update((fact.subject, fact.object))
        yield fact


def _types(file: SourceFile, seen: set[str], languages: Collection[str] | None) -> Iterator[Read]:
    table = _whole(file)
    if isinstance(table, Failure):
        yield table
        return
    yield from (fact for fact in TYPE_LABELS if languages is None or fact.language in languages)
    for row, (subject, types) in enumerate(table.items(), 1):
        if seen and subject not in seen:
            yield dropped("not-in-triples", f"{file.name}:{row}", f"no triple names {subject!r:.80}")
        elif not isinstance(types, list) or not all(isinstance(kind, str) for kind in types):
            yield errored("not-types", f"{file.name}:{row}", "a list of ids is needed")
        else:
            for kind in types:
                yield Fact(subject, TYPE, kind, "node", None, row)
            if not types:
                yield dropped("no-fact", f"{file.name}:{row}", f"{subject}: no type")


def _labels(file: SourceFile, language: str) -> Iterator[Read]:
    table = _whole(file)
    if isinstance(table, Failure):
        yield table
        return
    for row, (subject, told) in enumerate(table.items(), 1):
        label = told.get("label") if isinstance(told, dict) else None
        description = told.get("description") if isinstance(told, dict) else None
        if not isinstance(label, str):
            yield errored("not-a-name", f"{file.name}:{row}", "an object with a text `label` is needed")
            continue
        if label.strip():
            yield Fact(subject, "label", label, "text", language, row)
        if isinstance(description, str) and description.strip():
            yield Fact(subject, "description", description, "text", language, row)
        elif not label.strip():
            yield dropped("no-fact", f"{file.name}:{row}", f"{subject}: neither a name nor a description")


def _whole(file: SourceFile) -> dict[str, Any] | Failure:
    """The object that a file is; `line` of what is read from it is the place of the entry."""
    held = bytearray()
    with file.open() as stream:
        try:
            for piece in chunks(stream):
                held += piece
                if len(held) > _WHOLE_BYTES:
                    return errored("too-large", f"{file.name}:1", f"a JSON value of more than {_WHOLE_BYTES} bytes")
        except Broken as broken:
            return errored(broken.rule, f"{file.name}:1", str(broken))
    try:
        table = orjson.loads(bytes(held).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        return errored("bad-json", f"{file.name}:1", str(error))
    return table if isinstance(table, dict) else errored("bad-json", f"{file.name}:1", "an object is needed")
