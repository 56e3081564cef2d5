"""Damage is found and named."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from tiny_stages import DROP, MAKE, DropConfig, MakeConfig

from arcmill.dataset import Dataset, describe_drift
from arcmill.errors import InputError
from arcmill.execute import execute


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return execute(MAKE, MakeConfig(splits=2, errors=1), {}, str(tmp_path / "a")).dataset


def test_a_changed_byte_is_found(dataset: Dataset) -> None:
    part = Path(dataset.file("part-00000.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    assert list(dataset.problems()) == ["part-00000.parquet: checksum differs from the manifest"]
    assert list(dataset.problems(checksums=False)) == []


def test_a_truncated_part_is_found_and_named(dataset: Dataset, tmp_path: Path) -> None:
    part = Path(dataset.file("part-00001.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    assert any("part-00001.parquet" in problem for problem in dataset.problems())
    with pytest.raises(InputError, match=r"part-00001\.parquet: a damaged part"):
        execute(DROP, DropConfig(), {"input": [dataset.url]}, str(tmp_path / "b"))


def test_a_missing_part_is_found(dataset: Dataset) -> None:
    Path(dataset.file("part-00000.parquet")).unlink()
    assert "part-00000.parquet: listed but missing" in list(dataset.problems())


def test_an_unlisted_file_is_not_read(dataset: Dataset) -> None:
    rows = sum(batch.num_rows for batch in dataset.batches(["id"]))
    Path(dataset.file("part-99999.parquet")).write_bytes(b"not listed")
    assert sum(batch.num_rows for batch in Dataset.open(dataset.url).batches(["id"])) == rows


def test_counts_that_do_not_add_up_are_found(dataset: Dataset) -> None:
    manifest = Path(dataset.file("manifest.json"))
    values = json.loads(manifest.read_text())
    values["counts"]["kept"] -= 1
    manifest.write_text(json.dumps(values))
    assert "counts: in 400 is not kept + dropped + merged + errored" in list(Dataset.open(dataset.url).problems())


def test_a_part_without_some_of_its_rows_is_found(dataset: Dataset) -> None:
    import pyarrow.parquet as pq

    part, manifest = Path(dataset.file("part-00000.parquet")), Path(dataset.file("manifest.json"))
    pq.write_table(pq.read_table(part).slice(1), part)
    values = json.loads(manifest.read_text())
    entry = next(file for file in values["files"] if file["path"] == part.name)
    entry.update(rows=entry["rows"] - 1, bytes=part.stat().st_size, sha256=sha256(part.read_bytes()).hexdigest())
    manifest.write_text(json.dumps(values))
    kept = dataset.counts["kept"]
    assert list(Dataset.open(dataset.url).problems()) == [
        f"counts: kept {kept}, created 0; the parts hold {kept - 1} rows"
    ]


@pytest.mark.parametrize(
    ("text", "told"), [("{", "not JSON"), ("[]", "not an arcmill manifest"), ('{"a": 1}', "not an")]
)
def test_a_broken_manifest_is_told(dataset: Dataset, text: str, told: str) -> None:
    Path(dataset.file("manifest.json")).write_text(text)
    with pytest.raises(InputError, match=told):
        Dataset.open(dataset.url)


def test_what_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such dataset"):
        Dataset.open(str(tmp_path / "none"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="ingest-text"):
        Dataset.open(str(tmp_path / "folder"))


def test_drift_names_what_differs() -> None:
    old = {"stage": "s", "stage_version": 1, "config": {"a": {"b": 1}}, "inputs": [{"name": "i", "fingerprint": "x"}]}
    new = {"stage": "s", "stage_version": 2, "config": {"a": {"b": 2}}, "inputs": [{"name": "i", "fingerprint": "y"}]}
    assert describe_drift(old, new) == ["stage_version: 1 -> 2", "config a.b: 1 -> 2", "input i: x -> y"]


def test_vectors_of_a_width_that_none_have_are_taken_for_none(dataset: Dataset) -> None:
    for width, read in (("8", 8), ("9" * 5000, 1), ("²", 1)):
        dataset.manifest["schema"]["embedding"] = f"fixed_size_list<item: float not null>[{width}]"
        assert dataset.width == read
