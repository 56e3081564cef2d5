"""Source archives: tar in every compression, zip."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

from ..harness import Harness

FILES = {
    "thing-1.0/a.py": b"print(1)\n" * 30,
    "thing-1.0/LICENSE": b"Do what you want.\n",
    "thing-1.0/src/" + "long" * 20 + ".c": b"int a;\n",
}


def seeds() -> list[bytes]:
    import zstandard

    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=form) as tar:
            for name, data in FILES.items():
                info = tarfile.TarInfo(name)
                info.size, info.pax_headers = len(data), {"comment": "é"}
                tar.addfile(info, io.BytesIO(data))
            link = tarfile.TarInfo("thing-1.0/link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
        made.append(packed.getvalue()[:6144])
    tar_ = made[-1]
    made += [
        gzip.compress(tar_, mtime=0),
        bz2.compress(tar_),
        lzma.compress(tar_),
        zstandard.ZstdCompressor().compress(tar_),
    ]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            for name, data in FILES.items():
                archive.writestr(zipfile.ZipInfo(name), data, method)
        made += [packed.getvalue(), packed.getvalue()[:-60]]
    return made


def run(data: bytes) -> str:
    from ingest.code.archive import Archive, NotAnArchive, raw_members
    from ingest.code.items import Limits, unsafe

    limits = Limits(1 << 16, 1000, 1 << 22, 200)
    try:
        archive = Archive(lambda: io.BytesIO(data), limits)
        archive.context(lambda path: path.endswith("LICENSE"))
        items = list(archive.items())
    except NotAnArchive:
        return "none"
    if (
        len(items) > limits.files + 1
        or sum(len(item.data) for item in raw_members(lambda: io.BytesIO(data), limits))
        > limits.total_bytes + limits.file_bytes
    ):
        raise AssertionError("more than the limits allow")
    for item in items:
        if len(item.data) > limits.file_bytes + 1 or (item.outcome is None and unsafe(item.path)):
            raise AssertionError(f"{item.path!r} of {len(item.data)} bytes")
    return "+".join(sorted({item.outcome.rule if item.outcome else "file" for item in items})) or "nothing"


HARNESS = Harness(
    "archive",
    seeds,
    run,
    tokens=("PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "ustar\x0000", "\x1f\x8b\x08", "BZh9", "0000777\0", "-0000777"),
)
