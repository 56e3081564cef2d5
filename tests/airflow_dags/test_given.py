"""What a run is given: dates, paths, outputs that are followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_dags.given import Given, Made, values_of
from airflow_dags.resources import kind_of, resources_of
from arcmill.errors import UsageError
from pipelines.recipe import Recipe, load_recipe

RECIPE = """
name: small
airflow: {FOLLOWS}
steps:
  pages:    {stage: ingest-text, input: "/crawl/{date}/*.jsonl"}
  language: {stage: identify-language, input: [pages, ./more]}
  clean:    {stage: decontaminate, input: {input: language}}
"""


def recipe(folder: Path, airflow: str = "{}") -> Recipe:
    (folder / "recipe.yaml").write_text(RECIPE.replace("{FOLLOWS}", airflow))
    return load_recipe(str(folder / "recipe.yaml"), inputs_later=True)


def values(found: Recipe, params: dict[str, Any], **given: Any) -> Given:
    given = {"logical": "2026-02-03", "made": {}, "key": None, "steps": found.steps, **given}
    return values_of(found, {"root": "runs/{date}", **params}, "/af", **given)


def test_the_date_is_put_into_paths(tmp_path: Path) -> None:
    given = values(recipe(tmp_path), {"clean.input.benchmarks": "x"})
    assert given.root == "/af/runs/2026-02-03"
    assert given.inputs["pages"] == {"input": ["/crawl/2026-02-03/*.jsonl"]}
    assert "language" not in given.inputs  # as in the recipe
    assert values(recipe(tmp_path), {"root": "s3://b/{date}"}).root == "s3://b/2026-02-03"
    assert values(recipe(tmp_path), {"date": "2025-01-01"}).root == "/af/runs/2025-01-01"


def test_a_run_without_a_date_is_refused_where_one_is_needed(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"root: runs/\{date\} needs a date, and the run has none; give the parameter date"
    ):
        values(recipe(tmp_path), {"pages.input": "/p"}, logical=None)


def test_data_is_never_taken_for_a_template(tmp_path: Path) -> None:
    given = values(recipe(tmp_path), {"pages.input": ["{{ ds }}", "{logical}", "{date}"], "root": "/r"})
    assert given.inputs["pages"] == {"input": ["{{ ds }}", "{logical}", "2026-02-03"]}


def test_settings_are_those_of_steps(tmp_path: Path) -> None:
    assert values(recipe(tmp_path), {"settings": {"pages": {"source": "x"}}}).settings == {"pages": {"source": "x"}}
    with pytest.raises(UsageError, match="settings: no step 'page'; steps: pages, language, clean"):
        values(recipe(tmp_path), {"settings": {"page": {}}})
    with pytest.raises(UsageError, match=r"expected \{key: value\}"):
        values(recipe(tmp_path), {"settings": {"pages": 3}})


MADE = {
    "language": [
        Made("/w/1", "2026-01-01"),
        Made("/w/2", "2026-01-02"),
        Made("/w/1b", "2026-01-01"),
        Made("/w/3", "2026-01-03"),
    ]
}


def test_a_run_reads_what_was_made_for_its_date(tmp_path: Path) -> None:
    found = recipe(tmp_path, "{follows: {language: web/minhash}}")
    given = values(found, {"pages.input": "/p"}, made=MADE, key="2026-01-01")
    assert given.inputs["language"] == {"input": ["/w/1b"]}  # the newest of that date
    assert (given.root, given.date) == ("/af/runs/2026-01-01", "2026-01-01")  # of what it follows, not of the clock
    undated = {"language": [Made("/w/old", None), Made("/w/new", None)]}
    given = values(found, {"pages.input": "/p", "root": "/r"}, made=undated, key="undated")
    assert (given.inputs["language"], given.date) == ({"input": ["/w/new"]}, None)
    with pytest.raises(
        UsageError, match=r"step 'language': web/minhash was not made yet for 2026-01-09; .* as language\.input"
    ):
        values(found, {}, made=MADE, key="2026-01-09")


def test_by_hand_the_newest_is_read_or_what_is_given(tmp_path: Path) -> None:
    found = recipe(tmp_path, "{follows: {language: web/minhash}}")
    assert values(found, {"root": "/r"}, made=MADE).inputs["language"] == {"input": ["/w/3"]}
    assert values(found, {"date": "2026-01-02"}, made=MADE).inputs["language"] == {"input": ["/w/2"]}
    assert values(found, {"language.input": "/mine/{date}"}, made=MADE).inputs["language"] == {
        "input": ["/mine/2026-02-03"]
    }
    with pytest.raises(UsageError, match="was not made yet for 2026-02-03"):
        values(found, {}, made=MADE)  # root holds a date: that of the run
    with pytest.raises(UsageError, match="was not made yet;"):
        values(found, {"root": "/r"})


@pytest.mark.parametrize(
    ("airflow", "told"),
    [
        ("{follows: {langage: web/minhash}}", "airflow.follows: no step 'langage'; steps: pages, language, clean"),
        (
            "{follows: {clean.benchmark: web/minhash}}",
            "airflow.follows.clean.benchmark: inputs of step 'clean': input, benchmarks",
        ),
        ("{follows: {clean: minhash}}", "names no output; expected recipe/step"),
        ("{steps: {page: {pool: x}}}", "airflow.steps: no step 'page'"),
        ("{gpu: {pol: x}}", r"unknown setting 'airflow.gpu.pol'"),
        ("{schedule: '@daily'}", "a schedule needs a start_date"),
        ("{catchup: true}", "catchup needs a schedule"),
        ("{max_active_runs: 2, root: /r}", r"need \{date\} in root"),
        ("{retries: -1}", "setting 'airflow.retries' is -1"),
    ],
)
def test_mistakes_under_airflow_are_placed(tmp_path: Path, airflow: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        recipe(tmp_path, airflow)


def test_resources_follow_the_engine_and_the_recipe(tmp_path: Path) -> None:
    text = """
name: kinds
airflow:
  cpu: {pool: cpu, workers: 4}
  gpu: {pool: gpu, gpus: 1, slots: 2}
  steps: {vectors: {kind: gpu, gpus: 2}, exact: {workers: 9}}
steps:
  pages:    {stage: ingest-text, input: ./x}
  exact:    {stage: dedup-exact, input: pages}
  vectors:  {stage: embed, input: exact}
  on-gpu:   {stage: embed, input: exact, config: {device: cuda}}
  problems: {stage: make-arithmetic}
  answers:  {stage: synth-reasoning, input: problems}
"""
    (tmp_path / "kinds.yaml").write_text(text)
    found = load_recipe(str(tmp_path / "kinds.yaml"), inputs_later=True)
    kinds = {step.name: kind_of(found, step) for step in found.steps}
    assert kinds == {
        "pages": "cpu",
        "exact": "spark",
        "vectors": "gpu",
        "on-gpu": "gpu",
        "problems": "cpu",
        "answers": "gpu",
    }
    needs = {step.name: resources_of(found, step) for step in found.steps}
    assert (needs["pages"].pool, needs["pages"].workers) == ("cpu", 4)
    assert (needs["exact"].pool, needs["exact"].workers) == (None, 9)
    assert (needs["vectors"].pool, needs["vectors"].gpus, needs["vectors"].slots) == ("gpu", 2, 2)
    elsewhere = load_recipe(str(tmp_path / "kinds.yaml"), ["llm.endpoint=http://node:8000/v1"], inputs_later=True)
    assert kind_of(elsewhere, elsewhere.steps[-1]) == "cpu"


def test_the_section_does_not_change_what_is_made(tmp_path: Path) -> None:
    plain, timed = recipe(tmp_path), recipe(tmp_path, "{retries: 5, cpu: {pool: x}}")
    assert [step.config.identity() for step in plain.steps] == [step.config.identity() for step in timed.steps]
    assert load_recipe(str(tmp_path / "recipe.yaml"), ["airflow.retries=7"], inputs_later=True).airflow.retries == 7
