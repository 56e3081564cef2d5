"""A card as text: the front matter, then sections of Markdown in which nothing of the data is markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.cards.facts import CardFacts, settings_that_differ
from pipelines.cards.front import front_matter
from pipelines.commands.shown import harmless
from pipelines.lineage import Step

_MOST = 50  # values or rules of one table; what is beyond is summed
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&])")


def render(facts: CardFacts) -> str:
    """The whole card; the same for the same datasets, wherever and whenever it is written."""
    import yaml

    front = yaml.safe_dump(front_matter(facts), sort_keys=False, allow_unicode=True)
    lines = ["---", front.rstrip("\n"), "---", "", f"# {plain(facts.name)}", "", *_lead(facts), ""]
    for title, section in (
        ("Made from", _sources(facts)), ("Licences", _licences(facts)), ("Counts", _counts(facts)), ("Columns", _columns(facts)),
        ("What was left out", _left(facts)), ("Checks", _checks(facts)), ("Known limits", _limits(facts)),
        ("To reproduce it", _reproduce(facts)),
    ):  # fmt: skip
        lines += [f"## {title}", "", *section, ""]
    return "\n".join(lines)


def plain(text: object) -> str:
    """A value as Markdown that shows it and does nothing else, on one line."""
    shown = harmless(" ".join(str(text).split()))
    return _MARKS.sub(r"\\\1", shown if len(shown) <= 200 else f"{shown[:199]}…")


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A Markdown table; cells are escaped, but numbers."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else plain(cell) for cell in row)} |"


def _lead(facts: CardFacts) -> Iterator[str]:
    dataset = facts.dataset
    what = {"Sequence": "packed token sequences", "Export": "rows for training"}.get(
        dataset.record, f"{dataset.record} rows"
    )
    yield f"{dataset.rows:,} {what}, made by `{plain(dataset.manifest['stage'])}` of arcmill; fingerprint `{dataset.fingerprint[:16]}`."
    if dataset.parts:
        yield from ("", "```python", "from datasets import load_dataset", "",
                    'rows = load_dataset("PATH_OF_THIS_FOLDER", split="train")', "```")  # fmt: skip


def _sources(facts: CardFacts) -> Iterator[str]:
    yield from _values(facts, "source", "source", "No row here or upstream names a source.")
    if facts.lacking:
        yield from ("", "Not at hand when this was written, so what lies behind them is not told:", "")
        yield from (f"- {plain(where)}, fingerprint `{mark[:16]}`" for where, mark in facts.lacking)


def _licences(facts: CardFacts) -> Iterator[str]:
    yield from _values(facts, "license", "licence", "No column here or upstream states licences.")
    yield from ("", "These are what the rows state; arcmill gives no licence to what it did not write.")


def _values(facts: CardFacts, column: str, head: str, none: str) -> Iterator[str]:
    counted = facts.values.get(column)
    if not counted:
        yield none
        return
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    rows: list[tuple[object, int]] = [(value or "not stated", number) for value, number in ordered[:_MOST]]
    if ordered[_MOST:]:
        rows.append((f"{len(ordered) - _MOST:,} others", sum(number for _, number in ordered[_MOST:])))
    yield f"Rows of {', '.join(f'`{plain(name)}`' for name in facts.counted_in[column])} by {head}:"
    yield from ("", *table((head, "rows"), rows))


def _counts(facts: CardFacts) -> Iterator[str]:
    keys = ("in", "kept", "dropped", "merged", "errored", "created")
    rows = []
    for step in facts.steps:
        if step.dataset is not None and step.record != "Model":
            counts = step.dataset.counts
            rows.append((step.name, step.stage, *(counts[key] for key in keys)))
    yield from table(("step", "stage", *keys), rows)
    yield from ("", "Each row that came in is kept, dropped, merged or errored; `created` are rows that a step made.")


def _columns(facts: CardFacts) -> Iterator[str]:
    schema: Mapping[str, str] = facts.dataset.manifest.get("schema", {})
    yield from table(("column", "Arrow type"), list(schema.items()))


def _left(facts: CardFacts) -> Iterator[str]:
    rows = []
    for step in facts.steps:
        ordered = sorted(facts.rules.get(step.name, {}).items(), key=lambda item: (-item[1], item[0]))
        rows += [(step.name, outcome, rule, number) for (outcome, rule), number in ordered[:_MOST]]
        if ordered[_MOST:]:
            rows.append((step.name, "", f"{len(ordered) - _MOST:,} other rules", sum(n for _, n in ordered[_MOST:])))
    if not rows:
        yield "Nothing: no step at hand has a row in its ledger."
        return
    yield from table(("step", "outcome", "rule", "rows"), rows)


def _checks(facts: CardFacts) -> Iterator[str]:
    counts = facts.dataset.counts
    gone = counts["kept"] + counts["dropped"] + counts["merged"] + counts["errored"]
    yield f"- Conservation: {counts['in']:,} rows in, {gone:,} accounted for; it holds in every step, or the step would have failed."
    yield f"- Files: {len(facts.dataset.manifest['files']):,}, with rows, bytes and SHA-256 in `manifest.json`; `arcmill verify PATH` reads them again."
    numbers = [(key, value) for key, value in sorted(facts.dataset.statistics.items())
               if isinstance(value, (int, float, str)) and not isinstance(value, bool)]  # fmt: skip
    if numbers:
        yield from ("- What the step itself counted:", "", *table(("statistic", "value"), numbers))


def _limits(facts: CardFacts) -> Iterator[str]:
    stages = {step.stage for step in facts.steps}
    for stage, done, not_done in (
        ("decontaminate", "Compared with the benchmarks that were given, by n-grams: what is reworded may pass.", "No step compared it with benchmarks."),
        ("dedup-minhash", "Near-duplicates were merged from the similarity that was set on; looser ones remain.", "No step merged near-duplicates."),
    ):  # fmt: skip
        yield f"- {done if stage in stages else not_done}"
    masked = any(_masks(step) for step in facts.steps)
    yield "- " + (
        "E-mail and IP addresses and phone numbers were replaced by patterns; names and other personal data were not looked for."
        if masked
        else "No step replaced personal data."
    )
    models = sorted({str(model) for step in facts.steps if (model := _asked(step))})
    if models:
        yield f"- Text or judgements of language models: {', '.join(plain(model.rpartition('/')[2]) for model in models)}."
    for column, told in (("license", "state no licence"), ("language", "name no language")):
        missing = facts.values[column][""] if column in facts.values else 0
        if missing:
            yield f"- {missing:,} rows {told}."
    errored = sum(step.dataset.counts["errored"] for step in facts.steps if step.dataset is not None)
    if errored:
        yield f"- {errored:,} rows could not be read or worked on; the ledgers say why."


def _short(value: Any) -> Any:
    """A setting, but for one that is data itself (a list of thousands): the manifest has it whole."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= 1000 else f"{text[:200]}… ({len(text):,} characters, see manifest.json)"


def _asked(step: Step) -> str | None:
    """The model that a step asked, if it asked one at all."""
    if step.dataset is None or not step.dataset.statistics.get("requests"):
        return None
    found: Any = step.identity.get("config", {}).get("model")
    return None if found is None else str(found)


def _masks(step: Step) -> bool:
    if step.stage != "filter-web":
        return False
    config: Any = step.identity.get("config", {})
    return bool(config.get("pii", {}).get("enabled")) and "pii" in config.get("order", ())


def _reproduce(facts: CardFacts) -> Iterator[str]:
    yield "The same stages with the same settings over the same inputs give the same bytes. Only settings that are not the default are listed."
    yield ""
    steps = [
        {
            "step": step.name, "stage": step.stage, "version": step.identity.get("stage_version"), "fingerprint": step.fingerprint,
            "inputs": {edge.input: edge.step or edge.fingerprint for edge in step.inputs}, "settings": {key: _short(value) for key, value in settings_that_differ(step).items()},
        }
        for step in facts.steps
    ]  # fmt: skip
    text = harmless(json.dumps(steps, indent=1, ensure_ascii=False, default=str))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield from (f"{fence}json", *text.splitlines(), fence)
