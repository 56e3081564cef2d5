"""The table of a review goes out safely and comes back as it went; whatever is wrong in it is told with its line."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of
from hypothesis import given
from hypothesis import strategies as st

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import UsageError
from arcmill.execute import execute
from arcmill.records import Problem
from pipelines.catalogue import get_stage
from synth.search_qa.review import table
from synth.search_qa.review.table import guard, read_review, shown_rows, unguard, write_csv

STAGE = get_stage("apply-review")
EVIDENCE = {"kind": "search-qa", "aliases": ["A. Ames"], "wording": "template"}
PASSAGE = {
    "kind": "passage-qa", "aliases": [], "question": "What is [X]?", "text": "[X] was built in the 1860s.",
    "passage": "Old Mill was built in 1867.", "review": {"decision": "pending"},
    "spans": [{"start": 0, "end": 8, "original": "Old Mill", "suggestion": "[X]", "kind": "name", "reason": "the name"}],
}  # fmt: skip


def problems() -> list[Problem]:
    return [
        Problem("s1", "=Who wrote it?\nSecond line", "exact", "hand", "Ada Ames", evidence=json.dumps(EVIDENCE)),
        Problem("s2", "Who, \"then\", else?", "exact", "hand", "Bo Berg", evidence=json.dumps(EVIDENCE)),
        Problem("p1", "What is [X]?\n\n[X] was built in the 1860s.", "exact", "hand", "Old Mill", evidence=json.dumps(PASSAGE)),
        Problem("n1", "2 + 2?", "math", "hand", "4"),
    ]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> str:
    return dataset_of("Problem", problems(), f"{tmp_path}/data")


def filled(path: Path, rows: list[Problem], said: dict[str, dict[str, str]]) -> str:
    """The table as it is exported, with what a person wrote into it."""
    import csv

    stream = io.BytesIO()
    write_csv(stream, list(shown_rows([{name: getattr(row, name) for name in row.__slots__} for row in rows])))
    cells = list(csv.reader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline="")))
    header = cells[0]
    for line in cells[1:]:
        for name, value in said.get(line[header.index("id")], {}).items():
            line[header.index(name)] = value
    with open(path, "w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows(cells)
    return str(path)


def apply(data: str, review: str, output: Path, **config: Any) -> Dataset:
    settings = validate(STAGE.config, {"review": review, **config}, "apply-review")
    return execute(STAGE, settings, {"input": [data]}, str(output)).dataset


@given(st.text())
def test_guarding_a_cell_is_undone(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r\n=1", "'=1", "''+1", "＝1", "|calc", "%0", "\ufeff=1", "\u00a0-2"],
)
def test_formulas_are_guarded(cell: str) -> None:
    assert guard(cell) == f"'{cell}" and unguard(guard(cell)) == cell


def test_names_and_quotes_are_left_as_they_are() -> None:
    for cell in ("'tis", "O'Hara", "a=b", "1-2", "", "'"):
        assert guard(cell) == cell


def test_what_is_decided_comes_back_with_who_and_when(tmp_path: Path, data: str) -> None:
    review = filled(tmp_path / "r.csv", problems(), {
        "s1": {"decision": "Accept", "reviewer": "Ann", "reviewed_at": "2026-11-20T10:00:00Z"},
        "s2": {"decision": "refuse", "note": "too easy", "reviewed_at": "2026-11-20"},
        "p1": {"decision": "edited", "edited_text": "'=[X] was built\r\nlong ago.", "reviewed_at": "2026-11-21"},
    })  # fmt: skip
    assert Path(review).read_bytes()[:3] == b"\xef\xbb\xbf"
    made = apply(data, review, tmp_path / "out", by="Bob")
    assert made.counts == {"in": 4, "kept": 2, "dropped": 2, "merged": 0, "errored": 0, "created": 0}
    assert made.statistics == {"accept": 1, "edit": 1, "refuse": 1, "undecided": 1}
    rows = {row["id"]: row for batch in made.batches() for row in batch.to_pylist()}
    assert rows["s1"]["prompt"] == problems()[0].prompt
    kept = json.loads(rows["s1"]["evidence"])
    assert kept == {**EVIDENCE, "review": {"decision": "accept", "by": "Ann", "at": "2026-11-20T10:00:00Z"}}
    edited = json.loads(rows["p1"]["evidence"])
    assert (
        rows["p1"]["prompt"] == "What is [X]?\n\n=[X] was built\nlong ago."
        and edited["text"] == "=[X] was built\nlong ago."
    )
    assert edited["review"] == {
        "decision": "edit", "by": "Bob", "at": "2026-11-21", "edited": {"from": "[X] was built in the 1860s."},
    }  # fmt: skip
    ledger = {row["id"]: row for batch in made.ledger() for row in batch.to_pylist()}
    assert ledger["s2"]["rule"] == "refused" and ledger["s2"]["detail"] == "Bob, 2026-11-20: too easy"
    assert ledger["n1"]["rule"] == "not-reviewed"
    assert list(made.problems()) == []


def test_undecided_rows_may_stay_and_the_file_counts_by_what_it_holds(tmp_path: Path, data: str) -> None:
    review = filled(tmp_path / "r.csv", problems(), {"s1": {"decision": "accept"}})
    made = apply(data, review, tmp_path / "out", by="Bob", at="2026-11-20", undecided="keep")
    assert made.counts["kept"] == 4 and made.manifest["models"].keys() == {"review"}
    (tmp_path / "moved").mkdir()
    moved = filled(tmp_path / "moved" / "r (1).csv", problems(), {"s1": {"decision": "accept"}})
    settings = validate(STAGE.config, {"review": moved, "by": "Bob", "at": "2026-11-20", "undecided": "keep"}, "x")
    assert execute(STAGE, settings, {"input": [data]}, str(tmp_path / "out")).skipped
    filled(tmp_path / "r.csv", problems(), {"s1": {"decision": "refuse"}})
    with pytest.raises(UsageError, match=r"model review"):
        apply(data, review, tmp_path / "out", by="Bob", at="2026-11-20", undecided="keep")


WHO = {"reviewer": "Ann", "reviewed_at": "2026-11-20"}


@pytest.mark.parametrize(("said", "message"), [
    ({"s2": {"decision": "perhaps", **WHO}}, r"r.csv, line 4: decision 'perhaps'; accepted: accept, edit, refuse, or empty"),
    ({"s2": {"decision": "accept", "reviewed_at": "2026-11-20"}}, r"line 4: nobody is named in reviewer"),
    ({"s2": {"decision": "accept", "reviewer": "Ann"}}, r"line 4: reviewed_at is empty"),
    ({"s2": {"decision": "accept", **WHO, "reviewed_at": "yesterday"}}, r"line 4: reviewed_at 'yesterday' is no date"),
    ({"s2": {"decision": "edit", **WHO}}, r"line 4: decision edit, but edited_text is empty"),
    ({"s2": {"decision": "edit", "edited_text": 'Who, "then", else?', **WHO}}, r"line 4: .*edited_text is the same text"),
    ({"s2": {"decision": "accept", "edited_text": "Who else?", **WHO}}, r"line 4: decision accept, but edited_text is another"),
    ({"s2": {"edited_text": "Who else?"}}, r"line 4: edited_text is filled in, but there is no decision"),
    ({"s2": {"decision": "accept", "text": "Who else?", **WHO}}, r"line 4: the text is not the one of row s2 any more"),
    ({"s1": {"decision": "edit", "edited_text": "Who but ＡＤＡ ames?", **WHO}}, r"line 2: the edited text still names the answer .'Ada Ames'."),
    ({"s1": {"decision": "edit", "edited_text": "Is A. Ames it?", **WHO}}, r"line 2: the edited text still names the answer"),
    ({"s2": {"id": "s9", "decision": "accept", **WHO}}, r"line 4: no row s9 in the input; was another dataset exported"),
    ({"s2": {"id": " ", "decision": "accept", **WHO}}, r"line 4: no id"),
    ({"s2": {"id": "s1", "decision": "refuse", **WHO}, "s1": {"decision": "accept", **WHO}},
     r"line 4: row s1 is decided 'refuse' here and 'accept' in .*r.csv, line 2"),
])  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(said: Any, message: str, tmp_path: Path, data: str) -> None:
    with pytest.raises(UsageError, match=message):
        apply(data, filled(tmp_path / "r.csv", problems(), said), tmp_path / "out")


def test_the_same_decision_twice_is_no_contradiction(tmp_path: Path, data: str) -> None:
    row = "s1,accept,Ann,2026-11-20\n"
    (tmp_path / "r.csv").write_text("id,decision,reviewer,reviewed_at\n" + row + "\n" + row)
    assert apply(data, str(tmp_path / "r.csv"), tmp_path / "out").counts["kept"] == 1


@pytest.mark.parametrize(("data_", "message"), [
    (b"id;decision\ns1;accept\n", r"line 1: no column decision.*|separated by semicolons: say --delimiter ';'"),
    (b"id\tdecision\ns1\taccept\n", r"separated by tabs"),
    (b"", r"line 1: no column id and decision"),
    (b"id,decision,id\n", r"line 1: column id stands there twice"),
    (b"id,decision\ns1,accept,x\n", r"line 2: 3 cells, the header has 2"),
    (b'id,decision\ns2,\n"s1,accept\n', r"line 3: is no CSV"),
    ("id,decision\ns1,accept\n".encode("utf-16"), r"line 1: is UTF-16"),
    ("id,decision,note\ns2,,\ns1,accept,caf\u00e9\n".encode("cp1252"), r"line 3: is not UTF-8 \(byte 0xe9\)"),
    (b'{"format": "other"}', r"line 1: is no review that the form saved"),
    (b'{"format": "arcmill-review", "version": 2, "rows": []}', r"version 2 of a review"),
    (b'{"format": "arcmill-review",\n "version": 1, "rows": [', r"line 2: is no JSON"),
    (b'{"format": "arcmill-review", "version": 1, "rows": [{"id": 1}]}', r"row 1: is no object of texts"),
])  # fmt: skip
def test_files_that_cannot_be_read_say_where(data_: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(data_)
    with pytest.raises(UsageError, match=message):
        read_review(str(tmp_path / "r.csv"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_review(str(tmp_path / "none.csv"))


def test_semicolons_are_read_when_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id;decision;note\ns1;accept;a, b\ns2;;\n")
    entries, undecided = read_review(str(tmp_path / "r.csv"), ";", by="Ann", at="2026-11-20")
    assert entries["s1"].note == "a, b" and undecided == 1


def test_what_the_form_saves_as_json_is_read(tmp_path: Path, data: str) -> None:
    row = {"id": "s1", "decision": "edit", "text": problems()[0].prompt, "edited_text": "Who then?", "note": "", "reviewer": "Ann",
           "reviewed_at": "2026-11-20T10:00:00.000Z"}  # fmt: skip
    held = {
        "format": "arcmill-review",
        "version": 1,
        "rows": [row, {**row, "id": "s2", "decision": "", "text": "?", "edited_text": ""}],
    }
    (tmp_path / "r.json").write_text(json.dumps(held, indent=1))
    made = apply(data, str(tmp_path / "r.json"), tmp_path / "out")
    (kept,) = [row for batch in made.batches() for row in batch.to_pylist()]
    assert kept["prompt"] == "Who then?" and json.loads(kept["evidence"])["wording"] == "person"


def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match=r"at.*is no date"):
        validate(STAGE.config, {"review": "x", "at": "soon"}, "x")
    assert replace(STAGE, name="x").config is STAGE.config and table.COLUMNS[1] == "id"
