"""Search questions: what became of the candidates, what kinds of questions are left, and some to read with their subgraph."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arcmill.dataset import Dataset
from pipelines.lineage import DONE
from pipelines.report.charts import histogram
from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, decimal, h, join, number, share, short, visible
from pipelines.report.reading import groups, spread
from pipelines.report.sections import fold, name, section, table
from pipelines.report.subgraph import called, draw, legend, named, vertices_and_lines

MAKES = "synth-search-qa"
STAGES = (
    MAKES, "rewrite-questions", "link-pages", "filter-search-qa", "decontaminate", "dedup-exact", "dedup-minhash",
    "suggest-obfuscations", "apply-review", "make-search-tasks",
)  # fmt: skip
_RULES, _ROWS, _BYTES = 24, 20_000, 64 << 20
_SHOWN, _CHARACTERS = 8, 1500
_NAMES, _NAME_BYTES = 4_000_000, 512 << 20  # rows and bytes of edges that are searched for names
_BINS = 20


def search_qa(facts: Facts) -> Html | None:
    """The section, or None for a run without search questions."""
    steps = [found for found in facts.steps if found.step.dataset is not None and _belongs(facts, found)]
    if not steps:
        return None
    blocks: list[Html | None] = [_funnel(steps)]
    last = _last(steps)
    rows = list(_read(last)) if last is not None else []
    if last is not None and rows:
        whole = len(rows) == last.rows
        blocks += [_kinds(last, rows, whole), _figures(last, rows), _solved(last, rows), _samples(facts, last, rows)]
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


def _read(found: StepFacts) -> Iterator[dict[str, Any]]:
    """Rows of search questions with their evidence as an object; other rows are passed over."""
    dataset = found.step.dataset
    assert dataset is not None
    notes: list[str] = []  # damage is told by the section that reads all parts
    for group in groups(dataset, spread(dataset.parts, _ROWS, _BYTES), notes, _ROWS):
        held = group.read(["id", "prompt", "answer", "pass_rate", "evidence"])
        for row in held.to_pylist() if held is not None else ():
            with contextlib.suppress(ValueError):
                row["evidence"] = json.loads(row["evidence"] or "{}")
            if isinstance(row["evidence"], dict) and row["evidence"].get("kind") == "search-qa":
                yield row


def _kinds(found: StepFacts, rows: Sequence[dict[str, Any]], whole: bool) -> Html:
    """Shapes by hops, with levels; then languages, wording, review."""
    cells: Counter[tuple[str, int, int]] = Counter()
    for row in rows:
        evidence = row["evidence"]
        cells[str(evidence.get("shape")), _hops(evidence), _integer(evidence.get("level"))] += 1
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
            if isinstance(value := _map(row["evidence"].get("difficulty")).get(key), (int, float))
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


def _samples(facts: Facts, found: StepFacts, rows: Sequence[dict[str, Any]]) -> Html | None:
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
    longest = max(ordered, key=lambda row: (_hops(row["evidence"]), str(row["id"])))
    if all(row is not longest for row in chosen):
        chosen[-1] = longest
    names = _names(facts, {identifier for row in chosen for identifier in _ids(row["evidence"])})
    pages = _pages(facts, {page for row in chosen for pages in _linked(row["evidence"]).values() for page in pages})
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
    query, counts = evidence["query"], _list(_map(evidence.get("proof")).get("without"))
    vertices, lines = vertices_and_lines(query, evidence["witness"], names, [_short(count) for count in counts])
    drawing = draw(
        vertices, lines, f"{len(vertices)} things and {len(lines)} facts; the answer is {short(row['answer'], 60)}"
    )
    clues = [_clue(clue, evidence, counts, place, names, pages) for place, clue in enumerate(query["clues"])]
    told = f"{evidence.get('shape')}, {_hops(evidence)} hops, level {evidence.get('level')}, {evidence.get('language')}"
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
    cap = _map(evidence.get("proof")).get("cap")
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
        linked: list[str] = []
    else:
        relations = " or ".join(names.get(one, one.replace("_", " ")) for one in clue["relations"])
        words = join(told(clue["subject"]), h("span", f" {relations} → ", cls="relation"), told(clue["object"]))
        facts = [at for at, one in enumerate(evidence["query"]["clues"]) if "variable" not in one]
        edges = _list(evidence.get("edges"))
        number_of = facts.index(place)
        linked = _linked(evidence).get(edges[number_of], []) if number_of < len(edges) else []
    said = None
    if linked:
        shown = [name(pages.get(page, page), 70) for page in linked[:2]]
        more = f" and {len(linked) - 2} more" if len(linked) > 2 else ""
        said = h(
            "span", "said by ", join(*[piece for one in shown for piece in (one, " · ")][:-1]), more, cls="note pages"
        )
    return h("li", words, h("span", without, cls="note count"), said)


def _linked(evidence: Mapping[str, Any]) -> dict[str, list[str]]:
    pages = evidence.get("pages")
    held = pages.items() if isinstance(pages, dict) else ()
    return {edge: [str(page) for page in found] for edge, found in held if isinstance(found, list)}


def _ids(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the nodes and relations that a question speaks of."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        ends: list[Any] = [*evidence["witness"].values()]
        for clue in evidence["query"]["clues"]:
            if "variable" not in clue:
                yield from (str(one) for one in clue["relations"])
                ends += [clue["subject"], clue["object"]]
        for end in ends:
            if isinstance(end, dict) and "node" in end:
                yield str(end["node"])


def _names(facts: Facts, wanted: set[str]) -> dict[str, str]:
    """Names of ids, from the run's Node datasets and the labels among its edges; English first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names: dict[str, str] = {}
    ids = pa.array(sorted(wanted), pa.string())
    left = _NAMES
    for record, columns in (("Node", ["id", "name"]), ("Edge", ["subject", "relation", "object", "language"])):
        for held in _all(facts, record, columns):
            left -= held.num_rows
            if left < 0:
                return names
            match = pc.is_in(held.column(columns[0]), value_set=ids)
            if record == "Edge":
                match = pc.and_(match, pc.equal(held.column("relation"), "label"))
            for row in held.filter(match).to_pylist():
                if record == "Node":
                    if row["name"] != row["id"]:
                        names.setdefault(row["id"], row["name"])
                elif row["language"] == "en":
                    names[row["subject"]] = row["object"]
                else:
                    names.setdefault(row["subject"], row["object"])
    return names


def _pages(facts: Facts, wanted: set[str]) -> dict[str, str]:
    """What pages are called: address, path, or title."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told: dict[str, str] = {}
    ids = pa.array(sorted(wanted), pa.string())
    left = _ROWS * 10
    for held in _all(facts, "Document", ["id", "url", "path", "metadata"]) if wanted else ():
        left -= held.num_rows
        if left < 0:
            break
        for row in held.filter(pc.is_in(held.column("id"), value_set=ids)).to_pylist():
            title = dict(row["metadata"] or ()).get("title")
            told.setdefault(row["id"], title or row["path"] or row["url"] or row["id"])
    return told


def _all(facts: Facts, record: str, columns: list[str]) -> Iterable[Any]:
    """The columns of all datasets of a record in the run, group by group, within bounds."""
    datasets: list[Dataset] = [
        step.dataset
        for step in facts.run.steps
        if step.record == record and step.state == DONE and step.dataset is not None
    ]
    size = 0
    for dataset in datasets:
        for part in dataset.parts:
            size += int(part["bytes"])
            if size > _NAME_BYTES:
                return
            for group in groups(dataset, [part], []):
                held = group.read(columns)
                if held is not None:
                    yield held


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _hops(evidence: Mapping[str, Any]) -> int:
    return _integer(_map(evidence.get("difficulty")).get("hops"))
