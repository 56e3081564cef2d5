from __future__ import annotations

import pytest

from dedup.exact import STAGE, text_key

ROWS = [
    {"id": "poor", "text": "One  text\nhere", "quality_score": 0.2},
    {"id": "best", "text": "One text here", "quality_score": 0.9},
    {"id": "none", "text": " One text here ", "quality_score": None},
    {"id": "nan", "text": "One\ttext here", "quality_score": float("nan")},
    {"id": "lower", "text": "one text here", "quality_score": 1.0},
    {"id": "long", "text": "Two  words", "source": "b"},
    {"id": "b-short", "text": "Two words", "source": "b"},
    {"id": "nfd", "text": "cafe\u0301"},
    {"id": "nfc", "text": "caf\u00e9"},
    {"id": "tie-2", "text": "same size"},
    {"id": "tie-1", "text": "same size"},
    {"id": "alone", "text": ""},
]
INTO = {"poor": "best", "none": "best", "nan": "best", "b-short": "long", "nfc": "nfd", "tie-2": "tie-1"}


@pytest.mark.parametrize(("partitions", "backwards"), [(1, False), (2, True), (7, False)])
def test_the_best_survives_whatever_the_partitions(frame, merged, partitions, backwards) -> None:
    out, statistics = merged(STAGE, frame(ROWS, partitions, backwards))
    assert {id: row["into_id"] for id, row in out.items()} == INTO
    assert {(row["rule"], row["score"]) for row in out.values()} == {("exact", 1.0)}
    assert (statistics["rows"], statistics["removed"]) == (12, 6)
    assert {s["source"]: (s["rows"], s["removed"], s["share"]) for s in statistics["sources"]} == {
        "web": (10, 5, 0.5), "b": (2, 1, 0.5)
    }  # fmt: skip
    assert statistics["alarms"] == []


def test_a_source_that_loses_more_than_its_share_is_told(frame, merged, caplog) -> None:
    _, statistics = merged(STAGE, frame(ROWS), alarm_share=0.49)
    assert sorted(statistics["alarms"]) == ["b", "web"]
    assert {pair["source"] for pair in statistics["alarm_pairs"]} == {"b", "web"}
    assert all(INTO[pair["id"]] == pair["into_id"] for pair in statistics["alarm_pairs"])
    assert "'b' loses more than 49 %" in caplog.text


def test_what_each_normalisation_makes_equal(frame, merged) -> None:
    out, _ = merged(STAGE, frame(ROWS), normalise="none")
    assert set(out) == {"tie-2"}
    out, _ = merged(STAGE, frame(ROWS), normalise="case")
    assert {id: row["into_id"] for id, row in out.items() if row["into_id"] == "lower"} == dict.fromkeys(
        ("poor", "best", "none", "nan"), "lower"
    )


def test_same_id_twice_keeps_one_row(frame, merged) -> None:
    out, statistics = merged(STAGE, frame([{"id": "x", "text": "t"}, {"id": "x", "text": "t"}]))
    assert statistics["removed"] == 1
    assert out["x"]["_part"] == 1  # the later position goes


def test_no_documents(frame, merged) -> None:
    out, statistics = merged(STAGE, frame([]))
    assert out == {}
    assert (statistics["rows"], statistics["sources"]) == (0, [])


def test_key_is_frozen() -> None:
    assert text_key("a  b\n", "whitespace") == text_key("a b", "none")
    assert text_key("Straße", "case") == text_key("STRASSE", "case")
    assert text_key("", "none").hex() == "cae66941d9efbd404e4d88758ea67670"
