"""Some search questions to read: text, answer, subgraph, and the proof of each clue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Html, h, join, number, share, short, visible
from pipelines.report.search_qa_rows import hops_of, ids_of, items, linked, mapping, names_of, pages_of
from pipelines.report.sections import fold, name
from pipelines.report.subgraph import called, draw, legend, named, vertices_and_lines

_SHOWN, _CHARACTERS = 8, 1500


def samples(facts: Facts, found: StepFacts, rows: Sequence[dict[str, Any]]) -> Html | None:
    """Questions of as many kinds as can be shown, drawn."""
    chosen: list[dict[str, Any]] = []
    seen: set[Any] = set()
    ordered = sorted((row for row in rows if _sound(row["evidence"])), key=lambda row: str(row["id"]))
    if not ordered:
        return None  # no query of ours: arcmill verify says so
    keys = ("shape", "level", "language", None)
    for parts in (keys[:3], keys[:2], keys[:1], ()):
        for row in ordered:
            kind = tuple(row["evidence"].get(part) for part in parts if part) if parts else row["id"]
            if len(chosen) < _SHOWN and (parts, str(kind)) not in seen and all(row is not one for one in chosen):
                seen.add((parts, str(kind)))
                chosen.append(row)
    longest = max(ordered, key=lambda row: (hops_of(row["evidence"]), str(row["id"])))
    if all(row is not longest for row in chosen):
        chosen[-1] = longest
    names = names_of(facts, {identifier for row in chosen for identifier in ids_of(row["evidence"])})
    pages = pages_of(facts, {page for row in chosen for pages in linked(row["evidence"]).values() for page in pages})
    shown = [_sample(row, names, pages) for row in chosen]
    return h(
        "article", h("h3", "Questions to read", h("span", name(found.step.name, 40), cls="stage")), legend(),
        [fold(title, body, cls="question") if place else h("details", h("summary", title), body, cls="question", open=True)
         for place, (title, body) in enumerate(shown)],
    )  # fmt: skip


def _sound(evidence: Mapping[str, Any]) -> bool:
    """Whether a question's query and proof can be drawn."""
    try:
        vertices, lines = vertices_and_lines(evidence["query"], evidence["witness"], {}, [])
        draw(vertices, lines, "")
        told = [_clue(clue, evidence, [], place, {}, {}) for place, clue in enumerate(evidence["query"]["clues"])]
    except (KeyError, TypeError, ValueError, IndexError, StopIteration, AttributeError):
        return False
    return bool(told)


def _sample(row: Mapping[str, Any], names: Mapping[str, str], pages: Mapping[str, str]) -> tuple[Html, Html]:
    evidence = row["evidence"]
    query, counts = evidence["query"], items(mapping(evidence.get("proof")).get("without"))
    vertices, lines = vertices_and_lines(query, evidence["witness"], names, [_short(count) for count in counts])
    drawing = draw(
        vertices, lines, f"{len(vertices)} things and {len(lines)} facts; the answer is {short(row['answer'], 60)}"
    )
    clues = [_clue(clue, evidence, counts, place, names, pages) for place, clue in enumerate(query["clues"])]
    told = (
        f"{evidence.get('shape')}, {hops_of(evidence)} hops, level {evidence.get('level')}, {evidence.get('language')}"
    )
    text = row["prompt"]
    rest = len(text) - _CHARACTERS
    left = h(
        "div",
        h("div", visible(text[:_CHARACTERS]), cls="text", dir="auto", tabindex=0),
        h("p", f"… {number(rest)} more characters", cls="note") if rest > 0 else None,
        h("p", h("b", "Answer: "), name(row["answer"] or "", 200), _rate(row)),
        h("h4", "Clues, and how many answers there are without each"),
        h("ol", clues, cls="clues"),
    )
    title = join(h("span", name(short(" ".join(text.split()), 90), 90)), h("span", f" {told}", cls="stage"))
    return title, h("div", left, h("figure", drawing), cls="pair sample")


def _short(count: Any) -> str:
    """The proof of a clue, beside its edge."""
    return f" ({number(count)} without)" if isinstance(count, int) and count > 0 else ""


def _rate(row: Mapping[str, Any]) -> Html | None:
    if row.get("pass_rate") is None:
        return None
    return h("span", f" solved in {share(row['pass_rate'], 1)} of tries", cls="note")


def _clue(
    clue: Mapping[str, Any], evidence: Mapping[str, Any], counts: Sequence[Any], place: int, names: Mapping[str, str],
    pages: Mapping[str, str],
) -> Html:  # fmt: skip
    def told(end: Any) -> Html:
        if not isinstance(end, str):
            return name(named(end, names), 80)
        what = called(end, evidence["query"], evidence["witness"])
        return join(h("i", what), " (", name(named(evidence["witness"][end], names), 80), ")")

    count = counts[place] if place < len(counts) else None
    cap = mapping(evidence.get("proof")).get("cap")
    if count == -1:
        without = "nothing is asked without it"
    elif isinstance(count, int):
        without = f"{number(count)}{' or more' if count == cap else ''} answers without it"
    else:
        without = "not counted"
    if "variable" in clue:
        ends = [
            piece
            for piece in (clue["low"] and f"at least {clue['low']}", clue["high"] and f"at most {clue['high']}")
            if piece
        ]
        words = join(told(clue["variable"]), ": ", name(", ".join(ends), 80))
        told_by: list[str] = []
    else:
        relations = " or ".join(names.get(one, one.replace("_", " ")) for one in clue["relations"])
        words = join(told(clue["subject"]), h("span", f" {relations} → ", cls="relation"), told(clue["object"]))
        facts = [at for at, one in enumerate(evidence["query"]["clues"]) if "variable" not in one]
        edges = items(evidence.get("edges"))
        number_of = facts.index(place)
        told_by = linked(evidence).get(edges[number_of], []) if number_of < len(edges) else []
    said = None
    if told_by:
        shown = [name(pages.get(page, page), 70) for page in told_by[:2]]
        more = f" and {len(told_by) - 2} more" if len(told_by) > 2 else ""
        said = h(
            "span", "said by ", join(*[piece for one in shown for piece in (one, " · ")][:-1]), more, cls="note pages"
        )
    return h("li", words, h("span", without, cls="note count"), said)
