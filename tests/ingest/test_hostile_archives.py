"""Archives that are made to harm: sizes that lead backwards, frames that declare more than they hold, lines that cost a pattern dear.

Bounds on memory are held by a limit on the address space of a process of its own, so none of these can pass by luck.
"""

from __future__ import annotations

import bz2
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import zstandard

ROOT = Path(__file__).parents[2]
HEADROOM = 700 << 20  # bytes of address space: of the interpreter and its libraries most


def tar_header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """A header whose checksum is right, whatever stands in its field of the size."""
    head = bytearray(512)
    head[: len(name)] = name
    head[124 : 124 + len(size)] = size
    head[148:157] = b" " * 8 + kind
    head[257:265] = b"ustar\x0000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def confined(code: str, folder: Path, seconds: int = 60) -> str:
    """What a program prints that may use little memory and little time."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({HEADROOM}, {HEADROOM}))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + code], cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True,
        timeout=seconds, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("kind", [b"0", b"L", b"x", b"5"])
@pytest.mark.parametrize("size", [b"-1000", b"-400", b"\xff" * 12, b"+10", b"1_0"])
def test_a_tar_member_of_no_or_a_negative_size_ends_the_archive(kind: bytes, size: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_header(b"first", b"0") + tar_header(b"a", size, kind) + b"x" * 4096)
    told = confined(
        "from ingest.compression import ByteReader\nfrom ingest.tar import read_members\n"
        "members = read_members(ByteReader(open('a.tar', 'rb')), 100, others=True)\nprint(next(members).name)\n"
        "try: print(next(members, None))\nexcept ValueError as error: print(error)\n",
        tmp_path, 20,
    )  # fmt: skip
    assert told == "first\nbroken tar header\n"


def test_a_dictionary_may_declare_and_hold_too_much(tmp_path: Path) -> None:
    declared = b"\x28\xb5\x2f\xfd\xc0\x00" + (8 << 30).to_bytes(8, "little") + b"\x01\x00\x00"
    many = zstandard.ZstdCompressor(level=1).compressobj()
    held = b"".join(many.compress(b"\0" * (1 << 20)) for _ in range(1500)) + many.flush()
    for name, frame, told in (("declared", declared, "read\n"), ("held", held, "zstd dictionary: over 32 MiB\n")):
        (tmp_path / name).write_bytes(
            b"\x5d\x2a\x4d\x18" + len(frame).to_bytes(4, "little") + frame + b"\x28\xb5\x2f\xfd"
        )
        code = (
            "from ingest.compression import ByteReader, CorruptStream\n"
            f"try: ByteReader(open({name!r}, 'rb')).read(1), print('read')\nexcept CorruptStream as error: print(error)\n"
        )
        assert confined(code, tmp_path) == told


def test_a_damaged_dictionary_is_no_archive_of_code(tmp_path: Path) -> None:
    from ingest.code.archive import NotAnArchive, raw_members
    from ingest.code.items import Limits

    data = b"\x5d\x2a\x4d\x18" + (8).to_bytes(4, "little") + b"\x28\xb5\x2f\xfd\xff\xff\xff\xff" + b"\x28\xb5\x2f\xfd"
    with pytest.raises(NotAnArchive):
        list(raw_members(lambda: io.BytesIO(data), Limits(1000, 10, 1 << 20, 200)))


def test_a_line_that_is_nearly_a_header_of_arc_costs_no_time(tmp_path: Path) -> None:
    (tmp_path / "a.arc").write_bytes(
        b"filedesc://a 0.0.0.0 20080430204825 text/plain 0\n\n"
        + (b"aa:b" + b" 1 12345678 x" * 4500 + b" " + b"1" * 100 + b"z\n") * 40
    )
    code = (
        "from ingest.compression import ByteReader\nfrom ingest.warc import read_archive\n"
        "print([item.rule for item in read_archive(ByteReader(open('a.arc', 'rb')), 1000, True)])\n"
    )
    assert confined(code, tmp_path, 30) == "['malformed-record']\n"


def test_bzip2_that_gives_a_million_bytes_for_one_is_unpacked_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.bz2").write_bytes(bz2.compress(b"\0" * (48 << 20)))
    code = (
        "from arcmill.tables.lines import chunks\nprint(max(map(len, chunks(open('a.jsonl.bz2', 'rb')))) <= 1 << 20)\n"
    )
    assert confined(code, tmp_path) == "True\n"


def test_a_member_that_is_passed_over_counts_before_it_is_unpacked(tmp_path: Path) -> None:
    info = tarfile.TarInfo("large.bin")
    info.size = 1 << 40
    path = tmp_path / "a.tar.bz2"
    path.write_bytes(bz2.compress(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * (8 << 20)))
    from ingest.code.archive import raw_members
    from ingest.code.items import Limits

    (item,) = raw_members(lambda: path.open("rb"), Limits(1000, 10, 1 << 34, 200))
    assert item.outcome is not None and item.outcome.rule == "bomb"
