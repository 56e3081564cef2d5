"""Rows of JSON lines, CSV and Parquet files in bounded memory; a bad row never takes the next one with it."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

import orjson

from arcmill.stage import Failure, SourceFile
from arcmill.tables.config import TableConfig
from arcmill.tables.formats import format_of, suffix_of
from arcmill.tables.lines import Broken, TooLong, chunks, lines
from arcmill.tables.parquet_rows import parquet
from arcmill.tables.values import BAD_UTF8

Row = TypeVar("Row", covariant=True)


class Mapper(Protocol[Row]):
    """Makes a record, or a ledger entry, of each row of one file."""

    text_field: str  # the field that every row must fill, and
    text_column: str  # the column it comes from

    def require(self, present: Iterable[str]) -> None:
        """Check a header; InputError names what is missing."""

    def needed(self, present: Iterable[str]) -> list[str]:
        """The columns to read, in the order of the file."""

    def row(self, row: Any, unit: str, number: int) -> Row | Failure:
        """One row; `unit` and `number` say where it stands ("line", 17)."""

    def failure(self, rule: str, unit: str, number: int, detail: str, key: str | None = None) -> Failure:
        """An errored row."""


_CSV_RECORD_BYTES = 8 << 20  # a quote that is never closed takes at most this much with it before it is given up


def read(
    file: SourceFile, mapper: Mapper[Row], config: TableConfig, header: list[str] | None = None
) -> Iterator[Row | Failure]:
    """The rows of a table in the format that the config names, or the suffix. `header`: of CSV that has none."""
    kind = config.format if config.format != "auto" else format_of(file)
    if kind == "parquet":
        return parquet(file, mapper, config.max_line_bytes)
    if kind == "csv":
        delimiter = config.delimiter or ("\t" if suffix_of(file.name) == ".tsv" else ",")
        return separated(file, mapper, config.max_line_bytes, delimiter, header)
    return jsonl(file, mapper, config.max_line_bytes, whole_too=suffix_of(file.name) == ".json")


def jsonl(file: SourceFile, mapper: Mapper[Row], limit: int, whole_too: bool) -> Iterator[Row | Failure]:
    """JSON lines; with `whole_too` also a file under `limit` bytes that is one array or one object."""
    with file.open() as stream:
        pieces = chunks(stream)
        if whole_too:
            whole, pieces = _whole(pieces, limit)
            if whole is not None:
                for number, row in enumerate(whole, 1):
                    yield mapper.row(row, "row", number)
                return
        number = 0
        try:
            for number, line in enumerate(lines(pieces, limit), 1):
                if isinstance(line, TooLong):
                    yield _too_long(mapper, number, line, limit)
                    continue
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    if line and not line.isspace():
                        yield _bad_json(mapper, number, line, error)
                    continue
                yield mapper.row(row, "line", number)
        except Broken as broken:
            yield _break(mapper, broken, number + 1)


def _whole(pieces: Iterator[bytes], limit: int) -> tuple[list[Any] | None, Iterator[bytes]]:
    """The rows of a file that is one JSON value, or None and the pieces to read it by lines."""
    held: list[bytes] = []
    size = 0
    failed: Broken | None = None
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size > limit:
                break
    except Broken as broken:
        failed = broken
    if failed is None and size <= limit:
        try:
            value = orjson.loads(b"".join(held).removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            pass  # more than one value: JSON lines
        else:
            return value if isinstance(value, list) else [value], pieces

    def again() -> Iterator[bytes]:
        yield from held
        held.clear()
        if failed is not None:
            raise failed
        yield from pieces

    return None, again()


def _bad_json(mapper: Mapper[Any], number: int, line: bytes, error: orjson.JSONDecodeError) -> Failure:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as problem:
        return mapper.failure("bad-utf8", "line", number, f"byte {problem.start} of the line is not UTF-8")
    return mapper.failure("bad-json", "line", number, f"{error.msg} at character {error.pos}")


def _too_long(mapper: Mapper[Any], number: int, line: TooLong, limit: int) -> Failure:
    return mapper.failure("line-too-long", "line", number, f"{line.bytes} bytes; max_line_bytes is {limit}")


def _break(mapper: Mapper[Any], broken: Broken, number: int) -> Failure:
    return mapper.failure(broken.rule, "line", number, f"{broken}; the rows before it are kept")


def separated(
    file: SourceFile, mapper: Mapper[Row], limit: int, delimiter: str, header: list[str] | None = None
) -> Iterator[Row | Failure]:
    """CSV (RFC 4180: quotes doubled, newlines allowed in quotes) or TSV; the first row is the header unless one is given.

    Of a record that does not parse only the first line is errored, and reading goes on with the next line, so
    that one stray quote does not swallow the rows after it. A record that parses, but not into as many fields
    as the header has, is one errored row.
    """
    # The limit is the csv module's own, for the whole process; it only ever grows here.
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    if header is not None:
        mapper.require(header)
    with file.open() as stream:
        records = _Records(lines(chunks(stream), limit), delimiter)
        while True:
            try:
                fields = records.next(None if header is None else len(header))
            except StopIteration:
                return
            except Broken as broken:
                yield _break(mapper, broken, records.number + 1)
                return
            except _LineTooLong as error:
                yield _too_long(mapper, records.number, error.line, limit)
                continue
            except _BadRecord as error:
                yield mapper.failure("bad-csv", "line", records.number, str(error))
                continue
            if header is None:
                header = fields
                mapper.require(header)
                continue
            if records.dirty:
                fields = [_clean(field) for field in fields]
            # Where two columns have one name, the first is meant.
            row = dict(zip(reversed(header), reversed(fields), strict=True))
            yield mapper.row(row, "line", records.number)


class _BadRecord(Exception):
    pass


class _LineTooLong(Exception):
    def __init__(self, line: TooLong) -> None:
        super().__init__()
        self.line = line


class _Records:
    """CSV records over lines that can be given back. `number` is the line where the last record began."""

    def __init__(self, source: Iterator[bytes | TooLong], delimiter: str) -> None:
        self._source, self._delimiter = source, delimiter
        self._again: deque[tuple[int, str | TooLong, bool]] = deque()
        self._taken: list[tuple[int, str | TooLong, bool]] = []
        self._read = self._taken_bytes = 0
        self._failed: Broken | None = None
        self._reader = self._restart()
        self.number = 0
        self.dirty = False  # some byte of the record was not UTF-8

    def next(self, width: int | None) -> list[str]:
        """The next record that is not blank. Raises StopIteration, Broken, _LineTooLong or _BadRecord."""
        while True:
            self._taken, self._taken_bytes, self.dirty = [], 0, False
            try:
                fields = next(self._reader)
            except (csv.Error, _BadRecord, _LineTooLong) as error:
                raise self._give_up(error) from None
            except StopIteration:
                if self._failed is not None:
                    raise self._failed from None
                raise
            self.number = self._taken[0][0]
            if not fields:
                continue
            if width is not None and len(fields) != width:
                raise _BadRecord(f"{len(fields)} fields, the header has {width}")
            return fields

    def _give_up(self, problem: Exception) -> Exception:
        first, *rest = self._taken
        self.number = first[0]
        self._again.extendleft(reversed(rest))
        self._reader = self._restart()
        if isinstance(first[1], TooLong):
            return _LineTooLong(first[1])
        return _BadRecord(str(problem) or "a quote that is not closed")

    def _restart(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while True:
            if self._again:
                entry = self._again.popleft()
            else:
                try:
                    line = next(self._source)
                except StopIteration:
                    return
                except Broken as broken:
                    self._failed = broken
                    return
                self._read += 1
                entry = (self._read, *_text(line))
            self._taken.append(entry)
            if isinstance(entry[1], TooLong):
                raise _LineTooLong(entry[1])
            self._taken_bytes += len(entry[1])
            if self._taken_bytes > _CSV_RECORD_BYTES and len(self._taken) > 1:
                raise _BadRecord("a quote that is not closed for 8 MiB")
            self.dirty |= entry[2]
            yield entry[1]


def _text(line: bytes | TooLong) -> tuple[str | TooLong, bool]:
    if isinstance(line, TooLong):
        return line, False
    try:
        return line.decode("utf-8") + "\n", False
    except UnicodeDecodeError:
        return line.decode("utf-8", "surrogateescape") + "\n", True


def _clean(field: str) -> Any:
    try:
        field.encode("utf-8")
    except UnicodeEncodeError:
        return BAD_UTF8
    return field
