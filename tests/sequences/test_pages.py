from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequences.pages import list_column


def written(lists: list[list[int] | None], **options: Any) -> tuple[memoryview, Any, tuple[int, int]]:
    sink = io.BytesIO()
    table = pa.table({"values": pa.array(lists, pa.list_(pa.int32()))})
    pq.write_table(table, sink, **{"use_dictionary": False, "compression": "zstd", **options})
    meta = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    chunk, leaf = meta.row_group(0).column(0), meta.schema.column(0)
    begin = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    data = memoryview(sink.getvalue())[begin : begin + chunk.total_compressed_size]
    return data, chunk, (leaf.max_repetition_level, leaf.max_definition_level)


@given(
    sizes=st.lists(st.one_of(st.integers(1, 3), st.integers(1, 700)), min_size=1, max_size=60),
    compression=st.sampled_from(["zstd", "snappy", "none", "lz4"]),
    page=st.sampled_from([64, 1000, 1 << 20]),
)
@settings(max_examples=60, deadline=None)
def test_values_and_rows_are_those_of_pyarrow(sizes: list[int], compression: str, page: int) -> None:
    rng = np.random.default_rng(len(sizes))
    lists = [rng.integers(-(2**31), 2**31, size).tolist() for size in sizes]
    data, chunk, levels = written(lists, compression=compression, data_page_size=page, write_batch_size=64)
    found = list_column(data, chunk, levels)
    if compression == "lz4" and found is None:
        return  # Parquet's LZ4 is not pyarrow's codec of that name: left to pyarrow
    assert found is not None
    values, begins = found
    assert values.tolist() == [value for row in lists for value in row]
    assert begins.tolist() == np.concatenate(([0], np.cumsum(sizes)[:-1])).tolist()


@pytest.mark.parametrize(
    ("lists", "options"),
    [
        ([[1, 2], [], [3]], {}),
        ([[1, 2], None, [3]], {}),
        ([[1, 1], [1, 1]], {"use_dictionary": True}),
        ([[1, 2], [3, 4]], {"data_page_version": "2.0"}),
        ([[1, 2], [3, 4]], {"column_encoding": {"values.list.element": "DELTA_BINARY_PACKED"}}),
    ],
)
def test_what_it_does_not_decode_is_left_to_another(lists: list[list[int] | None], options: dict[str, Any]) -> None:
    assert list_column(*written(lists, **options)) is None


def test_a_null_among_the_values_is_not_taken_for_a_number() -> None:
    assert list_column(*written([[1, None, 3]])) is None  # type: ignore[list-item]


def test_damaged_pages_are_not_decoded() -> None:
    data, chunk, levels = written([[1, 2, 3]] * 50, compression="none")
    whole = bytes(data)
    assert list_column(memoryview(whole), chunk, levels) is not None
    assert list_column(memoryview(whole[: len(whole) // 2]), chunk, levels) is None
    assert list_column(memoryview(b"\xff" * len(whole)), chunk, levels) is None
    assert list_column(memoryview(b""), chunk, levels) is None
