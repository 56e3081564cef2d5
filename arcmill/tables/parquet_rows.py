"""Rows of Parquet files in bounded memory: damage costs a row group at most, a cell that is too long its row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from arcmill.errors import InputError
from arcmill.stage import Failure, SourceFile
from arcmill.tables.values import BAD_UTF8

if TYPE_CHECKING:
    from arcmill.tables.read import Mapper

Row = TypeVar("Row")
_BATCH_BYTES = 16 << 20


def parquet(file: SourceFile, mapper: Mapper[Row], limit: int) -> Iterator[Row | Failure]:
    """Parquet, batch by batch. A row with a cell over `limit` bytes errs, a damaged row group costs its unread rows, told by one errored row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with file.open() as stream:
        try:
            table = pq.ParquetFile(stream, buffer_size=1 << 20, page_checksum_verification=True)
            schema, metadata = table.schema_arrow, table.metadata
            present = schema.names  # decoded here: a name need not be UTF-8
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            # The footer, which says where the rows are, stands at the end: without it no row can be saved.
            yield mapper.failure("bad-parquet", "row", 1, f"no readable Parquet footer: {_line(error)}")
            return
        mapper.require(present)
        _check_text_type(file, mapper, schema)
        columns = mapper.needed(present)
        row = 0
        for group in range(metadata.num_row_groups):
            facts = metadata.row_group(group)
            wide = facts.total_byte_size // max(facts.num_rows, 1)
            size = min(max(_BATCH_BYTES // max(wide, 1), 1), 4096)
            done = 0
            try:
                for batch in table.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
                    for piece, too_long in _apart(batch, limit):
                        if too_long:
                            done += 1
                            yield mapper.failure("cell-too-long", "row", row + done, too_long)
                            continue
                        values = [_values(column) for column in piece.columns]
                        names = piece.schema.names
                        for cells in zip(*values, strict=True):
                            done += 1
                            yield mapper.row(dict(zip(names, cells, strict=True)), "row", row + done)
            except (pa.ArrowException, OSError) as error:
                left = f"{facts.num_rows - done} rows of row group {group} cannot be read"
                yield mapper.failure("corrupt", "row", row + done + 1, f"{left}: {_line(error)}")
            row += facts.num_rows


def _apart(batch: Any, limit: int) -> Iterator[tuple[Any, str]]:
    """The rows of a batch, and between them those with a cell over `limit` bytes, told: Python would copy it several times."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    long: dict[int, str] = {}
    if batch.nbytes > limit:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            kind = column.type
            if (
                kinds.is_string(kind)
                or kinds.is_large_string(kind)
                or kinds.is_binary(kind)
                or kinds.is_large_binary(kind)
            ):
                for place, size in enumerate(pc.binary_length(column).to_pylist()):
                    if (size or 0) > limit:
                        long[place] = f"column '{name}': {size} bytes; max_line_bytes is {limit}"
    first = 0
    for place in sorted(long):
        if place > first:
            yield batch.slice(first, place - first), ""
        yield None, long[place]
        first = place + 1
    if first < batch.num_rows:
        yield batch.slice(first), ""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check_text_type(file: SourceFile, mapper: Mapper[Any], schema: Any) -> None:
    import pyarrow.types as kinds

    name = mapper.text_column
    if name not in schema.names:
        return  # a path into a struct: its rows tell
    kind = schema.field(name).type
    value = kind.value_type if kinds.is_dictionary(kind) else kind
    readable = (
        kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_binary, kinds.is_large_binary,
        kinds.is_binary_view, kinds.is_null,
    )  # fmt: skip
    if not any(check(value) for check in readable):
        raise InputError(
            f"{file.name}: column '{name}' holds {kind}, the {mapper.text_field} must be strings; "
            f"name another with --set columns.{mapper.text_field}=COLUMN"
        )


def _values(column: Any) -> list[Any]:
    """Python values of an Arrow column. Parquet checks no strings: what is not UTF-8 becomes BAD_UTF8."""
    try:
        values: list[Any] = column.to_pylist()
        return values
    except (UnicodeDecodeError, ValueError, OverflowError):
        return [_value(cell) for cell in column]


def _value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        return BAD_UTF8
    except (ValueError, OverflowError):
        return str(cell)  # a time outside Python's range
