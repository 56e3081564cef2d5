"""extract-problems, its core driven by hand."""

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
from synth.problems.extract_pairs import passages, place

STAGE = get_stage("extract-problems")
TEXT = (
    "The lighthouse on Kerrin Point was built in 1871 by the mason Ilse Vandermoor. Its lamp stands 42.5 metres above the "
    "sea and can be seen from a distance of 30 kilometres in clear weather.\n\n"
    "In 1954 the keepers left, since the lamp had been given a clockwork of its own. The house below it is now a museum of "
    "shells, which is open from May to September and had 15 visitors a day in its first summer."
)
DOCUMENT = Document("doc-1", TEXT, "manuals")
BUILT = TEXT.partition(". ")[0] + "."
GOOD = {"question": "Who built Kerrin Point's lighthouse?", "answer": "Ilse Vandermoor", "quote": BUILT}
YEAR = {
    "question": "In which year was Kerrin Point's lighthouse finished by its mason?",
    "answer": "1871",
    "quote": BUILT,
}


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


def reply(*pairs: Any) -> str:
    return json.dumps({"problems": list(pairs)}, ensure_ascii=False)


def test_a_pair_that_the_document_bears_out_is_kept_with_its_place() -> None:
    requests, made = drive(DOCUMENT, reply(GOOD, YEAR))
    assert isinstance(made, Made) and [row.answer for row in made.rows] == ["Ilse Vandermoor", "1871"]
    assert [row.answer_type for row in made.rows] == ["exact", "math"]
    for row in made.rows:
        evidence = json.loads(row.evidence)
        assert TEXT[evidence["start"] : evidence["end"]] == row.answer
        assert TEXT[evidence["quote_start"] : evidence["quote_end"]] == evidence["quote"] == BUILT
        assert evidence["document"] == "doc-1" and row.source == "manuals"
    assert made.tallies == {"passages": 1, "pairs": 2, "kept": 2}
    body = requests[0].body
    assert TEXT in body["messages"][0]["content"] and "up to 3 questions" in body["messages"][0]["content"]
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["problems"]
    assert drive(DOCUMENT, reply(GOOD, YEAR)) == (requests, made)
    # The embedded server knows no schemas; the reply is checked all the same.
    plain, same = drive(DOCUMENT, reply(GOOD, YEAR), model=EMBEDDED)
    assert "response_format" not in plain[0].body and isinstance(same, Made) and len(same.rows) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quote": BUILT.replace("mason", "builder")}, "quote-not-found"),
        ({"answer": "Ilse van der Moor"}, "answer-not-in-quote"),
        ({"answer": "187"}, "answer-not-in-quote"),
        ({"answer": "5", "quote": "15 visitors a day"}, "answer-not-in-quote"),
        ({"answer": "42", "quote": "Its lamp stands 42.5 metres"}, "answer-not-in-quote"),
        ({"answer": TEXT.partition("\n\n")[0], "quote": TEXT.partition("\n\n")[0]}, "answer-too-long"),
        ({"question": "Who built it?"}, "question-too-short"),
        ({"question": "Was it Ilse Vandermoor who built the lighthouse on Kerrin Point?"}, "answer-in-question"),
        ({"question": "According to the passage, who built Kerrin Point's lighthouse?"}, "not-self-contained"),
        ({"question": "Who is the mason described above in Kerrin?"}, "not-self-contained"),
        ({"question": "When did they build the lighthouse there?"}, "not-self-contained"),
        ({"question": "The lighthouse on Kerrin Point was built in 1871 by the mason who?"}, "question-copied"),
        ({"question": None}, "malformed"),
        ({"answer": " "}, "malformed"),
    ],
)
def test_what_the_document_does_not_bear_out_is_refused_and_counted(change: dict[str, Any], reason: str) -> None:
    _, made = drive(DOCUMENT, reply({**GOOD, **change}))
    assert isinstance(made, Made) and not made.rows
    assert made.tallies == {"passages": 1, "pairs": 1, f"refused.{reason}": 1, "documents_without_problems": 1}


def test_replies_that_are_no_json_are_counted_and_fences_are_read() -> None:
    assert len(drive(DOCUMENT, f"Here:\n```json\n{reply(GOOD)}\n```")[1].rows) == 1
    for text in ("", "no", '{"problems": [', "[1]", '{"problems": 3}', "{" * 50_000):
        _, made = drive(DOCUMENT, text)
        assert made.tallies["refused.reply-is-no-json"] == 1
    _, made = drive(DOCUMENT, reply(GOOD, "x", {**GOOD, "question": GOOD["question"].upper()}))
    assert made.tallies == {"passages": 1, "pairs": 3, "kept": 1, "refused.malformed": 1, "refused.repeated": 1}


def test_a_long_document_is_asked_about_in_passages_and_places_are_those_of_the_document() -> None:
    long = Document("doc-2", "Filler words about nothing much at all. " * 20 + "\n\n" + TEXT, "manuals")
    requests, made = drive(long, reply(), reply(GOOD), passage_characters=900)
    assert len(requests) == 2 and requests[0].body["seed"] != requests[1].body["seed"]
    evidence = json.loads(made.rows[0].evidence)
    assert long.text[evidence["start"] : evidence["end"]] == "Ilse Vandermoor" and evidence["start"] > 800
    assert len(drive(long, reply(), passage_characters=900, max_passages=1)[0]) == 1


def test_a_short_document_is_not_asked_about() -> None:
    requests, outcome = drive(Document("d", "Only this.", "x"))
    assert not requests and outcome == Outcome("too-short", score=10, threshold=200)


def test_passages_are_the_text_without_loss() -> None:
    text = "\n\n".join("sentence number one. " * n for n in range(1, 40)) + "x" * 3000
    parts = passages(text, 500, 1)
    assert "".join(part for _, part in parts) == text and all(len(part) <= 500 for _, part in parts)
    assert all(text[start : start + len(part)] == part for start, part in parts)


def test_an_answer_stands_as_whole_words() -> None:
    assert place("30", "30 km") == 0 and place("km", "30 km.") == 3 and place("5", "15, 5") == 4
    assert place("5", "5.2") is None and place("2", "5.2") is None and place("a", "cat") is None
    assert place("灯台", "岬の灯台は") == 2 and place("C++", "in C++.") == 3


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text('[user]\nMake {{count}} as {"x": 1} of: {{passage}}!')
    requests, _ = drive(DOCUMENT, reply(), template=str(mine), count=2)
    assert requests[0].body["messages"][0]["content"] == f'Make 2 as {{"x": 1}} of: {TEXT}!'
    assert STAGE.model_files(STAGE.config(template=str(mine))) == [str(mine)]
    other = tmp_path / "other.txt"
    other.write_text("[user]\nno place")
    with pytest.raises(UsageError, match="passage"):
        drive(DOCUMENT, reply(), template=str(other))
    with pytest.raises(UsageError, match="gone"):
        drive(DOCUMENT, reply(), template=str(tmp_path / "gone"))


class Answering(Answers):
    """An OpenAI-compatible server that replies with one good pair and one that is made up, where the passage bears it."""

    def answer(self, asked: str) -> str:
        return reply(GOOD, {**GOOD, "answer": "Nobody"}) if BUILT in asked else reply()


def test_the_engine_runs_it(tmp_path: Path) -> None:
    other = (
        "The harbour of Sele has two moles, which were begun by convicts and ended by nobody at all in the end. " * 3
    )
    store(tmp_path / "docs", [{"id": "l", "text": TEXT}, {"id": "o", "text": other}, {"id": "s", "text": "Short."}])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        config = validate(STAGE.config, {"model": "planned"}, "test")
        settings = {"llm.endpoint": f"http://127.0.0.1:{server.server_port}/v1"}
        given = {"input": [str(tmp_path / "docs")]}
        made = execute(STAGE, config, given, str(tmp_path / "out"), settings=settings).dataset
    finally:
        server.shutdown()
    rows = [row for batch in made.batches() for row in batch.to_pylist()]
    assert [(row["prompt"], row["answer"], row["source"]) for row in rows] == [
        (GOOD["question"], "Ilse Vandermoor", "tiny")
    ]
    assert (made.counts["in"], made.counts["kept"], made.counts["dropped"], made.counts["created"]) == (3, 2, 1, 1)
    told = {
        name: count
        for name, count in made.statistics.items()
        if name not in ("requests", "prompt_tokens", "completion_tokens")
    }
    assert told == {
        "documents_without_problems": 1, "kept": 1, "pairs": 2, "passages": 2, "refused.answer-not-in-quote": 1
    }  # fmt: skip
