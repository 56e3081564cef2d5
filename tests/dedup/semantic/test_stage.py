"""dedup-semantic as a stage: ledger, losses, and input that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_families import HELD_OUT, page

from arcmill.dataset import Dataset
from arcmill.errors import EngineError, InputError, UsageError
from arcmill.execute import execute
from dedup.semantic.stage import STAGE

pytest.importorskip("torch", reason="pip install 'arcmill[semantic]'")
pytest.importorskip("faiss", reason="pip install 'arcmill[semantic]'")

Make = Callable[..., Dataset]


def around(centres: int, copies: int, width: int = 16) -> Any:
    """`copies` vectors each around unlike centres; the cosines of a family are above 0.99."""
    random = np.random.default_rng(0)
    base = np.linalg.qr(random.standard_normal((width, width)))[0][:centres]
    rows = np.repeat(base, copies, axis=0) + 0.01 * random.standard_normal((centres * copies, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def run(documents: Dataset, vectors: Dataset, output: Path, workers: int = 1, **settings: Any) -> Dataset:
    inputs = {"input": [documents.url], "embeddings": [vectors.url]}
    return execute(STAGE, STAGE.config(**settings), inputs, str(output), workers=workers).dataset


def ledger(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for batch in dataset.ledger() for row in batch.to_pylist()}


def kept(dataset: Dataset) -> list[str]:
    return [row_id for batch in dataset.batches(["id"]) for row_id in batch.column(0).to_pylist()]


def test_the_best_survives_with_its_evidence(documents: Make, embeddings: Make, tmp_path: Path, digest: Any) -> None:
    rows = [
        {"id": f"{'abcd'[n // 5]}{n % 5}", "quality_score": [0.1, None, 0.9, 0.9, 0.2][n % 5], "text": "x" * (n % 5 + 1),
         "source": "mirror" if n >= 15 else "web"}
        for n in range(20)
    ]  # fmt: skip
    names = [row["id"] for row in rows]
    vectors = around(4, 5)
    given = documents(rows, parts=3)
    out = run(given, embeddings(names, vectors), tmp_path / "out", alarm_share=0.7)
    assert kept(out) == ["a3", "b3", "c3", "d3"]  # of two of quality 0.9 the longer
    gone = ledger(out)
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    for name, row in gone.items():
        assert (row["outcome"], row["rule"], row["into_id"], row["threshold"]) == (
            "merged",
            "semantic",
            name[0] + "3",
            0.95,
        )
        cosine = wide[names.index(name)] @ wide[names.index(row["into_id"])]
        assert row["score"] == pytest.approx(cosine, abs=1e-12)
    assert out.statistics["alarms"] == ["web", "mirror"]
    assert out.statistics["sources"][0] == {"source": "web", "rows": 15, "removed": 12, "share": 0.8}
    assert not list(out.problems())
    # Any number of workers, and vectors in another order, give the same bytes.
    again = run(given, embeddings(names, vectors), tmp_path / "again", workers=2, alarm_share=0.7)
    assert digest(again.path) == digest(out.path)
    order = np.random.default_rng(1).permutation(20)
    shuffled = embeddings([names[i] for i in order], vectors[order], name="shuffled")
    other = run(given, shuffled, tmp_path / "other", alarm_share=0.7)
    assert (kept(other), ledger(other)) == (kept(out), gone)


def test_pages_of_one_template_go_with_their_evidence(
    documents: Make, embeddings: Make, tmp_path: Path, digest: Any
) -> None:
    rows = [{"id": f"h{n}", "text": page(HELD_OUT["hotel"], n), "quality_score": 0.9 - n / 10} for n in range(4)]
    rows += [{"id": "last", "text": "Nothing of the kind is said here."}]
    names = [row["id"] for row in rows]
    given, vectors = documents(rows, parts=2), embeddings(names, np.eye(8)[:5])
    out = run(given, vectors, tmp_path / "out")
    assert kept(out) == ["h0", "last"]
    for row in ledger(out).values():
        assert (row["outcome"], row["rule"], row["into_id"], row["threshold"]) == ("merged", "template", "h0", 0.4)
        assert 0.4 <= row["score"] < 1
        assert re.fullmatch(r"\d+ word pairs in common, longest passage of its own \d+, cosine 0\.0000", row["detail"])
    assert (out.statistics["removed"], out.statistics["removed_by_template"]) == (3, 3)
    assert digest(run(given, vectors, tmp_path / "again", workers=2, keep="quality").path) == digest(out.path)
    # With keep=random no sizes are asked for, and pages are read all the same.
    assert len(kept(run(given, vectors, tmp_path / "random", keep="random"))) == 2
    none = run(given, vectors, tmp_path / "none", template_similarity=None)
    assert kept(none) == names and none.statistics["removed_by_template"] == 0
    # A document without a vector shifts no other page's words.
    some = embeddings([names[0], *names[2:]], np.eye(8)[:4], name="some")
    part = run(given, some, tmp_path / "part", max_error_rate=0.5)
    assert {name: row["rule"] for name, row in ledger(part).items()} == {
        "h1": "no-embedding", "h2": "template", "h3": "template",
    }  # fmt: skip


def test_a_document_without_a_vector_errs_and_is_told(documents: Make, embeddings: Make, tmp_path: Path) -> None:
    given = documents([{"id": name} for name in "abcdef"])
    vectors = around(4, 1)
    some = embeddings(["a", "b", "z", "d"], vectors)
    with pytest.raises(InputError, match="no-embedding: 3 rows"):
        run(given, some, tmp_path / "out")
    out = run(given, some, tmp_path / "out", max_error_rate=0.5)
    assert kept(out) == ["a", "b", "d"]
    assert {name: row["rule"] for name, row in ledger(out).items()} == dict.fromkeys("cef", "no-embedding")
    assert (out.statistics["without_vector"], out.statistics["unused_vectors"]) == (3, 1)


def test_vectors_that_are_none(documents: Make, embeddings: Make, tmp_path: Path) -> None:
    vectors = around(4, 1)
    vectors[1] = 0
    vectors[2, 3] = np.nan
    given = documents([{"id": name} for name in "abcd"])
    out = run(given, embeddings(list("abcd"), vectors), tmp_path / "out", max_error_rate=0.5)
    assert kept(out) == ["a", "d"]
    assert {name: row["rule"] for name, row in ledger(out).items()} == dict.fromkeys("bc", "bad-embedding")
    every = embeddings(list("abcd"), np.zeros((4, 16)), name="zeros")
    assert kept(run(given, every, tmp_path / "none", max_error_rate=1)) == []


def test_embeddings_of_something_else(documents: Make, embeddings: Make, tmp_path: Path) -> None:
    given = documents([{"id": name} for name in "abcd"])
    with pytest.raises(InputError, match=r"none of the 4 documents has a vector.*'a' here and 'p' there"):
        run(given, embeddings(list("pqrs"), around(4, 1), name="others"), tmp_path / "out")
    with pytest.raises(InputError, match=r"1 ids have several vectors, such as 'a'"):
        run(given, embeddings(list("aabc"), around(4, 1), name="twice"), tmp_path / "out")
    wide, narrow = embeddings(["a", "b"], around(2, 1), "wide"), embeddings(["c", "d"], around(2, 1, 8), "narrow")
    inputs = {"input": [given.url], "embeddings": [wide.url, narrow.url]}
    with pytest.raises(InputError, match=r"vectors of 8 dimensions, .* has 16"):
        execute(STAGE, STAGE.config(), inputs, str(tmp_path / "out"))
    with pytest.raises(UsageError, match=r"input 'embeddings' \(Embedding\) is required"):
        execute(STAGE, STAGE.config(), {"input": [given.url]}, str(tmp_path / "out"))
    with pytest.raises(UsageError, match="holds Document rows; Embedding is needed"):
        run(given, given, tmp_path / "out")


def test_documents_that_share_an_id_have_each_its_own_vector(documents: Make, embeddings: Make, tmp_path: Path) -> None:
    given = documents([{"id": "a", "text": "one"}, {"id": "a", "text": "two"}, {"id": "b", "text": "longer"}])
    first, second = around(2, 1)
    out = run(given, embeddings(["a", "a", "b"], [first, second, second]), tmp_path / "out")
    texts = [text for batch in out.batches(["text"]) for text in batch.column(0).to_pylist()]
    assert texts == ["one", "longer"]


def test_a_run_that_was_killed_after_the_deciding_takes_it_up(
    documents: Make, embeddings: Make, tmp_path: Path, monkeypatch: Any
) -> None:
    given, vectors = documents([{"id": name} for name in "abcd"], parts=2), embeddings(list("abcd"), around(2, 2))
    from arcmill.engines import datatrove

    def killed(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(datatrove, "run_tasks", killed)
        with pytest.raises(KeyboardInterrupt):
            run(given, vectors, tmp_path / "out")
    monkeypatch.setattr("dedup.semantic.plan.find_duplicates", killed)
    assert kept(run(given, vectors, tmp_path / "out")) == ["a", "c"]


def test_no_documents(documents: Make, embeddings: Make, tmp_path: Path) -> None:
    given = documents([])
    out = run(given, embeddings(["a"], around(1, 1)), tmp_path / "out")
    assert (out.rows, out.counts["in"], out.statistics["removed"]) == (0, 0, 0)


@pytest.mark.parametrize("missing", ["faiss", "torch"])
def test_a_missing_library_is_named(
    documents: Make, embeddings: Make, tmp_path: Path, monkeypatch: Any, missing: str
) -> None:
    import sys

    given, vectors = documents([{"id": "a"}, {"id": "b"}]), embeddings(["a", "b"], around(2, 1))
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr("dedup.semantic.plan.int8_is_fast", lambda: False)
    with pytest.raises(EngineError, match=rf"{missing}.*pip install 'arcmill\[semantic\]'"):
        run(given, vectors, tmp_path / "out")


def test_faiss_is_asked_for_only_where_it_searches(
    documents: Make, embeddings: Make, tmp_path: Path, monkeypatch: Any
) -> None:
    """Not on a GPU, nor on a processor that multiplies int8."""
    import sys

    given, vectors = documents([{"id": "a"}, {"id": "b"}]), embeddings(["a", "b"], around(2, 1))
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr("dedup.semantic.plan.int8_is_fast", lambda: True)
    monkeypatch.setattr("dedup.semantic.neighbours.fastest", lambda device: "int8")
    assert run(given, vectors, tmp_path / "out").rows >= 1
