"""suggest-obfuscations: titles, passages, spans that lie where they say, and nothing that names what is asked for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of

from arcmill.execute import execute
from arcmill.records import Document, Node
from arcmill.stage import Outcome
from pipelines.catalogue import get_stage
from synth.search_qa.passages import spans as found_in
from synth.search_qa.passages.choose import language_of, paragraphs, passages_of, title_of
from synth.search_qa.passages.known import Known
from synth.search_qa.passages.stage import SuggestObfuscations

STAGE = get_stage("suggest-obfuscations")
TEXT = """# Tall Tower

Tall Tower was built on 7 November 1867 in Ostby, by 5 masons. In 1903 the Tower won a prize of 70,700 crowns for
"Best Stones", and over 1,234 people saw it by March 1911. It stands at 24 High Road (plan 1.2.3), since 1934 alone.

Short."""
CHINESE = "高塔\n\n高塔1867年11月7日建于华沙，有5层。1903年它得到奖金约70700克朗，著有《石头》一书，共971页。此后有30多人看守，其中20%是本地人。"
NODES = [
    Node("Q1", "Ostby", "hand", labels={"en": "Ostby", "zh": "华沙"}, types=["Q5"], description="town by a lake"),
    Node("Q5", "city", "hand", labels={"en": "city", "zh": "城市"}),
    Node("Q2", "Tall Tower", "hand", aliases=["The Needle"], description="tower"),
    Node("Q3", "Twin", "hand"), Node("Q4", "Twin", "hand"), Node("P1", "High Road", "hand", role="relation"),
]  # fmt: skip


def known() -> Known:
    made = Known()
    for node in NODES:
        if node.role == "node":
            made._add({name: getattr(node, name) for name in node.__slots__})
    return made


def document(text: str, **more: Any) -> Document:
    return Document(more.pop("id", "d"), text, "hand", **more)


def told(text: str, **config: Any) -> list[tuple[str, str]]:
    settings = SuggestObfuscations.model_validate({"min_characters": 20, **config})
    made = passages_of(document(text), settings, known())
    assert not isinstance(made, Outcome), made
    for passage in made:
        for span in passage.spans:
            assert passage.text[span.start : span.end] == span.original
        assert document(text).text[passage.start :].startswith(passage.text)
    return [(span.original, span.suggestion) for span in made[0].spans]


def test_names_dates_numbers_known_and_quoted_names_are_found_span_by_span() -> None:
    assert told(TEXT) == [
        ("Tall Tower", "[X]"), ("on 7 November 1867", "in the 1860s"), ("Ostby", "a town by a lake"), ("In 1903", "In the 1900s"),
        ("Tower", "[X]"), ("70,700", "between 70,000 and 80,000"), ('"Best Stones"', "a certain title or name"),
        ("over 1,234", "between 1,000 and 1,500"), ("by March 1911", "by the 1910s"), ("24", "between 20 and 25"),
        ("since 1934", "since the 1930s"),
    ]  # fmt: skip


def test_chinese_passages_have_suggestions_in_chinese() -> None:
    assert told(CHINESE) == [
        ("高塔", "[X]"), ("1867年11月7日", "19世纪60年代"), ("华沙", "某个城市"), ("1903年", "20世纪最初十年"),
        ("约70700", "70,000 至 80,000 "), ("《石头》", "某部作品"), ("971", "900 至 1,000 "), ("30多", "30 至 35 "),
        ("20", "20 至 25 "),
    ]  # fmt: skip


def test_kinds_ranges_and_small_numbers_are_settings() -> None:
    assert [kind for _, kind in told(TEXT, kinds=["dates"], years=25)] == [
        "[X]", "in the years 1850 to 1874", "In the years 1900 to 1924", "[X]", "by the years 1900 to 1924",
        "since the years 1925 to 1949",
    ]  # fmt: skip
    assert ("24", "between 20 and 25") not in told(TEXT, min_number=50)


@pytest.mark.parametrize(("number", "low", "high"), [("10", 10, 15), ("49", 45, 50), ("971", 900, 1000), ("1234", 1000, 1500), ("1.5", 1, 2), ("0", 0, 1)])  # fmt: skip
def test_bounds_hold_the_number_and_are_round(number: str, low: int, high: int) -> None:
    assert found_in.bounds(Decimal(number)) == (low, high) and low <= Decimal(number) <= high


def test_versions_paths_and_years_of_other_things_stay() -> None:
    left = "See 1.2.3, /usr/1967/x, v12, port:8080, $450 and ISBN 978-3-16 of #12, 12:30 and 1967-style, in the past 20 years."
    assert list(found_in.numbers(left, "en", 10)) == []
    assert list(found_in.dates("a road of 1967 km, 1967-style, 1967.5", "en", 10)) == []


@pytest.mark.parametrize(
    ("made", "title"),
    [
        (document("x\ny", metadata={"title": " Old Mill "}), "Old Mill"),
        (document("## Old Mill ##\n\ntext"), "Old Mill"),
        (document("Old Mill\ntext"), "Old Mill"),
        (document("It was a day.\ntext", path="a/old_mill.html"), "old mill"),
        (document("It was a day.\ntext"), None),
        (document("one line only"), None),
        (document("12345\ntext"), None),
    ],
)
def test_titles(made: Document, title: str | None) -> None:
    assert title_of(made, "title") == title


@pytest.mark.parametrize(
    ("text", "rule", "more"),
    [
        ("It was a day.\n\n" + TEXT[14:], "no-title", {}),
        ("# Another thing\n\n" + TEXT[14:], "too-few-details", {}),
        (TEXT, "language", {"language": "de"}),
        ("# Tall Tower\n\nShort.", "no-passage", {}),
        ("# Tall Tower\n\nTall Tower, that is what everybody calls Tall Tower; nothing more is known of Tall Tower.", "no-passage", {}),
        # a letter that is composed otherwise is the same name to a reader
        ("# Caféhaus\n\nCaféhaus and Cafe\u0301haus were built on 7 November 1867 by 40 masons.", "names-itself", {}),
    ],
)  # fmt: skip
def test_documents_without_a_passage_say_why(text: str, rule: str, more: dict[str, Any]) -> None:
    found = passages_of(document(text, **more), SuggestObfuscations(min_characters=40), known())
    assert isinstance(found, Outcome) and found.rule == rule, found


def test_a_name_of_two_nodes_is_not_used_and_relations_are_no_names() -> None:
    held = known()
    assert held.by_name["twin"] is None and "high road" not in held.by_name
    assert held.names("the needle") == ["Tall Tower", "The Needle"]
    spans = told("# Tall Tower\n\nThe Needle, Tall Tower, was seen by Twin on 3 May 1950 and in Ostby.")
    assert ("The Needle", "[X]") in spans and all(original != "Twin" for original, _ in spans)


def test_long_paragraphs_end_at_a_sentence() -> None:
    text = "Intro\n\n" + "One sentence here. " * 20
    ((start, cut),) = paragraphs(text, 30, 100)
    assert text[start:].startswith(cut) and cut.endswith("here.") and len(cut) <= 100
    assert list(paragraphs("x" * 500, 30, 100)) == []
    assert language_of(document("123 456")) is None and language_of(document("的一是在")) == "zh"


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    return [row for batch in dataset.batches() for row in batch.to_pylist()]


def test_the_stage_makes_pending_problems_the_same_for_any_workers(tmp_path: Path) -> None:
    documents = [document(TEXT.replace("Ostby", f"Ostby, row {number}"), id=f"d{number}") for number in range(40)]
    documents += [document(CHINESE, id="zh"), document("nothing here", id="none")]
    pages = dataset_of("Document", documents, f"{tmp_path}/pages", parts=4)
    nodes = dataset_of("Node", NODES, f"{tmp_path}/nodes")
    made = []
    for workers in (1, 3):
        config = SuggestObfuscations(min_characters=40)
        made.append(
            execute(
                STAGE, config, {"input": [pages], "nodes": [nodes]}, str(tmp_path / f"o{workers}"), workers=workers
            ).dataset
        )
    assert made[0].manifest == made[1].manifest
    assert made[0].counts == {"in": 42, "kept": 41, "dropped": 1, "merged": 0, "errored": 0, "created": 41}
    rows = rows_of(made[0])
    evidence = json.loads(rows[0]["evidence"])
    assert (
        evidence["kind"] == "passage-qa"
        and evidence["review"] == {"decision": "pending"}
        and rows[0]["answer"] == "Tall Tower"
    )
    assert rows[0]["prompt"] == f"{evidence['question']}\n\n{evidence['text']}" and evidence["aliases"] == [
        "The Needle"
    ]
    page = next(one for one in documents if one.id == evidence["document"])
    assert page.text[evidence["start"] : evidence["end"]] == evidence["passage"]
    assert any("[X] 处应填" in row["prompt"] for row in rows)
