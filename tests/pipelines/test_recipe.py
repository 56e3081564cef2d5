"""Recipes are checked whole before anything runs, and mistakes are placed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arcmill.errors import UsageError
from pipelines.recipe import builtin_names, load_recipe
from pipelines.runner import select

GOOD = """
name: small
steps:
  packed:    {stage: pack, input: {input: language, tokenizer: tokenizer}}
  pages:     {stage: ingest-text, input: rows/x.jsonl}
  language:  {stage: identify-language, input: pages, config: {min_score: 0.5}}
  tokenizer: {stage: train-tokenizer, input: language}
"""


def write(folder: Path, text: str) -> str:
    (folder / "recipe.yaml").write_text(text)
    return str(folder / "recipe.yaml")


def test_steps_come_in_an_order_that_can_run(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert [step.name for step in recipe.steps] == ["pages", "language", "tokenizer", "packed"]
    assert recipe.inputs(recipe.steps[3], "root") == {"input": ["root/language"], "tokenizer": ["root/tokenizer"]}
    assert recipe.steps[0].paths == {"input": ["rows/x.jsonl"]}


def test_settings_from_the_command_line_win(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    recipe = load_recipe(path, ["language.min_score=0.9", "pages.input=other/y.jsonl", "spark.master=local[3]"])
    assert recipe.steps[1].config.model_dump()["min_score"] == 0.9
    assert recipe.steps[0].paths == {"input": ["other/y.jsonl"]}
    assert recipe.settings == {"spark.master": "local[3]"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("identify-language", "identify-langauge", "step 'language': unknown stage 'identify-langauge'; did you mean identify-language"),
        ("min_score: 0.5", "min_scor: 0.5", "step 'language': unknown setting 'min_scor'; accepted: .*min_score"),
        ("min_score: 0.5", "min_score: 5", "step 'language': setting 'min_score' is 5: input should be less than or equal to 1"),
        ("input: pages,", "input: pagez,", "step 'language': input 'pagez' is neither a step"),
        ("input: {input: language, tokenizer: tokenizer}", "input: tokenizer", "step 'packed': input 'tokenizer' .Model. of pack is required"),
        ("tokenizer: tokenizer}", "tokenizer: pages}", "needs Model, but step 'pages' .ingest-text. makes Document"),
        ("tokenizer: tokenizer}", "tokeniser: tokenizer}", "pack has no input 'tokeniser'; accepted: input, tokenizer"),
        ("input: rows/x.jsonl", "input: packed", "makes Sequence|wait for one another"),
        ("{stage: ingest-text, input: rows/x.jsonl}", "{stage: ingest-text}", "give it in the recipe or by --set pages.input=PATH"),
        ("name: small", "nmae: small", "unknown setting 'nmae'"),
        ("name: small", "name: ../../etc", "setting 'name'"),
        ("  pages:", "  ../pages:", "cannot name a folder"),
        ("{stage: train-tokenizer, input: language}", "7", "steps.tokenizer"),
    ],
)  # fmt: skip
def test_a_mistake_is_placed(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError, match=told):
        load_recipe(write(tmp_path, GOOD.replace(old, new)))


def test_a_cycle_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("input: rows/x.jsonl", "input: a/b").replace("input: pages,", "input: loop,")
    text += "  loop: {stage: dedup-exact, input: language}\n"
    with pytest.raises(UsageError, match=r"language, tokenizer, packed, loop|wait for one another \(a cycle\)"):
        load_recipe(write(tmp_path, text))


@pytest.mark.parametrize("assignment", ["nothing.min_score=1", "language=1", "language"])
def test_a_setting_for_no_step_is_told(tmp_path: Path, assignment: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        load_recipe(write(tmp_path, GOOD), [assignment])


def test_steps_are_selected(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert [step.name for step in select(recipe, [], ["language"])] == ["language", "tokenizer", "packed"]
    assert [step.name for step in select(recipe, ["pack"], [])] == ["packed"]
    with pytest.raises(UsageError, match="no step 'zzz'"):
        select(recipe, ["zzz"], [])


def test_the_built_in_recipes_are_good() -> None:
    assert {"quickstart.yaml", "web.yaml"} <= set(builtin_names())
    for name in builtin_names():
        assert load_recipe(name, ["pages.input=x/"] if name == "web.yaml" else []).steps


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"built in: .*quickstart\.yaml"):
        load_recipe("nonsense")


THREE = """
name: three
steps:
  pages:     {stage: ingest-text, input: rows/x.jsonl}
  web:       {stage: identify-language, input: pages}
  made:      {stage: ingest-environment}
  tokenizer: {stage: train-tokenizer, input: [web, made]}
  mixed:     {stage: mix, input: {web: web, made: made}}
  packed:    {stage: pack, input: {input: mixed, tokenizer: tokenizer}}
"""


def dataset(folder: Path, record: str) -> Path:
    """A folder that says of itself what it holds."""
    folder.mkdir()
    manifest = {"format_version": 1, "stage": "x", "record": record, "files": [], "counts": {}, "fingerprint": "f"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_dataset_stands_for_a_step_and_what_served_it_alone_is_left_out(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    mine, two = dataset(tmp_path / "mine", "Document"), dataset(tmp_path / "two", "Document")
    tokens = dataset(tmp_path / "tokenizer", "Model")  # named as a step is, and given without a slash
    recipe = load_recipe(write(tmp_path, THREE), [f"web={mine}", f"made.input=[{mine}, {two}]", "tokenizer=tokenizer"])
    assert [step.name for step in recipe.steps] == ["mixed", "packed"]
    assert recipe.inputs(recipe.steps[0], "root") == {"web": [str(mine)], "made": [str(mine), str(two)]}
    assert recipe.inputs(recipe.steps[1], "root") == {"input": ["root/mixed"], "tokenizer": ["./tokenizer"]}
    only = load_recipe(write(tmp_path, THREE), [f"tokenizer={tokens}"])
    assert [step.name for step in only.steps] == ["pages", "web", "made", "mixed", "packed"]


def test_the_folder_of_a_model_stands_for_the_tokenizer(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"no folder with a tokenizer\.json.*--set tokenizer\.stage=import-tokenizer"):
        load_recipe(write(tmp_path, THREE), [f"tokenizer={folder}"])
    (folder / "tokenizer.json").write_text("{}")
    recipe = load_recipe(write(tmp_path, THREE), [f"tokenizer={folder}"])
    assert recipe.inputs(recipe.steps[-1], "root")["tokenizer"] == [str(folder)]
    with pytest.raises(UsageError, match=r"not an arcmill dataset.*--set web\.stage=ingest-text"):
        load_recipe(write(tmp_path, THREE), [f"web={folder}"])


def test_a_dataset_in_the_place_of_a_step_is_checked(tmp_path: Path) -> None:
    path, model = write(tmp_path, THREE), dataset(tmp_path / "model", "Model")
    with pytest.raises(UsageError, match=r"'mixed': input 'web' needs Document, but .* holds Model rows"):
        load_recipe(path, [f"web={model}", f"tokenizer={model}"])
    with pytest.raises(UsageError, match=r"--set web=.*nothing.*: no such dataset.*--set web\.stage=ingest-text"):
        load_recipe(path, [f"web={tmp_path}/nothing"])


def test_a_step_can_be_another_stage_and_inputs_be_named_one_by_one(tmp_path: Path) -> None:
    recipe = load_recipe(
        write(tmp_path, THREE),
        ["made.input=crawl/", "made.stage=ingest-web", "mixed.input.more=other/rows"],
    )
    by_name = {step.name: step for step in recipe.steps}
    assert (by_name["made"].stage.name, by_name["made"].paths) == ("ingest-web", {"input": ["crawl/"]})
    assert by_name["mixed"].paths == {"more": ["other/rows"]}
    assert by_name["mixed"].steps == {"web": ["web"], "made": ["made"]}
    other = load_recipe(write(tmp_path, THREE), ["mixed.input.web=some/rows", "tokenizer.input=other/rows"])
    assert [step.name for step in other.steps] == [
        "made",
        "tokenizer",
        "mixed",
        "packed",
    ]  # pages, web: read by nobody now
    last = load_recipe(write(tmp_path, THREE), ["packed.input=some/documents"]).steps[-1]
    assert (last.paths, last.steps) == ({"input": ["some/documents"]}, {"tokenizer": ["tokenizer"]})
