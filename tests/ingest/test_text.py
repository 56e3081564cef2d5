"""ingest-text: mapping, ids, and input that is broken in every way that was thought of."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from arcmill.config import validate
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document, stable_id
from arcmill.stage import Failure, SourceFile
from ingest.text import STAGE, IngestText, core


def run(path: Path, **settings: Any) -> tuple[list[Document], list[Failure]]:
    file = SourceFile(str(path), path.name, path.stat().st_size)
    items = list(core(file, IngestText(**settings)))
    return [i for i in items if isinstance(i, Document)], [i for i in items if isinstance(i, Failure)]


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def rules(failures: list[Failure]) -> list[str]:
    return [failure.outcome.rule for failure in failures]


# -- mapping
# ---------------------------------------------------------------------------------------------------


def test_fields_come_from_columns_of_their_name_or_of_the_mapping(tmp_path: Path) -> None:
    row = {
        "id": 7, "text": "not this", "body": "the text", "meta": {"url": "https://a.example/", "n": 3},
        "language": "en", "language_score": 0.5, "tags": ["x"], "extra": {"k": [1]}, "license": "MIT",
    }  # fmt: skip
    path = write(tmp_path, "a.jsonl", jsonl(row))
    columns = {"text": "body", "url": "meta.url", "license": None}
    [made], failures = run(path, columns=columns, source="s", metadata_columns=["extra", "meta.n"])
    assert failures == []
    assert made == Document(
        "7", "the text", "s", url="https://a.example/", language="en", language_score=0.5, tags=["x"],
        metadata={"extra": '{"k":[1]}', "meta.n": "3"},
    )  # fmt: skip


def test_other_columns_are_kept_only_if_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", jsonl({"id": "1", "text": "t", "n": 1, "flag": True, "none": None, "s": "é"}))
    assert run(path)[0][0].metadata is None
    assert run(path, metadata_columns=["*"])[0][0].metadata == {"n": "1", "flag": "true", "s": "é"}


def test_id_is_from_the_origin_and_never_from_the_position(tmp_path: Path) -> None:
    rows = [{"text": "one"}, {"text": "two", "url": "https://b.example/"}, {"id": "", "text": "three"}]
    forward = run(write(tmp_path, "a.jsonl", jsonl(*rows)), source="s")[0]
    backward = run(write(tmp_path, "b.jsonl", jsonl(*reversed(rows))), source="s")[0]
    assert [d.id for d in forward] == [d.id for d in reversed(backward)]
    assert forward[0].id == stable_id("s", "text", "one")
    assert forward[1].id == stable_id("s", "url", "https://b.example/")


def test_source_of_the_row_unless_one_is_given(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", jsonl({"text": "a", "source": "mine"}, {"text": "b"}))
    assert [d.source for d in run(path)[0]] == ["mine", "text"]
    assert [d.source for d in run(path, source="given")[0]] == ["given", "given"]
    assert [d.source for d in run(path, source="given", columns={"source": "source"})[0]] == ["mine", "given"]


@pytest.mark.parametrize(
    "settings",
    [
        {"columns": {"txt": "a"}},
        {"columns": {"text": None}},
        {"delimiter": ";;"},
        {"format": "xml"},
        {"colums": {}},
    ],
)
def test_mistaken_settings_are_usage_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        validate(IngestText, settings, "ingest-text")


# -- JSON lines
# ------------------------------------------------------------------------------------------------

BAD_LINES = [
    (b'{"text": "a"', "bad-json"),
    (b"[" * 100_000, "bad-json"),
    (b'{"text":' * 100_000, "bad-json"),
    (b'{"text": NaN}', "bad-json"),
    (b'{"text": "\\ud800"}', "bad-json"),
    (b'{"text": "a"} {"text": "b"}', "bad-json"),
    (b"{'text': 'a'}", "bad-json"),
    (b'{"text": "tab\there"}', "bad-json"),
    (b'{"text": "\xff\xfe"}', "bad-utf8"),
    (b'{"text": "\xed\xa0\x80"}', "bad-utf8"),
    (b'["text"]', "not-an-object"),
    (b"null", "not-an-object"),
    (b'{"body": "a"}', "missing-text"),
    (b'{"text": null}', "missing-text"),
    (b'{"text": 5}', "not-a-string"),
    (b'{"text": ["a"]}', "not-a-string"),
    (b'{"text": "a\\u0000b"}', "nul-bytes"),
    (b'{"text": "a", "url": "b\\u0000"}', "nul-bytes"),
    (b'{"text": "a", "url": {}}', "not-a-string"),
    (b'{"text": "a", "language_score": "high"}', "not-a-number"),
    (b'{"text": "a", "quality_bucket": 1.5}', "not-a-number"),
    (b'{"text": "a", "quality_bucket": 1e300}', "not-a-number"),
    (b'{"text": "a", "tags": 1}', "not-a-list"),
    (b'{"text": "a", "metadata": [1]}', "not-a-map"),
]


@pytest.mark.parametrize(("line", "rule"), BAD_LINES)
def test_a_bad_line_is_one_errored_row_and_the_rest_is_done(tmp_path: Path, line: bytes, rule: str) -> None:
    path = write(tmp_path, "a.jsonl", b'{"text": "before"}\n' + line + b'\n{"text": "after"}')
    made, failures = run(path)
    assert [d.text for d in made] == ["before", "after"]
    assert rules(failures) == [rule]
    assert failures[0].outcome.outcome == "errored"
    assert "a.jsonl, line 2" in (failures[0].outcome.detail or "")


def test_lines_that_are_right_though_odd(tmp_path: Path) -> None:
    data = (
        b'\xef\xbb\xbf{"text": "bom"}\r\n\n   \n{"text": "a", "text": "last wins"}\n'
        b'{"text": "n", "big": 123456789012345678901234567890}\n{"text": "\\ud83d\\ude00"}\n'
        b'{"text": "u\xc2\x85\xe2\x80\xa8v"}'
    )
    made, failures = run(write(tmp_path, "a.jsonl", data), metadata_columns=["*"])
    assert [d.text for d in made] == ["bom", "last wins", "n", "😀", "u\x85\u2028v"]
    assert failures == []


def test_empty_text_is_dropped_not_errored(tmp_path: Path) -> None:
    _, failures = run(write(tmp_path, "a.jsonl", jsonl({"text": ""}, {"text": " \n"})))
    assert [(f.outcome.rule, f.outcome.outcome) for f in failures] == [("empty-text", "dropped")] * 2


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.gz", "a.csv", "a.json"):
        assert run(write(tmp_path, name, b"")) == ([], [])


def test_a_line_of_200_mb_is_passed_by_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b'{"text": "before"}\n{"text": "')
        for _ in range(200):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n{"text": "after"}\n')
    tracemalloc.start()
    made, failures = run(path, max_line_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [d.text for d in made] == ["before", "after"]
    assert rules(failures) == ["line-too-long"]
    assert str((200 << 20) + 12) in (failures[0].outcome.detail or "")
    assert peak < 150 << 20  # 64 KiB of gzip make at most 66 MB; never the line


def test_limits_are_exact(tmp_path: Path) -> None:
    line = '{"text": "%s"}' % ("x" * 100)
    path = write(tmp_path, "a.jsonl", line + "\n" + line)
    assert len(run(path, max_line_bytes=len(line))[0]) == 2
    assert rules(run(path, max_line_bytes=len(line) - 1)[1]) == ["line-too-long"] * 2
    assert len(run(path, max_text_bytes=100)[0]) == 2
    assert rules(run(path, max_text_bytes=99)[1]) == ["text-too-long"] * 2


def test_json_array_and_single_object(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b"}, 3]
    made, failures = run(write(tmp_path, "a.json", json.dumps(rows, indent=1)))
    assert [d.text for d in made] == ["a", "b"]
    assert rules(failures) == ["not-an-object"]
    assert run(write(tmp_path, "b.json", json.dumps({"text": "a"}, indent=1)))[0][0].text == "a"
    assert [d.text for d in run(write(tmp_path, "c.json", jsonl(*rows[:2])))[0]] == ["a", "b"]


# -- compression
# -----------------------------------------------------------------------------------------------

PACKERS = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
}


@pytest.mark.parametrize("packing", PACKERS)
def test_compression_is_found_by_content_over_several_members(tmp_path: Path, packing: str) -> None:
    pack = PACKERS[packing]
    first, second = jsonl({"text": "a"}, {"text": "b"}).encode(), jsonl({"text": "c"}).encode()
    for name in (f"a.jsonl.{packing}", "b.jsonl"):
        made, failures = run(write(tmp_path, name, pack(first) + pack(second)))
        assert [d.text for d in made] == ["a", "b", "c"]
        assert failures == []


@pytest.mark.parametrize("packing", PACKERS)
def test_truncated_compression_keeps_the_rows_before_the_break(tmp_path: Path, packing: str) -> None:
    import random

    texts = [random.Random(n).randbytes(8_000).hex() for n in range(40)]
    data = PACKERS[packing](jsonl(*({"text": text} for text in texts)).encode())
    made, failures = run(write(tmp_path, f"a.jsonl.{packing}", data[: len(data) // 2]))
    assert [d.text for d in made] == texts[: len(made)]
    # a codec gives whole blocks: bzip2 has 900 kB of text in one, zstd 128 KiB
    assert len(made) >= {"gz": 19, "zst": 10, "bz2": 0, "xz": 15}[packing]
    assert rules(failures) == ["truncated"]


@pytest.mark.parametrize("packing", PACKERS)
def test_damaged_compression_is_one_errored_row(tmp_path: Path, packing: str) -> None:
    texts = [f"{n:05d} " + "word " * 200 + str(n * 7919) for n in range(500)]
    data = bytearray(PACKERS[packing](jsonl(*({"text": text} for text in texts)).encode()))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff" * 40
    made, failures = run(write(tmp_path, f"a.jsonl.{packing}", bytes(data)))
    assert rules(failures)[-1:] == ["corrupt"]
    assert len(made) < 500


def test_zeros_after_the_last_member_are_padding(tmp_path: Path) -> None:
    made, failures = run(write(tmp_path, "a.jsonl.gz", gzip.compress(b'{"text": "a"}\n') + b"\0" * 512))
    assert (len(made), failures) == (1, [])


def test_a_zstd_bomb_stays_small(tmp_path: Path) -> None:
    packed = zstandard.ZstdCompressor().compress(b'{"text": "a"}\n' + b"\0" * (1 << 28))
    path = write(tmp_path, "a.jsonl.zst", packed)
    tracemalloc.start()
    made, failures = run(path, max_line_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(made), rules(failures)) == (1, ["line-too-long"])
    assert peak < 200 << 20


# -- CSV
# -------------------------------------------------------------------------------------------------------


def test_csv_with_newlines_and_quotes_in_fields(tmp_path: Path) -> None:
    data = 'id,text,url,language_score\n1,"two\nlines, ""quoted""",,0.5\r\n\n2,plain,https://a.example/,\n'
    made, failures = run(write(tmp_path, "a.csv", data))
    assert failures == []
    assert [(d.id, d.text, d.url, d.language_score) for d in made] == [
        ("1", 'two\nlines, "quoted"', None, 0.5),
        ("2", "plain", "https://a.example/", None),
    ]


def test_tsv_gzip_and_own_delimiter(tmp_path: Path) -> None:
    assert run(write(tmp_path, "a.tsv.gz", gzip.compress(b"id\ttext\n1\ta,b\n")))[0][0].text == "a,b"
    assert run(write(tmp_path, "a.csv", "id;text\n1;a,b\n"), delimiter=";")[0][0].text == "a,b"


@pytest.mark.parametrize(
    ("rows", "rule", "kept"),
    [
        ('1,"open\n2,b\n3,c\n', "bad-csv", ["b", "c"]),
        ('1,"open\n2,b\n3,"c"\n', "bad-csv", ["b", "c"]),
        ('1,"a"b\n2,b\n', "bad-csv", ["b"]),
        ("1\n2,b\n", "bad-csv", ["b"]),
        ("1,a,b\n2,b\n", "bad-csv", ["b"]),
        ("1,\0\n2,b\n", "nul-bytes", ["b"]),
    ],
)
def test_bad_csv_costs_one_row(tmp_path: Path, rows: str, rule: str, kept: list[str]) -> None:
    made, failures = run(write(tmp_path, "a.csv", "id,text\n" + rows))
    assert [d.text for d in made] == kept
    assert rules(failures) == [rule]
    assert "line 2" in (failures[0].outcome.detail or "")


def test_csv_that_is_not_utf8_costs_the_row_that_holds_it(tmp_path: Path) -> None:
    data = b"id,text,note\n1,\xff\xfe,\n2,b,\xff\n3,c,\n"
    made, failures = run(write(tmp_path, "a.csv", data))
    assert [d.text for d in made] == ["b", "c"]  # the note is not taken
    assert rules(failures) == ["bad-utf8"]
    assert rules(run(write(tmp_path, "a.csv", data), metadata_columns=["note"])[1]) == [
        "bad-utf8",
        "bad-utf8",
    ]


def test_csv_fields_over_the_csv_modules_own_limit(tmp_path: Path) -> None:
    text = "word " * 100_000
    made, _ = run(write(tmp_path, "a.csv", f"id,text\n1,{text}\n2,b\n"))
    assert [len(d.text) for d in made] == [500_000, 1]
    made, failures = run(write(tmp_path, "a.csv", f"id,text\n1,{text}\n2,b\n"), max_line_bytes=1000)
    assert [d.text for d in made] == ["b"]
    assert rules(failures) == ["line-too-long"]


def test_a_quote_never_closed_does_not_take_the_file_with_it(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'w' * 1000}\n" for n in range(12_000))
    made, failures = run(write(tmp_path, "a.csv", 'id,text\nx,"open\n' + rows))
    assert len(made) == 12_000
    assert rules(failures) == ["bad-csv"]


# -- Parquet
# ---------------------------------------------------------------------------------------------------


def parquet(folder: Path, table: pa.Table, name: str = "a.parquet", **options: Any) -> Path:
    pq.write_table(table, folder / name, **options)
    return folder / name


def test_parquet_types(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    table = pa.table({
        "id": pa.array([1, 2], pa.int64()),
        "text": pa.array(["a", None]).dictionary_encode(),
        "meta": pa.array([{"url": "https://a.example/", "x": 1}, None]),
        "created": pa.array([when, None], pa.timestamp("us", "Europe/Berlin")),
        "language_score": pa.array([float("nan"), 0.5]),
        "metadata": pa.array([[("k", "v")], None], pa.map_(pa.string(), pa.string())),
    })  # fmt: skip
    made, failures = run(parquet(tmp_path, table), columns={"url": "meta.url"})
    assert made == [
        Document("1", "a", "text", url="https://a.example/", created="2024-01-02T01:04:05Z", metadata={"k": "v"})
    ]
    assert [(f.id, f.outcome.rule) for f in failures] == [("2", "missing-text")]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_header_without_the_column_is_an_input_error_that_helps(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        parquet(tmp_path, pa.table({"key": ["1"], "content": ["a"]}))
    else:
        write(tmp_path, name, "key,content\n1,a\n")
    with pytest.raises(InputError) as caught:
        run(path)
    for part in (name, "'text'", "content, key", "--set columns.text="):
        assert part in str(caught.value)
    with pytest.raises(InputError, match="'link' for 'url'"):
        run(path, columns={"text": "content", "url": "link"})
    with pytest.raises(InputError, match="metadata_columns"):
        run(path, columns={"text": "content"}, metadata_columns=["link"])
    assert run(path, columns={"text": "content"})[0][0].text == "a"


def test_a_text_column_of_numbers_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="int64"):
        run(parquet(tmp_path, pa.table({"text": [1]})))


def test_parquet_strings_that_are_not_utf8(tmp_path: Path) -> None:
    raw = pa.array([b"ok", b"\xff\xfe", b"fine"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    for column in (raw, broken):
        made, failures = run(parquet(tmp_path, pa.table({"text": column}), store_schema=column is broken))
        assert [d.text for d in made] == ["ok", "fine"]
        assert rules(failures) == ["bad-utf8"]


def test_truncated_parquet_is_one_errored_row(tmp_path: Path) -> None:
    path = parquet(tmp_path, pa.table({"text": ["a"] * 1000}))
    data = path.read_bytes()
    for cut in (len(data) // 2, 4, 0):
        made, failures = run(write(tmp_path, "b.parquet", data[:cut]))
        assert (made, rules(failures)) == ([], ["bad-parquet"])


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    table = pa.table({"id": [str(n) for n in range(300)], "text": [f"text {n} " * 50 for n in range(300)]})
    path = parquet(
        tmp_path,
        table,
        row_group_size=100,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=False,
    )
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    start = chunk.data_page_offset + chunk.total_compressed_size - 40  # behind the page header
    data[start : start + 16] = bytes(255 - byte for byte in data[start : start + 16])
    made, failures = run(write(tmp_path, "b.parquet", bytes(data)))
    assert {int(d.id) for d in made} == {*range(100), *range(200, 300)}
    assert rules(failures) == ["corrupt"]
    assert "100 rows of row group 1" in (failures[0].outcome.detail or "")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_a_cell_that_is_too_long_errs_alone(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["first", "a" * 3000, "second", "b" * 1001, "third"]
    path = parquet(tmp_path, pa.table({"id": list("abcde"), "text": pa.array(texts, kind)}))
    made, failures = run(path, max_line_bytes=1000)
    assert [(d.id, d.text) for d in made] == [("a", "first"), ("c", "second"), ("e", "third")]
    assert rules(failures) == ["cell-too-long"] * 2
    assert "row 2: column 'text': 3000 bytes; max_line_bytes is 1000" in (failures[0].outcome.detail or "")


def test_an_unknown_suffix_is_an_input_error(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", jsonl({"text": "a"}))
    with pytest.raises(InputError, match="format=jsonl"):
        run(path)
    assert len(run(path, format="jsonl")[0]) == 1


# -- through the kernel
# ----------------------------------------------------------------------------------------


def test_a_folder_through_the_kernel_is_conserved(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder, "a.jsonl", jsonl({"text": "a"}, {"text": ""}, {"n": 1}))
    write(folder, "b.csv", "id,text\n1,b\n2\n")
    write(folder, "readme.txt", "not a table")
    config = IngestText(max_error_rate=0.5)
    dataset = execute(STAGE, config, {"input": [str(folder)]}, str(tmp_path / "out")).dataset
    counts = dataset.manifest["counts"]
    assert (counts["in"], counts["kept"], counts["dropped"], counts["errored"]) == (5, 2, 1, 2)
    with pytest.raises(InputError, match=r"columns\.text"):
        execute(STAGE, IngestText(), {"input": [str(folder)]}, str(tmp_path / "strict"))


@pytest.mark.parametrize("store_schema", [True, False])
def test_parquet_whose_column_has_no_name_in_utf8_is_errored(tmp_path: Path, store_schema: bool) -> None:
    path = parquet(tmp_path, pa.table({"text": ["words"], "namename": ["x"]}), store_schema=store_schema)
    made, failures = run(write(tmp_path, "a.parquet", path.read_bytes().replace(b"namename", b"name\x98ame")))
    assert (made, rules(failures)) == ([], ["bad-parquet"])
