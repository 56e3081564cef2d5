"""Canaries: what was caught of the documents that were planted in the shadow of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.report.gather import Facts
from pipelines.report.markup import Child, Html, decimal, h, join, number, share, short, visible
from pipelines.report.sections import fold, name, section, table

_ROWS, _SAMPLES = 200, 60


def canaries(facts: Facts) -> Html | None:
    """The section, None for a run without canaries."""
    report = facts.canaries
    if report is None:
        return None
    lines = _mappings(report.get("recall"))
    sample = report.get("sample")
    documents = _count(sample, "documents") if isinstance(sample, Mapping) else 0
    lede = (
        f"Known documents, planted beside {number(documents)} sampled ones in a shadow of the run, went through the "
        "same stages. None of them is in its data. Recall is over those that reached the stage with what it looks for."
    )
    heads = [("Kind", "key"), ("Stage", ""), ("Planted", "num"), ("Reached", "num"), ("Caught", "num"), ("Missed", "num"),
             ("Neither", "num"), ("Recall", "num"), ("95 % interval", "num"), ("Jaccard", "num")]  # fmt: skip
    rows = [_row(line) for line in lines[:_ROWS]]
    return section(
        "canaries", "Canaries", lede, table(heads, rows, "Canaries by kind and stage", cls="cards"), _others(report),
        _departures(report), _missed(lines),
    )  # fmt: skip


def _row(line: Mapping[str, Any]) -> list[Child]:
    kind, step = str(line.get("kind")), line.get("step")
    caught, missed = _count(line, "caught"), _count(line, "missed")
    clean = kind == "clean"
    where: Child = (
        "all stages" if step is None else join(name(step, 40), " ", h("span", name(line.get("stage"), 40), cls="stage"))
    )
    recall = share(caught, caught + missed)
    return [
        join(name(kind, 60), h("span", " should stay", cls="note") if clean else None), where,
        number(_count(line, "planted")), number(_count(line, "reached")), number(caught), number(missed),
        number(_count(line, "otherwise")), recall if step is not None else h("b", recall),
        _span(line.get("interval"), percent=True), _span(line.get("jaccard")),
    ]  # fmt: skip


def _span(values: object, percent: bool = False) -> str:
    """low – high, or low – median – high."""
    if not isinstance(values, list) or not values or not all(isinstance(value, (int, float)) for value in values):
        return "–"
    if values[0] == values[-1] and not percent:
        return decimal(float(values[0]))
    return " – ".join(f"{100 * value:.1f} %" if percent else decimal(float(value)) for value in values)


def _others(report: Mapping[str, Any]) -> Html:
    changed = _mappings(report.get("others_changed"))
    displaced = _mappings(report.get("originals_displaced"))
    told: list[Child] = []
    if report.get("others_unchanged") is True:
        told.append(
            "Every sampled document had the same end and the same row at every step, with canaries and without."
        )
    else:
        told.append(f"{number(_count(report, 'others_changed_count'))} sampled documents fared otherwise than without.")
    if displaced:
        told.append(f" {number(len(displaced))} originals were merged into their own copies.")
    rows: list[list[Child]] = [
        [name(c.get("id"), 60), name(c.get("step"), 40), visible(short(c.get("what", ""), 200))] for c in changed[:20]
    ]
    heads = [("Document", "key"), ("Step", ""), ("What", "meaning")]
    return h("div", h("p", *told), table(heads, rows, "Documents that fared otherwise") if rows else None)


def _departures(report: Mapping[str, Any]) -> Html | None:
    left = _mappings(report.get("left"))
    if not left:
        return None
    rows: list[list[Child]] = [
        [name(line.get("kind"), 60), name(line.get("step"), 40), name(line.get("outcome"), 20), name(line.get("rule")),
         number(_count(line, "canaries"))]
        for line in left[:_ROWS]
    ]  # fmt: skip
    heads = [("Kind", "key"), ("Step", ""), ("Outcome", ""), ("Rule", ""), ("Canaries", "num")]
    return fold("Where canaries left, and by which rule", table(heads, rows, "Canaries that left, by rule"))


def _missed(lines: list[Mapping[str, Any]]) -> Html | None:
    shown: list[Html] = []
    for line in lines:
        if line.get("kind") == "clean" or line.get("step") is None:
            continue
        for sample in _mappings(line.get("missed_samples")):
            facts = [f"{key} {short(value, 80)}" for key, value in sorted(sample.items()) if key != "text"]
            told = ", ".join([str(line.get("kind")), f"missed by {line.get('step')}", *facts])
            shown.append(h("li", h("p", told, cls="note"), h("p", visible(short(sample.get("text", ""), 300)))))
    return fold("Missed canaries to read", h("ul", shown[:_SAMPLES])) if shown else None


def _mappings(values: object) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _count(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    return value if isinstance(value, int) else 0
