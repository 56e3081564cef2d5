"""Recipes are checked whole before anything runs, and mistakes are placed."""

from __future__ import annotations

from pathlib import Path

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
