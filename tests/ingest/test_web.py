"""ingest-web: kinds of input, routing, ids and dates, damage, and the whole stage."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard
from web_archives import PARAGRAPH, arc, gzip_members, http, page, pages, record

from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Document, stable_id
from arcmill.stage import Failure, SourceFile
from ingest.web import STAGE, IngestWeb, core


def run(path: Path, **settings: Any) -> tuple[list[Document], list[Failure]]:
    items = list(core(SourceFile(str(path), path.name, path.stat().st_size), IngestWeb(**settings)))
    return [i for i in items if isinstance(i, Document)], [i for i in items if isinstance(i, Failure)]


def ingest(folder: Path, name: str, data: bytes | str, **settings: Any) -> tuple[list[Document], list[Failure]]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return run(path, **settings)


def rules(failures: list[Failure]) -> list[str]:
    return [f"{failure.outcome.outcome}:{failure.outcome.rule}" for failure in failures]


def zstd_members(parts: list[bytes]) -> bytes:
    return b"".join(zstandard.ZstdCompressor().compress(part) for part in parts)


# --- kinds of input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [b"".join, gzip_members, zstd_members, lambda parts: gzip.compress(b"".join(parts))])
def test_a_warc_is_read_however_it_is_compressed_and_named(tmp_path: Path, pack: Any) -> None:
    documents, failures = ingest(tmp_path, "no-suffix", pack(pages(3)))
    assert failures == []
    assert [d.id for d in documents] == [f"urn:uuid:{n:032d}" for n in (1, 2, 3)]
    first = documents[0]
    assert first.text == f"Page 1. {PARAGRAPH}"
    assert (first.url, first.created, first.source) == ("http://example.org/1", "2024-05-06T07:08:09Z", "web")
    assert first.metadata == {"charset": "utf-8", "status": "200", "title": "A page"}
    assert first.html is None


def test_a_warc_may_hold_a_zstd_dictionary(tmp_path: Path) -> None:
    parts = pages(60)
    dictionary = zstandard.train_dictionary(8192, list[bytes | bytearray | memoryview](parts))
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    frame = dictionary.as_bytes()
    data = b"\x5d\x2a\x4d\x18" + len(frame).to_bytes(4, "little") + frame
    documents, failures = ingest(tmp_path, "a.warc.zst", data + b"".join(map(compressor.compress, parts[:2])))
    assert len(documents) == 2
    assert not failures


def test_an_arc_gives_documents_with_ids_from_url_and_date(tmp_path: Path) -> None:
    block = http(page().encode())
    data = arc(("http://example.org/a", block), ("http://example.org/with space?x=a b", block))
    documents, failures = ingest(tmp_path, "old.arc.gz", gzip.compress(data))
    assert failures == []
    assert [d.url for d in documents] == ["http://example.org/a", "http://example.org/with space?x=a b"]
    assert documents[0].created == "2008-04-30T20:48:26Z"
    assert documents[0].id == stable_id("http://example.org/a", "20080430204826")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_an_html_file_is_one_page_and_names_its_own_address(tmp_path: Path, pack: Any) -> None:
    head = '<base href="https://example.net/x/"><link href="/real" rel="canonical">'
    documents, failures = ingest(tmp_path, "page.html", pack(page(head=head).encode()))
    assert failures == []
    assert documents[0].id == "page.html"
    assert documents[0].url == "https://example.net/real"
    assert documents[0].created is None


def test_each_member_of_a_tar_is_a_page(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (
            ("docs/a.html", page().encode()), ("docs/b.html.gz", gzip.compress(page().encode())),
            ("docs/" + "long/" * 60 + "c.html", page().encode()), ("docs/logo.png", b"\x89PNG\r\n\x1a\n....."),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    for name, data in (("t.tar", buffer.getvalue()), ("t.tar.gz", gzip.compress(buffer.getvalue()))):
        documents, failures = ingest(tmp_path, name, data)
        assert [d.id.removeprefix(name) for d in documents][:2] == ["/docs/a.html", "/docs/b.html.gz"]
        assert documents[2].id.endswith("long/c.html")
        assert rules(failures) == ["dropped:content-type"]
        assert failures[0].outcome.detail == "image/png"
    documents, failures = ingest(tmp_path, "cut.tar", buffer.getvalue()[:700])
    assert documents == []
    assert rules(failures) == ["errored:truncated-record"]


def test_an_empty_file_holds_no_main_text_and_a_pdf_is_routed(tmp_path: Path) -> None:
    assert rules(ingest(tmp_path, "empty.html", b"")[1]) == ["dropped:no-main-text"]
    _, failures = ingest(tmp_path, "paper.html", b"%PDF-1.7 ...")
    assert rules(failures) == ["dropped:content-type"]
    assert failures[0].outcome.detail == "application/pdf"


# --- routing --------------------------------------------------------------------------------------------------------


def test_only_pages_are_rows_and_other_payloads_are_routed_by_type(tmp_path: Path) -> None:
    html = page().encode()
    parts = [
        record(b"software: test\r\n", 1, "warcinfo", content_type="application/warc-fields"),
        record(b"GET / HTTP/1.1\r\n\r\n", 2, "request", content_type="application/http; msgtype=request"),
        record(b"via: x\r\n", 3, "metadata", content_type="application/warc-fields"),
        record(http(b""), 4, "revisit"),
        record(http(html, "application/pdf"), 5),
        record(http(b"%PDF-1.4 mislabelled", "text/html"), 6),
        record(http(html, None), 7),
        record(http(html, "text/plain"), 8),
        record(http(b"User-agent: *", "text/plain"), 9),
        record(http(html, status="404 Not Found"), 10),
        record(html, 11, "resource", content_type="text/html"),
        record(b"Ein  Text\nwie er ist.\n", 12, "conversion", content_type="text/plain"),
        record(http(b"<html><body><script>x()</script></body></html>"), 13),
        record(http(html, "application/xhtml+xml"), 14),
    ]
    documents, failures = ingest(tmp_path, "mixed.warc", b"".join(parts))
    assert [int(d.id[-4:]) for d in documents] == [7, 8, 11, 12, 14]
    assert documents[3].text == "Ein  Text\nwie er ist."
    found = {int(f.id[-4:]): (f.outcome.rule, f.outcome.detail) for f in failures}
    assert found == {
        5: ("content-type", "application/pdf"), 6: ("content-type", "application/pdf"),
        9: ("content-type", "text/plain"), 10: ("http-status", "404"), 13: ("no-main-text", None),
    }  # fmt: skip
    assert all(f.outcome.outcome == "dropped" for f in failures)


def test_html_is_kept_only_on_request_and_source_is_a_setting(tmp_path: Path) -> None:
    documents, _ = ingest(tmp_path, "a.html", page(), keep_html=True, source="manual")
    assert documents[0].html == page()
    assert documents[0].source == "manual"


# --- HTTP -----------------------------------------------------------------------------------------------------------


def chunked(body: bytes, size: int = 100) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def brotli_or_skip(body: bytes) -> bytes:
    data: bytes = pytest.importorskip("brotli").compress(body)
    return data


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("pack", "headers"),
    [
        (chunked, {"Transfer_Encoding": "chunked"}),
        (bytes, {"Transfer_Encoding": "chunked"}),  # dechunked already
        (gzip.compress, {"Content_Encoding": "gzip"}),
        (bytes, {"Content_Encoding": "gzip"}),  # decoded already
        (lambda b: chunked(gzip.compress(b)), {"Transfer_Encoding": "chunked", "Content_Encoding": "x-gzip"}),
        (zlib.compress, {"Content_Encoding": "deflate"}),
        (raw_deflate, {"Content_Encoding": "deflate"}),
        (zstandard.ZstdCompressor().compress, {"Content_Encoding": "zstd"}),
        (brotli_or_skip, {"Content_Encoding": "br"}),
    ],
)
def test_transfer_and_content_encodings_are_undone(tmp_path: Path, pack: Any, headers: dict[str, str]) -> None:
    block = http(pack(page().encode()), "text/html", **headers)
    documents, failures = ingest(tmp_path, "a.warc", record(block))
    assert failures == []
    assert documents[0].text == PARAGRAPH


def test_a_body_that_was_cut_gives_what_it_holds(tmp_path: Path) -> None:
    body = "".join(f"<p>Number {n}, {PARAGRAPH}</p>" for n in range(200))
    for data, header in (
        (gzip.compress(page(body).encode())[:-200], {"Content_Encoding": "gzip"}),
        (chunked(page(body).encode())[:-20000], {"Transfer_Encoding": "chunked"}),
    ):
        documents, failures = ingest(tmp_path, "a.warc", record(http(data, **header)))
        assert failures == []
        assert documents[0].text.startswith("Number 0,")
        assert documents[0].metadata is not None
        assert documents[0].metadata["truncated"] == "true"


def test_unknown_and_damaged_encodings_are_errored(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(page().encode() * 50))
    damaged[20:60] = b"\xff" * 40
    parts = [
        record(http(b"xyz", Content_Encoding="compress-o-matic"), 1),
        record(http(bytes(damaged), Content_Encoding="gzip"), 2),
        record(http(b"x", Content_Encoding="gzip, gzip, gzip, gzip"), 3),
    ]
    _, failures = ingest(tmp_path, "a.warc", b"".join(parts))
    assert rules(failures) == ["errored:content-encoding", "errored:undecodable", "errored:content-encoding"]


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_cut_archive_keeps_what_came_before_the_cut(tmp_path: Path) -> None:
    parts = pages(3)
    for name, data in (
        ("a.warc", b"".join(parts)[:-300]),
        ("a.warc.gz", gzip_members(parts)[:-150]),
        ("a.warc.zst", zstd_members(parts)[:-150]),
        ("head.warc", b"".join(parts[:2]) + parts[2][:60]),
    ):
        documents, failures = ingest(tmp_path, name, data)
        assert len(documents) == 2, name
        assert rules(failures) == ["errored:truncated-record"], name


def test_reading_goes_on_after_a_damaged_member(tmp_path: Path) -> None:
    for pack, name in ((gzip.compress, "a.warc.gz"), (zstandard.ZstdCompressor().compress, "a.warc.zst")):
        members = [bytearray(pack(part)) for part in pages(5)]
        middle = len(members[2]) // 2
        members[2][middle : middle + 30] = bytes(range(30))
        documents, failures = ingest(tmp_path, name, b"".join(members))
        assert [int(d.id[-4:]) for d in documents] == [1, 2, 4, 5], name
        assert rules(failures) == ["errored:corrupt-member"], name


@pytest.mark.parametrize("length", [10, 100_000_000, "abc", "-5", ""])
def test_a_wrong_length_costs_one_record(tmp_path: Path, length: int | str) -> None:
    block = http(page().encode())
    data = record(block, 1) + record(block, 2, length=length) + record(block, 3) + record(block, 4)
    documents, failures = ingest(tmp_path, "a.warc", data)
    if length == 100_000_000:  # cannot be told from a file that is cut
        assert [int(d.id[-4:]) for d in documents] == [1]
        assert rules(failures) == ["errored:truncated-record"]
    else:
        assert [int(d.id[-4:]) for d in documents] == [1, 3, 4]
        assert rules(failures) == ["errored:malformed-record"]


def test_a_length_that_swallows_the_next_record_gives_it_back(tmp_path: Path) -> None:
    block = http(page().encode())
    data = record(block, 1, length=len(block) + 200) + record(block, 2) + record(block, 3)
    documents, failures = ingest(tmp_path, "a.warc", data)
    assert [int(d.id[-4:]) for d in documents] == [2, 3]
    assert rules(failures) == ["errored:malformed-record"]


def test_garbage_between_records_is_one_errored_row(tmp_path: Path) -> None:
    data = pages(2)[0] + b"garbage\n" * 5000 + pages(2)[1]
    documents, failures = ingest(tmp_path, "a.warc", data)
    assert len(documents) == 1 + 1
    assert rules(failures) == ["errored:malformed-record"]


def test_a_damaged_html_gz_is_errored(tmp_path: Path) -> None:
    data = gzip.compress(page().encode())
    assert rules(ingest(tmp_path, "a.html.gz", data[:-30])[1]) == ["errored:truncated-record"]
    assert rules(ingest(tmp_path, "b.html.gz", data[:12] + b"\xff" * 40 + data[52:])[1]) == ["errored:unreadable"]


# --- bombs and traps ------------------------------------------------------------------------------------------------


def test_bombs_are_bounded_in_time_and_memory(tmp_path: Path) -> None:
    zeros = b"<p>" + b"a" * (64 << 20)
    settings = {"max_page_bytes": 1 << 20, "max_decompressed_bytes": 2 << 20}
    inner = {
        "gzip": gzip.compress(zeros),
        "zstd": zstandard.ZstdCompressor().compress(zeros),
        "deflate": zlib.compress(zeros),
    }
    del zeros
    parts = [record(http(body, Content_Encoding=name), n) for n, (name, body) in enumerate(inner.items())]
    (tmp_path / "bomb.warc").write_bytes(b"".join(parts))
    for name in ("gzip", "zstd"):
        (tmp_path / f"bomb.html.{name}").write_bytes(inner[name])
    run(tmp_path / "bomb.html.gzip", **settings)  # what is imported once is not counted
    tracemalloc.start()
    try:
        assert rules(run(tmp_path / "bomb.warc", **settings)[1]) == ["errored:decompressed-too-large"] * 3
        assert rules(run(tmp_path / "bomb.html.gzip", **settings)[1]) == ["errored:decompressed-too-large"]
        assert rules(run(tmp_path / "bomb.html.zstd", **settings)[1]) == ["errored:decompressed-too-large"]
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


TRAPS = {
    "deep": ("<div>" * 1_000_000, "nesting-too-deep"),
    "deep and closed": ("<div>" * 2000 + "x" + "</div>" * 2000, "nesting-too-deep"),
    "stray end tags": ("<div></foo>" * 100_000, "nesting-too-deep"),
    "reopened formatting": ("".join(f"<p><font size={n}>x" for n in range(20_000)), "nesting-too-deep"),
    "formatting in blocks": (
        "<p>" + "".join(f"<i a={n}>" for n in range(400)) + "</p>" + "<p>x</p>" * 20_000,
        "too-many-elements",
    ),
    "attributes": ("<div " + " ".join(f"a{n}=1" for n in range(100_000)) + ">", "too-many-attributes"),
    "quoted attributes": ("<div " + "".join(f'a{n}=">"' for n in range(50_000)), "too-many-attributes"),
    "elements": ("<br>" * 600_000, "too-many-elements"),
    "nul": ("\0" * 1_000_000, "undecodable"),
    "size": ("<p>word word.</p>" * 600_000, "page-too-large"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_is_an_errored_row(tmp_path: Path, trap: str) -> None:
    body, rule = TRAPS[trap]
    documents, failures = ingest(tmp_path, "trap.warc", record(http(b"<html><body>" + body.encode())) + pages(1)[0])
    assert rules(failures) == [f"errored:{rule}"]
    assert len(documents) == 1, "the page after it is read"


def test_a_large_payload_that_is_no_page_is_routed_not_errored(tmp_path: Path) -> None:
    video = record(http(b"\0" * 3_000_000, "video/mp4"))
    _, failures = ingest(tmp_path, "a.warc", video, max_page_bytes=1 << 20)
    assert rules(failures) == ["dropped:content-type"]


def test_memory_stays_flat_when_a_warc_grows_tenfold(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.warc.gz"
        path.write_bytes(gzip_members(pages(count)))
        tracemalloc.start()
        try:
            for _ in core(SourceFile(str(path), path.name, path.stat().st_size), IngestWeb()):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(5)
    assert peak(1000) < 1.2 * peak(100) + 100_000


# --- the whole stage ------------------------------------------------------------------------------------------------


def test_the_stage_conserves_rows_and_does_not_depend_on_workers(tmp_path: Path, digest: Any) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    (inputs / "a.warc.gz").write_bytes(gzip_members([*pages(3), record(http(b"%PDF-1", "application/pdf"), 9)]))
    (inputs / "b.html").write_text(page())
    (inputs / "notes.txt").write_text("not searched for")
    digests = set()
    for workers in (1, 2):
        output = tmp_path / f"out{workers}"
        result = execute(STAGE, IngestWeb(), {"input": [str(inputs)]}, str(output), workers=workers)
        counts = result.dataset.manifest["counts"]
        assert (counts["in"], counts["kept"], counts["dropped"], counts["errored"]) == (5, 4, 1, 0)
        digests.add(digest(output))
    assert len(digests) == 1


def test_declaring_the_stage_imports_no_engine() -> None:
    heavy = ("numpy", "numba", "pyarrow", "resiliparse", "trafilatura")
    code = f"import sys, ingest.web; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_extractors_are_refused() -> None:
    from arcmill.config import validate

    with pytest.raises(UsageError, match="extractor"):
        validate(IngestWeb, {"extractor": "best"}, "config")
