"""What a card tells: of a dataset, of the steps it rests on, and of the rows that its sources, licences and languages stand in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from pipelines.lineage import DONE, Run, Step, open_run

FACTS = ("source", "license", "language")  # columns that are counted, each in the nearest datasets that have it


@dataclass
class CardFacts:
    """What is known of a dataset. Counters hold rows by value; "" stands for rows without one."""

    dataset: Dataset
    name: str
    steps: Sequence[Step]  # all that it rests on and that are at hand, itself last
    lacking: list[tuple[str, str]]  # (input of a step, fingerprint) of what is not at hand
    rules: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)  # step -> (outcome, rule) -> rows
    values: dict[str, Counter[str]] = field(default_factory=dict)  # column -> value -> rows
    counted_in: dict[str, list[str]] = field(default_factory=dict)  # column -> steps whose rows were counted


def gather(path: str, also: Sequence[str] = ()) -> CardFacts:
    """Read manifests, ledgers and three columns, of the dataset and of those beside it that it was made of.

    `also`: further folders of runs or datasets that inputs may lie in. Raises InputError where there is no dataset, or one of
    what it rests on is damaged.
    """
    dataset = Dataset.open(path)
    beside = folder_of(path)
    run = open_run(beside, [folder for folder in dict.fromkeys(also) if folder != beside and _holds(folder)])
    step = run.by_name[dataset.path.rstrip("/").rpartition("/")[2]]
    steps = [found for found in run.ancestors(step) if found.state == DONE]
    lacking = [
        (f"{found.name}: {edge.input}", edge.fingerprint) for found in steps for edge in found.inputs
        if edge.step is None and edge.record not in (None, "Files") and edge.input != "environment"
    ]  # fmt: skip
    facts = CardFacts(dataset, dataset.path.rstrip("/").rpartition("/")[2], steps, lacking)
    for found in steps:
        if found.dataset is not None and found.dataset.ledger_parts:
            facts.rules[found.name] = _rules(found.dataset)
    for column in FACTS:
        _count(facts, run, step, column)
    return facts


def folder_of(place: str) -> str:
    """The folder that a dataset lies in, where its siblings may be what it was made of."""
    above, slash, _ = place.rstrip("/").rpartition("/")
    return above or slash or "."


def _holds(folder: str) -> bool:
    """Whether a folder is, or holds, a dataset."""
    try:
        return bool(open_run(folder).steps)
    except (InputError, OSError):
        return False


def _rules(dataset: Dataset) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for batch in dataset.ledger(["outcome", "rule"]):
        found.update(zip(map(str, batch.column(0).to_pylist()), map(str, batch.column(1).to_pylist()), strict=True))
    return found


def _count(facts: CardFacts, run: Run, step: Step, column: str) -> None:
    """Count a column where it stands nearest to the dataset, on each way to its sources."""
    values: Counter[str] = Counter()
    nearest = _nearest(run, step, column, set())
    for found in nearest:
        for batch in found.dataset.batches([column]) if found.dataset else ():
            for entry in batch.column(0).value_counts().to_pylist():
                values["" if entry["values"] is None else str(entry["values"])] += entry["counts"]
    if nearest:
        facts.values[column], facts.counted_in[column] = values, [found.name for found in nearest]


def _nearest(run: Run, step: Step, column: str, seen: set[str]) -> list[Step]:
    if step.name in seen or step.dataset is None:
        return []
    seen.add(step.name)
    if column in step.dataset.manifest.get("schema", {}):
        return [step]
    return [found for source in _rows_from(run, step) for found in _nearest(run, source, column, seen)]


def _rows_from(run: Run, step: Step) -> list[Step]:
    """The steps whose rows a step passes on: those of its main input. What it only compares with, or learns from, is none."""
    from arcmill.errors import UsageError
    from pipelines.catalogue import get_stage

    try:
        main = get_stage(step.stage).main_input
    except (UsageError, ImportError):  # of the user's own, or of another version of arcmill
        main = "*"
    found = run.sources(step) if main == "*" else run.sources(step, main)
    return [source for source in found if source.record != "Model"]


def settings_that_differ(step: Step) -> dict[str, Any]:
    """The settings of a step that are not the defaults of its stage; all, where this arcmill has no such stage."""
    from arcmill.errors import UsageError
    from pipelines.catalogue import get_stage

    held: dict[str, Any] = step.identity.get("config", {})
    defaults: dict[str, Any] = {}
    try:
        fields = get_stage(step.stage).config.model_fields
    except (UsageError, ImportError):
        return held
    for key, entry in fields.items():
        if not entry.is_required():
            value = entry.get_default(call_default_factory=True)
            defaults[key] = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
    return {key: value for key, value in sorted(held.items()) if key not in defaults or not _same(value, defaults[key])}


def _same(held: Any, default: Any) -> bool:
    """Equal as JSON: tuples are lists, keys of mappings texts."""
    import json

    return json.dumps(held, sort_keys=True, default=str) == json.dumps(default, sort_keys=True, default=str)
