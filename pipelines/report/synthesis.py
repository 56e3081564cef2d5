"""Synthesis: what came of the samples, what an accepted one cost, how long and how hard they are, and some to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipelines.report.charts import histogram
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, h, number, share, visible
from pipelines.report.reading import groups, spread
from pipelines.report.sections import fold, name, section, table

_ROWS, _BYTES = 20_000, 64 << 20  # of a dataset, read for histograms and samples
_SHOWN, _CHARACTERS = 4, 1200  # samples to read, and how much of each text
_BINS = 24
_STEPS = {
    "malformed": "1 form", "truncated": "1 form", "too-short": "1 form", "too-long": "1 form", "repetitive": "1 form",
    "wrong-answer": "2 answer", "no-final-answer": "2 answer", "undecided": "2 and 3", "no-answer": "2 answer",
    "low-judgement": "3 judgement", "judged": "3 judgement", "tool-protocol": "4 tools", "terminal-state": "4 tools",
}  # fmt: skip


def synthesis(facts: Facts) -> Html | None:
    """The section, or None for a run that asked no model."""
    steps = [found for found in facts.steps if found.step.dataset is not None and _asked(found)]
    if not steps:
        return None
    blocks: list[Html | None] = [_yields(facts, steps)]
    for found in steps:
        made = _BLOCKS.get(found.step.stage)
        if made is not None:
            blocks += made(found)
    lede = "What came of the samples at each step, with 95 % intervals, and what a row that stayed has cost."
    return section("synthesis", "Synthesis", lede, *blocks)


def _asked(found: StepFacts) -> bool:
    return found.step.stage in _BLOCKS or "requests" in found.statistics


def _block(found: StepFacts, title: str, *children: Child) -> Html:
    return h("article", h("h3", title, h("span", name(found.step.name, 40), cls="stage")), *children)


def _figure(found: StepFacts, key: str) -> int:
    value = found.statistics.get(key)
    return value if isinstance(value, int) else 0


def _yields(facts: Facts, steps: list[StepFacts]) -> Html:
    from synth.difficulty import wilson

    rows: list[list[Child]] = []
    for found in steps:
        entered, made = found.counts["in"], found.counts["created"]
        low, high = wilson(found.counts["kept"], entered)
        paid = _paid(facts, found)
        rows.append([
            name(found.step.name, 40), number(entered), number(made or found.counts["kept"]),
            share(found.counts["kept"], entered), f"{100 * low:.1f} to {100 * high:.1f} %" if entered else "",
            number(_figure(found, "requests")), number(_figure(found, "completion_tokens")),
            number(round(paid / found.rows)) if found.rows and paid else "",
        ])  # fmt: skip
    heads = [
        ("Step", "key"), ("Rows in", "num"), ("Rows out", "num"), ("Inputs used", "num"), ("95 % interval", "num"),
        ("Requests", "num"), ("Tokens written", "num"), ("Tokens a row that stayed", "num"),
    ]  # fmt: skip
    return h("article", h("h3", "Yield and cost"), table(heads, rows, "Yield and cost", cls="cards"))


def _paid(facts: Facts, found: StepFacts) -> int:
    """Completion tokens of a step and of the steps of samples that it was made from."""
    paid = _figure(found, "completion_tokens")
    for source in facts.run.sources(found.step):
        before = facts.of(source)
        if before is not None and source.record == "Conversation":
            paid += _paid(facts, before)
    return paid


def _rejected(found: StepFacts) -> list[Html]:
    ledger = found.departures
    rows: list[list[Child]] = []
    entered = found.counts["in"]
    for rule in ledger.rules if ledger is not None else ():
        rows.append([_STEPS.get(rule.rule, ""), name(rule.rule, 40), number(rule.rows), share(rule.rows, entered)])
    rows.sort(key=lambda row: str(row[0]) or "9")
    rows.append(["", "accepted", number(found.counts["kept"]), share(found.counts["kept"], entered)])
    heads = [("Step", "key"), ("Rule", "key"), ("Samples", "num"), ("Share", "num")]
    return [_block(found, "What was rejected", table(heads, rows, "Rejection by step", cls="cards"), *_read(found))]


def _lengths(found: StepFacts) -> list[Html]:
    counts = []
    for row in _rows(found, ["usage"]):
        if row["usage"] and row["usage"]["completion_tokens"] is not None:
            counts.append(row["usage"]["completion_tokens"])
    if not counts:
        return []
    return [_block(found, "Tokens a sample", _histogram(sorted(counts), 0, max(counts) + 1, "Tokens a sample"))]


def _difficulty(found: StepFacts) -> list[Html]:
    rows = list(_rows(found, ["pass_rate", "difficulty"]))
    rates = sorted(row["pass_rate"] for row in rows if row["pass_rate"] is not None)
    classes: dict[str, int] = {}
    for row in rows:
        classes[row["difficulty"] or "none"] = classes.get(row["difficulty"] or "none", 0) + 1
    told: list[list[Child]] = [
        [name(kind, 20), number(count), share(count, len(rows))] for kind, count in sorted(classes.items())
    ]
    shown = table([("Class", "key"), ("Problems", "num"), ("Share", "num")], told, "Classes", cls="cards")
    return [_block(found, "Difficulty", shown, _histogram(rates, 0, 1, "Pass rate", "Pass rate") if rates else None)]


def _histogram(values: list[float], low: float, high: float, label: str, caption: str | None = None) -> Html:
    bins = [0] * _BINS
    for value in values:
        bins[min(int((value - low) / (high - low) * _BINS), _BINS - 1)] += 1
    told = h("figcaption", caption) if caption else None
    return h("figure", told, histogram(low, high, bins, label, median=values[len(values) // 2]))


def _read(found: StepFacts) -> list[Html]:
    shown = [
        _sample(row) for _, row in zip(range(_SHOWN), _rows(found, ["messages", "evidence", "source"]), strict=False)
    ]
    return [fold(f"{len(shown)} accepted samples to read", *shown)] if shown else []


def _sample(row: Mapping[str, Any]) -> Html:
    parts: list[Child] = []
    for message in row["messages"]:
        for title, text in (
            (f"{message['role']}, reasoning", message["reasoning"]),
            (message["role"], message["content"]),
        ):
            if text:
                rest = len(text) - _CHARACTERS
                parts.append(h("p", name(title, 40), cls="facts quiet"))
                parts.append(h("pre", visible(text[:_CHARACTERS]), cls="text", dir="auto", tabindex=0))
                if rest > 0:
                    parts.append(h("p", f"… {number(rest)} more characters", cls="note"))
    try:
        evidence = json.loads(row["evidence"] or "{}")
    except ValueError:
        evidence = {}
    if isinstance(evidence, dict) and evidence.get("verdict"):
        told = f"{evidence.get('verifier')}: {evidence['verdict']}, expected {evidence.get('expected')}, observed {evidence.get('observed')}"
        parts.append(h("p", name(told, 200), cls="note"))
    return h("div", *parts, cls="sample")


def _rows(found: StepFacts, columns: list[str]) -> Any:
    dataset = found.step.dataset
    assert dataset is not None
    notes: list[str] = []  # damage is told by the section that reads all parts
    for group in groups(dataset, spread(dataset.parts, _ROWS, _BYTES), notes, _ROWS):
        held = group.read(columns)
        if held is not None:
            yield from held.to_pylist()


_BLOCKS: Mapping[str, Any] = {
    "synth-reasoning": _lengths, "reject-samples": _rejected, "estimate-difficulty": _difficulty,
}  # fmt: skip
