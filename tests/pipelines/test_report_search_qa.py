"""The report's section of search questions: figures against the rows, drawings that hold every clue, hostile names."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_report_synthesis import made

from arcmill.config import StageConfig
from arcmill.execute import execute
from arcmill.records import Document, Edge, Problem, stable_id
from arcmill.stage import Failure, Outcome, Stage
from pipelines.lineage import open_run
from pipelines.report import write_report
from pipelines.report.gather import gather
from pipelines.report.search_qa import search_qa
from pipelines.report.subgraph import Line, Vertex, cut, draw, vertices_and_lines

HOSTILE = "</svg><script>alert(1)</script>\u202eevil"


def fact(subject: Any, relations: list[str], target: Any) -> dict[str, Any]:
    held = [end if isinstance(end, str) and end.startswith("?") else {"node": end} for end in (subject, target)]
    return {"subject": held[0], "relations": relations, "object": held[1]}


CLUES = [
    fact("?x", ["writer"], "p1"), fact("?x", ["year"], "?y"), {"variable": "?y", "kind": "date", "low": "1960", "high": None},
    fact("?f", ["shows", "opens"], "?x"), fact("?f", ["town"], "t1"), fact("t1", ["home_of"], "?x"),
]  # fmt: skip


def question(number: int, **more: Any) -> Problem:
    evidence = {
        "kind": "search-qa", "query": {"answer": "?x", "clues": CLUES}, "answer": {"node": "f1"},
        "witness": {"?x": {"node": "f1"}, "?y": {"date": "1961"}, "?f": {"node": "h1"}},
        "proof": {"answers": 1, "without": [12, 3, 45, -1, 1000, 7], "cap": 1000}, "edges": [f"e{n}" for n in range(5)],
        "difficulty": {"hops": 5, "longest": 2, "branching": 1.5 + number, "distractors": 10 * number}, "level": number % 4,
        "shape": "cycle" if number % 2 else "tree", "language": "en" if number % 3 else "zh", "wording": "template",
        "pages": {"e0": ["d1", "gone"], "e1": "broken"},
    }  # fmt: skip
    evidence.update(more)
    return Problem(
        f"q{number:02d}", f"Which film {number}? {HOSTILE}", "exact", "hand", "Blue Harbour", domain="search",
        pass_rate=number / 20, attempts=8, evidence=json.dumps(evidence),
    )  # fmt: skip


def edge(subject: str, relation: str, target: str, **more: Any) -> Edge:
    return Edge(stable_id("edge", subject, relation, target, "text"), subject, relation, target, "text", "hand", **more)


def _questions(split: str, config: StageConfig) -> Any:
    yield from (question(number) for number in range(12))
    yield question(12, query={"answer": 3}, review={"decision": "edit"})
    yield Problem("other", "2 + 2?", "math", "hand", "4", evidence=None)
    for number in range(5):
        yield Failure(f"c{number}", Outcome("not-unique" if number else f"odd{HOSTILE}", score=2, threshold=1))


def _edges(split: str, config: StageConfig) -> Any:
    yield edge("f1", "label", "蓝色海港 " * 30, language="zh")
    yield edge("f1", "label", "Blue Harbour", language="en")
    yield edge("h1", "label", f"Hall {HOSTILE}")
    yield edge("p1", "label", "Ada " + "Very Long Name " * 20)
    yield edge("home_of", "label", "is home of")
    yield edge("p1", "writer", "no name")


def stage(name: str, core: Any, writes: str) -> Stage:
    return Stage(
        name=name, version=1, help="x", config=StageConfig, writes=writes, engine="datatrove", core=core,
        splits=lambda config: ["one"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    execute(stage("build-graph", _edges, "Edge"), StageConfig(), {}, str(root / "graph"))
    questions = execute(
        stage("synth-search-qa", _questions, "Problem"), StageConfig(), {}, str(root / "questions")
    ).dataset
    pages = [Document("d1", "text", "hand", path="a/b.html", metadata={"title": f"Harbours {HOSTILE}"})]
    made("write-pages", "Document", pages, questions.url, root / "pages")
    return root


class Drawn(html.parser.HTMLParser):
    """What is in the SVGs: texts, marks by class, and whether tags are in balance."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open, self.texts, self.marks = list[str](), list[str](), list[str]()
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag != "script"
        if tag not in ("meta", "wbr"):
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        if "svg" in self.open and tag in ("circle", "rect"):
            self.marks.append(str(dict(attrs).get("class")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "wbr"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "svg" in self.open:
            assert "span" not in self.open  # HTML within SVG would end the drawing
            self.texts.append(data)


def test_figures_are_those_of_the_rows_and_samples_are_drawn(run: Path) -> None:
    page = str(search_qa(gather(open_run(str(run)))))
    text = re.sub(r"<[^>]*>", "|", page)
    assert re.search(r"not-unique\|+4\|+21\.1 %", text) and re.search(r"stayed\|+14\|", text)
    assert re.search(r"cycle\|+5\|+0\|+3\|+0\|+3\|+6\|", text)
    for told in ("Branching", "How often a model solves them", "Solve rate", "nothing is asked without it", "1,000 or more answers", "edit",
                 "12 answers without it", "shows or opens", "is home of", "at least 1960", "said by", "gone", "Harbours"):  # fmt: skip
        assert told in text, told
    drawn = Drawn(page)
    assert page.count('<details class="question"') == 8  # what is no query is not drawn, and breaks nothing
    assert (
        drawn.marks.count("answer") == 8 + 1
        and drawn.marks.count("hidden") == 2 * 8 + 1
        and drawn.marks.count("given") == 2 * 8 + 1
    )
    shown = " ".join(drawn.texts)
    assert "Blue Harbour" in shown and "U+202E" in shown and "1. writer (12 without) →" in shown and "蓝" not in shown
    assert "hidden thing 2, 1960 to …" in shown and "5. town (1,000 without), from Hall" in shown


def test_the_whole_page_is_sound_and_the_same_each_time(run: Path, tmp_path: Path) -> None:
    pages = [Path(write_report(str(run), f"{tmp_path}/{number}.html")).read_bytes() for number in range(2)]
    assert pages[0] == pages[1]
    Drawn(pages[0].decode())
    assert b"<script" not in pages[0] and b'href="#search-qa"' in pages[0]


def test_a_run_without_search_questions_has_no_such_section(run: Path, tmp_path: Path) -> None:
    assert search_qa(gather(open_run(str(run / "graph")))) is None


@pytest.mark.parametrize("hops", [2, 5, 9])
def test_drawings_hold_every_thing_once_within_their_frame(hops: int) -> None:
    names = ["Ünïcode " * 20, "مكتبة الإسكندرية", "国家图书馆" * 12, "x" * 300]
    vertices = [Vertex("?x", "the answer's name", "answer")]
    vertices += [Vertex(f"?{n}", names[n % 4], "hidden" if n < hops else "given", "note") for n in range(1, hops + 1)]
    chain = [Line(vertices[n].key, vertices[n + 1].key, f"{n}. made by") for n in range(hops)]
    star = [Line("?x", vertices[n].key, f"{n}. " + "very long relation " * 9) for n in range(1, hops + 1)]
    circle = [*chain, Line(vertices[-1].key, "?x", "closes"), Line("?x", vertices[-1].key, "closes too")]
    for lines in (chain, star, circle):
        drawing = str(draw(vertices, lines, "label"))
        assert draw(vertices, lines, "label") == drawing
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', drawing).groups())  # type: ignore[union-attr]
        places = re.findall(r'<(?:circle|rect)[^>]*?c?x="([\d.]+)"[^>]*?c?y="([\d.]+)"', drawing)
        rows = {float(y) for _, y in places}
        assert all(0 < float(x) < width and 0 < float(y) < height for x, y in places)
        assert drawing.count('class="hidden"') == hops - 1 and len(rows) >= hops  # a line of its own for each
        assert drawing.count('class="way closing"') == (2 if lines is circle else 0)


def test_names_are_cut_by_the_room_they_take() -> None:
    assert cut("short", 10) == "short" and cut("abcdefghij", 3).endswith("…") and len(cut("国" * 20, 5)) == 4
    assert cut("e\u0301" * 10, 3).count("\u0301") == cut("e\u0301" * 10, 3).count("e")
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        vertices_and_lines({"answer": 3, "clues": [{}]}, {}, {}, [])
