"""The report: its figures against the data, hostile texts, missing pieces, bounds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tiny_stages import MEASURE

import pipelines.report as report
from arcmill.config import Field, StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.identity import identify
from arcmill.records import Document, schema
from arcmill.stage import Changes, Failure, Outcome, Stage
from pipelines import runner
from pipelines.lineage import open_run
from pipelines.recipe import load_recipe, step_names
from pipelines.report import departures, holdings, write_report
from pipelines.report.gather import gather

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202eevil\u202c\x00\x07 </style></details> \u200b"
LENGTH = 16
TAGS = """
a article aside b bdi body caption code dd del details div dl dt figcaption figure footer h1 h2 h3 h4 h5 head header html i ins
li line main mark meta nav p path rect section span style summary svg table tbody td text th thead title tr ul wbr
"""


class Settings(StageConfig):
    rows: int = Field(90, description="rows that are made")
    note: str = Field(HOSTILE, description="any text")
    max_error_rate: float = Field(0.9, description="errors are allowed")


def make(split: str, config: Settings) -> Iterator[Document | Failure]:
    for row in range(config.rows):
        if row % 30 == 29:
            yield Failure(f"bad-{row}", Outcome("unreadable<b>", "errored", detail=f"line {row}: {HOSTILE}"))
            continue
        text = f"row {row} " * (row + 1) + (HOSTILE if row % 2 else "")
        yield Document(
            f"id-{row:03d}{HOSTILE if row == 4 else ''}", text, f"source-{row % 3}" + HOSTILE, url=f"javascript:{row}",
            language="en" if row % 4 else None, language_score=0.5 + row / 200, quality_score=row / 100 + 0.001,
            quality_bucket=row % 3, epochs=float(row % 3 + 1),
        )  # fmt: skip


def choose(document: Document, config: Settings) -> Document | Outcome:
    score = document.quality_score or 0.0
    return Outcome("low<i>", score=score, threshold=0.3) if score < 0.3 else document


def merge(batch: Any, config: Settings) -> Changes:
    ids = batch.column("id").to_pylist()
    return Changes(
        {}, {row: Outcome("near", "merged", score=0.9, threshold=0.8, into_id=ids[0]) for row in range(1, 12, 2)}
    )


def pack(batches: Iterator[Any], config: Settings) -> Iterator[Any]:
    import pyarrow as pa

    rows = []
    for batch in batches:
        for row in batch.select(["id", "source", "quality_bucket"]).to_pylist():
            used = 10 + row["quality_bucket"]
            segment = {"id": row["id"], "start": 0, "length": used, "offset": 0, "source": row["source"],
                       "bucket": row["quality_bucket"], "epoch": 0, "role": None}  # fmt: skip
            mask = [0] * 2 + [1] * (used - 2) + [0] * (LENGTH - used)
            rows.append({"input_ids": list(range(LENGTH)), "loss_mask": mask, "segments": [segment]})
    yield pa.RecordBatch.from_pylist(rows, schema=schema("Sequence"))


def _stage(name: str, core: Any, writes: str = "Document", **more: Any) -> Stage:
    more.setdefault("reads", {"input": "Document"})
    return Stage(name=name, version=1, help="x", config=Settings, writes=writes, engine="datatrove", core=core, **more)


MAKE = _stage("make", make, reads={}, splits=lambda config: ["one"])
CHOOSE = _stage("choose", choose, each=True)
MERGE = _stage("merge", merge)
PACK = _stage("pack-rows", pack, "Sequence", makes=True)
NONE = _stage("none", lambda document, config: Outcome("all"), each=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """made (<b> in its name) -> chosen -> merged -> packed, and a model of made."""
    root = tmp_path_factory.mktemp("report") / "run"
    execute(MAKE, Settings(), {}, f"{root}/made<b>")
    execute(CHOOSE, Settings(), {"input": [f"{root}/made<b>"]}, f"{root}/chosen")
    execute(MERGE, Settings(), {"input": [f"{root}/chosen"]}, f"{root}/merged")
    execute(PACK, Settings(), {"input": [f"{root}/merged"]}, f"{root}/packed")
    execute(MEASURE, StageConfig(), {"input": [f"{root}/made<b>"]}, f"{root}/model")
    change_manifest(root / "merged", statistics={
        "alarm_pairs": [{"source": HOSTILE, "id": "id-031", "into_id": "id-030", "score": 0.9}, {"source": 1}, HOSTILE],
        "alarms": [HOSTILE], "sources": [{"source": HOSTILE, "rows": 10, "removed": 7, "share": 0.7}], HOSTILE: HOSTILE,
    })  # fmt: skip
    return root


def change_manifest(dataset: Path, **values: Any) -> None:
    path = dataset / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


class Page(HTMLParser):
    """Tags in balance, every attribute, and the text as a reader sees it."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self.open else ""


def page_of(run: Path | str) -> tuple[str, Page]:
    markup = Path(write_report(str(run), None)).read_text(encoding="utf-8")
    return markup, Page(markup)


def test_nothing_of_the_data_becomes_markup(run: Path) -> None:
    markup, page = page_of(run)
    assert page.tags.keys() <= set(TAGS.split())
    assert page.tags["script"] == page.tags["img"] == 0
    assert not [
        entry for entry in page.attributes if entry[1].startswith("on") or entry[1] in ("src", "style", "srcset")
    ]
    assert all(value.startswith("#") for _, name, value in page.attributes if name == "href")
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", markup)
    assert "http://" not in markup
    assert "https://" not in markup
    for shown in ("<script>alert(1)</script>", "U+202E", "U+200B", "␀", "␇", "unreadable<b>", "low<i>", "made<b>"):
        assert shown in page.text


def test_the_figures_are_those_of_the_data(run: Path) -> None:
    facts = gather(open_run(str(run)))
    by_name = {found.step.name: found for found in facts.steps}
    documents = [row for b in Dataset.open(f"{run}/merged").batches() for row in b.to_pylist()]
    held = by_name["merged"].documents
    assert held is not None
    assert by_name["chosen"].documents is None
    assert held.scanned == held.rows == len(documents)
    assert held.characters == sum(len(row["text"]) for row in documents)
    assert {key: share.rows for key, share in held.by["language"].items()} == Counter(r["language"] for r in documents)
    assert {key: share.rows for key, share in held.by["source"].items()} == Counter(r["source"] for r in documents)
    for bucket, share in held.by["quality_bucket"].items():
        assert share.epochs_low == share.epochs_high == bucket + 1
        assert share.weighted_characters == pytest.approx(share.characters * (bucket + 1))
    for histogram in held.histograms:
        assert sum(histogram.counts) == histogram.values == len(documents)
    scores = next(h for h in held.histograms if h.name == "quality_score")
    assert scores.counts[round(0.3 * 40) : round(0.4 * 40)] == [
        sum(low / 40 <= row["quality_score"] < (low + 1) / 40 for row in documents) for low in range(12, 16)
    ]
    text = sum(len(row["text"].encode()) for row in documents)
    assert abs((by_name["merged"].text_bytes or 0) - text) < 100
    assert by_name["model"].main is False
    assert by_name["merged"].main is True


def test_reasons_are_those_of_the_ledger_and_the_samples_are_near_typical_and_far(run: Path) -> None:
    facts = gather(open_run(str(run)))
    rule = next(f.departures.rules[0] for f in facts.steps if f.step.name == "chosen" and f.departures)
    ledger = [row for batch in Dataset.open(f"{run}/chosen").ledger() for row in batch.to_pylist()]
    scores = [row["score"] for row in ledger]
    assert (rule.outcome, rule.rule, rule.rows) == ("dropped", "low<i>", len(ledger))
    assert (rule.low, rule.high, rule.thresholds) == (min(scores), max(scores), (0.3, 0.3))
    assert rule.bins is not None
    assert sum(rule.bins[2]) == len(ledger)
    assert [sample.score for sample in rule.samples] == [
        max(scores),
        sorted(scores, reverse=True)[len(scores) // 2],
        min(scores),
    ]
    texts = {row["id"]: row["text"] for b in Dataset.open(f"{run}/made<b>").batches() for row in b.to_pylist()}
    for sample in rule.samples:
        assert sample.text == texts[sample.id][: departures.TEXT_CHARACTERS]
        assert sample.characters == len(texts[sample.id])
    _, page = page_of(run)
    assert "closest to the threshold" in page.text
    assert f"{len(ledger)} of 87 rows left here ({100 * len(ledger) / 87:.1f} %)" in page.text


def test_a_merged_row_stands_beside_its_survivor(run: Path) -> None:
    facts = gather(open_run(str(run)))
    rule = next(f.departures.rules[0] for f in facts.steps if f.step.name == "merged" and f.departures)
    assert rule.outcome == "merged"
    assert all(sample.survivor and sample.survivor.startswith("row 30 ") for sample in rule.samples)
    markup, page = page_of(run)
    assert page.tags["del"] >= 3 and page.tags["ins"] >= 3
    assert "Merged into id-030" in page.text
    assert "<del>31</del>" in markup and "<ins>30</ins>" in markup


def test_tokens_add_up(run: Path) -> None:
    rows = [row for batch in Dataset.open(f"{run}/packed").batches() for row in batch.to_pylist()]
    facts = gather(open_run(str(run)))
    held = next(f.sequences for f in facts.steps if f.sequences is not None)
    assert held.tokens == sum(len(row["input_ids"]) for row in rows)
    assert held.loss_tokens == sum(sum(row["loss_mask"]) for row in rows)
    segments = [segment for row in rows for segment in row["segments"]]
    assert held.segments == len(segments)
    assert held.padding == held.tokens - sum(segment["length"] for segment in segments)
    assert held.total(1) == Counter({b: sum(s["length"] for s in segments if s["bucket"] == b) for b in range(3)})
    assert (held.length_low, held.length_high) == (LENGTH, LENGTH)
    _, page = page_of(run)
    assert f"{held.tokens:,}" in page.text


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(run: Path, tmp_path: Path) -> None:
    first = Path(write_report(str(run), None)).read_bytes()
    assert Path(write_report(str(run), str(tmp_path / "again.html"))).read_bytes() == first
    shutil.copytree(run, tmp_path / "other" / "run")
    assert Path(write_report(str(tmp_path / "other" / "run"), None)).read_bytes() == first
    assert str(tmp_path).encode() not in first


def test_what_is_missing_is_told(run: Path) -> None:
    shutil.rmtree(run / "made<b>")
    identity, _ = identify(NONE, Settings(), {"input": [f"{run}/merged"]})
    (run / "later" / "_staging").mkdir(parents=True)
    (run / "later" / "_staging" / "plan.json").write_text(json.dumps(identity))
    (run / "torn").mkdir()
    (run / "torn" / "manifest.json").write_text("{")
    (run / "chosen" / "metrics.json").unlink()
    part = next((run / "merged").glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:200])
    next((run / "chosen" / "ledger").iterdir()).unlink()
    _, page = page_of(run)
    assert "later: unfinished" in page.text
    assert "torn: cannot be read" in page.text
    assert f"merged: {part.name} is damaged" in page.text
    assert "ledger/part-00000.parquet is missing" in page.text


def test_samples_of_a_deleted_input_say_why_there_is_no_text(run: Path) -> None:
    shutil.rmtree(run / "chosen")
    _, page = page_of(run)
    assert "0.9, threshold 0.8" in page.text
    assert "This stage reads raw input" in page.text  # `merge` is in no catalogue, so its input's kind is not known
    # A stage of the catalogue declares that it reads documents.
    manifest = json.loads((run / "merged" / "manifest.json").read_text())
    change_manifest(run / "merged", stage="dedup-exact", inputs=manifest["inputs"])
    _, page = page_of(run)
    assert "its input 'input' (Document, fingerprint" in page.text
    assert "is not in this run (deleted, or kept elsewhere), so its texts are not shown" in page.text


def test_no_rows_at_all(tmp_path: Path) -> None:
    execute(MAKE, Settings(rows=0), {}, f"{tmp_path}/run/made")
    execute(PACK, Settings(), {"input": [f"{tmp_path}/run/made"]}, f"{tmp_path}/run/packed")
    _, page = page_of(tmp_path / "run")
    assert "No document is left." in page.text
    assert "No sequence was made." in page.text
    execute(MAKE, Settings(rows=5), {}, f"{tmp_path}/all/made")
    execute(NONE, Settings(), {"input": [f"{tmp_path}/all/made"]}, f"{tmp_path}/all/none")
    _, page = page_of(tmp_path / "all")
    assert "nothing came out" in page.text


def test_a_ledger_that_disagrees_with_its_manifest_is_told(run: Path) -> None:
    counts = json.loads((run / "chosen" / "manifest.json").read_text())["counts"]
    change_manifest(run / "chosen", counts={**counts, "dropped": counts["dropped"] + 1})
    assert "run arcmill verify" in page_of(run)[1].text


def test_alarms_and_errors_are_told(run: Path) -> None:
    _, page = page_of(run)
    assert "lost 70.0 % of its documents to merging (7 of 10)" in page.text
    assert "3 rows errored" in page.text
    assert "line 29:" in page.text
    assert "Sources that lost much" in page.text
    assert "row 31 row 31 " in page.text[page.text.index("1 of its pairs to read") :]


def test_a_single_dataset(run: Path) -> None:
    _, page = page_of(run / "chosen")
    assert "1 step here, all finished." in page.text
    assert "low<i>" in page.text


def test_reading_is_bounded_and_the_page_says_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(MAKE, Settings(part_bytes=1024, rows=9000), {}, f"{run}/many")
    monkeypatch.setattr(holdings, "DOCUMENT_ROWS", 4000)
    monkeypatch.setattr(departures, "LEDGER_ROWS", 100)
    facts = gather(open_run(f"{run}/many"))
    held, ledger = facts.steps[0].documents, facts.steps[0].departures
    assert held is not None
    assert ledger is not None
    assert 0 < held.scanned < held.rows == 8700
    assert ledger.scanned >= 100
    _, page = page_of(run / "many")
    assert f"from {held.scanned:,} of them" in page.text


def test_the_page_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rules(document: Document, config: Settings) -> Document | Outcome:
        return Outcome(
            f"rule-{document.id}" + "\u202e" * 900, score=1.0, threshold=float(document.id[3:6]), detail="\u202e" * 500
        )

    def hidden(split: str, config: Settings) -> Iterator[Document]:
        for row in range(900):
            yield Document(f"id-{row:03d}", "\u202e\x01" * 3000, "\u202e" * 500 + str(row), url="\u202e" * 500)

    execute(_stage("hidden", hidden, reads={}, splits=lambda config: ["one"]), Settings(), {}, f"{tmp_path}/run/a0")
    for step in range(4):
        execute(
            _stage(f"rules-{step}", rules, each=True),
            Settings(),
            {"input": [f"{tmp_path}/run/a0"]},
            f"{tmp_path}/run/b{step}",
        )
    path = Path(write_report(str(tmp_path / "run"), None))
    assert 100_000 < path.stat().st_size < 2_000_000
    page = Page(path.read_text(encoding="utf-8"))
    assert "890 more rules with 890 rows" in page.text
    monkeypatch.setattr(report, "MAX_BYTES", 50_000_000)
    assert Path(write_report(str(tmp_path / "run"), None)).stat().st_size > 2_000_000  # so the bound did something


def test_nothing_but_a_report_is_written_over(run: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.html"
    own.write_text("<html>mine</html>")
    with pytest.raises(UsageError, match="is not a report"):
        write_report(str(run), str(own))
    assert own.read_text() == "<html>mine</html>"
    with pytest.raises(UsageError, match="is a folder"):
        write_report(str(run), str(tmp_path))
    with pytest.raises(UsageError, match="cannot be"):
        write_report(str(run), str(own / "below.html"))
    deep = tmp_path / "new" / "folder" / "page.html"
    assert write_report(str(run), str(deep)) == str(deep)
    assert write_report(str(run), str(deep)) == str(deep)
    assert [path.name for path in deep.parent.iterdir()] == ["page.html"]


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        write_report(str(tmp_path / "none"), None)
    with pytest.raises(InputError, match="holds no arcmill dataset"):
        write_report(str(tmp_path), None)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_command_is_light() -> None:
    code = "import sys, pipelines.report, pipelines.lineage; print({'pyarrow', 'numpy', 'fsspec'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


RECIPE = """
name: few
steps:
  pages: {stage: ingest-text, input: rows.jsonl}
  language: {stage: identify-language, input: pages}
  filtered: {stage: filter-web, input: language}
  exact: {stage: dedup-exact, input: filtered}
"""


def test_a_run_that_was_broken_off_does_not_say_that_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text(json.dumps({"text": "This is a row of plain words. " * 20}) + "\n")
    Path("few.yaml").write_text(RECIPE)
    recipe = load_recipe("few.yaml")
    runner.run(recipe, "run", only=["pages", "language"], quiet=True)
    Path("run/filtered/_staging").mkdir(parents=True)
    for task in range(3):
        Path(f"run/filtered/_staging/task-{task:06d}.json").write_text("{}")

    planned = {step.step.name: (step.state, step.reason) for step in runner.plan(recipe, "run")}
    assert planned["language"] == ("done", "")
    assert planned["filtered"] == ("take up", "a run was cut off; 3 tasks done")
    assert planned["exact"] == ("run", "after filtered")

    # A folder cannot know of steps that never began, and the page says so.
    alone = Page(Path(write_report("run", None)).read_text())
    assert "3 steps here, 2 finished, 1 not." in alone.text and "never began leaves nothing here" in alone.text
    known = Page(Path(write_report("run", None, step_names("few.yaml"))).read_text())
    assert "4 steps, 2 finished, 1 not, 1 never begun." in known.text
    assert "1 step of the recipe never began: exact." in known.text and "leaves nothing here" not in known.text
    shutil.rmtree("run/filtered")
    assert (
        "4 steps, 2 finished, 2 never begun."
        in Page(Path(write_report("run", None, step_names("few.yaml"))).read_text()).text
    )
    runner.run(recipe, "run", quiet=True)
    assert "4 steps, all finished." in Page(Path(write_report("run", None, step_names("few.yaml"))).read_text()).text

    command = [sys.executable, "-m", "pipelines.cli", "report", "run", "--recipe", "web", "--output", "other.html"]
    subprocess.run(command, check=True, env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2])))
    assert "of the recipe never began: scored, minhash" in Page(Path("other.html").read_text()).text
