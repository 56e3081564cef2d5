"""The index: hits, pages, ties, bytes, bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from search_documents import DOCUMENTS, LONG, dataset, indexed

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import Document
from arcmill.search import SearchIndex
from arcmill.search.stage import STAGE, IndexDocuments
from arcmill.search.words import words


def test_hits_are_pages_by_their_best_passage(index: SearchIndex) -> None:
    hits = index.search("Amstel river", 3)
    assert hits[0].id == "d2" and "Amstel" in hits[0].snippet and hits[0].title == "rivers.md"
    assert len([hit for hit in hits if hit.id == "d2"]) == 1
    page = index.open_page("d2", hits[0].start)
    assert page.text == LONG[hits[0].start : hits[0].start + 4000] and "Amstel" in page.text[:500]
    assert index.open_page("d2", 10, 5).text == LONG[10:15]
    assert "".join(piece.removeprefix("rivers.md\n") for _, piece in index.passages_of("d2")) == LONG
    assert index.passages_of("none") == []


def test_titles_and_both_languages_are_searched(index: SearchIndex) -> None:
    assert [hit.id for hit in index.search("AMELIE")] == ["d3"]
    assert index.search("Amélie (film)")[0].id == "d3"
    assert [hit.id for hit in index.search("谁写了《龙城飞将》？")] == ["d4"]
    assert {hit.id for hit in index.search("Jeunet", 5)} == {"d1", "d3"}
    assert index.search("nothingofthekind") == [] and index.search("?!") == []


def test_ties_stand_in_the_order_of_ids(tmp_path: Path) -> None:
    documents = [Document(f"t{number:03}", "the same words", "tiny") for number in range(150)]
    index = indexed(tmp_path, documents[::-1])
    assert [hit.id for hit in index.search("same words", 20)] == [f"t{number:03}" for number in range(20)]
    assert [hit.id for hit in index.search("same", 1)] == ["t000"]


def test_scores_are_bm25_of_lucene(tmp_path: Path) -> None:
    texts = {"a": "red red blue", "b": "red green", "c": "green green yellow blue"}
    index = indexed(
        tmp_path, [Document(name, f"- {text}", "tiny", metadata={"title": "–"}) for name, text in texts.items()]
    )
    average = np.mean([len(words(text)) for text in texts.values()])

    def score(text: str, query: str) -> float:
        total = 0.0
        for term in query.split():
            held = sum(term in words(other) for other in texts.values())
            count = words(text).count(term)
            idf = np.log(1 + (len(texts) - held + 0.5) / (held + 0.5))
            total += idf * count / (count + 1.5 * (0.25 + 0.75 * len(words(text)) / average))
        return float(total)

    found = {hit.id: hit.score for hit in index.search("red blue", 3)}
    assert found == {name: pytest.approx(score(text, "red blue"), abs=1e-3) for name, text in texts.items()}


def test_the_same_bytes_for_any_workers_and_nothing_of_the_input_lost(tmp_path: Path) -> None:
    given = dataset(tmp_path, DOCUMENTS)
    manifests = []
    for workers in (1, 2, 4):
        execute(STAGE, IndexDocuments(), {"input": [given]}, str(tmp_path / str(workers)), workers=workers)
        made = Dataset.open(str(tmp_path / str(workers)))
        assert list(made.problems()) == []
        manifests.append(made.manifest)
    assert manifests[0] == manifests[1] == manifests[2]
    assert manifests[0]["inputs"][0]["fingerprint"] == Dataset.open(given).fingerprint
    assert manifests[0]["statistics"]["documents"] == len(DOCUMENTS)


def test_duplicate_ids_are_counted_and_the_first_stands(tmp_path: Path) -> None:
    index = indexed(tmp_path, [Document("a", "first one", "tiny"), Document("a", "second two", "tiny")])
    assert index.open_page("a").text == "first one" and index.search("second") == []
    assert Dataset.open(str(tmp_path / "index")).statistics["duplicate_ids"] == 1


@pytest.mark.parametrize("documents", [[], [Document("a", "", "tiny")], [Document("a", "?!", "tiny")]])
def test_nothing_to_find_is_no_mistake(tmp_path: Path, documents: list[Document]) -> None:
    index = indexed(tmp_path, documents)
    assert index.search("a b") == [] and len(index) == len(documents)


def test_odd_ids_and_texts(tmp_path: Path) -> None:
    ids = ['ä\n"x"', "z", "", "龙", "\U0001f600", "A"]
    index = indexed(tmp_path, [Document(name, f"word \U0001f600 {name}", "tiny") for name in ids])
    assert sorted(hit.id for hit in index.search("word", 20)) == sorted(ids)
    for name in ids:
        assert index.open_page(name).id == name


def test_bad_input_is_told(tmp_path: Path) -> None:
    given = dataset(tmp_path, DOCUMENTS)
    with pytest.raises(InputError, match="a search index is made by index-documents"):
        SearchIndex.open(given)
    with pytest.raises(InputError, match="no such dataset"):
        SearchIndex.open(str(tmp_path / "none"))
    with pytest.raises(InputError, match="more than 10 postings"):
        execute(STAGE, IndexDocuments(max_postings=10), {"input": [given]}, str(tmp_path / "small"))
    with pytest.raises(UsageError, match="takes one dataset, 2 were given"):
        execute(STAGE, IndexDocuments(), {"input": [given, given]}, str(tmp_path / "two"))
    indexed(tmp_path, DOCUMENTS)
    for name, edit in (("texts.bin", b""), ("scores.data.npy", b"x"), ("index.json", b"{")):
        broken = tmp_path / f"broken-{name}"
        shutil.copytree(tmp_path / "index", broken)
        (broken / name).write_bytes(edit)
        with pytest.raises(InputError, match="damaged index"):
            SearchIndex.open(str(broken))
    later = tmp_path / "later"
    shutil.copytree(tmp_path / "index", later)
    told = json.loads((later / "index.json").read_text())
    (later / "index.json").write_text(json.dumps({**told, "format": 99}))
    with pytest.raises(InputError, match="index format 99"):
        SearchIndex.open(str(later))
