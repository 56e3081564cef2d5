"""The whole way, web pages to packed tokens: the same bytes for any workers and after kills, every row explained."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import write_pages

from arcmill.dataset import Dataset
from arcmill.engines.session import find_java
from pipelines.receipt import receipt
from pipelines.verify import verify_path
from pipelines.why import explain

Digest = Callable[[Path | str], str]

STEPS = "pages language filtered scored exact minhash buckets tokenizer counted mixed packed".split()


def start(pages: Path, root: Path, workers: int, *settings: str, **more: Any) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "pipelines.cli", "run", "web", "--root", str(root), "--workers", str(workers),
        "--set", f"pages.input={pages}", "--set", "pages.max_error_rate=0.5", "--set", "tokenizer.vocab_size=600",
        "--set", "packed.sequence_length=512", *(part for setting in settings for part in ("--set", setting)),
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "pages"
    write_pages(folder, 120)
    return folder


@pytest.fixture(scope="module")
def run(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run") / "one"
    process = start(pages, root, 1)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert f"report: {root}/report.html" in out
    return root


def test_every_row_is_accounted_for(run: Path) -> None:
    assert verify_path(str(run))["ok"]
    for step in STEPS:
        counts = Dataset.open(str(run / step)).counts
        assert counts["in"] == counts["kept"] + counts["dropped"] + counts["merged"] + counts["errored"], step


def test_the_sequences_hold_what_the_mixture_was_asked_for(run: Path) -> None:
    found = receipt(str(run))
    (source,) = found["mixtures"][0]["sources"]
    assert source["tokens_by"] == Dataset.open(str(run / "tokenizer")).fingerprint[:16]
    assert found["packed"][0]["tokens"] == source["tokens"]
    assert abs(found["packed"][0]["error_percent"]) <= 0.1


def test_duplicates_and_junk_went_and_good_pages_stayed(run: Path) -> None:
    first = Dataset.open(str(run / "pages")).counts
    assert first["in"] == 120 + 12 + 18 + 6
    assert Dataset.open(str(run / "exact")).counts["merged"] == 12
    assert Dataset.open(str(run / "minhash")).counts["merged"] == 18
    assert Dataset.open(str(run / "minhash")).rows == 120
    packed = Dataset.open(str(run / "packed"))
    assert packed.rows > 20
    for batch in packed.batches(["input_ids", "loss_mask"]):
        assert {len(row) for row in batch.column(0).to_pylist()} == {512}


@pytest.mark.parametrize("workers", [2, 4])
def test_any_workers_end_in_the_same_bytes(
    run: Path, pages: Path, tmp_path: Path, digest: Digest, workers: int
) -> None:
    process = start(pages, tmp_path / "more", workers)
    assert process.wait(timeout=300) == 0
    for step in STEPS:
        assert digest(run / step) == digest(tmp_path / "more" / step), step


def test_spark_itself_ends_in_the_same_bytes(run: Path, pages: Path, tmp_path: Path, digest: Digest) -> None:
    if find_java()[0] is None:
        pytest.skip("no Java for Spark's own session")
    process = start(pages, tmp_path / "jvm", 2, "spark.master=local[2]")
    assert process.wait(timeout=300) == 0
    for step in STEPS:
        assert digest(run / step) == digest(tmp_path / "jvm" / step), step


def test_killed_and_taken_up_it_ends_in_the_same_bytes(run: Path, pages: Path, tmp_path: Path, digest: Digest) -> None:
    # ARCMILL_KILLS=10 for the longer check.
    chance = random.Random(11)
    root = tmp_path / "killed"
    for _ in range(int(os.environ.get("ARCMILL_KILLS", "2"))):
        process = start(pages, root, 2, start_new_session=True)
        time.sleep(chance.uniform(1.0, 6.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(pages, root, 2)
    assert process.wait(timeout=300) == 0
    for step in STEPS:
        assert digest(run / step) == digest(root / step), step


def test_why_follows_a_document_to_its_end(run: Path) -> None:
    merged = next(Dataset.open(str(run / "minhash")).ledger()).to_pylist()[0]
    way = explain(str(run), merged["id"])
    assert way["end"] == f"merged by minhash ({merged['rule']} into {merged['into_id']})"
    met = [
        step["step"] for step in way["steps"] if step["became"] != "survivor"
    ]  # a survivor of exact may be merged later
    assert met == ["pages", "language", "filtered", "scored", "exact", "minhash"]
    kept = next(Dataset.open(str(run / "mixed")).batches(["id"])).column(0)[0].as_py()
    way = explain(str(run), kept[:12])
    assert way["id"] == kept
    assert way["steps"][-1]["became"] == "packed"
    places = way["steps"][-1]["sequences"]
    packed = Dataset.open(str(run / "packed"))
    rows = [row for batch in packed.batches(["segments"]) for row in batch.column(0).to_pylist()]
    for place in places:
        assert any(s["id"] == kept and s["start"] == place["start"] for s in rows[place["row"]])


def test_the_report_stands_alone(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page
    for step in STEPS:
        assert step in page


def test_a_finished_run_is_skipped_and_a_changed_one_refused(run: Path, pages: Path) -> None:
    process = start(pages, run, 1)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert err.count("done before") == len(STEPS)
    command = [sys.executable, "-m", "pipelines.cli", "plan", "web", "--root", str(run), "--json",
               "--set", f"pages.input={pages}", "--set", "pages.max_error_rate=0.5", "--set", "filtered.c4.enabled=false"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    states = {row["step"]: row["state"] for row in json.loads(done.stdout)}
    assert states["scored"] == "run"
    assert states["language"] == "done"
    assert states["filtered"] == "refuse"
