"""What changed since an earlier run: what moved first, settings that differ, then every figure of both, folded away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipelines.report import charts
from pipelines.report.changes import Change, Changes, Setting, Shift
from pipelines.report.markup import Child, Html, compact, decimal, duration, h, join, number, share, short
from pipelines.report.sections import fold, name, section, table

_MOVED, _SETTINGS, _ROWS = 40, 60, 200
_SIGNS = {"up": "▲", "down": "▼", "new": "＋", "gone": "✕", "level": "="}
_GROUPS = {
    "step": "Every step", "rule": "Every rule", "source": "Sources", "language": "Languages", "bucket": "Quality buckets",
    "licence": "Licences", "tokens": "Tokens", "time": "Time",
}  # fmt: skip
_NAMES = {"quality_score": "Quality score", "language_score": "Language score", "length": "Document length, characters"}


def since(changes: Changes | None, asked: bool) -> Html | None:
    """The section; a line where an earlier run was asked for and none was found; None where none was asked for."""
    if changes is None:
        told = "No earlier run of these steps stands beside this one, so there is nothing to compare with."
        return section("changes", "What changed", told) if asked else None
    earlier = changes.earlier
    ends = h("code", name(", ".join(earlier.ends))) if earlier.ends else None
    lede = join(
        "Against ", h("b", name(earlier.run)), join(" (it ends in fingerprint ", ends, ")") if ends else None,
        ". Listed first is what moved beyond chance: a share by a tenth of itself or more with p < 0.001, a number of rows by a fifth. "
        "Pages of one site are alike, so chance moves shares more than that test knows: it says where to look, not why.",
    )  # fmt: skip
    return section(
        "changes", "What changed", lede, _moved(changes), _settings(changes.settings), _alarms(changes), _shifts(changes), _all(changes),
    )  # fmt: skip


def headline(changes: Changes) -> str:
    """What moved most, in a line."""
    if not changes.marks:
        return f"Nothing moved beyond chance since {short(changes.earlier.run, 60)}."
    most = changes.moved[0] if changes.moved else None
    told = f"{changes.marks} figure{'' if changes.marks == 1 else 's'} moved since {short(changes.earlier.run, 60)}"
    if most is None:
        return f"{told}."
    if most.what == "(step)":
        return f"{told}, first the step {short(most.step, 40)}, which {'is new' if most.how == 'new' else 'is gone'}."
    return f"{told}, first {short(most.what, 60)} in {short(most.step, 40)}: {value(most, most.before)} before, {value(most, most.after)} now."


def value(change: Change, figure: float | None) -> str:
    """A figure of a change in its unit."""
    if figure is None:
        return "–"
    if change.kind == "share":
        return share(figure, 1) if figure else "0 %"
    return duration(figure) if change.kind == "seconds" else number(round(figure))


def difference(change: Change) -> str:
    """Signed: points for a share, a percentage for all else."""
    a, b = change.before, change.after
    if a is None or b is None:
        return change.how
    if change.kind == "share":
        return "level" if a == b else f"{100 * (b - a):+.2f} points"
    return "level" if a == b else "new" if not a else f"{100 * (b - a) / a:+.1f} %"


def _what(change: Change) -> Child:
    if change.what != "(step)":
        return name(change.what)
    return "the whole step"


def _cells(change: Change) -> list[Child]:
    def side(figure: float | None, rows: int | None) -> Child:
        told = h("span", f" {number(rows)}", cls="quiet") if rows is not None else None
        return join(value(change, figure), told)

    sign = h("span", _SIGNS[change.how], aria_hidden="true", cls="sign")
    return [
        side(change.before, change.rows_before), side(change.after, change.rows_after),
        join(sign, " ", change.how if change.how in ("new", "gone") else difference(change)),
    ]  # fmt: skip


def _moved(changes: Changes) -> Html:
    listed = changes.moved
    if not listed:
        return h("p", "No figure moved beyond chance.")
    rows: list[list[Child]] = [[name(c.step, 40), _what(c), *_cells(c)] for c in listed[:_MOVED]]
    heads = [("Step", "key"), ("Figure", "rule"), ("Before", "num"), ("Now", "num"), ("Change", "num")]
    more = (
        h("p", f"{len(listed) - _MOVED} more moved; they are marked below.", cls="note")
        if len(listed) > _MOVED
        else None
    )
    note = h("p", "In grey the rows behind a share.", cls="note")
    return join(table(heads, rows, "What moved beyond chance", cls="cards moved"), note, more)


def _settings(settings: Sequence[Setting]) -> Html | None:
    if not settings:
        return h("p", "No setting differs, and what came in from outside is the same.", cls="note")
    rows: list[list[Child]] = [
        [name(one.step, 40), name(one.key, 80), _given(one.before), _given(one.after)] for one in settings[:_SETTINGS]
    ]
    heads = [("Step", "key"), ("Setting", ""), ("Before", "value"), ("Now", "value")]
    more = h("p", f"{len(settings) - _SETTINGS} more differ.", cls="note") if len(settings) > _SETTINGS else None
    return join(h("h3", "Settings and inputs that differ"), table(heads, rows, "Settings and inputs that differ"), more)


def _given(held: Any) -> Child:
    if held is None:
        return h("span", "not set", cls="quiet")
    return h("code", name(short(json.dumps(held, ensure_ascii=False, sort_keys=True), 200), 200))


def _alarms(changes: Changes) -> Html | None:
    raised = [(step, source) for step, source, new in changes.alarms if new]
    over = [(step, source) for step, source, new in changes.alarms if not new]
    if not raised and not over:
        return None
    items = [h("li", "New: ", name(source), f", in {short(step, 40)}") for step, source in raised[:20]]
    items += [h("li", "Over: ", name(source), f", in {short(step, 40)}") for step, source in over[:20]]
    return join(h("h3", "Sources with alarms"), h("ul", items, cls="plain"))


def _shifts(changes: Changes) -> Html | None:
    if not changes.shifts:
        return None
    legend = h(
        "p", h("span", h("i", cls="key kept", aria_hidden="true"), "now", cls="entry"),
        h("span", h("i", cls="key line", aria_hidden="true"), "before, as a line", cls="entry"), cls="legend",
    )  # fmt: skip
    return join(
        h("h3", "Distributions of what is left"),
        legend,
        h("div", [_shift(one) for one in changes.shifts], cls="charts"),
    )


def _shift(shift: Shift) -> Html:
    told, title = shift.told, _NAMES.get(shift.name, shift.name)
    show = compact if shift.name == "length" else lambda figure: decimal(round(figure, 3))
    distance = f"distance {decimal(round(told['ks'], 3))}" + (", moved" if shift.moved else ", within chance or small")
    medians = f"median {show(told['a']['p50'])} before, {show(told['b']['p50'])} now; {distance}"
    where = f" of {shift.step}" if shift.step else ""
    picture = charts.overlay(
        shift.edges, shift.before, shift.after, f"{title}{where}: {medians}", log=shift.name == "length"
    )
    return h("figure", h("figcaption", h("b", title), h("span", medians, cls="note")), picture)


def _all(changes: Changes) -> Html:
    parts: list[Html] = []
    for group, title in _GROUPS.items():
        listed = [c for c in changes.figures if c.group == group]
        if not listed:
            continue
        rows: list[list[Child]] = [
            [name(c.step, 40), _what(c), *_cells(c), h("b", "moved") if c.moved else ""] for c in listed[:_ROWS]
        ]
        heads = [
            ("Step", "key"),
            ("Figure", "rule"),
            ("Before", "num"),
            ("Now", "num"),
            ("Change", "num"),
            ("Beyond chance", ""),
        ]
        marked = sum(c.moved for c in listed)
        told = join(title, " ", h("span", f"{number(len(listed))} figures, {number(marked)} moved", cls="note"))
        more = (
            h("p", f"{number(len(listed) - _ROWS)} more: arcmill report --json", cls="note")
            if len(listed) > _ROWS
            else None
        )
        parts.append(fold(told, table(heads, rows, f"{title}, before and now", cls="cards moved"), more, cls="all"))
    if changes.same:
        names = ", ".join(short(one, 40) for one in changes.same[:20])
        parts.append(h("p", f"The same bytes in both runs: {names}.", cls="note"))
    return h("article", h("h3", "Every figure"), *parts)
