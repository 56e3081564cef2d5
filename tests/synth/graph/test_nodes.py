"""build-nodes: names, redirects over chains and cycles, and extracted names that are one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from given_rows import dataset_of

from arcmill.config import validate
from arcmill.dataset import Dataset
from arcmill.errors import InputError
from arcmill.execute import execute
from arcmill.records import Edge, stable_id
from pipelines.catalogue import get_stage
from synth.graph.resolve import key

STAGE = get_stage("build-nodes")


def edge(
    subject: str,
    relation: str,
    value: str,
    kind: str = "node",
    language: str | None = None,
    document: str | None = None,
) -> Edge:
    sentence = f"{subject} {relation} {value}." if document else None
    source = "pages" if document else "dump"
    return Edge(
        stable_id("edge", subject, relation, value, kind),
        subject,
        relation,
        value,
        kind,
        source,
        None,
        document,
        sentence,
        language,
    )


def nodes(
    folder: Path, edges: list[Edge], output: str = "out", parts: int = 1, **settings: Any
) -> tuple[dict[str, Any], Dataset]:
    given = dataset_of("Edge", edges, str(folder / f"{output}-edges"), parts)
    made = execute(STAGE, validate(STAGE.config, settings, "test"), {"input": [given]}, str(folder / output)).dataset
    found = [row for batch in made.batches() for row in batch.to_pylist()]
    return {row["id"] if row["role"] == "node" else f"relation {row['id']}": row for row in found}, made


def merged(made: Dataset) -> dict[str, tuple[str, str]]:
    files = sorted((Path(made.path) / "ledger").glob("*.parquet"))
    return {row["id"]: (row["rule"], row["into_id"]) for file in files for row in pq.read_table(file).to_pylist()}


def test_names_types_and_degrees_are_gathered(tmp_path: Path) -> None:
    found, made = nodes(tmp_path, [
        edge("Q1", "label", "Ada", "text", "en"), edge("Q1", "label", "阿达", "text", "zh"), edge("Q1", "label", "Lady Ada", "text", "en"),
        edge("Q1", "alias", "A. L.", "text", "en"), edge("Q1", "alias", "Ada", "text", "en"),
        edge("Q1", "description", "Mathematikerin", "text", "de"), edge("Q1", "description", "mathematician", "text", "en"),
        edge("Q1", "P31", "Q5"), edge("Q1", "type", "Q7"), edge("Q1", "P19", "Q84"), edge("Q1", "P569", "1815", "date"),
        edge("P19", "label", "出生地", "text", "zh"), edge("Q84", "label", "伦敦", "text", "zh"),
    ], parts=3)  # fmt: skip
    ada = found["Q1"]
    assert ada["name"] == "Ada" and dict(ada["labels"]) == {"en": "Ada", "zh": "阿达"}
    assert ada["aliases"] == ["A. L.", "Lady Ada"] and ada["types"] == ["Q5", "Q7"] and ada["degree"] == 4
    assert ada["description"] == "mathematician" and ada["members"] is None and ada["evidence"] is None
    assert found["Q84"]["name"] == "伦敦" and found["Q5"]["name"] == "Q5" and found["Q5"]["labels"] is None
    assert found["relation P19"]["name"] == "出生地" and found["relation P19"]["degree"] == 1
    assert list(found) == ["Q1", "Q5", "Q7", "Q84", "relation P19", "relation P31", "relation P569", "relation type"]
    assert made.counts["in"] == made.counts["kept"] == 8 and made.statistics["relations"] == 4


def test_redirects_are_followed_over_chains_and_cycles(tmp_path: Path) -> None:
    found, made = nodes(tmp_path, [
        edge("a", "redirect", "b", "text"), edge("b", "redirect", "c", "text"), edge("c", "likes", "x"), edge("a", "likes", "y"),
        edge("a", "label", "Old name", "text"), edge("c", "label", "New name", "text"),
        edge("k", "redirect", "l"), edge("l", "redirect", "m"), edge("m", "redirect", "k"), edge("l", "likes", "x"),
        edge("own", "redirect", "http://elsewhere/1"), edge("own", "likes", "x"), edge("x", "likes", "b"),
    ])  # fmt: skip
    assert found["c"]["members"] == ["a", "b"] and found["c"]["degree"] == 3
    assert found["c"]["name"] == "New name" and found["c"]["aliases"] == ["Old name"]
    assert json.loads(found["c"]["evidence"])["members"]["a"] == {"why": "redirect", "to": "b"}
    assert found["l"]["members"] == ["k", "m"], "in a cycle, the one with edges stands"
    assert found["own"]["members"] == ["http://elsewhere/1"], "an end that no edge knows stands for nothing"
    assert set(found) == {"c", "l", "own", "x", "y", "relation likes"}
    assert merged(made) == {
        "a": ("redirect", "c"), "b": ("redirect", "c"), "k": ("redirect", "l"), "m": ("redirect", "l"),
        "http://elsewhere/1": ("redirect", "own"),
    }  # fmt: skip
    assert made.statistics["redirect_cycles"] == 1 and made.statistics["redirected"] == 5


def extracted(
    subject: str, value: str, document: str, types: tuple[str | None, str | None] = (None, None)
) -> list[Edge]:
    made = [edge(subject, "knows", value, document=document)]
    for end, kind in zip((subject, value), types, strict=True):
        made.append(edge(end, "label", end.rpartition(":")[2], "text", document=document))
        if kind:
            made.append(edge(end, "type", f"type:{kind}", document=document))
    return made


def test_extracted_names_written_alike_are_one_thing(tmp_path: Path) -> None:
    edges = [
        *extracted("Ilse Vandermoor", "Kerrin Point", "d1"), *extracted("person:ILSE VANDERMOOR", "Kerrin—Point", "d2", ("person", "place")),
        *extracted("ｉｌｓｅ vandermoor", "work:Mercury", "d3", (None, "work")), *extracted("place:Mercury", "Ｍｅｒｃｕｒｙ！", "d4", ("place", "element")),
    ]  # fmt: skip
    found, made = nodes(tmp_path, edges)
    ilse = next(row for row in found.values() if "vandermoor" in row["name"].casefold())
    assert len(ilse["members"]) == 2 and ilse["degree"] == 4 and sorted(ilse["documents"]) == ["d1", "d2", "d3"]
    assert "Ilse Vandermoor" in [ilse["name"], *ilse["aliases"]]
    reasons = json.loads(ilse["evidence"])["members"].values()
    assert all(reason == {"why": "same-name", "name": "ilse vandermoor"} for reason in reasons)
    assert sum("kerrin" in row["name"].casefold() for row in found.values()) == 1
    mercuries = [row for row in found.values() if "mercury" in key(row["name"])]
    assert len(mercuries) == 3, "a place, a work and an element stay apart"
    assert made.statistics["resolved"] == 3
    apart, _ = nodes(tmp_path, edges, "apart", resolve=False)
    assert not [row for row in apart.values() if row["members"]]


def test_ids_of_other_sources_are_joined_by_redirects_alone(tmp_path: Path) -> None:
    edges = [
        edge("Q1", "label", "Paris", "text", "en"), edge("Q1", "P17", "Q142"), edge("Q2", "label", "Paris", "text", "en"),
        edge("Q2", "P17", "Q30"), edge("Q3", "label", "Lyon", "text", "en"), edge("Q3", "alias", "Lugdunum", "text"),
        edge("Q3", "P17", "Q142"), *extracted("Paris", "LUGDUNUM", "d1"), *extracted("lyon", "paris", "d2"),
    ]  # fmt: skip
    found, made = nodes(tmp_path, edges)
    assert found["Q3"]["members"] == ["LUGDUNUM", "lyon"] and found["Q3"]["name"] == "Lyon"
    assert found["Q1"]["members"] is None and found["Q2"]["members"] is None, "which Paris is meant is not known"
    assert "Paris" in found and "paris" in found
    assert made.statistics["ambiguous_names"] == 1 and merged(made)["lyon"] == ("same-name", "Q3")


def test_names_are_compared_by_letters_and_digits() -> None:
    assert key("  Ｋerrin–Point, Ltd. ") == "kerrin point ltd" and key("Straße") == key("STRASSE") and key("?!") == ""
    assert key("हिन्दी") != key("हनद") and key("C++") != key("C") != key("C#") and key("東京（都）") == "東京 都"


def test_the_order_and_cut_of_the_input_do_not_decide(tmp_path: Path, digest: Callable[[Path], str]) -> None:
    edges = [extracted(f"{'Ab'[n % 2]} {n % 50}", f"a {(n * 7) % 50}", f"d{n % 9}")[0] for n in range(400)]
    _, one = nodes(tmp_path, edges, "one")
    _, two = nodes(tmp_path, sorted(edges, key=lambda edge: edge.id), "two", 4)
    rows = [
        sorted((row["id"], row["members"] or []) for batch in made.batches() for row in batch.to_pylist())
        for made in (one, two)
    ]
    assert rows[0] == rows[1]
    again = execute(STAGE, STAGE.config(), {"input": [str(tmp_path / "one-edges")]}, str(tmp_path / "w"), workers=3)
    assert digest(Path(again.dataset.path)) == digest(Path(one.path))


def test_no_edges_are_no_nodes_and_too_many_are_refused(tmp_path: Path) -> None:
    found, made = nodes(tmp_path, [])
    assert found == {} and made.counts["in"] == 0
    with pytest.raises(InputError, match="more than 1 edges"):
        nodes(tmp_path, [edge("a", "r", "b"), edge("b", "r", "c")], "many", max_edges=1)
