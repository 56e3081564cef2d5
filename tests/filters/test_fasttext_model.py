"""A model file whose numbers do not fit one another never reaches the compiled loader, which looks at none of them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from arcmill.errors import UsageError
from filters.fasttext_model import HEADER, MAGIC, check_model_file


def model(
    *, width: int = 2, words: int = 2, labels: int = 2, buckets: int = 3, rows: int | None = None, columns: int | None = None,
    outputs: int | None = None, kinds: bytes = b"\0\0\1\1",
) -> bytes:  # fmt: skip
    head = HEADER.pack(
        MAGIC, 12, width, 5, 1, 1, 5, 1, 3, 3, buckets, 0, 0, 100, 1e-4, words + labels, words, labels, 9, -1
    )
    names = [b"a", b"b", b"__label__x", b"__label__y"]
    entries = b"".join(name + b"\0" + struct.pack("<qb", 1, kind) for name, kind in zip(names, kinds, strict=True))

    def matrix(rows: int, columns: int) -> bytes:
        return b"\0" + struct.pack("<2q", rows, columns) + bytes(4 * rows * columns)

    first = matrix(words + buckets if rows is None else rows, width if columns is None else columns)
    return (
        head + entries + first + matrix(labels if outputs is None else outputs, width if columns is None else columns)
    )


def test_a_model_that_fits_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(model())
    check_model_file(tmp_path / "a.bin", "model")


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 2},
        {"columns": 1},
        {"outputs": 1},
        {"buckets": -1},
        {"kinds": b"\1\0\1\1"},
        {"kinds": b"\0\0\0\1"},
        {"width": 0, "columns": 2},
    ],
)
def test_one_that_leads_beyond_its_own_rows_is_not(wrong: dict[str, int | bytes], tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(model(**wrong))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cut off or damaged"):
        check_model_file(tmp_path / "a.bin", "model")
