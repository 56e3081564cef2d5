"""Mixtures on the page: what was asked, what came, what was missed; and manifests that say something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcmill.config import StageConfig
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.stage import Stage
from pipelines.lineage import open_run
from pipelines.report import write_report
from pipelines.report.gather import gather
from pipelines.report.mixtures import mixtures


def make(split: str, config: StageConfig) -> Iterator[Document]:
    for row in range(4):
        yield Document(f"id-{row}", f"text {row}", "web")


MAKE = Stage(name="make", version=1, help="x", config=StageConfig, writes="Document", engine="datatrove", core=make, reads={}, splits=lambda config: ["one"])  # fmt: skip
MIX = Stage(name="mix", version=1, help="x", config=StageConfig, writes="Document", engine="datatrove", core=lambda document, config: document, reads={"input": "Document"}, each=True)  # fmt: skip
BUCKET = {"bucket": 4, "tokens": 700, "asked_tokens": 800, "available_tokens": 350, "unique_tokens": 350, "epochs": 2.0}
SOURCE: dict[str, Any] = {
    "source": "web<i>", "tokens": 700, "asked_tokens": 1000, "error_percent": -30.0, "available_tokens": 350, "unique_tokens": 350,
    "epochs": 2.0, "missed": "no more than 2 epochs", "buckets": [BUCKET],
}  # fmt: skip
RECEIPT: dict[str, Any] = {
    "asked_tokens": 1000, "tokens": 700, "error_percent": -30.0, "unique_tokens": 350, "repeated_tokens": 350, "documents": 4,
    "occurrences": 8, "sources": [SOURCE], "repeats": [{"times": "2", "documents": 4, "tokens": 700}], "training_stage": "general",
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    execute(MAKE, StageConfig(), {}, f"{tmp_path}/run/made")
    execute(MIX, StageConfig(), {"input": [f"{tmp_path}/run/made"]}, f"{tmp_path}/run/mixed")
    return tmp_path / "run"


def section(run: Path, statistics: Any) -> str:
    manifest = run / "mixed" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "statistics": statistics}))
    return str(mixtures(gather(open_run(str(run)))))


def test_what_was_asked_stands_beside_what_came(run: Path) -> None:
    told = section(run, RECEIPT)
    assert "Asked 1,000 tokens, holds 700 (-30.00 %): 350 unique, 350 in repeats; 4 documents in 8 occurrences." in told
    assert "web&lt;i&gt;" in told and "web<i>" not in told
    assert "misses what was asked: no more than 2 epochs" in told
    assert "bucket 4" in told and "4 twice" in told and "mix, for general" in told


@pytest.mark.parametrize("statistics", [{}, {"sources": 7}, {**RECEIPT, "sources": [{}]}, {**RECEIPT, "tokens": "many"}, {**RECEIPT, "sources": [{**SOURCE, "buckets": 3}]}])  # fmt: skip
def test_a_manifest_that_says_something_else_is_told(run: Path, statistics: Any) -> None:
    assert "cannot be read as a receipt" in section(run, statistics)


def test_a_run_without_mixtures_has_no_section(run: Path) -> None:
    assert mixtures(gather(open_run(f"{run}/made"))) is None


def test_repeats_are_those_of_a_mixture(run: Path) -> None:
    manifest = json.loads((run / "mixed" / "manifest.json").read_text())
    manifest["counts"] = {**manifest["counts"], "created": 3}
    (run / "mixed" / "manifest.json").write_text(json.dumps(manifest))
    page = Path(write_report(str(run), None)).read_text()
    assert "<b>1</b>" in page and "25.0 % of what was read; 4 with repeats" in page
    manifest["stage"] = "concat-repo"
    (run / "mixed" / "manifest.json").write_text(json.dumps(manifest))
    assert "100 % of what was read<" in Path(write_report(str(run), None)).read_text()


def test_what_is_made_of_many_rows_is_no_loss(run: Path) -> None:
    """Repositories are made of files: all of them are merged, and that is what was meant."""
    manifest = json.loads((run / "mixed" / "manifest.json").read_text())

    def findings(**counts: int) -> str:
        held = {"in": 400, "kept": 0, "dropped": 0, "merged": 0, "errored": 0, "created": 0, **counts}
        (run / "mixed" / "manifest.json").write_text(json.dumps({**manifest, "counts": held}))
        return " ".join(found.text for found in gather(open_run(str(run))).warnings)

    assert "Was that meant?" in findings(merged=400)
    assert "Was that meant?" in findings(merged=300, dropped=100, created=25)
    assert "Was that meant?" not in findings(merged=400, created=25)
