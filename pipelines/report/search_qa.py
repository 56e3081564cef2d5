"""Search questions: what became of the candidates, what kinds of questions are left, and some to read with their subgraph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipelines.lineage import DONE
from pipelines.report.charts import histogram
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, decimal, h, number, share
from pipelines.report.search_qa_rows import hops_of, integer, mapping, read
from pipelines.report.search_qa_samples import samples
from pipelines.report.sections import name, section, table

MAKES = "synth-search-qa"
STAGES = (
    MAKES, "rewrite-questions", "link-pages", "filter-search-qa", "decontaminate", "dedup-exact", "dedup-minhash",
    "suggest-obfuscations", "apply-review", "make-search-tasks",
)  # fmt: skip
_RULES = 24
_BINS = 20


def search_qa(facts: Facts) -> Html | None:
    """The section, or None for a run without search questions."""
    steps = [found for found in facts.steps if found.step.dataset is not None and _belongs(facts, found)]
    if not steps:
        return None
    blocks: list[Html | None] = [_funnel(steps)]
    last = _last(steps)
    rows = list(read(last)) if last is not None else []
    if last is not None and rows:
        whole = len(rows) == last.rows
        blocks += [_kinds(last, rows, whole), _figures(last, rows), _solved(last, rows), samples(facts, last, rows)]
    lede = (
        "Questions whose answer the graph proves to be the only one. Each number stands in the rows' evidence; "
        "arcmill verify counts it anew."
    )
    return section("search-qa", "Search questions", lede, *blocks)


def _belongs(facts: Facts, found: StepFacts) -> bool:
    """A step of ours, or one that passes its rows on."""
    if found.step.stage not in STAGES:
        return False
    if found.step.stage in (MAKES, "suggest-obfuscations", "link-pages", "filter-search-qa", "apply-review"):
        return True
    return any(step.stage in (MAKES, "suggest-obfuscations") for step in facts.run.ancestors(found.step))


def _last(steps: Sequence[StepFacts]) -> StepFacts | None:
    """The step that ends with the questions themselves."""
    held = [found for found in steps if found.step.record == "Problem" and found.step.state == DONE and found.rows]
    return held[-1] if held else None


def _block(found: StepFacts | None, title: str, *children: Child) -> Html:
    stage = h("span", name(found.step.name, 40), cls="stage") if found is not None else None
    return h("article", h("h3", title, stage), *children)


def _funnel(steps: Sequence[StepFacts]) -> Html:
    rows: list[list[Child]] = []
    for found in steps:
        ledger = found.departures
        entered = found.counts["in"]
        for rule in (ledger.rules if ledger is not None else [])[:_RULES]:
            rows.append([name(found.step.name, 40), name(rule.rule, 60), number(rule.rows), share(rule.rows, entered)])
        kept = found.counts["kept"]
        rows.append([name(found.step.name, 40), h("b", "stayed"), number(kept), share(kept, entered)])
    heads = [("Step", "key"), ("Rule", ""), ("Rows", "num"), ("Share of the step's input", "num")]
    told = "A candidate of the first step is a row, too: what could not be proved is in its ledger."
    return _block(
        None, "What became of the candidates", h("p", told), table(heads, rows, "Candidates by rule", cls="cards")
    )


# -- figures ---------------------------------------------------------------------------------------------------


def _kinds(found: StepFacts, rows: Sequence[dict[str, Any]], whole: bool) -> Html:
    """Shapes by hops, with levels; then languages, wording, review."""
    cells: Counter[tuple[str, int, int]] = Counter()
    for row in rows:
        evidence = row["evidence"]
        cells[str(evidence.get("shape")), hops_of(evidence), integer(evidence.get("level"))] += 1
    levels = sorted({level for *_, level in cells})
    lines: list[list[Child]] = []
    for shape, hops in sorted({(shape, hops) for shape, hops, _ in cells}):
        counts = [cells[shape, hops, level] for level in levels]
        filled: list[Child] = [number(count) if count else h("span", "0", cls="zero") for count in counts]
        lines.append([name(shape, 20), number(hops), *filled, number(sum(counts)), share(sum(counts), len(rows))])
    heads = [
        ("Shape", "key"),
        ("Hops", "num"),
        *((f"Level {level}", "num") for level in levels),
        ("All", "num"),
        ("Share", "num"),
    ]
    others: list[list[Child]] = []
    for title, key in (("Language", "language"), ("Wording", "wording")):
        for value, count in Counter(str(row["evidence"].get(key)) for row in rows).most_common(12):
            others.append([title, name(value, 40), number(count), share(count, len(rows))])
    decisions = Counter(
        str(row["evidence"]["review"].get("decision"))
        for row in rows
        if isinstance(row["evidence"].get("review"), dict)
    )
    for value, count in decisions.most_common(6):
        others.append(["Review", name(value, 20), number(count), share(count, len(rows))])
    note = h("p", f"{number(len(rows))} rows were read, of parts spread evenly.", cls="note") if not whole else None
    levels_told = "Levels: 0 as it is, 1 ranges and bounds, 2 also things told by other clues, 3 also vague relations."
    return _block(
        found, "What kinds of questions are left", h("p", levels_told), note, table(heads, lines, "Shapes, hops, levels", cls="cards"),
        table([("What", "key"), ("Value", ""), ("Questions", "num"), ("Share", "num")], others, "Languages and wording", cls="cards"),
    )  # fmt: skip


def _figures(found: StepFacts, rows: Sequence[dict[str, Any]]) -> Html | None:
    told: list[list[Child]] = []
    keys = (
        ("hops", "Hops"),
        ("longest", "Longest way to the answer"),
        ("branching", "Branching"),
        ("distractors", "Distractors"),
    )
    figures: list[Html] = []
    for key, title in keys:
        values = sorted(
            float(value)
            for row in rows
            if isinstance(value := mapping(row["evidence"].get("difficulty")).get(key), (int, float))
        )
        if values:
            middle = values[len(values) // 2]
            told.append(
                [title, *(decimal(round(v, 2)) for v in (values[0], middle, sum(values) / len(values), values[-1]))]
            )
            if values[-1] > values[0]:
                figures.append(_histogram(values, values[0], _edge(values), title))
    if not told:
        return None
    heads = [("Figure", "key"), ("Least", "num"), ("Median", "num"), ("Mean", "num"), ("Most", "num")]
    note = (
        "Branching: edges that a step offers on the way to the answer, by the geometric mean. Distractors: other things that meet "
        "all clues but one."
    )
    charts = h("div", figures, cls="charts") if figures else None
    return _block(found, "How hard they are", h("p", note), table(heads, told, "Difficulty", cls="cards"), charts)


def _solved(found: StepFacts, rows: Sequence[dict[str, Any]]) -> Html | None:
    rates = sorted(row["pass_rate"] for row in rows if row["pass_rate"] is not None)
    if not rates:
        return None
    told = f"{number(len(rates))} questions were tried by a model with the search tools."
    return _block(found, "How often a model solves them", h("p", told), _histogram(rates, 0, 1, "Solve rate"))


def _edge(values: Sequence[float]) -> float:
    """Where a histogram ends: at the 99th percentile, so that one value far out leaves the rest to be seen."""
    return max(values[min(len(values) - 1, len(values) * 99 // 100)], values[0] + 1)


def _histogram(values: Sequence[float], low: float, high: float, caption: str) -> Html:
    bins = [0] * _BINS
    for value in values:
        bins[min(max(int((value - low) / (high - low) * _BINS), 0), _BINS - 1)] += 1
    return h("figure", h("figcaption", caption), histogram(low, high, bins, caption, median=values[len(values) // 2]))


# -- samples -----------------------------------------------------------------------------------------------------
