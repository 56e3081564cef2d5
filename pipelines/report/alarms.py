"""Sources that lost more than their share to merging, with pairs to read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from arcmill.dataset import Dataset
from arcmill.errors import InputError
from pipelines.pairs import Pair, with_texts
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Html, decimal, h, number, share, visible
from pipelines.report.sections import fold, name, section
from pipelines.report.side_by_side import CHARACTERS, beside

_SOURCES, _PAIRS, _CHARACTERS = 20, 60, 600


def alarms(facts: Facts) -> Html | None:
    """The section, or None where no source lost more than its share."""
    blocks = [block for found in facts.steps for block in _step(found)]
    if not blocks:
        return None
    lede = (
        "Merging without verification has emptied whole sources elsewhere. Each of these pairs was verified; "
        "read whether they are what should go."
    )
    return section("alarms", "Sources that lost much", lede, *blocks)


def _step(found: StepFacts) -> list[Html]:
    listed = found.statistics.get("alarms")
    if not isinstance(listed, list) or found.step.dataset is None:
        return []
    sources = {str(e.get("source")): e for e in found.statistics.get("sources", []) if isinstance(e, Mapping)}
    pairs = _pairs(found.step.dataset, found.statistics.get("alarm_pairs"))
    blocks = []
    for source in map(str, listed[:_SOURCES]):
        entry = sources.get(source, {})
        removed, rows = _figure(entry, "removed"), _figure(entry, "rows")
        told = f"{number(removed)} of {number(rows)} documents ({share(removed, rows)})"
        head = h("h3", name(source, 80), h("span", name(found.step.name, 40), cls="stage"))
        shown = [_pair(pair) for pair in pairs.get(source, [])]
        blocks.append(h("article", head, h("p", f"Lost {told}."), fold(f"{len(shown)} of its pairs to read", *shown)))
    return blocks


def _pairs(dataset: Dataset, recorded: Any) -> dict[str, list[Pair]]:
    """The recorded pairs by source, with texts where the datasets are at hand."""
    known = {"source", "id", "into_id", "score"}
    listed = recorded if isinstance(recorded, list) else []
    kept = [entry for entry in listed if isinstance(entry, Mapping) and known <= entry.keys()][:_PAIRS]
    pairs = [Pair("", _figure(entry, "score"), str(entry["id"]), str(entry["into_id"])) for entry in kept]
    with suppress(OSError, InputError):  # without texts where a part is damaged; the page tells of that elsewhere
        pairs = with_texts(dataset, pairs) if pairs else []
    by_source: dict[str, list[Pair]] = {}
    for entry, pair in zip(kept, pairs, strict=True):
        by_source.setdefault(str(entry["source"]), []).append(pair)
    return by_source


def _figure(entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _pair(pair: Pair) -> Html:
    told: Html | None = None
    gone = h("p", "Its text is not in this run.", cls="note")
    if pair.removed_text is None or pair.survivor_text is None:
        sides = [gone if text is None else h("div", visible(text[:_CHARACTERS]), cls="text", dir="auto", tabindex=0)
                 for text in (pair.removed_text, pair.survivor_text)]  # fmt: skip
    else:
        one, two = pair.removed_text, pair.survivor_text
        both = beside(one[:CHARACTERS], len(one), two[:CHARACTERS], len(two))
        told = h("p", both.told, cls="note")
        sides = [h("div", side, cls="text", dir="auto", tabindex=0) for side in (both.left, both.right)]
    return h(
        "div",
        h("p", f"similarity {decimal(pair.score)}", cls="facts"),
        told,
        h(
            "div",
            h("div", h("p", "This one left ", h("code", name(pair.removed, 100)), cls="side"), sides[0]),
            h("div", h("p", "Merged into ", h("code", name(pair.survivor, 100)), cls="side"), sides[1]),
            cls="pair",
        ),
        cls="sample",
    )
