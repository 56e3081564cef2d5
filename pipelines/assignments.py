"""`--set` on a recipe: settings of steps, other inputs, another stage, or a dataset of one's own in the place of a step.

| given | does |
|---|---|
| `STEP.key=value` | a setting of the step's stage |
| `STEP.input=PATH`, `STEP.input.NAME=PATH` | what the step reads, or one of its inputs by name |
| `STEP.stage=NAME` | the step is this stage instead; its inputs and settings begin anew |
| `STEP=PATH` | the dataset at PATH in the place of the step |
| `STEP.input=PATH` of a stage that reads nothing | the same |
| `spark.…`, `llm.…`, `datatrove.…`, `slurm.…`, `ray.…`, `canaries.…`, `airflow.…` | settings of engines, of canaries, and of the DAG in Airflow |

Steps that served only what was replaced are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from arcmill.config import assign, parse_assignment
from arcmill.errors import ArcmillError, UsageError
from arcmill.stage import ENGINE_SETTINGS

Values = dict[str, Any]
_TOKENIZERS = ("train-tokenizer", "import-tokenizer")  # for their output the folder of a published model can stand


def assign_all(values: Values, assignments: Iterable[str], path: str) -> None:
    """Change a recipe as it was read from YAML, in place. Raises UsageError that quotes the assignment."""
    steps = values.get("steps")
    read = _read(steps) if isinstance(steps, dict) else set()
    given: dict[str, list[str]] = {}  # steps that datasets stand for
    # Another stage clears the step, so it comes first, wherever it was said.
    for text in sorted(assignments, key=lambda text: not text.partition("=")[0].strip().endswith(".stage")):
        _assign(values, text, path, given)
    if isinstance(steps, dict):
        _replace(steps, given)
        _leave_out(steps, read)


def _assign(values: Values, text: str, path: str, given: dict[str, list[str]]) -> None:
    key, value = parse_assignment(text)
    step, _, rest = key.partition(".")
    steps = values.get("steps")
    if step in ENGINE_SETTINGS:
        values.setdefault("settings", {})[key] = value
    elif step in ("canaries", "airflow") and not (isinstance(steps, dict) and step in steps):
        if rest and values.get(step) is None:
            values[step] = {}
        assign(values, key, value)  # without a rest it is all of them: {} plants the default ones, null none
    elif not isinstance(steps, dict) or step not in steps:
        known = ", ".join(steps) if isinstance(steps, dict) else "none"
        raise UsageError(f"--set {text}: no step '{step}' in {path}; steps: {known}")
    elif not rest:
        given[step] = _datasets(value, text, step, steps[step])
    elif isinstance(steps[step], dict):  # else the check of the whole recipe tells what is wrong with it
        _assign_step(steps[step], rest, value, text, step, given)


def _assign_step(entry: Values, rest: str, value: Any, text: str, step: str, given: dict[str, list[str]]) -> None:
    name, _, inner = rest.partition(".")
    if rest == "stage":
        entry.clear()
        entry["stage"] = value
    elif name == "input":
        main = _main_input(entry.get("stage"))
        if main is None and not inner:
            given[step] = _datasets(value, text, step, entry)
            return
        # Given on the command line it is relative to where the user stands, and is never the name of a step.
        paths = [str(v) for v in (value if isinstance(value, list) else [value])]
        held = entry.get("input")
        if inner:
            if not isinstance(held, dict):
                held = {} if held is None else {main or "input": held}
            entry["input"] = {**held, inner: paths}
        elif isinstance(held, dict) and main in held:
            entry["input"] = {**held, main: paths}
        else:
            entry["input"] = paths
    else:
        config = entry.setdefault("config", {})
        if isinstance(config, dict):
            assign(config, rest, value)


def _main_input(stage: Any) -> str | None:
    """The main input of a stage; None where it reads nothing."""
    from pipelines.catalogue import find_stage

    try:
        return find_stage(str(stage)).main_input
    except UsageError:
        return "input"  # the check of the whole recipe tells that there is no such stage


def _datasets(value: Any, text: str, step: str, entry: Any) -> list[str]:
    """Datasets that stand for a step, as paths that no step's name can be mistaken for."""
    from arcmill.dataset import Dataset

    tokenizer = isinstance(entry, dict) and entry.get("stage") in _TOKENIZERS
    reads = "import-tokenizer" if tokenizer else "ingest-text"
    paths = []
    for path in value if isinstance(value, list) else [value]:
        if not isinstance(path, str) or not path:
            raise UsageError(
                f"--set {text}: expected {step}.key=value for a setting, or {step}=PATH for a dataset in its place"
            )
        try:
            (Dataset.tokenizer if tokenizer else Dataset.open)(path)
        except ArcmillError as error:
            raise UsageError(
                f"--set {text}: {error}. A dataset can stand for step '{step}'; for raw files say what reads them: "
                f"--set {step}.stage={reads} --set {step}.input=PATH"
            ) from None
        paths.append(path if "/" in path else f"./{path}")
    return paths


def _replace(steps: Values, given: dict[str, list[str]]) -> None:
    """Take out the steps that datasets stand for, and let others read these."""
    for name in given:
        del steps[name]
    for entry in steps.values():
        if given and isinstance(entry, dict) and entry.get("input") is not None:
            held = entry["input"]
            entry["input"] = (
                {name: _swapped(value, given) for name, value in held.items()}
                if isinstance(held, dict)
                else _swapped(held, given)
            )


def _leave_out(steps: Values, read: set[str]) -> None:
    """Take out steps that the recipe reads (`read`) and nobody does any more: their work would serve nothing."""
    while idle := [name for name in steps if name in read and name not in _read(steps)]:
        for name in idle:
            del steps[name]


def _read(steps: Values) -> set[str]:
    """The names that stand as inputs of steps."""
    found: set[str] = set()
    for entry in steps.values():
        held = entry.get("input") if isinstance(entry, dict) else None
        for value in held.values() if isinstance(held, dict) else [held]:
            found.update(one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))
    return found


def _swapped(value: Any, given: dict[str, list[str]]) -> Any:
    if isinstance(value, list):
        return [path for one in value for path in given.get(one, [one])]
    return given.get(value, value) if isinstance(value, str) else value
