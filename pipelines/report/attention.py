"""What needs a person: the first line of the page, and the box of what is worth a look, what is new since an earlier run first."""

from __future__ import annotations

import re

from pipelines.report.changes import Changes
from pipelines.report.gather import Facts, Finding
from pipelines.report.markup import Html, h, join, number, short
from pipelines.report.sections import name
from pipelines.report.since import headline

_LISTED = 60


def verdict(facts: Facts, steps: str, changes: Changes | None) -> Html:
    """The first line: whether a person is needed, how far the run is, what moved most."""
    wrong = sum(found.severe for found in facts.warnings)
    rest = len(facts.warnings) - wrong
    if wrong:
        sign, told, cls = "✕", f"{number(wrong)} thing{' is' if wrong == 1 else 's are'} wrong", "wrong"
        told += f", {number(rest)} more worth a look" if rest else ""
    elif rest:
        sign, told, cls = "●", f"{number(rest)} thing{' is' if rest == 1 else 's are'} worth a look", "look"
    else:
        sign, told, cls = "✓", "Nothing needs a look", "fine"
    if changes is not None and facts.warnings:
        stood = _stood(changes)
        new = sum(_bare(found.step, found.text) not in stood for found in facts.warnings)
        told += f", {number(new) if new else 'none'} of them new since {short(changes.earlier.run, 60)}"
    moved = h("a", headline(changes), href="#changes") if changes is not None else None
    head = h(
        "p", h("span", sign, cls="sign", aria_hidden="true"), " ", h("b", f"{told}."), " ", steps, cls=f"verdict {cls}"
    )
    return join(head, h("p", moved, cls="lede") if moved else None)


def attention(facts: Facts, changes: Changes | None) -> Html | None:
    """The box with what a person should look at, or nothing."""
    if not facts.warnings:
        return None
    stood = _stood(changes) if changes is not None else set()
    listed = [(found, _bare(found.step, found.text) in stood) for found in facts.warnings]
    ordered = sorted(listed, key=lambda item: (not item[0].severe, item[1]))
    since = short(changes.earlier.run, 40) if changes is not None else ""
    items = [_item(found, since if before else "") for found, before in ordered[:_LISTED]]
    more = h("li", f"and {len(ordered) - _LISTED} more") if len(ordered) > _LISTED else None
    return h(
        "section", h("h2", "Worth a look", id="look-title"), h("ul", items, more), id="look", cls="attention",
        aria_labelledby="look-title",
    )  # fmt: skip


def _item(found: Finding, before: str) -> Html:
    return h(
        "li",
        h("span", "Wrong: ", cls="unseen") if found.severe else None,
        h("b", name(found.step)) if found.step else None,
        ": " if found.step else None,
        found.text,
        h("span", f" As in {before}.", cls="quiet") if before else None,
        cls="severe" if found.severe else None,
    )


def _stood(changes: Changes) -> set[tuple[str, str]]:
    """The findings of the earlier run."""
    return {_bare(found.step, found.text) for found in changes.earlier.findings}


def _bare(step: str, text: str) -> tuple[str, str]:
    """A finding without its figures, which are never the same twice."""
    return step, re.sub(r"\d[\d.,]*", "#", text)
