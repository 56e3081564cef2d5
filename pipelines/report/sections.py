"""Small pieces that the sections of the page share: tables, chips, the names of things."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.report.markup import Child, Html, h, join, short

_BREAK = Html("<wbr>")
_NARROW = 2  # columns, up to which a table fits a telephone
OUTCOMES = {"dropped": "dropped", "merged": "merged", "errored": "errored"}


def section(anchor: str, title: str, lede: Child, *children: Child) -> Html:
    """A section with its heading."""
    return h(
        "section", h("h2", title, id=f"{anchor}-title"), h("p", lede, cls="lede") if lede else None, *children,
        id=anchor, aria_labelledby=f"{anchor}-title",
    )  # fmt: skip


def table(
    heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[Child]], caption: str, cls: str = "", first: str = "row"
) -> Html:
    """A table. `heads` are (title, class of the column); the first cell of each row is its header."""
    # A column of bars has no title to see; a reader of cells still needs one.
    titles = [(title or h("span", "Bar", cls="unseen"), title or None, kind or None) for title, kind in heads]
    body = []
    for row in rows:
        cells = []
        for place, ((_, named, kind), cell) in enumerate(zip(titles, row, strict=True)):
            if place == 0 and first == "row":
                cells.append(h("th", cell, scope="row", cls=kind, role="rowheader"))
            else:
                cells.append(h("td", cell, cls=kind, data_head=named, role="cell"))
        body.append(h("tr", cells, role="row"))
    head = h(
        "tr", [h("th", shown, scope="col", cls=kind, role="columnheader") for shown, _, kind in titles], role="row"
    )
    made = h(
        "table", h("caption", caption, cls="unseen"), h("thead", head, role="rowgroup"),
        h("tbody", body, role="rowgroup"), cls=cls or None, role="table",
    )  # fmt: skip
    # What may be wider than the page can be scrolled by keys; a group and not a landmark, of which a page has few.
    wide = len(heads) > _NARROW
    return h("div", made, cls="scroll", role="group", aria_label=caption, tabindex=0 if wide else None)


def chip(outcome: str) -> Html:
    """The outcome of a row, with its colour."""
    return h("span", outcome, cls=f"chip {OUTCOMES.get(outcome, 'other')}")


def name(text: object, characters: int = 80) -> Html:
    """A name out of the data: cut, and kept apart from the direction of the text around it."""
    pieces = short(text, characters).split("/")
    breakable = [join(piece, "/", _BREAK) for piece in pieces[:-1]]
    return h("bdi", breakable, pieces[-1])


def fold(summary: Child, *children: Child, cls: str = "") -> Html:
    """Something to open."""
    return h("details", h("summary", summary), *children, cls=cls or None)


def sentence(*parts: Child) -> Html:
    """Pieces in a row, with blanks between."""
    return join(*[piece for part in parts if part for piece in (part, " ")])
