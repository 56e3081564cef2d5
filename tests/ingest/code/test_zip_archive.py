"""Members that Python's zipfile would unpack without a bound."""

from __future__ import annotations

import io
import zipfile

import pytest

from ingest.code.items import Limits
from ingest.code.zip_archive import zip_members


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_stored_and_deflated_members_are_unpacked(method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.py", "print(1)\n" * 100, method)
        archive.writestr("b.py", "print(2)\n" * 100, zipfile.ZIP_DEFLATED)
        archive.writestr("c.py", "print(3)\n", zipfile.ZIP_STORED)
    items = list(zip_members(packed, Limits(10_000, 10, 1 << 20, 200)))
    assert [(item.path, item.outcome and item.outcome.rule) for item in items] == [
        ("a.py", "unsupported"), ("b.py", None), ("c.py", None),
    ]  # fmt: skip


def test_a_member_without_a_name_is_dropped_alone() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x", "print(1)\n")
        archive.writestr("b.py", "print(2)\n")
        archive.filelist[0].filename = ""  # as the directory says it
    items = list(zip_members(packed, Limits(10_000, 10, 1 << 20, 200)))
    assert [(item.path, item.outcome and item.outcome.rule) for item in items] == [("", "unsafe-path"), ("b.py", None)]
