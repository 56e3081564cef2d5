"""The command of a step says what `arcmill run` would do, whatever the values hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_dags.command import report_command, run_command, scalar, step_command
from arcmill.config import assign, parse_assignment, validate
from arcmill.errors import UsageError
from arcmill.stage import Stage
from pipelines.catalogue import get_stage
from pipelines.commands.stage import parse_inputs, stage_command
from pipelines.recipe import Recipe, builtin_names, load_recipe

HOSTILE = [
    "{{ macros.os.system('touch /tmp/owned') }}", "{% raw %}", "$(touch owned)", "`id`", "; rm -rf /", "a'b\"c\\", "-rf", "--force", "=", "a=b",
    "&anchor", "*alias", "!!python/object/apply:os.system [id]", "null", "1e-05", "0x1f", "yes", "2026-01-01", "# not a comment",
    "{date}", "line\nbreak", "\ttab ", "\x00\x07\x7f\x85\u2028\ufeff", "😀 漢字", "", " ", "%s %(x)s",
]  # fmt: skip


def write(folder: Path, text: str) -> str:
    (folder / "recipe.yaml").write_text(text)
    return str(folder / "recipe.yaml")


def read_back(stage: Stage, argv: list[str]) -> dict[str, Any]:
    """What the command line makes of the arguments, by its own parser."""
    command = stage_command(stage.name)
    given = command.make_context("arcmill", list(argv[1:]), resilient_parsing=False).params
    values: dict[str, Any] = {}
    engine: dict[str, Any] = {}
    for text in given["assignments"]:
        key, value = parse_assignment(text)
        if key.startswith(("spark.", "llm.")):
            engine[key] = value
        else:
            assign(values, key, value)
    return {
        "config": validate(stage.config, values, "x"), "inputs": parse_inputs(stage, given.get("inputs", ())),
        "output": given["output"], "engine": engine, "workers": given["workers"], "force": given["force"],
    }  # fmt: skip


@pytest.mark.parametrize("name", builtin_names())
def test_the_command_of_every_packaged_step_means_what_the_recipe_says(name: str) -> None:
    given = ["pages.input=crawl"] if name == "web.yaml" else []
    recipe = load_recipe(name, [*given, "llm.endpoint=http://node:8000/v1"])
    for step in recipe.steps:
        back = read_back(step.stage, step_command(recipe, step, "/runs/x", workers=3))
        assert back["config"] == step.config
        assert back["config"].identity() == step.config.identity()
        assert back["inputs"] == recipe.inputs(step, "/runs/x")
        assert back["output"] == f"/runs/x/{step.name}"
        assert back["engine"] == {"llm.endpoint": "http://node:8000/v1"}
        assert (back["workers"], back["force"]) == (3, False)


def test_the_list_of_recipes_is_not_empty() -> None:
    assert len(builtin_names()) >= 10


@pytest.mark.parametrize(
    "value", [*HOSTILE, None, True, 0, -1.5, 1e-05, 1e300, [], {}, ["a", None, {"b": HOSTILE}], {"k": {"l": [1]}}]
)
def test_any_value_comes_back_through_set_as_it_was(value: Any) -> None:
    text = scalar(value)
    assert "\0" not in text  # which no argument can hold
    assert parse_assignment(f"key={text}") == ("key", value)
    assert type(parse_assignment(f"key={text}")[1]) is type(value)


def small(folder: Path) -> Recipe:
    return load_recipe(
        write(folder, "name: small\nsteps:\n  pages: {stage: ingest-text, config: {source: made}}\n"), inputs_later=True
    )


@pytest.mark.parametrize("value", [text for text in HOSTILE if text and "\0" not in text])
def test_hostile_paths_and_settings_are_one_argument_each(tmp_path: Path, value: str) -> None:
    recipe = small(tmp_path)
    argv = step_command(
        recipe, recipe.steps[0], f"/runs/{value}", inputs={"input": [value]}, settings={"source": value}, force=True
    )
    assert argv[argv.index("--input") + 1] == f"input={value}"
    back = read_back(recipe.steps[0].stage, argv)
    assert back["inputs"] == {"input": [value]}
    assert back["output"] == f"/runs/{value}/pages"
    assert back["config"].model_dump()["source"] == value
    assert back["force"] is True


def test_an_input_that_lacks_is_told_by_the_name_of_its_parameter(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    assert recipe.steps[0].missing == ("input",)
    with pytest.raises(UsageError, match=r"step 'pages': no path for input 'input'; pages\.input gives it"):
        step_command(recipe, recipe.steps[0], "/runs/x")


@pytest.mark.parametrize("key", ["a=b", "--force", "a b", "", "a..b", "{{x}}", ".a"])
def test_a_key_that_names_no_setting_is_refused(tmp_path: Path, key: str) -> None:
    recipe = small(tmp_path)
    with pytest.raises(UsageError, match="names no setting"):
        step_command(recipe, recipe.steps[0], "/r", inputs={"input": ["x"]}, settings={key: 1})


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_no_path_can_be_is_refused(tmp_path: Path, path: str) -> None:
    recipe = small(tmp_path)
    with pytest.raises(UsageError, match="cannot be a path"):
        step_command(recipe, recipe.steps[0], "/r", inputs={"input": [path]})


def test_a_group_of_settings_is_changed_in_one_key(tmp_path: Path) -> None:
    text = "name: small\nsteps:\n  f: {stage: filter-web, input: ./d, config: {gopher_quality: {min_words: 20}}}\n"
    recipe = load_recipe(write(tmp_path, text), inputs_later=True)
    argv = step_command(recipe, recipe.steps[0], "/r", settings={"gopher_quality.max_words": 7000})
    quality = read_back(get_stage("filter-web"), argv)["config"].model_dump()["gopher_quality"]
    assert (quality["min_words"], quality["max_words"]) == (20, 7000)


def test_the_last_task_names_recipe_and_changes() -> None:
    assert report_command("web", "/r") == ["report", "/r", "--recipe", "web"]
    assert report_command("web", "/r", "previous") == ["report", "/r", "--recipe", "web", "--since", "previous"]
    web = load_recipe("web", inputs_later=True)
    argv = run_command(
        web,
        "web",
        "/r",
        ["buckets.epochs=null"],
        {"pages": {"input": ["a b", "c"]}},
        {"filtered": {"url.x": "{{1}}"}},
        2,
    )
    assert argv == [
        "run", "web", "--root", "/r", "--set", "buckets.epochs=null", "--set", "pages.input.input=[a b, c]",
        "--set", "filtered.url.x='{{1}}'", "--workers", "2",
    ]  # fmt: skip
    assert run_command(web, "web", "/r", [], {}, {}, since="previous") == [
        "run",
        "web",
        "--root",
        "/r",
        "--since",
        "previous",
    ]
    changed = load_recipe("web", ["pages.input.input=[a b, c]"])
    assert changed.steps[0].paths == {"input": ["a b", "c"]}


def test_what_an_input_reads_of_steps_stays_beside_other_paths(tmp_path: Path) -> None:
    text = "name: x\nsteps:\n  a: {stage: ingest-text, input: ./x}\n  b: {stage: dedup-exact, input: [a, ./more]}\n"
    recipe = load_recipe(write(tmp_path, text), inputs_later=True)
    argv = step_command(recipe, recipe.steps[1], "/r", inputs={"input": ["/new"]})
    assert read_back(recipe.steps[1].stage, argv)["inputs"] == {"input": ["/r/a", "/new"]}
    argv = run_command(recipe, "x.yaml", "/r", [], {"b": {"input": ["/new"]}}, {})
    again = load_recipe(str(tmp_path / "recipe.yaml"), argv[argv.index("--set") + 1 :])
    assert (again.steps[1].steps, again.steps[1].paths) == ({"input": ["a"]}, {"input": ["/new"]})


def test_a_source_of_a_mixture_may_have_any_name_that_a_step_has(tmp_path: Path) -> None:
    mix = get_stage("mix")
    assert parse_inputs(mix, ["web-counted=/r/x", "a.b=/r/y=1"]) == {"web-counted": ["/r/x"], "a.b": ["/r/y=1"]}
    (tmp_path / "date-x=1").mkdir()
    there = str(tmp_path / "date-x=1")
    assert parse_inputs(mix, [there]) == {"date-x=1": [there]}  # a path that holds a sign of equality stays one
