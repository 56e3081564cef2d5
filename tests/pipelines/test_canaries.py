"""Canaries: what should be caught is caught, the run itself is untouched, and the shadow is a run like any other."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pages import prose, write_pages

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Document, schema
from arcmill.stage import Changes, Outcome, Stage
from dedup.exact import text_key
from pipelines import runner
from pipelines.canaries import edits, kinds
from pipelines.canaries.config import Canaries
from pipelines.canaries.others import Traces, compare
from pipelines.canaries.run import read_report, run_canaries, summary
from pipelines.canaries.verdicts import held, wilson
from pipelines.catalogue import find_stage
from pipelines.recipe import load_recipe
from pipelines.report import write_report
from pipelines.verify import verify_path

Digest = Callable[[Path | str], str]
STEPS = "pages language filtered scored exact minhash buckets".split()
RECIPE = """
name: small
steps:
  pages:     {stage: ingest-web, input: PAGES, config: {max_error_rate: 0.5}}
  language:  {stage: identify-language, input: pages}
  filtered:  {stage: filter-web, input: language}
  scored:    {stage: score-quality, input: filtered}
  exact:     {stage: dedup-exact, input: scored}
  minhash:   {stage: dedup-minhash, input: exact}
  buckets:   {stage: bucket-quality, input: minhash}
"""
ASKED = ["canaries.documents=60", "canaries.per_kind=8"]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recipe")
    write_pages(folder / "pages", 70)
    (folder / "recipe.yaml").write_text(RECIPE.replace("PAGES", str(folder / "pages")))
    return str(folder / "recipe.yaml")


@pytest.fixture(scope="module")
def plain(recipe: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plain") / "run"
    assert runner.run(load_recipe(recipe), str(root), quiet=True) is None
    return root


@pytest.fixture(scope="module")
def run(recipe: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("canaries") / "run"
    told = runner.run(load_recipe(recipe, ASKED), str(root), quiet=True)
    assert told is not None and told.endswith("other documents unchanged")
    return root


@pytest.fixture(scope="module")
def report(run: Path) -> dict[str, Any]:
    found = read_report(str(run))
    assert found is not None
    return found


def lines(report: dict[str, Any], kind: str, step: str | None) -> dict[str, Any]:
    (line,) = [line for line in report["recall"] if line["kind"] == kind and line["step"] == step]
    return dict(line)


# -- the run ---------------------------------------------------------------------------------------------------


def test_the_run_is_the_same_bytes_with_and_without(run: Path, plain: Path, digest: Digest) -> None:
    assert not (plain / "_canaries").exists()
    for step in STEPS:
        assert digest(run / step) == digest(plain / step), step
    ids = {i for step in STEPS for b in Dataset.open(str(run / step)).batches(["id"]) for i in b.column(0).to_pylist()}
    assert ids and not any("~" in row_id for row_id in ids)


@pytest.mark.parametrize(
    ("kind", "step", "least"),
    [
        ("exact-copy", "exact", 1.0), ("near-copy-0.9", "minhash", 1.0), ("near-copy-0.8", "minhash", 0.8),
        ("pii-email", "filtered", 1.0), ("pii-ipv4", "filtered", 1.0), ("pii-phone", "filtered", 1.0),
    ],
)  # fmt: skip
def test_what_should_be_caught_is_caught(report: dict[str, Any], kind: str, step: str, least: float) -> None:
    line = lines(report, kind, step)
    assert line["planted"] == line["reached"] == 8
    assert line["recall"] >= least
    assert line["interval"][0] < line["recall"] <= line["interval"][1]
    assert lines(report, kind, None)["caught"] == line["caught"]


def test_what_cannot_be_caught_is_told_as_missed(report: dict[str, Any]) -> None:
    line = lines(report, "template-sibling", "minhash")
    assert line["caught"] == 0 and line["missed"] == 8  # no dedup-semantic in the recipe
    assert len(line["missed_samples"]) == 3 and "~template-sibling~" in line["missed_samples"][0]["id"]
    clean = lines(report, "clean", "minhash")
    assert clean["reached"] == 8 and clean["caught"] == 0
    assert not any(line["kind"].startswith("benchmark") for line in report["recall"])  # no decontaminate either
    for line in report["left"]:  # what left by another rule than the one looked for is told too
        assert line["canaries"] > 0 and line["step"] in STEPS


def test_the_likeness_that_is_told_is_true(report: dict[str, Any]) -> None:
    for target in (0.9, 0.8):
        low, _, high = lines(report, f"near-copy-{target}", "minhash")["jaccard"]
        assert target - 0.04 < low <= high < target + 0.04
    assert lines(report, "exact-copy", "exact")["jaccard"] == [1.0, 1.0, 1.0]


def test_others_are_as_they_would_be(report: dict[str, Any]) -> None:
    assert report["others_unchanged"] is True and report["others_changed_count"] == 0
    assert report["originals_displaced"] == []
    assert report["not_in_the_run"] is True
    assert report["sample"]["documents"] == 60 > report["sample"]["survivors"] > 8


def test_a_canary_that_scores_better_is_lowered(run: Path) -> None:
    def winners(step: str) -> int:
        rows = Traces.read(str(run / "_canaries/planted" / step)).rows
        originals = [(row, (kinds.known(row) or {}).get("original")) for row in rows.values()]
        return sum(row["quality_score"] >= rows[name]["quality_score"] for row, name in originals if name in rows)

    assert winners("scored") > 5 and winners("scored.lowered") == 0


def test_the_shadow_is_a_run_like_any_other(run: Path) -> None:
    for folder in (run, run / "_canaries" / "planted", run / "_canaries" / "control"):
        found = verify_path(str(folder))
        assert found["ok"] and len(found["datasets"]) >= len(STEPS)
    assert len(verify_path(str(run))["datasets"]) == len(STEPS)


def test_the_report_has_a_section(run: Path, plain: Path, tmp_path: Path) -> None:
    page = Path(write_report(str(run), str(tmp_path / "report.html"))).read_text()
    assert 'id="canaries"' in page and "near-copy-0.9" in page and "Missed canaries to read" in page
    assert 'id="canaries"' not in Path(write_report(str(plain), str(tmp_path / "plain.html"))).read_text()


def test_a_damaged_or_hostile_report_is_data(plain: Path, tmp_path: Path) -> None:
    root = shutil.copytree(plain, tmp_path / "run")
    (root / "_canaries").mkdir()
    target = root / "_canaries" / "report.json"
    target.write_text("{")
    assert "is no report of canaries" in Path(write_report(str(root), None)).read_text()
    evil = "<script>alert(1)</script>"
    target.write_text(json.dumps({
        "recall": [{"kind": evil, "step": evil, "caught": evil, "interval": [evil], "missed_samples": [{"text": evil}]}, 3],
        "left": [{"rule": evil}], "others_changed": [{"what": evil}], "run": {"pages": "other"}, "sample": evil,
    }))  # fmt: skip
    page = Path(write_report(str(root), None)).read_text()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "of an earlier state of pages" in page and "canaries changed what became of other documents" in page


def test_killed_with_two_workers_and_taken_up_it_is_the_same(
    run: Path, recipe: str, tmp_path: Path, digest: Digest
) -> None:
    root = tmp_path / "run"
    shutil.copytree(run, root, ignore=shutil.ignore_patterns("_canaries"))
    command = [sys.executable, "-m", "pipelines.cli", "run", recipe, "--root", str(root), "--workers", "2",
               *(part for text in ASKED for part in ("--set", text))]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 120
    while not (root / "_canaries/planted/language/manifest.json").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (root / "_canaries/report.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("canaries: ")
    assert (root / "_canaries/report.json").read_bytes() == (run / "_canaries/report.json").read_bytes()
    assert digest(root / "_canaries") == digest(run / "_canaries")


def test_other_settings_make_another_shadow_and_leave_the_run_alone(
    run: Path, recipe: str, tmp_path: Path, digest: Digest
) -> None:
    root = shutil.copytree(run, tmp_path / "run")
    asked = load_recipe(recipe, ["canaries={documents: 30, per_kind: 2, seed: 2, kinds: [exact-copy]}"])
    report = run_canaries(asked, str(root), quiet=True)
    assert report["planted"] == {"exact-copy": 2} and report["sample"]["documents"] == 30
    assert digest(root / "buckets") == digest(run / "buckets")


def test_a_mistake_is_refused_and_placed(recipe: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "run", recipe, "--root", str(tmp_path / "none")]
    done = subprocess.run([*command, "--set", "canaries.documents=3"], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{recipe}: setting 'canaries.documents' is 3: input should be greater than or equal to 20" in done.stderr
    assert not (tmp_path / "none").exists()
    for text, told in (
        ("canaries.kind=[pii]", "unknown setting 'canaries.kind'; accepted: "),
        ("canaries.kinds=[virus]", "setting 'canaries.kinds.0' is 'virus'"),
        ("canaries.near_jaccard=[0.3]", "0.3 is no jaccard index from 0.5 to 0.99"),
    ):
        with pytest.raises(UsageError, match=told.replace("[", r"\[")):
            load_recipe(recipe, [text])
    path = tmp_path / "recipe.yaml"
    path.write_text("name: x\ncanaries: {}\nsteps: {pages: {stage: ingest-text, input: a/b.jsonl}}\n")
    with pytest.raises(UsageError, match="canaries: no step judges documents one by one"):
        load_recipe(str(path))


# -- benchmarks, and a recipe without scores that begins with a dataset ----------------------------------------


def _documents(split: str, config: StageConfig) -> Iterator[Document]:
    for number in range(60):
        yield Document(f"doc-{number:03d}", "\n".join(prose(random.Random(number), 30)), "tests")


def _problems(batches: Iterator[Any], config: StageConfig) -> Iterator[Any]:
    import pyarrow as pa

    assert sum(batch.num_rows for batch in batches)
    chance = random.Random(5)
    rows = [
        {"id": f"item-{n}", "prompt": f"Which of the {n} towns is known for this: {prose(chance, 1)[0][:-1]}?",
         "answer": "B", "answer_type": "choice", "tests": None, "domain": None, "source": "toy", "pass_rate": None,
         "attempts": None}
        for n in range(12)
    ]  # fmt: skip
    yield pa.RecordBatch.from_pylist(rows, schema=schema("Problem"))


def _prompts(config: StageConfig, inputs: dict[str, Any]) -> list[str]:
    given = inputs["benchmarks"]
    datasets = [Dataset.open(given)] if isinstance(given, str) else given
    return [p for dataset in datasets for b in dataset.batches(["prompt"]) for p in b.column(0).to_pylist()]


def _clean(batch: Any, config: StageConfig, prompts: list[str]) -> Changes:
    """Finds items as they stand only: not in capitals, not in other lines."""
    texts = batch.column("text").to_pylist()
    return Changes({}, {i: Outcome("contaminated") for i, text in enumerate(texts) if any(p in text for p in prompts)})


def _stage(name: str, writes: str, core: Any, **more: Any) -> Stage:
    return Stage(
        name=name, version=1, help="x", config=StageConfig, writes=writes, engine="datatrove", core=core, **more
    )


DOCUMENTS = _stage("documents", "Document", _documents, splits=lambda config: ["one"])
PROBLEMS = _stage("problems", "Problem", _problems, reads={"input": "Document"}, makes=True)
DECONTAMINATE = _stage(
    "decontaminate", "Document", _clean, reads={"input": "Document", "benchmarks": "Problem"}, setup=_prompts
)


def test_benchmark_items_are_planted_in_disguise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(DOCUMENTS, StageConfig(), {}, f"{tmp_path}/docs")
    execute(PROBLEMS, StageConfig(), {"input": [f"{tmp_path}/docs"]}, f"{tmp_path}/toy")
    monkeypatch.setattr(
        "pipelines.recipe.find_stage", lambda name: DECONTAMINATE if name == "decontaminate" else find_stage(name)
    )
    (tmp_path / "recipe.yaml").write_text(
        f"name: items\ncanaries: {{documents: 40, per_kind: 6}}\nsteps:\n"
        f"  exact: {{stage: dedup-exact, input: {tmp_path}/docs}}\n"
        f"  clean: {{stage: decontaminate, input: {{input: exact, benchmarks: {tmp_path}/toy}}}}\n"
    )
    root = str(tmp_path / "run")
    told = runner.run(load_recipe(str(tmp_path / "recipe.yaml")), root, quiet=True)
    report = read_report(root)
    assert report is not None and told == summary(report)
    recall = {line["kind"]: (line["caught"], line["missed"]) for line in report["recall"] if line["step"] == "clean"}
    assert recall == {
        "benchmark-verbatim": (6, 0), "benchmark-question": (6, 0), "benchmark-embedded": (6, 0),
        "benchmark-rewrapped": (0, 6), "benchmark-recased": (0, 6), "clean": (0, 6),
    }  # fmt: skip
    assert lines(report, "exact-copy", "exact")["recall"] == 1.0  # without scores, size and id decide
    assert report["others_unchanged"] is True and report["originals_displaced"] == []
    assert lines(report, "pii-email", None)["missed"] == 6  # nothing in this recipe replaces it


# -- pieces ----------------------------------------------------------------------------------------------------


def test_an_edit_never_grows_and_does_what_it_says() -> None:
    for seed in range(12):
        chance = random.Random(seed)
        text = "\n".join(prose(chance, 30))
        spaced = edits.other_space(text)
        assert spaced is not None and spaced != text and text_key(spaced, "whitespace") == text_key(text, "whitespace")
        near = edits.near_copy(text, 0.85, 5, chance)
        assert near is not None and abs(edits.jaccards([(text, near)], 5)[0] - 0.85) < 0.03
        held_text = edits.substitute(text, "Write to a.b@c.invalid for more.", chance)
        assert held_text is not None and "a.b@c.invalid" in held_text
        half = edits.within_half(text, "Is this an item?", chance)
        assert half is not None and edits.jaccards([(text, half)], 5)[0] < 0.6
        for edited in (spaced, near, held_text, half, edits.paraphrase(text, chance)):
            assert edits.size(edited) <= edits.size(text)
    assert edits.near_copy("too short", 0.9, 5, random.Random(1)) is None
    assert edits.other_space("one\u3002") is None


def test_scripts_without_spaces_are_edited_by_the_character() -> None:
    chance = random.Random(4)
    text = "\n".join(
        "".join(chance.choice("山川日月火水木金土人口手足目耳雨雪花草虫") for _ in range(40)) + "。" for _ in range(12)
    )
    near = edits.near_copy(text, 0.8, 5, chance)
    assert near is not None and abs(edits.jaccards([(text, near)], 5)[0] - 0.8) < 0.05
    spaced = edits.other_space(text)
    assert spaced is not None and text_key(spaced, "whitespace") == text_key(text, "whitespace")


def test_canaries_lose_against_their_originals() -> None:
    originals = [
        Document(f"d{n}", "\n".join(prose(random.Random(n), 24)), "s", quality_score=n / 20, html="<p>x")
        for n in range(12)
    ]
    made = kinds.make(Canaries(per_kind=5), kinds.Material.of(originals, (), 5), 5)
    by_id = {document.id: document for document in originals}
    assert len({canary.id for canary in made}) == len(made) > 40
    for canary in made:
        told = json.loads((canary.metadata or {})["canary"])
        if told["original"] in by_id:
            original = by_id[told["original"]]
            assert canary.quality_score is not None and original.quality_score is not None
            assert canary.quality_score < original.quality_score and canary.id > original.id
            assert edits.size(canary.text) <= edits.size(original.text) and canary.html is None
    material = kinds.Material.of([replace(document, quality_score=None) for document in originals], (), 5)
    first = 0
    for page in kinds.make(Canaries(per_kind=60, kinds=("template-sibling",)), material, 60):
        if "template-first" in page.id and "sibling" not in page.id:
            first = edits.size(page.text)
        assert edits.size(page.text) <= first  # without a quality the longest page survives
    again = kinds.make(Canaries(per_kind=5), kinds.Material.of(originals, (), 5), 5)
    assert made == again != kinds.make(Canaries(per_kind=5, seed=2), kinds.Material.of(originals, (), 5), 5)


def test_a_document_that_fares_otherwise_is_found(run: Path, recipe: str) -> None:
    from pipelines.canaries.follow import way_of

    way = way_of(load_recipe(recipe, ASKED), str(run))
    control = {step.step.name: Traces.read(str(run / "_canaries/control" / step.step.name)) for step in way.steps}
    others = set(control["language"].rows)
    assert compare(way, control, control, others, {}) == ([], [])
    gone, moved, text = sorted(control["minhash"].rows)[:3]
    tampered = {name: Traces(dict(t.rows), dict(t.left)) for name, t in control.items()}
    entry = {"outcome": "merged", "rule": "minhash", "score": 0.9, "threshold": 0.7, "detail": None}
    for row_id, into in ((gone, "other~near-copy~1"), (moved, f"{moved}~near-copy~1")):
        del tampered["minhash"].rows[row_id]
        tampered["minhash"].left[row_id] = {"id": row_id, "into_id": into, **entry}
    tampered["exact"].rows[text] = {**tampered["exact"].rows[text], "text": "changed"}
    canaries = {"other~near-copy~1": {"original": "other"}, f"{moved}~near-copy~1": {"original": moved}}
    changed, displaced = compare(way, control, tampered, others, canaries)
    assert [(row["id"], row["step"]) for row in changed] == [(text, "exact"), (gone, "minhash")]
    assert [(row["id"], row["step"]) for row in displaced] == [(moved, "minhash")]


def test_small_pieces() -> None:
    assert wilson(0, 0) is None
    assert wilson(9, 10) == (0.5958, 0.9821)
    assert wilson(10, 10) == (0.7225, 1.0)
    assert held("What is the capital of France?", "... WHAT IS THE\ncapital of france! ...") == 1.0
    assert held("What is the capital of France?", "Nothing of the kind.") == 0.0
    assert held("", "text") == 0.0
