"""The graph put together: everything read into one table, cleaned, and told again as edges in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset, read_part
from arcmill.errors import InputError
from arcmill.gathered import Gathered
from arcmill.records import NAMING, schema, stable_id
from arcmill.stage import Failure, Outcome, SourceFile
from synth.graph.build import BuildGraph
from synth.graph.clean import CONTRADICTION, DUPLICATE, KEPT, RULES, Cleaned, clean, statistics
from synth.graph.environment import facts
from synth.graph.facts import TYPE, TYPE_LABELS, Fact, Refused
from synth.graph.files import readers
from synth.graph.table import KINDS, Table

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 8192  # edges of a batch
_LENGTHS = [size.to_bytes(8, "little") for size in range(256)]
_EDGE = ("subject", "relation", "object", "kind", "language", "document", "origin")


def graph(unit: SourceFile | str, config: BuildGraph, edges: Sequence[Dataset]) -> Iterator[Any]:
    """See `build.core`. InputError where there is nothing at all to build a graph of."""
    made = _Graph(config, edges)
    yield from made.read(unit)
    yield from made.read_edges()
    if not made.seen:
        raise InputError("build-graph: nothing to build a graph of: the input holds no fact, not even a broken one")
    cleaned = clean(made.table, config.kinds, config.single_valued, config.self_loops)
    yield from made.told(cleaned)
    yield from made.told_edges(cleaned)
    yield statistics(made.table, cleaned, config.hub_degree)


def edge_id(subject: str, relation: str, value: str, kind: str, language: str | None) -> str:
    """`stable_id("edge", …)`, with the language where there is one, in one call of the digest."""
    first, middle, last, of = subject.encode(), relation.encode(), value.encode(), kind.encode()
    data = (
        b"\4\0\0\0\0\0\0\0edge%b%b%b%b%b%b%b%b"
        % (_length(first), first, _length(middle), middle, _length(last), last, _length(of), of)
    )  # fmt: skip
    if language is not None:
        spoken = language.encode()
        data += _length(spoken) + spoken
    return blake2b(data, digest_size=16).hexdigest()


def _length(data: bytes) -> bytes:
    size = len(data)
    return _LENGTHS[size] if size < 256 else size.to_bytes(8, "little")


class _Graph:
    """Facts of files (or of the environment) first, those of datasets after them: their rows are read again to be told."""

    def __init__(self, config: BuildGraph, edges: Sequence[Dataset]) -> None:
        self.config, self.edges = config, edges
        self.table = Table(config.max_characters, config.max_edges)
        self.sources: list[tuple[int, str]] = []  # (row from which on, source)
        self.seen = 0
        self.of_datasets = 0  # the first row of theirs
        self.taken = bytearray()  # of each row of the datasets, whether it is in the table

    def read(self, unit: SourceFile | str) -> Iterator[Failure]:
        """Take in what the files hold, or the environment."""
        config = self.config
        if isinstance(unit, Gathered):
            for file, reader, kind in readers(unit.files, config):
                try:
                    for item in reader(file):
                        yield from self._take(item, file.name, config.source or kind)
                except OSError as error:
                    self.seen += 1
                    detail = f"{file.name}: {error.strerror or error}"
                    yield Failure(file.name, Outcome("unreadable", "errored", detail=detail))
        for fact in list(self._types()) if config.domains else ():
            yield from self._take(fact, "domains", config.source or "domains")
        if config.environment or (config.environment is None and not isinstance(unit, SourceFile) and not self.edges):
            for place, fact in facts(config.distributions, config.languages):
                yield from self._take(fact, place, "environment")
        self.of_datasets = len(self.table)

    def read_edges(self) -> Iterator[Failure]:
        """Take in the rows of the datasets, as they stand."""
        for batch in self._batches():
            for row in zip(
                batch.column("id").to_pylist(), *(batch.column(name).to_pylist() for name in _EDGE), strict=True
            ):
                key, subject, relation, value, kind, language, document, origin = row
                before = len(self.table)
                if kind not in KINDS[:-1]:
                    self.seen += 1
                    yield Failure(
                        key, Outcome("unknown-kind", "errored", detail=f"'{kind}' is none of {', '.join(KINDS[:-1])}")
                    )
                else:
                    place = f"document {document}" if document else origin or "edges"
                    yield from self._take(Fact(subject, relation, value, kind, language), place, "", key)
                self.taken.append(len(self.table) > before)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for dataset in self.edges:
            for part in dataset.parts:
                yield from read_part(dataset, part["path"])

    def _take(self, item: Fact | Failure, place: str, source: str, key: str | None = None) -> Iterator[Failure]:
        self.seen += 1
        config, table = self.config, self.table
        if isinstance(item, Failure):
            yield item
            return
        where = f"{place}:{item.line}" if item.line else place
        if config.relations is not None and item.relation not in config.relations and item.relation not in NAMING:
            told = f"{where}: {item.subject:.80} | {item.relation:.80} | {item.object:.80}"
            yield Failure(key or stable_id("edge", *item[:4]), Outcome("unknown-relation", detail=told))
            return
        try:
            table.add(item, place)
        except Refused as refused:
            yield Failure(key or where, Outcome(refused.rule, "errored", detail=f"{where}: {refused}"))
            return
        if not self.sources or self.sources[-1][1] != source:
            self.sources.append((len(table) - 1, source))

    def _types(self) -> Iterator[Fact]:
        """What `domains` say of the subjects and objects that were read."""
        import numpy as np

        found: dict[tuple[int, str], None] = {}
        for relation, types in self.config.domains.items():
            at = self.table.find(relation)
            rows = np.flatnonzero(self.table.column("relation") == (-1 if at is None else at))
            for column, kind in zip(("subject", "object"), types, strict=True):
                if kind is not None:
                    found |= dict.fromkeys((int(n), kind) for n in np.unique(self.table.column(column)[rows]))
        languages = self.config.languages
        yield from (fact for fact in TYPE_LABELS if languages is None or fact.language in languages)
        for number, kind in found:
            yield Fact(self.table.names[number], TYPE, f"type:{kind}")
        for kind in dict.fromkeys(kind for _, kind in found):
            yield Fact(f"type:{kind}", "label", kind, "text")

    def told(self, cleaned: Cleaned) -> Iterator[Any]:
        """Edges and ledger entries of what was read from files or the environment."""
        import pyarrow as pa

        table, columns = self.table, schema("Edge")
        names = table.names
        ends = [*(row for row, _ in self.sources[1:]), self.of_datasets]
        for (start, source), end in zip(self.sources, ends, strict=False):  # no source where no fact was taken
            for first in range(start, min(end, self.of_datasets), ROWS):
                rows = range(first, min(first + ROWS, end, self.of_datasets))
                rules = cleaned.rule[rows.start : rows.stop].tolist()
                kept = [row for row, rule in zip(rows, rules, strict=True) if rule == KEPT]
                if len(kept) < len(rows):
                    yield from (self._left(row, cleaned) for row, rule in zip(rows, rules, strict=True) if rule != KEPT)
                subjects = [names[table.subject[row]] for row in kept]
                relations = [names[table.relation[row]] for row in kept]
                objects = [names[number] for number in cleaned.object[kept].tolist()]
                kinds = [KINDS[number] for number in cleaned.kind[kept].tolist()]
                languages = [table.languages[table.language[row]] for row in kept]
                ids = list(map(edge_id, subjects, relations, objects, kinds, languages))
                nothing = [None] * len(kept)
                values = {
                    "id": ids, "subject": subjects, "relation": relations, "object": objects, "kind": kinds,
                    "source": [source] * len(kept), "origin": [table.where(row) for row in kept], "document": nothing,
                    "sentence": nothing, "language": languages, "license": [self.config.license] * len(kept),
                }  # fmt: skip
                yield pa.RecordBatch.from_arrays(
                    [pa.array(values[field.name], field.type) for field in columns], schema=columns
                )

    def told_edges(self, cleaned: Cleaned) -> Iterator[Any]:
        """Edges and ledger entries of the datasets' rows, which keep what else they say."""
        import pyarrow as pa

        table, row, number = self.table, self.of_datasets, 0
        for batch in self._batches():
            held: list[int] = []
            kept: list[int] = []
            for place in range(batch.num_rows):
                if self.taken[number + place]:
                    if cleaned.rule[row] == KEPT:
                        held.append(place)
                        kept.append(row)
                    else:
                        yield self._left(row, cleaned)
                    row += 1
            number += batch.num_rows
            batch = batch.take(pa.array(held, pa.int64()))
            subjects, relations = (
                [table.names[column[at]] for at in kept] for column in (table.subject, table.relation)
            )
            objects = [table.names[at] for at in cleaned.object[kept].tolist()]
            kinds = [KINDS[at] for at in cleaned.kind[kept].tolist()]
            languages = batch.column("language").to_pylist()
            values = {
                "id": list(map(edge_id, subjects, relations, objects, kinds, languages)), "subject": subjects,
                "relation": relations, "object": objects, "kind": kinds,
            }  # fmt: skip
            yield pa.RecordBatch.from_arrays(
                [pa.array(values[f.name], f.type) if f.name in values else batch.column(f.name) for f in batch.schema],
                schema=batch.schema,
            )

    def _left(self, row: int, cleaned: Cleaned) -> Failure:
        table, rule = self.table, int(cleaned.rule[row])
        key = self._id(row, cleaned)
        where = table.where(row)
        if rule == DUPLICATE:
            first = int(cleaned.other[row])
            told = f"{where}: {table.told(row)}; first at {table.where(first)}"
            return Failure(key, Outcome(RULES[rule], "merged", into_id=self._id(first, cleaned), detail=told))
        told = f"{where}: {table.told(row)}"
        if rule == CONTRADICTION:
            told += f"; values: {cleaned.values[row]}"
        return Failure(key, Outcome(RULES[rule], detail=told))

    def _id(self, row: int, cleaned: Cleaned) -> str:
        table = self.table
        return edge_id(
            table.names[table.subject[row]], table.names[table.relation[row]], table.names[cleaned.object[row]],
            KINDS[cleaned.kind[row]], table.languages[table.language[row]],
        )  # fmt: skip
