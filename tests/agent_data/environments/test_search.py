"""The search environment: two tools to the byte as they are elsewhere, a desk beside them, and documents that stay."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import Called, Trace
from agent_data.environments.play import begin
from agent_data.environments.search import environment
from arcmill.errors import InputError, UsageError
from arcmill.generation import drive
from arcmill.records import Message, ToolCall
from arcmill.search import SearchIndex, call

DOCUMENTS = Path(__file__).resolve().parents[2] / "arcmill" / "search" / "search_documents.py"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("search", {"query": "Jeunet born"}), ("search", {"query": "龙城飞将", "k": 1}), ("search", {"query": "nothingofthekind"}),
    ("open", {"id": "d2", "start": 400}), ("open", {"id": "d0"}), ("open", {"id": "d2"}),
]  # fmt: skip
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("search", {"query": "  "}), ("search", {"query": "x" * 1001}), ("open", {"id": "none"}), ("open", {"id": "d1", "start": 10_000}),
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    spec = importlib.util.spec_from_file_location("documents_of_search", DOCUMENTS)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    found: SearchIndex = made.indexed(tmp_path_factory.mktemp("search"), made.DOCUMENTS, passage_characters=400)
    return found


class Reading:
    """An episode; `call` makes calls in it."""

    def __init__(self, index: SearchIndex, tools: Any = None) -> None:
        self.world = environment(index.folder)
        self.play = drive(begin(self.world, 0, tools))

    def observe(self, tool: str, **arguments: Any) -> Any:
        return drive(self.play.call(ToolCall("c", tool, json.dumps(arguments))))

    def call(self, tool: str, **arguments: Any) -> Any:
        made = self.observe(tool, **arguments)
        assert not made.error, made.text
        try:
            return json.loads(made.text)
        except ValueError:
            return made.text

    def refused(self, tool: str, **arguments: Any) -> str:
        made = self.observe(tool, **arguments)
        assert made.error, made.text
        return str(json.loads(made.text)["error"])

    def hash(self) -> str:
        return str(drive(self.play.hash()))


@pytest.mark.parametrize(("name", "arguments"), [*CALLS, *REFUSED])
def test_search_and_open_are_those_of_arcmill_search_to_the_byte(index, name, arguments):
    one = Reading(index)
    made = one.observe(name, **arguments)
    assert made.text == call(index, name, arguments)
    assert made.error == ((name, arguments) in REFUSED)


def test_a_task_may_offer_the_two_alone(index):
    world = environment(index.folder)
    two = [tool for tool in world.tools if tool.name in ("search", "open")]
    one = Reading(index, two)
    assert one.observe("search", query="Paris").text == call(index, "search", {"query": "Paris"})
    assert "no tool named 'add_note'" in one.refused("add_note", text="x")
    assert len(world.tools) >= 10
    for tool in world.tools:
        assert tool.description and all("description" in one for one in tool.parameters["properties"].values()), (
            tool.name
        )


def test_pages_are_listed_searched_and_compared(index):
    one = Reading(index)
    listed = one.call("list_documents")
    assert [page["id"] for page in listed["documents"]] == ["d0", "d1", "d2", "d3", "d4", "d5", "d6"] and listed[
        "count"
    ] == 7
    assert one.call("list_documents", start=5)["documents"][0]["id"] == "d5"
    assert "from 0 to 6" in one.refused("list_documents", start=7)
    found = one.call("find_in_page", id="d2", text="the  RIVER amstel")
    text = index.open_page("d2", 0, 100_000).text
    assert found["found"] == 1 and text[found["places"][0]["start"] :].startswith("the river Amstel")
    assert one.call("find_in_page", id="d2", text="Rhine")["found"] == 39
    assert len(one.call("find_in_page", id="d2", text="Rhine")["places"]) == 20
    assert [
        page["found"] for page in one.call("compare_pages", first_id="d1", second_id="d3", text="jeunet")["pages"]
    ] == [1, 1]
    assert "one page" in one.refused("compare_pages", first_id="d1", second_id="d1", text="x")
    assert "no page has" in one.refused("find_in_page", id="d99", text="x")


def test_notes_reading_list_citations_and_answer(index):
    one = Reading(index)
    before = one.hash()
    assert (
        one.call("add_note", text=" one ") == {"note_id": "note-1"}
        and one.call("add_note", text="two")["note_id"] == "note-2"
    )
    one.call("change_note", note_id="note-1", text="ONE")
    one.call("remove_note", note_id="note-2")
    assert one.call("list_notes") == {"notes": [{"note_id": "note-1", "text": "ONE"}]}
    assert one.call("add_note", text="three")["note_id"] == "note-3"
    one.call("add_to_reading_list", id="d3")
    assert "already" in one.refused("add_to_reading_list", id="d3")
    assert one.call("show_reading_list") == {"reading": [{"id": "d3", "title": "Amélie (film)"}]}
    assert "not on the" in one.refused("take_off_reading_list", id="d1")
    assert "does not hold" in one.refused("cite", id="d1", quote="born in Paris")
    one.call("cite", id="d1", quote="born  in\nRoanne")
    assert one.call("list_citations") == {"citations": [{"id": "d1", "quote": "born in Roanne"}]}
    made = one.observe("submit_answer", answer=" Roanne ")
    assert made.ended and not made.error and one.hash() != before
    two = Reading(index)
    assert two.hash() == before, "episodes share nothing"
    assert two.call("show_reading_list") == {"reading": []}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("add_note", {"text": " "}), ("add_note", {"text": "x" * 2001}), ("remove_note", {"note_id": "note-9"}),
        ("change_note", {"note_id": "note-9", "text": "x"}), ("cite", {"id": "none", "quote": "x"}), ("cite", {"id": "d1", "quote": " "}),
        ("submit_answer", {"answer": "  "}), ("find_in_page", {"id": "d1", "text": ""}), ("list_documents", {"start": -1}),
        ("submit_answer", {"answer": "x", "confidence": "total"}), ("add_note", {}), ("add_note", {"text": "x", "more": 1}),
    ],
)  # fmt: skip
def test_mistakes_are_told_and_change_nothing(index, tool, arguments):
    one = Reading(index)
    before = one.hash()
    assert one.refused(tool, **arguments) and one.hash() == before


def test_a_flood_of_notes_is_bounded(index):
    one = Reading(index)
    for number in range(100):
        one.call("add_note", text=str(number))
    assert "100 notes" in one.refused("add_note", text="x")


def test_it_is_opened_by_its_index_and_its_fingerprint(index):
    name = f"search:{index.fingerprint}"
    world = opened(name, {name: {"search": str(index.folder)}})
    assert world.name == name and world.version == environment(index.folder).version
    with pytest.raises(UsageError, match="another one, or built anew"):
        opened("search:0123", {"search:0123": {"search": str(index.folder)}})
    with pytest.raises(InputError):
        opened("library", {"library": {"search": "/nothing"}})


def test_an_answer_without_a_citation_is_a_breach(index):
    world = environment(index.folder)
    cited = Called("cite", {"id": "d1", "quote": "x"}, "{}", False, 1)
    wrong = Called("cite", {"id": "d1", "quote": "y"}, "{}", True, 1)
    given = Called("submit_answer", {"answer": "Roanne"}, "ok", False, 2)
    messages = [Message("user", "Where?"), Message("assistant", "There.")]
    assert world.breaches(Trace(messages, [cited, given], 0, False)) == []
    assert world.breaches(Trace(messages, [wrong, given], 0, False))[0].startswith("citation:")
    assert world.breaches(Trace(messages, [], 0, False)) == []


def test_hints_fit_the_tools(index):
    world = environment(index.folder)
    tools, hints = {tool.name: tool for tool in world.tools}, world.hints()
    for name, templates in hints.asks.items():
        for template in templates:
            assert {part.split("}")[0] for part in template.split("{")[1:]} == set(
                tools[name].parameters["required"]
            ), name
    for name, made in hints.values.items():
        tool, parameter = name.split(".")
        assert parameter in tools[tool].parameters["properties"]
        assert made({}, random.Random(1)) == made({}, random.Random(1))
    assert hints.forbidden[0]({}, random.Random(2), None)[1]


def test_a_page_to_find_is_found_cited_and_named(tmp_path_factory):
    made = sys.modules["documents_of_search"]
    pages = [
        made.Document(
            f"p{number}", f"An article of our series. It was the year {1900 + number} in which {what} came to the small town of Ems.",
            "tiny", metadata={"title": f"Chapter {number}"},
        )
        for number, what in enumerate(("electric light", "the first tram", "running water", "a theatre"))
    ]  # fmt: skip
    other = made.indexed(tmp_path_factory.mktemp("pages"), pages)
    ready = next(
        found
        for seed in range(40)
        if (found := environment(other.folder).hints().ready[0]({}, random.Random(seed), None))
    )
    one = Reading(other)
    for name, arguments in ready.calls:
        one.call(name, **arguments)
    assert one.play.over and one.play.episode.state()["answer"].startswith("Chapter")
    assert ready.facts["quote"] in ready.request and one.play.episode.state()["answer"] not in ready.request
