"""Merged pairs by band of similarity: sampled, written for labelling, and their precision read back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Outcome, Stage
from pipelines.cli import cli
from pipelines.pairs import band_of, read_labels, sample_pairs, wilson, with_texts, write_csv


def make(split: str, config: StageConfig) -> Iterator[Document]:
    for number in range(120):
        yield Document(f"d{number:03d}", f"text {number}", "web")


def merge(document: Document, config: StageConfig) -> Document | Outcome:
    number = int(document.id[1:])
    if number % 2 == 0:
        return document
    score = 1.0 if number == 1 else 0.9 + 0.1 * number / 120
    return Outcome("semantic", "merged", score=score, threshold=0.9, into_id=f"d{number - 1:03d}")


MAKE = Stage(
    name="make", version=1, help="x", config=StageConfig, writes="Document", engine="datatrove", core=make,
    splits=lambda config: ["one"],
)  # fmt: skip
MERGE = Stage(
    name="merge", version=1, help="x", config=StageConfig, reads={"input": "Document"}, writes="Document",
    engine="datatrove", core=merge, each=True,
)  # fmt: skip


@pytest.fixture
def merged(tmp_path: Path) -> Dataset:
    execute(MAKE, StageConfig(), {}, str(tmp_path / "run" / "made"))
    return execute(
        MERGE, StageConfig(), {"input": [str(tmp_path / "run" / "made")]}, str(tmp_path / "run" / "merged")
    ).dataset


def test_every_band_is_sampled_with_both_texts(merged: Dataset) -> None:
    bands, pairs = sample_pairs(merged, 3)
    assert list(bands) == ["0.900-0.920", "0.920-0.940", "0.940-0.960", "0.960-0.980", "0.980-1.000", "1.000"]
    assert sum(bands.values()) == 60
    assert [sum(pair.band == band for pair in pairs) for band in bands] == [3, 3, 3, 3, 3, 1]
    for pair in with_texts(merged, pairs):
        assert pair.removed_text == f"text {int(pair.removed[1:])}"
        assert pair.survivor_text == f"text {int(pair.removed[1:]) - 1}"
        assert pair.band == band_of(pair.score, 0.9)
    assert sample_pairs(merged, 3) == (bands, pairs)


def test_two_rules_have_each_their_bands(tmp_path: Path) -> None:
    def core(document: Document, config: StageConfig) -> Document | Outcome:
        number = int(document.id[1:])
        if number % 2 == 0:
            return document
        rule, low = ("template", 0.4) if number % 3 == 0 else ("semantic", 0.95)
        return Outcome(rule, "merged", score=low + 0.01, threshold=low, into_id=f"d{number - 1:03d}")

    execute(MAKE, StageConfig(), {}, str(tmp_path / "made"))
    stage = replace(MERGE, core=core)
    merged = execute(stage, StageConfig(), {"input": [str(tmp_path / "made")]}, str(tmp_path / "merged")).dataset
    assert sample_pairs(merged, 1)[0] == {"semantic 0.960-0.970": 40, "template 0.400-0.520": 20}


def test_labels_become_precision_with_an_interval(merged: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    write_csv(str(path), with_texts(merged, sample_pairs(merged, 10)[1]))
    with pytest.raises(UsageError, match="exists, and may hold labels"):
        write_csv(str(path), [])
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["label"] for row in rows} == {""}
    assert all(row["removed_text"] and row["survivor_text"] for row in rows)
    for number, row in enumerate(rows):
        if row["band"] == "0.900-0.920":
            row["label"] = ["duplicate", "0", "no", "different"][number % 4]
        elif row["band"] == "0.980-1.000":
            row["label"] = "Yes"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    told = {row["band"]: row for row in read_labels(str(path))}
    low = told["0.900-0.920"]
    assert (low["labelled"], low["right"], low["precision"]) == (10, 3, 0.3)
    assert told["0.980-1.000"]["precision"] == 1.0 == pytest.approx(told["0.980-1.000"]["high"])
    assert (told["0.940-0.960"]["precision"], told["0.940-0.960"]["low"]) == (None, 0.0)


def test_wilson_interval() -> None:
    """81 of 263, an example of Newcombe (1998, Statistics in Medicine 17, table I)."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[0] == pytest.approx(10 / (10 + 1.959963984540054**2))


def test_a_label_that_is_none_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("band,label\n0.9,1\n0.9,perhaps\n")
    with pytest.raises(UsageError, match=r"line 3: label 'perhaps'; accepted: 1, yes"):
        read_labels(str(path))
    path.write_text("a,b\n")
    with pytest.raises(UsageError, match="no columns 'band' and 'label'"):
        read_labels(str(path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(str(tmp_path / "none.csv"))


def test_the_command_shows_writes_and_reads(merged: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def run(*arguments: str) -> str:
        cli.main(["inspect", merged.url, "--rows", "0", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    assert "0.980-1.000  1" in run() and "text 1" not in run()
    assert "text 1" in run("--pairs", "2")
    path = str(tmp_path / "pairs.csv")
    assert run("--pairs-csv", path).strip() == path
    assert "0 of 0 labelled, 12 sampled" in run("--labels", path)
