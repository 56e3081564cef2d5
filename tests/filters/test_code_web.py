"""Pages about code: recall by marks and by a classifier, tiers, the packaged model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arcmill.config import validate
from arcmill.errors import UsageError
from arcmill.records import Document, documents_to_batch
from filters.code_web.default.corpus import EXAMPLE
from filters.code_web.marks import marks_of_html, marks_of_text
from filters.code_web.stage import DEFAULT_MODEL, SelectCodeWeb, core, model_files, setup
from filters.quality.default.corpus import good_texts
from filters.quality.train import TrainQuality
from filters.quality.training import train

DOCS = (
    "Return the number of items of a container. The argument may be a sequence or a collection, and a TypeError is raised "
    "otherwise.\n\n>>> len([1, 2])\n2\n\nSubclasses override this method to return another value when the list is empty."
)
SPAM = "Buy cheap watches now!!! Click here for your FREE offer. Limited time, order NOW, save $99 today. " * 3


class Fixed:
    """A model that scores by the first word of a text."""

    def score(self, prepared: list[str]) -> list[float]:
        return [
            {"high": 0.9, "medium": 0.5, "low": 0.1}.get(text.split()[0], 0.0) if text else 0.0 for text in prepared
        ]


def run(documents: list[Document], recall: bool = False, **settings: Any) -> tuple[dict[str, Any], dict[int, Any]]:
    from filters.code_web.stage import Models

    models: Any = Models([Fixed()] if recall else [], [Fixed()])  # type: ignore[list-item]
    changes = core(documents_to_batch(documents), SelectCodeWeb(**settings), models)
    return changes.columns, changes.outcomes


def test_marks() -> None:
    assert marks_of_html('<pre class="x">a</pre><code>b</code> <PRE>c</PRE> <prefix>') == 5
    assert marks_of_text("```python\nx\n```\nCall `f` and `g`.") == 4
    assert marks_of_text(">>> a\n>>> b\ndef f(x):\n    return f(x)") == 2
    assert marks_of_text("A walk in the park; the dog ran.\nThen home (by car).") == 0


def test_tiers_epochs_and_reasons() -> None:
    html = "<pre>a</pre><pre>b</pre>"
    rows = [
        Document("h", "high", "web", html=html, tags=["x"]), Document("m", "medium", "web", html=html),
        Document("l", "low", "web", html=html), Document("n", "high", "web", html="<p>no code</p>"),
    ]  # fmt: skip
    columns, outcomes = run(rows)
    assert columns["quality_bucket"] == [2, 1, 0, 2] and columns["epochs"][:2] == [2.0, 1.0]
    assert columns["tags"][:2] == [["x", "code-web"], ["code-web"]]
    assert {row: (o.rule, o.score, o.threshold) for row, o in outcomes.items()} == {
        2: ("low-quality", 0.1, 0.35),
        3: ("not-code", 0.0, 4.0),
    }
    assert run(rows, epochs=(0.5, 1, 2))[1].keys() == {3}
    assert run(rows, epochs=(0, 0, 2))[1][1].threshold == 0.75


def test_a_classifier_recalls_pages_without_marks() -> None:
    rows = [Document("h", "high words", "web"), Document("l", "low words", "web")]
    assert {row: o.rule for row, o in run(rows)[1].items()} == {0: "not-code", 1: "not-code"}
    outcomes = run(rows, recall=True, medium=0, min_recall=0.6)[1]
    assert {row: (o.rule, o.score, o.threshold) for row, o in outcomes.items()} == {1: ("not-code", 0.1, 0.6)}


def test_bad_settings_are_named() -> None:
    for bad, word in (
        ({"medium": 0.9, "high": 0.5}, "medium"), ({"epochs": [1, 0, 2]}, "epochs"), ({"min_marks": 0}, "min_marks"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=word):
            validate(SelectCodeWeb, bad, "select-code-web")
    with pytest.raises(UsageError, match="min_marks"):
        setup(SelectCodeWeb(min_marks=None), {})
    with pytest.raises(UsageError, match="recall_models: '/no/such'"):
        model_files(SelectCodeWeb(recall_models=["/no/such"]))


def test_trained_models_are_used(tmp_path: Path) -> None:
    tmp_path.joinpath("m").mkdir()
    config = TrainQuality(dimension=4, epochs=5, min_count=1, hash_bucket=1024, quantize=False, holdout=0.4)
    texts = (
        [f"print loop list value number {n}" for n in range(80)],
        [f"garden river meadow summer {n}" for n in range(80)],
    )
    train(iter(texts[0]), iter(texts[1]), config, tmp_path / "m")
    settings = SelectCodeWeb(min_marks=None, medium=0)
    models = setup(settings, {"recall": str(tmp_path / "m")})
    rows = [Document("c", "print the value of a list", "web"), Document("o", "a river in the meadow", "web")]
    assert core(documents_to_batch(rows), settings, models).outcomes.keys() == {1}


def test_default_model_prefers_explained_code() -> None:
    (model,) = setup(SelectCodeWeb(), {}).quality
    words = DOCS.split()
    good, *bad = model.score_texts([DOCS, SPAM, " ".join(words[::-1]), "Home | About | Log in | Search | Share"])
    assert good > max(bad)
    assert DEFAULT_MODEL.joinpath("README.md").exists()


def test_examples_are_told_from_prose() -> None:
    assert EXAMPLE.search(DOCS) and not EXAMPLE.search(good_texts()[0])
