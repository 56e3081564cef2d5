"""Tables (CSV, JSON, Parquet): a row is a subject, the config says which columns hold objects of which relations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from arcmill.errors import InputError
from arcmill.records import NAMING
from arcmill.stage import Failure, SourceFile
from arcmill.tables.config import TableConfig
from arcmill.tables.read import read as read_rows
from arcmill.tables.values import Refused, kind_of, listed, read_string
from synth.graph.build import BuildGraph, Column, TableOf
from synth.graph.facts import AUTO, TYPE, Fact, Read, dropped, errored

_FANNED = 10_000  # values of one cell: more is no list of facts


def read(file: SourceFile, table: TableOf, config: BuildGraph) -> Iterator[Read]:
    """The facts of a table's rows."""
    for row in read_rows(file, _Rows(file.name, table, config), TableConfig(max_line_bytes=config.max_line_bytes)):
        if isinstance(row, Failure):
            yield row
        else:
            yield from row


class _Rows:
    """Makes the facts of each row."""

    text_field, text_column = "subject", ""  # no column must be text

    def __init__(self, file: str, table: TableOf, config: BuildGraph) -> None:
        self.file, self.table, self.languages = file, table, config.languages
        # Rows that name their subject do so better than a cell that points to it.
        self.named = {other.prefix for other in config.tables if other.label}
        self.columns = {
            relation: column if isinstance(column, Column) else Column(column=column)
            for relation, column in table.relations.items()
        }
        self.wanted = [
            table.subject,
            *([table.label] if table.label else []),
            *(c.column for c in self.columns.values()),
        ]

    def require(self, present: Iterable[str]) -> None:
        names = set(present)
        for column in self.wanted:
            if column not in names and column.partition(".")[0] not in names:
                raise InputError(
                    f"{self.file}: no column '{column}', which `tables` name; the columns are {listed(names)}"
                )

    def needed(self, present: Iterable[str]) -> list[str]:
        keys = set(self.wanted) | {column.partition(".")[0] for column in self.wanted}
        return [name for name in present if name in keys]

    def failure(self, rule: str, unit: str, number: int, detail: str, key: str | None = None) -> Failure:
        return errored(rule, f"{self.file}:{number}", detail)

    def row(self, row: Any, unit: str, number: int) -> list[Read] | Failure:
        if not isinstance(row, dict):
            return self.failure("not-an-object", unit, number, f"expected an object, found {kind_of(row)}")
        where, table = f"{self.file}:{number}", self.table
        try:
            keys = [read_string(value) for value in values(row, table.subject)]
        except Refused as refused:
            return errored(refused.rule, where, f"column '{table.subject}': {refused}")
        if len(keys) != 1 or keys[0] is None or not keys[0].strip():
            return errored("no-subject", where, f"column '{table.subject}' holds no id")
        subject = table.prefix + keys[0].strip()
        made: list[Read] = []
        if table.label or table.prefix:
            label = Column(column=table.label or table.subject)
            made += self._facts(row, subject, "label", label, number, where)
        if table.type:
            made += [Fact(subject, TYPE, f"type:{table.type}", "node", None, number),
                     Fact(f"type:{table.type}", "label", table.type, "text", None, number)]  # fmt: skip
        for relation, column in self.columns.items():
            made += self._facts(row, subject, relation, column, number, where)
        return made or [dropped("no-fact", where, f"{subject}: no column that `tables` name holds anything")]

    def _facts(
        self, row: Mapping[str, Any], subject: str, relation: str, column: Column, line: int, where: str
    ) -> list[Read]:
        made: list[Read] = []
        for value in values(row, column.column):
            try:
                text = "true" if value is True else "false" if value is False else read_string(value)
            except Refused as refused:
                made.append(errored(refused.rule, where, f"column '{column.column}' for '{relation}': {refused}"))
                continue
            for piece in (text or "").split(column.separator) if column.separator else [text or ""]:
                if not (piece := piece.strip()):
                    continue
                if relation in NAMING:
                    if column.language is None or self.languages is None or column.language in self.languages:
                        kind = "node" if relation == "redirect" else "text"
                        made.append(Fact(subject, relation, piece, kind, column.language, line))
                    continue
                if column.prefix and column.prefix not in self.named:
                    made.append(Fact(f"{column.prefix}{piece}", "label", piece, "text", column.language, line))
                kind = "node" if column.prefix and column.kind == AUTO else column.kind
                language = column.language if kind == "text" else None
                made.append(Fact(subject, relation, column.prefix + piece, kind, language, line))
        return made


def values(row: Mapping[str, Any], path: str) -> list[Any]:
    """The values at a path: `name.common`, `capital` (each of a list), `latlng.0`, `currencies.*.name`."""
    found: list[Any] = [row[path]] if path in row else _walk(row, path)
    spread: list[Any] = []
    for value in found:
        spread += value if isinstance(value, (list, tuple)) else [value]
    return [value for value in spread if value is not None][:_FANNED]


def _walk(row: Mapping[str, Any], path: str) -> list[Any]:
    held: list[Any] = [row]
    for part in path.split("."):
        going: list[Any] = []
        for value in held:
            if part == "*":
                going += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
            elif isinstance(value, dict) and part in value:
                going.append(value[part])
            elif isinstance(value, list) and part.isdecimal() and len(part) < 20 and int(part) < len(value):
                going.append(value[int(part)])
        held = going[:_FANNED]
    return held
