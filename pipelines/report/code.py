"""Source code: tiers by language with files to read, licences, receipts of fill-in-the-middle and of repositories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.report.gather import Facts, StepFacts
from pipelines.report.markup import Child, Html, decimal, h, join, number, share, visible
from pipelines.report.reading import groups, spread
from pipelines.report.sections import fold, name, section, table

TIERS = ("low", "medium", "high")
_LANGUAGES = 40  # rows of the table of tiers
_ROWS, _BYTES = 20_000, 64 << 20  # of a dataset, searched for files to show
_EACH, _CHARACTERS = 1, 1200  # files shown of a language and tier, and how much of each
_LICENCES = 12


def code(facts: Facts) -> Html | None:
    """The section, or None for a run without source code."""
    blocks: list[Html] = []
    for found in facts.steps:
        made = _BLOCKS.get(found.step.stage)
        if made is not None and found.step.dataset is not None:
            blocks += made(found)
    if not blocks:
        return None
    blocks += _licences(facts)
    lede = "What the quality models kept of each language, what it is licensed under, and proof of what was rearranged."
    return section("code", "Source code", lede, *blocks)


def _block(found: StepFacts, title: str, *children: Child) -> Html:
    return h("article", h("h3", title, h("span", name(found.step.name, 40), cls="stage")), *children)


def _tiers(found: StepFacts) -> list[Html]:
    by_language: dict[str, dict[str, int]] = {}
    for key, count in found.statistics.items():
        language, slash, tier = str(key).rpartition("/")
        if slash and tier in TIERS and isinstance(count, int):
            by_language.setdefault(language, {})[tier] = count
    if not by_language:
        return []
    most = sorted(by_language.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:_LANGUAGES]
    rows = []
    for language, tiers in most:
        whole = sum(tiers.values())
        cells: list[Child] = [name(language, 40), number(whole)]
        for tier in TIERS:
            cells.append(
                join(number(tiers.get(tier, 0)), h("span", f" {share(tiers.get(tier, 0), whole)}", cls="quiet"))
            )
        rows.append(cells)
    heads = [("Model", "key"), ("Files", "num"), *((tier.capitalize(), "num") for tier in TIERS)]
    return [_block(found, "Tiers by language", table(heads, rows, "Tiers by language", cls="cards"), *_files(found))]


def _files(found: StepFacts) -> list[Html]:
    """A file of each language and tier that stayed; those that left are among the reasons."""
    assert found.step.dataset is not None
    notes: list[str] = []  # damage is told by the section that reads all parts
    shown: dict[tuple[str, int], list[Html]] = {}
    dataset = found.step.dataset
    columns = ["text", "repo", "path", "quality_score", "quality_bucket", "metadata"]
    for group in groups(dataset, spread(dataset.parts, _ROWS, _BYTES), notes, _ROWS):
        held = group.read(columns)
        for row in held.to_pylist() if held is not None else ():
            language = dict(row["metadata"] or ()).get("programming_language", "")
            files = shown.setdefault((language, row["quality_bucket"] or 0), [])
            if len(files) < _EACH:
                place = "/".join(part for part in (row["repo"], row["path"]) if part)
                told = f"{TIERS[min(row['quality_bucket'] or 0, 2)]}, score {decimal(row['quality_score'] or 0.0)}"
                files.append(_file(place, f"{language or 'no language'}, {told}", row["text"]))
    listed = [file for key in sorted(shown, key=lambda key: (key[0], -key[1])) for file in shown[key]][:_LANGUAGES]
    return [fold(f"{len(listed)} files to read, one of each language and tier", *listed)] if listed else []


def _file(place: str, told: str, text: str) -> Html:
    rest = len(text) - _CHARACTERS
    return h(
        "div",
        h("p", h("code", name(place, 160)), h("span", told, cls="entry quiet"), cls="facts"),
        h("pre", visible(text[:_CHARACTERS]), cls="text", tabindex=0),
        h("p", f"… {number(rest)} more characters", cls="note") if rest > 0 else None,
        cls="sample",
    )


def _middles(found: StepFacts) -> list[Html]:
    counts = {str(key): count for key, count in found.statistics.items() if isinstance(count, int)}
    documents, arranged = counts.get("documents", 0), counts.get("arranged", 0)
    told = (
        f"{number(arranged)} of {number(documents)} documents ({share(arranged, documents)}) were rearranged, and each "
        "was put back and compared with its original before it was let out."
    )
    labels = {"mode": "Order", "kind": "Middle", "left": "Left as it was", "no_node": "No syntax node"}
    rows: list[list[Child]] = []
    for key, count in sorted(counts.items(), key=lambda item: (item[0].partition(".")[0], -item[1], item[0])):
        head, dot, rest = key.partition(".")
        if dot and head in labels:
            rows.append(
                [join(labels[head], ": ", name(rest.replace("_", " "), 40)), number(count), share(count, documents)]
            )
    heads = [("What", "key"), ("Documents", "num"), ("Share", "num")]
    shown = table(heads, rows, "Fill in the middle", cls="cards") if rows else None
    return [_block(found, "Fill in the middle", h("p", told), shown)]


def _repositories(found: StepFacts) -> list[Html]:
    facts = found.statistics

    def figure(key: str) -> int:
        value = facts.get(key)
        return value if isinstance(value, int) else 0

    first = figure("imports_target_first")
    rows: list[list[Child]] = [
        ["Repositories", number(figure("repositories"))],
        ["… cut into several contexts", number(figure("repositories_cut"))],
        ["Files", number(figure("files"))],
        ["Contexts", number(figure("contexts"))],
        ["Threads of issues, pull requests and commits", number(figure("threads"))],
        ["Imports within a repository", number(figure("imports"))],
        ["… whose target stands earlier", f"{number(first)} ({share(first, figure('imports'))})"],
        ["Imports in circles", number(figure("imports_in_circles"))],
    ]
    acyclic = facts.get("acyclic_share_target_first")
    if isinstance(acyclic, (int, float)):
        rows.append(["Outside circles, targets that stand earlier", share(float(acyclic), 1)])
    return [_block(found, "Repositories", table([("What", "key"), ("Count", "num")], rows, "Repositories"))]


def _licences(facts: Facts) -> list[Html]:
    by: dict[Any, int] = {}
    for found in facts.steps:
        if found.documents is not None:
            for licence, held in found.documents.by.get("license", {}).items():
                by[licence] = by.get(licence, 0) + held.characters
    if not by:
        return []
    whole, most = sum(by.values()), sorted(by.items(), key=lambda item: (-item[1], str(item[0])))
    rows: list[list[Child]] = [
        [name(licence, 60) if licence else h("span", "not known", cls="quiet"), number(count), share(count, whole)]
        for licence, count in most[:_LICENCES]
    ]
    if rest := sum(count for _, count in most[_LICENCES:]):
        rows.append([h("span", f"{len(most) - _LICENCES} others", cls="quiet"), number(rest), share(rest, whole)])
    heads = [("Licence (SPDX)", "key"), ("Characters", "num"), ("Share", "num")]
    return [h("article", h("h3", "Licences of what is left"), table(heads, rows, "Licences", cls="cards"))]


_BLOCKS: Mapping[str, Any] = {"score-code": _tiers, "format-fim": _middles, "concat-repo": _repositories}
