"""The command of a step, as the arguments of a process: no shell and no template reads any of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from arcmill.errors import UsageError
from pipelines.recipe import Recipe, Step

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def step_command(
    recipe: Recipe, step: Step, root: str, *, inputs: Mapping[str, Sequence[str]] | None = None,
    settings: Mapping[str, Any] | None = None, workers: int | None = None, force: bool = False,
) -> list[str]:  # fmt: skip
    """`STAGE --input NAME=PATH … --output ROOT/STEP --set key=value …`, which makes what `arcmill run` makes of the step.

    `inputs` take the place of the paths that the recipe gives an input, beside what it reads of steps; `settings` (`key`, or `group.key`) come after the
    recipe's own. UsageError where an input lacks or a value cannot be an argument.
    """
    named = recipe.inputs(step, root)
    for name, paths in (inputs or {}).items():
        named[name] = [*(f"{root}/{other}" for other in step.steps.get(name, ())), *paths]
    lacking = [name for name in step.missing if not named.get(name)]
    if lacking:
        raise UsageError(f"step '{step.name}': no path for input '{lacking[0]}'; {param_of(step, lacking[0])} gives it")
    argv = [step.stage.place or step.stage.name]
    for name, paths in named.items():
        for path in paths:
            argv += ["--input", f"{name}={_clean(path, f'{step.name}: input {name}')}"]
    argv += ["--output", _clean(f"{root}/{step.name}", "root")]
    own = step.config.model_dump(mode="json", exclude_unset=True)
    for key, value in [*recipe.settings.items(), *own.items(), *(settings or {}).items()]:
        argv += ["--set", f"{_key(key, step.name)}={scalar(value)}"]
    if workers is not None:
        argv += ["--workers", str(workers)]
    return [*argv, "--force"] if force else argv


def run_command(
    recipe: Recipe, source: str, root: str, assignments: Sequence[str], inputs: Mapping[str, Mapping[str, Sequence[str]]],
    settings: Mapping[str, Mapping[str, Any]], workers: int | None = None, since: str | None = None,
) -> list[str]:  # fmt: skip
    """`run SOURCE …` for a run whose steps are done: its canaries and its report. `inputs` and `settings` are by step.

    `since`: the run that the report is compared with; "previous" where root holds a date.
    """
    argv = ["run", _clean(source, "recipe"), "--root", _clean(root, "root")]
    given = [*assignments]
    held = {step.name: step.steps for step in recipe.steps}
    for step, named in inputs.items():
        given += [f"{step}.input.{name}={scalar([*held[step].get(name, ()), *paths])}" for name, paths in named.items()]
    for step, values in settings.items():
        for key, value in values.items():
            engine = key.startswith(("spark.", "llm."))  # in a recipe these are no step's
            given.append(f"{_key(key, step) if engine else f'{step}.{_key(key, step)}'}={scalar(value)}")
    for text in given:
        argv += ["--set", text]
    argv += ["--since", _clean(since, "since")] if since else []
    return argv if workers is None else [*argv, "--workers", str(workers)]


def report_command(recipe: str, root: str, since: str | None = None) -> list[str]:
    """`report ROOT --recipe RECIPE [--since EARLIER]`."""
    argv = ["report", _clean(root, "root"), "--recipe", _clean(recipe, "recipe")]
    return [*argv, "--since", _clean(since, "since")] if since else argv


def param_of(step: Step, name: str) -> str:
    """What an input is called among the parameters of a DAG: as in `--set`, STEP.input for the main one."""
    return f"{step.name}.input" if name == step.stage.main_input else f"{step.name}.input.{name}"


def scalar(value: Any) -> str:
    """A value as `--set` reads it back: YAML. Not JSON, of which YAML 1.1 takes 1e-05 for a string."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _key(key: str, step: str) -> str:
    if not _KEY.fullmatch(key):
        raise UsageError(f"step '{step}': {key!r} names no setting; expected key or group.key")
    return key


def _clean(path: str, where: str) -> str:
    if not path or "\0" in path:
        raise UsageError(f"{where}: {path!r} cannot be a path")
    return path
