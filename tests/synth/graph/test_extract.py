"""extract-graph, its core driven by hand, and run by the engine against a server that only pretends to be a model."""

from __future__ import annotations

import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from answering import Answers
from tiny_stages import store

from arcmill.config import validate
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.generation import EMBEDDED, Answer, Choice, Made
from arcmill.records import Document
from arcmill.stage import Outcome
from pipelines.catalogue import get_stage
from synth.graph.extract_facts import locate, spoken_date, stands

STAGE = get_stage("extract-graph")
BUILT = "The lighthouse on Kerrin Point was\n  built in 1871 by the mason Ilse Vandermoor."
TEXT = (
    f"{BUILT} Its lamp stands 42.5 metres above the sea and can be seen from a distance of 30 kilometres in clear weather."
    "\n\nIn March 1954 the keepers left Kerrin Point, since the lamp had been given a clockwork of its own."
)
DOCUMENT = Document("doc-1", TEXT, "manuals", language="en", license="MIT")
GOOD = {
    "subject": "Kerrin Point", "subject_type": "Place", "relation": "Built by", "object": "Ilse Vandermoor",
    "object_type": "person", "kind": "node", "sentence": " ".join(BUILT.split()),
}  # fmt: skip
YEAR = {"subject": "Kerrin Point", "relation": "left in", "object": "March 1954", "kind": "date",
        "sentence": "In March 1954 the keepers left Kerrin Point, since the lamp had been given a clockwork of its own."}  # fmt: skip


def drive(document: Document, *replies: str, **settings: Any) -> tuple[list[Any], Made | Outcome]:
    """The requests that the core made, and what it returned."""
    config = validate(STAGE.config, {"model": "mine", **settings}, "test")
    run = STAGE.core(document, config, STAGE.setup(config, {}))
    requests: list[Any] = []
    try:
        requests = list(next(run))
        run.send([Answer((Choice(reply),)) for reply in replies])
    except StopIteration as stop:
        return requests, stop.value
    raise AssertionError("the core asks once")


def reply(*facts: Any) -> str:
    return json.dumps({"facts": list(facts)}, ensure_ascii=False)


def test_a_fact_that_a_sentence_states_is_an_edge_with_names_and_types() -> None:
    requests, made = drive(DOCUMENT, reply(GOOD, YEAR))
    assert isinstance(made, Made)
    assert [(row.subject, row.relation, row.object, row.kind) for row in made.rows] == [
        ("place:Kerrin Point", "built_by", "person:Ilse Vandermoor", "node"),
        ("place:Kerrin Point", "label", "Kerrin Point", "text"), ("place:Kerrin Point", "type", "type:place", "node"),
        ("type:place", "label", "place", "text"), ("person:Ilse Vandermoor", "label", "Ilse Vandermoor", "text"),
        ("person:Ilse Vandermoor", "type", "type:person", "node"), ("type:person", "label", "person", "text"),
        ("Kerrin Point", "left_in", "1954-03", "date"), ("Kerrin Point", "label", "Kerrin Point", "text"),
    ]  # fmt: skip
    for row in made.rows:
        start, _, end = row.origin.partition(":")[2].partition("-")
        assert TEXT[int(start) : int(end)] == row.sentence and row.document == "doc-1"
        assert (row.source, row.license) == ("manuals", "MIT")
    assert made.rows[0].sentence == BUILT, "as it stands there"
    assert made.tallies == {"passages": 1, "facts": 2, "kept": 2}
    body = requests[0].body
    assert TEXT in body["messages"][0]["content"] and "up to 10 facts" in body["messages"][0]["content"]
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["facts"]
    assert drive(DOCUMENT, reply(GOOD, YEAR)) == (requests, made)
    assert "response_format" not in drive(DOCUMENT, reply(), model=EMBEDDED)[0][0].body


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sentence": BUILT.replace("mason", "builder")}, "sentence-not-found"),
        ({"sentence": ""}, "sentence-not-found"),
        ({"object": "Ilse van der Moor"}, "not-named-in-sentence"),
        ({"subject": "Kerrin"}, None),
        ({"subject": "Kerri"}, "not-named-in-sentence"),
        ({"subject": "It"}, "pronoun"),
        ({"object": "ILSE VANDERMOOR", "subject": "ilse vandermoor"}, "self-loop"),
        ({"object": "1871", "kind": "date"}, None),
        ({"object": "mason", "kind": "date"}, "not-a-date"),
        ({"object": "mason", "kind": "number"}, "not-a-number"),
        ({"object": "mason", "kind": "text"}, None),
        ({"relation": "?!"}, "malformed"),
        ({"subject": "  "}, "malformed"),
        ({"object": None}, "malformed"),
        ({"object": "\ud800"}, "malformed"),
        ({"object": "x" * 101}, "name-too-long"),
    ],
)  # fmt: skip
def test_what_the_document_does_not_bear_out_is_refused_and_counted(change: dict[str, Any], reason: str | None) -> None:
    _, made = drive(DOCUMENT, json.dumps({"facts": [{**GOOD, **change}]}))
    assert isinstance(made, Made) and bool(made.rows) == (reason is None)
    if reason is not None:
        assert made.tallies == {"passages": 1, "facts": 1, f"refused.{reason}": 1, "documents_without_facts": 1}


def test_a_name_with_a_soft_hyphen_in_its_sentence_is_borne_out() -> None:
    said = BUILT.replace("Ilse Vandermoor", "Ilse Vander\u00admoor")
    document = Document("doc-3", TEXT.replace(BUILT, said), "manuals")
    _, made = drive(document, reply({**GOOD, "sentence": said, "object": "Ilse Vander\u00admoor"}))
    assert (made.rows[0].object, made.rows[0].sentence) == ("person:Ilse Vandermoor", said)


def test_a_schema_of_relations_keeps_others_out() -> None:
    requests, made = drive(DOCUMENT, reply(GOOD, YEAR), relations={"built by": "who built it", "born_in": ""})
    assert isinstance(made, Made) and made.rows[0].relation == "built by"
    assert made.tallies["refused.unknown-relation"] == 1 and made.tallies["kept"] == 1
    assert "built by (who built it); born_in. Use no other" in requests[0].body["messages"][0]["content"]
    with pytest.raises(UsageError, match="label"):
        validate(STAGE.config, {"relations": {"label": ""}}, "test")


def test_replies_that_are_no_json_are_counted_and_fences_are_read() -> None:
    assert len(drive(DOCUMENT, f"Here:\n```json\n{reply(YEAR)}\n```")[1].rows) == 2
    for text in ("", "no", '{"facts": [', "[1]", '{"facts": 3}', "{" * 50_000, '{"a":' * 50_000):
        _, made = drive(DOCUMENT, text)
        assert made.tallies["refused.reply-is-no-json"] == 1
    _, made = drive(DOCUMENT, reply(YEAR, "x", YEAR))
    assert made.tallies == {"passages": 1, "facts": 3, "kept": 1, "refused.malformed": 1, "refused.repeated": 1}


def test_a_long_document_is_asked_about_in_passages_and_places_are_those_of_the_document() -> None:
    long = Document("doc-2", "Filler words about nothing much at all. " * 20 + "\n\n" + TEXT, "manuals")
    requests, made = drive(long, reply(), reply(GOOD), passage_characters=900)
    assert len(requests) == 2 and requests[0].body["seed"] != requests[1].body["seed"]
    start = int(made.rows[0].origin.partition(":")[2].partition("-")[0])
    assert long.text[start:].startswith(BUILT)
    assert isinstance(drive(Document("d", "Only this.", "x"))[1], Outcome)


def test_names_and_dates_as_they_are_written() -> None:
    assert stands("Kerrin Point", "at KERRIN  POINT.") and not stands("art", "a party") and stands("灯台", "岬の灯台は")
    assert locate("a  b", "x a\n b") == (2, 6) and locate(" ", "x") is None and locate("(a", "(a)") == (0, 2)
    texts = [
        "12 March 1871",
        "March 12, 1871",
        "12th of Mar. 1871",
        "1871年3月12日",
        "1871年",
        "1871-03",
        "May 1954",
        "31 June 1900",
        "soon",
    ]
    assert [spoken_date(text) for text in texts] == [
        "1871-03-12", "1871-03-12", "1871-03-12", "1871-03-12", "1871", "1871-03", "1954-05", None, None,
    ]  # fmt: skip


class Answering(Answers):
    """No model: an OpenAI-compatible server that replies with one fact of the text, and one that is made up."""

    def answer(self, asked: str) -> str:
        return reply(GOOD, {**GOOD, "object": "Nobody"}) if "Vandermoor" in asked else reply()


def test_the_engine_runs_it_and_the_graph_is_built_of_it(tmp_path: Path) -> None:
    other = (
        "The harbour of Sele has two moles, which were begun by convicts and ended by nobody at all in the end. " * 3
    )
    store(tmp_path / "docs", [{"id": "l", "text": TEXT}, {"id": "o", "text": other}, {"id": "s", "text": "Short."}])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        settings = {"llm.endpoint": f"http://127.0.0.1:{server.server_port}/v1"}
        config = validate(STAGE.config, {"model": "planned"}, "test")
        made = execute(
            STAGE, config, {"input": [str(tmp_path / "docs")]}, str(tmp_path / "out"), settings=settings
        ).dataset
    finally:
        server.shutdown()
    assert (made.counts["in"], made.counts["kept"], made.counts["dropped"], made.counts["created"]) == (3, 2, 1, 7)
    assert made.statistics["refused.not-named-in-sentence"] == 1
    build, gather = get_stage("build-graph"), get_stage("build-nodes")
    graph = execute(build, build.config(), {"edges": [str(tmp_path / "out")]}, str(tmp_path / "graph")).dataset
    assert graph.counts["kept"] == 7 and graph.statistics["nodes"] == 4
    found = execute(gather, gather.config(), {"input": [graph.url]}, str(tmp_path / "nodes")).dataset
    names = {row["name"]: row for batch in found.batches() for row in batch.to_pylist() if row["role"] == "node"}
    assert names["Ilse Vandermoor"]["types"] == ["type:person"] and names["Ilse Vandermoor"]["documents"] == ["l"]
