"""The subgraph of a question, drawn as SVG: the answer on top, each thing a line of its own below the one it is reached from.

A line a thing leaves room for long names in any script, and nine hops are as legible as two. The layout follows from the
query alone: breadth first from the answer, clues in their order. An edge that closes a circle is drawn along the left side.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.report.markup import Html, h, plain, short

_WIDTH, _INDENT, _ROW, _TOP = 500, 30, 52, 30
_GUTTER, _MORE = 18, 18  # of each edge that closes a circle: room to the left, and below where its words stand
_NAME, _TOLD = 14.5, 12.0  # sizes of letters


@dataclass(frozen=True, slots=True)
class Vertex:
    """A thing of the drawing: a variable (`?x`) with what it stands for, or a constant."""

    key: str
    name: str
    role: str  # answer | hidden | given
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A fact: from one vertex to another, with the words on it."""

    subject: str
    object: str
    label: str


def called(variable: str, query: Mapping[str, Any], witness: Mapping[str, Any]) -> str:
    """What a variable is called here; letters would be taken for those of the question's text, which are others."""
    if variable == query["answer"]:
        return "the answer"
    return f"hidden thing {sorted({*witness, variable} - {query['answer']}).index(variable) + 1}"


def vertices_and_lines(
    query: Mapping[str, Any], witness: Mapping[str, Any], names: Mapping[str, str], notes: Sequence[str]
) -> tuple[list[Vertex], list[Line]]:
    """What is drawn of a query in its JSON form. `names` are of ids of nodes and relations; `notes` one a clue.

    Raises AttributeError, KeyError, TypeError or ValueError where it is no query.
    """
    vertices: dict[str, Vertex] = {}
    lines: list[Line] = []
    within = {
        clue["variable"]: f", {clue['low'] or '…'} to {clue['high'] or '…'}"
        for clue in query["clues"]
        if "variable" in clue
    }

    def vertex(end: Any) -> str:
        if isinstance(end, str):
            held = witness.get(end)
            role = "answer" if end == query["answer"] else "hidden"
            note = called(end, query, witness) + within.get(end, "")
            vertices.setdefault(end, Vertex(end, named(held, names) if held else end, role, note))
            return end
        key = "=" + "=".join(next(iter(end.items())))
        vertices.setdefault(key, Vertex(key, named(end, names), "given"))
        return key

    vertex(query["answer"])
    for number, clue in enumerate(query["clues"]):
        if "variable" not in clue:
            relations = " or ".join(names.get(name, name.replace("_", " ")) for name in clue["relations"])
            note = notes[number] if number < len(notes) else ""
            lines.append(Line(vertex(clue["subject"]), vertex(clue["object"]), f"{number + 1}. {relations}{note}"))
    return list(vertices.values()), lines


def named(constant: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The name of a node where it is known, else its id; of a literal its value."""
    ((kind, value),) = constant.items()
    return names.get(value, value) if kind == "node" else value


def draw(vertices: Sequence[Vertex], lines: Sequence[Line], label: str) -> Html:
    """The drawing. Vertices that no line reaches from the answer are left out: a query has none."""
    by = {vertex.key: vertex for vertex in vertices}
    answer = next(vertex.key for vertex in vertices if vertex.role == "answer")
    parent, order = _tree(answer, lines)
    closing = [line for place, line in enumerate(lines) if place not in {at for at, _ in parent.values()}]
    left = 16 + _GUTTER * len(closing)
    worded = {line.object for line in closing}
    place, y = dict[str, tuple[int, int]](), _TOP
    for key, depth in order:
        place[key] = (left + _INDENT * depth, y)
        y += _ROW + (_MORE if key in worded else 0)
    tall = y - 12
    shapes: list[Html] = []
    for key, (at, above) in parent.items():
        line = lines[at]
        x, y = place[key]
        up, top = place[above]
        shapes.append(h("path", d=f"M{up} {top + 10}V{y}H{x - 11}", cls="way"))
        down = line.object == key  # towards the thing below, or up to the one above
        shapes.append(_arrow(x - 10, y, "right") if down else _arrow(up, top + 10, "up"))
        told = f"{line.label} →" if down else f"← {line.label}"
        shapes.append(_text(told, x - 4, y - 19, _TOLD, "told", _WIDTH - x))
    ends: dict[str, list[str]] = {}
    for number, line in enumerate(closing):
        (x, y), (to, end) = place[line.subject], place[line.object]
        side = 8 + _GUTTER * number
        shapes.append(h("path", d=f"M{x - 11} {y + 4}H{side}V{end + 4}H{to - 11}", cls="way closing"))
        shapes.append(_arrow(to - 10, end + 4, "right"))
        ends.setdefault(line.object, []).append(f"{line.label}, from {by[line.subject].name}")
    for key, labels in ends.items():  # the words of such an edge stand where its arrow is, below the name
        x, y = place[key]
        shapes.append(_text(f"→ {'; '.join(labels)}", x + 16, y + 20, _TOLD, "told", _WIDTH - x - 16))
    for key, _ in order:
        x, y = place[key]
        shapes.append(_mark(by[key].role, x, y))
        shapes.append(_text(by[key].name, x + 16, y + 5, _NAME, f"name {by[key].role}", _WIDTH - x - 16, by[key].note))
    return h("svg", shapes, cls="subgraph", viewBox=f"0 0 {_WIDTH} {tall}", role="img", aria_label=label)


def legend() -> Html:
    """What the marks mean."""
    entries = []
    for role, told in (
        ("answer", "answer"),
        ("hidden", "hidden: to be found on the way"),
        ("given", "named in the question"),
    ):
        mark = h(
            "svg", _mark(role, 11, 11), viewBox="0 0 22 22", width=18, height=18, cls="subgraph", aria_hidden="true"
        )
        entries.append(h("span", mark, told, cls="entry"))
    return h("p", entries, cls="legend marks")


def _tree(answer: str, lines: Sequence[Line]) -> tuple[dict[str, tuple[int, str]], list[tuple[str, int]]]:
    """(vertex -> the line and the vertex that it hangs on), and the vertices in the order of the drawing, with depth."""
    parent: dict[str, tuple[int, str]] = {}
    reached, now = {answer}, [answer]
    while now:
        grown = []
        for key in now:
            for at, line in enumerate(lines):
                for one, other in ((line.subject, line.object), (line.object, line.subject)):
                    if one == key and other not in reached:
                        reached.add(other)
                        parent[other] = (at, key)
                        grown.append(other)
        now = grown
    order: list[tuple[str, int]] = []

    def visit(key: str, depth: int) -> None:
        order.append((key, depth))
        for other, (_, above) in sorted(parent.items(), key=lambda item: item[1][0]):
            if above == key:
                visit(other, depth + 1)

    visit(answer, 0)
    return parent, order


def _mark(role: str, x: float, y: float) -> Html:
    """Told apart by shape: a double ring for the answer, an empty ring for what is hidden, a full square for what is given."""
    if role == "given":
        return h("rect", x=x - 7, y=y - 7, width=14, height=14, cls="given")
    ring = h("circle", cx=x, cy=y, r=8, cls=role)
    return h("g", ring, h("circle", cx=x, cy=y, r=4, cls="core")) if role == "answer" else ring


def _arrow(x: float, y: float, way: str) -> Html:
    points = {"right": f"{x},{y} {x - 7},{y - 4} {x - 7},{y + 4}", "up": f"{x},{y} {x - 4},{y + 7} {x + 4},{y + 7}"}[
        way
    ]
    return h("polygon", points=points, cls="tip")


def _text(text: str, x: float, y: float, size: float, kind: str, room: float, note: str = "") -> Html:
    """One line of words, cut to the room there is; the whole of it shows on pointing at it."""
    text = " ".join(text.split())
    spare = room - (7.0 * len(note) + 12 if note else 0)
    held = cut(text, spare / size)
    pieces = [h("title", Html(html.escape(plain(text))))] if held != text else []
    pieces.append(h("tspan", Html(html.escape(plain(held)))))
    if note:
        pieces.append(h("tspan", Html(html.escape(plain(short(note, 40)))), cls="role", dx=8))
    return h("text", *pieces, x=x, y=y, cls=kind)


def cut(text: str, room: float) -> str:
    """As much of a text as fits in `room` (widths of an em), with an ellipsis; wide characters count as one em."""
    used = 0.0
    for place, sign in enumerate(text):
        used += _em(sign)
        if used > room:
            place -= 1  # room for the ellipsis, and never a letter without its marks
            while place > 0 and (unicodedata.combining(text[place]) or text[place - 1] == "\u200d"):
                place -= 1
            return text[: max(place, 0)].rstrip() + "…"
    return text


def _em(sign: str) -> float:
    if unicodedata.combining(sign):
        return 0.0
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.02
    if plain(sign) != sign:
        return 3.6  # shown by its name
    return 0.68 if sign.isupper() or sign in "mwMW@%" else 0.56
