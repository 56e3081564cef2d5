from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from arcmill.errors import InputError, UsageError
from arcmill.records import schema
from filters.stem.features import Bags
from filters.stem.labels import read_labels
from filters.stem.model import CARD, WEIGHTS, StemModel, quantize
from filters.stem.ordinal import agreement, fit, spearman
from filters.stem.ridge import Rows, solve
from filters.stem.score import DEFAULT_MODEL, ScoreStem, core, model_files, setup
from filters.stem.train import TrainStem
from filters.stem.train import core as train
from filters.stem.train import model_files as label_files

LESSON = (
    "Let $f$ be continuous on the interval $[a, b]$. The mean value theorem states that there is a point $c$ such that "
    "\\[ f'(c) = \\frac{f(b) - f(a)}{b - a} \\] so the slope of the tangent equals that of the secant. To prove it, apply "
    "Rolle's theorem to the function $g(x) = f(x) - \\lambda x$, whose derivative vanishes at some point of the interval."
)
MANUAL = (
    "Open the file for writing and return the handle. If the connection was closed by the server, the request is sent "
    "again after a timeout. Set the option to false in the configuration to turn this off. The user needs a password."
)
WORDS = {
    0: "menu login cookie shop order ticket",
    2: "number file value table size",
    4: "theorem proof integral matrix energy",
}


def made(seed: str, count: int, grades: tuple[int, ...] = (0, 2, 4)) -> list[dict[str, Any]]:
    random = Random(seed)
    rows = []
    for number in range(count):
        grade = grades[number % len(grades)]
        words = random.choices((WORDS[grade] + " the a of is").split(), k=random.randint(20, 40))
        rows.append({"id": f"{seed}-{number}", "text": " ".join(words), "source": f"site{number % 7}", "label": grade})
    return rows


class Rowset:
    """Stands in for a dataset."""

    def __init__(self, rows: list[dict[str, Any]], labels: bool = False) -> None:
        self.rows = [{key: value for key, value in row.items() if key != "label"} for row in rows]
        if labels:
            for target, row in zip(self.rows, rows, strict=True):
                if row["label"] is not None:
                    target["metadata"] = [("stem_label", str(row["label"])), ("other", "kept")]

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self.rows), 50):
            batch = pa.RecordBatch.from_pylist(self.rows[start : start + 50], schema=schema("Document"))
            yield batch.select(columns)


def sheet(path: Path, rows: list[dict[str, Any]]) -> str:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "label", "text"])
        writer.writerows([row["id"], row["label"], 'a, "quoted"\ntext'] for row in rows)
    return str(path)


ROWS = made("web", 180)


def trained(folder: Path, rows: list[dict[str, Any]] = ROWS, **settings: Any) -> dict[str, Any]:
    folder.mkdir()
    labels = sheet(folder.parent / f"{folder.name}.csv", rows)
    return train({"input": Rowset(rows)}, TrainStem(labels=labels, **settings), folder)  # type: ignore[dict-item]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stem") / "model"
    trained(folder)
    return folder


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    full = [{"id": str(i), "source": "test", **row} for i, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(full, schema=schema("Document"))


def scored(rows: list[dict[str, Any]], model: Path, **settings: Any) -> Any:
    config = ScoreStem(**settings)
    return core(batch_of(rows), config, setup(config, {"model": str(model)}))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


# -- training ---------------------------------------------------------------------------------------------------


def test_training_learns_the_grades(tmp_path: Path) -> None:
    statistics = trained(tmp_path / "m", languages=["en"])
    assert statistics["out_of_fold"]["spearman"] > 0.9
    assert statistics["documents"] == {"labelled": 180, "texts": 180, "empty": 0, "labels": {"0": 60, "2": 60, "4": 60}}
    low, middle, high = StemModel(tmp_path / "m", "m").score([WORDS[grade] for grade in (0, 2, 4)])
    assert low < 1 < middle < 3 < high <= 4
    assert json.loads((tmp_path / "m" / CARD).read_text())["languages"] == ["en"]


def test_labels_without_a_difference_are_told_as_such(tmp_path: Path) -> None:
    rows = made("one", 200, (2,))
    for number, row in enumerate(rows):
        row["label"] = number % 2 * 4
    assert abs(trained(tmp_path / "m", rows)["out_of_fold"]["spearman"]) < 0.35


def test_training_twice_and_in_another_order_gives_the_same_bytes(tmp_path: Path) -> None:
    assert trained(tmp_path / "a") == trained(tmp_path / "b", ROWS[::-1])
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a").keys() == {CARD, WEIGHTS}
    trained(tmp_path / "c", seed=1)
    assert digests(tmp_path / "c")[CARD] != digests(tmp_path / "a")[CARD]


def test_labels_in_metadata_are_the_same_as_in_a_file(tmp_path: Path) -> None:
    from_file = trained(tmp_path / "a")
    (tmp_path / "b").mkdir()
    unlabelled = [{"id": "none", "text": "no label", "source": "x", "label": None}]
    from_rows = train({"input": Rowset(ROWS + unlabelled, labels=True)}, TrainStem(), tmp_path / "b")  # type: ignore[dict-item]
    assert from_file.pop("unknown_labels") == 0
    assert from_rows == from_file
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    bad = [{**ROWS[0], "label": 9}]
    with pytest.raises(InputError, match=r"document 'web-0', metadata.stem_label: label '9' is no number from 0 to 5"):
        train({"input": Rowset(bad, labels=True)}, TrainStem(), tmp_path / "b")  # type: ignore[dict-item]


def test_every_format_of_labels(tmp_path: Path) -> None:
    wanted = {"a": 0.0, "b": 2.5, "c": 5.0}
    sheet(tmp_path / "l.csv", [{"id": id, "label": label} for id, label in wanted.items()] + [{"id": "d", "label": ""}])
    lines = [json.dumps({"id": id, "label": label, "why": "x"}) for id, label in wanted.items()]
    (tmp_path / "l.jsonl").write_text("\n".join([*lines, "", '{"id": "d", "label": null}', lines[0]]))
    pq.write_table(pa.table({"id": [*wanted, "d"], "label": [*wanted.values(), None]}), tmp_path / "l.parquet")
    for suffix in ("csv", "jsonl", "parquet"):
        assert read_labels(str(tmp_path / f"l.{suffix}")) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\na,6\n", "line 2: label '6' is no number from 0 to 5"),
        ("id,label\na,-0.1\n", "no number from 0 to 5"),
        ("id,label\na,nan\n", "no number from 0 to 5"),
        ("id,label\na,high\n", "label 'high' is no number"),
        ("id,label\na,1\na,2\n", "line 3: 'a' has label 2 here and 1 before"),
        ("id,grade\na,1\n", r"needs `id` \(text\) and `label`"),
        ("id,label\n,1\n", r"needs `id` \(text\) and `label`"),
    ],
)
def test_bad_labels_name_their_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_labels(str(tmp_path / "l.csv"))


def test_files_that_are_no_labels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text('{"id": "a", "label": true}\n')
    with pytest.raises(InputError, match="label True is no number"):
        read_labels(str(tmp_path / "l.jsonl"))
    for content, message in ((b"[1]\n", "no JSON object"), (b"{\n", "line 1: no JSON"), (b"\xff\n", "no UTF-8")):
        (tmp_path / "l.jsonl").write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_labels(str(tmp_path / "l.jsonl"))
    (tmp_path / "l.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no Parquet file"):
        read_labels(str(tmp_path / "l.parquet"))
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(str(tmp_path / "none.csv"))
    with pytest.raises(UsageError, match="is no file that ends in"):
        label_files(TrainStem(labels=str(tmp_path / "none.txt")))


def test_labels_of_documents_that_are_not_there(tmp_path: Path) -> None:
    few = [*ROWS, *({"id": f"gone-{n}", "text": "", "source": "x", "label": 1} for n in range(5))]
    (tmp_path / "m").mkdir()
    labels = sheet(tmp_path / "l.csv", few)
    given: Any = {"input": Rowset(ROWS)}
    assert train(given, TrainStem(labels=labels), tmp_path / "m")["unknown_labels"] == 5
    with pytest.raises(InputError, match=r"5 of 185 ids are in no input, such as 'gone-0'; max_unknown allows 0\.01"):
        train(given, TrainStem(labels=labels, max_unknown=0.01), tmp_path / "m")


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (made("few", 19), {}, "19 texts with a label"),
        (made("same", 60, (2,)), {}, "every label is 2"),
        (
            made("empty", 15) + [{"id": f"e{n}", "text": " \n", "source": "s", "label": 1} for n in range(30)],
            {},
            "15 texts",
        ),
        ([{**row, "source": "one"} for row in made("fold", 60)], {"fold_by": "source"}, "set fold_by to text"),
    ],
)
def test_labels_that_nothing_can_be_learned_from(
    tmp_path: Path, rows: list[dict[str, Any]], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        trained(tmp_path / "m", rows, **settings)


def test_copies_count_once_with_their_mean_label(tmp_path: Path) -> None:
    copies = [{**row, "id": f"copy-{row['id']}", "label": row["label"] + 1} for row in ROWS[:30]]
    statistics = trained(tmp_path / "m", ROWS + copies)
    assert (statistics["documents"]["labelled"], statistics["documents"]["texts"]) == (210, 180)
    halves = [{**row, "label": row["label"] + 0.5} for row in ROWS[:30]]
    assert trained(tmp_path / "n", halves + ROWS[30:])["out_of_fold"] == statistics["out_of_fold"]


def test_validation_is_not_learned_from(tmp_path: Path) -> None:
    held = made("held", 60)
    (tmp_path / "m").mkdir()
    labels = sheet(tmp_path / "l.csv", ROWS + held)
    given: Any = {"input": Rowset(ROWS + held), "validation": Rowset(held)}
    statistics = train(given, TrainStem(labels=labels), tmp_path / "m")
    assert statistics["documents"]["texts"] == 180
    assert statistics["validation"]["documents"] == 60
    assert statistics["validation"]["spearman"] > 0.9


# -- numbers ----------------------------------------------------------------------------------------------------


def test_ridge_is_the_closed_form() -> None:
    random = np.random.default_rng(0)
    sets = [np.unique(random.integers(0, 40, 12)).astype(np.int32) for _ in range(60)] + [np.empty(0, np.int32)]
    rows = Rows(sets, 40)
    dense = np.zeros((61, 40))
    for row, slots in enumerate(sets):
        dense[row, slots] = 1 / np.sqrt(max(1, len(slots)))
    targets = random.normal(size=61)
    use = np.arange(61) % 3 > 0
    expected = np.linalg.solve(dense[use].T @ dense[use] + 0.3 * np.eye(40), dense[use].T @ targets[use])
    assert solve(rows, targets, 0.3, use) == pytest.approx(expected, abs=1e-5)
    assert rows.times(expected) == pytest.approx(dense @ expected)
    assert rows.first(5).times(expected) == pytest.approx(dense[:5] @ expected)


def test_calibration_recovers_expected_labels() -> None:
    random = np.random.default_rng(1)
    raw = random.uniform(-1, 5, 20_000)
    chances = 1 / (1 + np.exp(np.array([0.5, 1.5, 2.5, 3.5, 4.5])[None, :] * 2 - 2 * raw[:, None]))
    labels = (random.uniform(size=20_000)[:, None] < chances).sum(axis=1).astype(float)
    found = fit(raw, labels)
    assert found.slope == pytest.approx(2, abs=0.1)
    assert np.abs(found(raw) - chances.sum(axis=1)).max() < 0.06


def test_calibration_of_missing_grades_and_of_nothing_learned() -> None:
    raw = np.linspace(0, 1, 90)
    labels = np.where(raw > 0.5, 3.0, 1.0)
    scores = fit(raw, labels)(raw)
    assert np.all(np.diff(scores) >= 0)
    assert scores.min() >= 1
    assert scores.max() <= 3
    assert np.abs(scores - labels).mean() < 0.1
    turned = fit(raw, 4 - labels)
    assert turned.slope == 0
    assert turned(raw) == pytest.approx(np.full(90, 2.0))
    with pytest.raises(ValueError, match="all labels are the same"):
        fit(raw, np.full(90, 2.0))


def test_agreement_counts() -> None:
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([10.0, 20, 30, 40])) == pytest.approx(1)
    assert spearman(np.array([1.0, 1, 2, 3]), np.array([3.0, 2, 2, 0])) == pytest.approx(-0.8333, abs=1e-3)
    assert spearman(np.ones(4), np.arange(4.0)) == 0
    found = agreement(np.array([3.0, 2.5, 1, 0]), np.array([3.0, 2, 4, 0]), 2.5, 3)
    assert (found["precision"], found["recall"], found["chosen"], found["wanted"]) == (0.5, 0.5, 2, 2)
    assert agreement(np.zeros(2), np.zeros(2), 2.5, 3)["precision"] is None


def test_quantized_weights_are_near() -> None:
    weights = np.random.default_rng(0).normal(size=1000)
    whole, scale = quantize(weights)
    assert np.abs(whole * scale - weights).max() <= scale
    assert quantize(np.zeros(3))[1] == 1.0


# -- features ---------------------------------------------------------------------------------------------------


def same(a: str, b: str) -> bool:
    bags = Bags()
    return set(bags.slots(a)) == set(bags.slots(b))


def test_tokens_know_formulas() -> None:
    assert same("Energy  EQUALS\nmass", "energy equals mass")
    assert not same("\\Sigma", "\\sigma")
    assert not same("\\frac", "frac")
    assert same("17 kg", "23 kg")
    assert not same("17 kg", "1.7 kg")
    assert same("1.5e-3 m", "2e+10 m")
    assert same("numpy_name of aName", "other_long of lib.nameToo")
    assert not same("x_i", "ab_c")  # a subscript is no name
    assert not same("a ≤ b", "a ≥ b")
    assert not same("σ", "τ")
    assert not same("x²", "x³")
    assert set(Bags().slots("数学")) >= set(Bags().slots("数"))
    assert not len(Bags().slots(" \n\t\0"))


def test_any_text_can_be_read() -> None:
    bags = Bags()
    for text in (
        "",
        "\\",
        "1.",
        "1e-",
        "a_",
        "_",
        "\ud800",
        "é",
        "€",
        "\U0001d54f" * 3,
        "x" * 100_000,
        "a b " * 100_000,
    ):
        assert len(bags.slots(text)) == len(set(bags.slots(text)))
    assert len(bags.slots("word " * 100_000)) == 2


# -- scoring ----------------------------------------------------------------------------------------------------


def test_scores_tags_and_epochs(model: Path) -> None:
    rows = [
        {"text": WORDS[4], "epochs": 1.5, "tags": ["x"], "metadata": [("k", "v"), ("stem_score", "0.10")]},
        {"text": WORDS[4], "epochs": None},
        {"text": WORDS[0], "epochs": 3.0, "tags": ["stem", "x"], "quality_score": 0.9},
        {"text": ""},
    ]
    changes = scored(rows, model, epochs=2)
    scores = [dict(pairs)["stem_score"] for pairs in changes.columns["metadata"]]
    assert [float(score) > 2.5 for score in scores] == [True, True, False, False]
    assert scores[3] == "0.00"
    assert dict(changes.columns["metadata"][0])["k"] == "v"
    assert len(changes.columns["metadata"][0]) == 2
    assert changes.columns["tags"] == [["x", "stem"], ["stem"], ["x"], None]
    assert changes.columns["epochs"] == [3.0, 2.0, 3.0, None]
    assert changes.columns.keys() == {"metadata", "tags", "epochs"}
    assert changes.outcomes == {}
    assert changes.tallies["over the threshold"] == 2
    assert sum(count for name, count in changes.tallies.items() if name.startswith("score")) == 4


@pytest.mark.parametrize(
    ("combine", "expected"),
    [("multiply", [5.0, 2.5, 0.0, 1.25]), ("max", [2.5, 2.5, 2.5, 2.5]), ("replace", [2.5] * 4)],
)
def test_epochs_are_combined_as_asked(model: Path, combine: str, expected: list[float]) -> None:
    rows = [{"text": WORDS[4], "epochs": weight} for weight in (2.0, None, 0.0, 0.5)]
    assert scored(rows, model, epochs=2.5, combine=combine).columns["epochs"] == expected
    low = [{"text": WORDS[0], "epochs": weight} for weight in (2.0, None)]
    assert scored(low, model, epochs=2.5, combine=combine).columns["epochs"] == [2.0, None]


def test_a_score_equal_to_the_threshold_is_over_it(model: Path) -> None:
    (score,) = StemModel(model, "m").score([WORDS[2]]).tolist()
    assert 0.01 < score < 5
    for shift, over in ((0, True), (0.01, False), (-0.01, True)):
        tags = scored([{"text": WORDS[2]}], model, threshold=score + shift).columns["tags"]
        assert tags == [["stem"] if over else None]


def test_tiers_and_drops_only_when_asked(model: Path) -> None:
    rows = [{"text": WORDS[grade], "quality_score": 0.5} for grade in (0, 2, 4)]
    changes = scored(rows, model, tiers=True, medium=1.0, drop_below=1.0)
    scores = StemModel(model, "m").score([WORDS[grade] for grade in (0, 2, 4)]).tolist()
    assert changes.columns["quality_score"] == [score / 5 for score in scores]
    assert changes.columns["quality_bucket"] == [0, 1, 2]
    ((row, outcome),) = changes.outcomes.items()
    assert (row, outcome.rule, outcome.score, outcome.threshold) == (0, "stem-score", scores[0], 1.0)
    with pytest.raises(ValidationError, match="is above threshold"):
        ScoreStem(tiers=True, medium=3.0)


def test_other_languages_are_left_unscored(tmp_path: Path, model: Path) -> None:
    trained(tmp_path / "m", languages=["en"])
    rows = [{"text": WORDS[4], "language": language, "metadata": [("stem_score", "4.00")], "tags": ["stem"]}
            for language in ("en", None, "zh")]  # fmt: skip
    changes = scored(rows, tmp_path / "m")
    assert [tags == ["stem"] for tags in changes.columns["tags"]] == [True, True, False]
    assert changes.columns["metadata"][2] is None  # an earlier score does not stay
    assert changes.columns["epochs"] == [2.0, 2.0, None]
    assert changes.tallies["not scored: other language"] == 1
    assert scored(rows, model).columns["tags"] == [["stem"]] * 3  # this one does not say its languages


def test_scores_do_not_depend_on_the_batch(model: Path) -> None:
    texts = [row["text"] for row in ROWS[:20]] + ["", LESSON * 40, "数学 \\int", MANUAL]
    one = StemModel(model, "m")
    assert one.score(texts).tolist() == [StemModel(model, "m").score([text])[0] for text in texts]
    assert one.score([]).tolist() == []


def test_unreadable_text_is_errored(model: Path) -> None:
    batch = batch_of([{"text": "ab"}, {"text": WORDS[4]}])
    texts = pa.LargeStringArray.from_buffers(2, pa.array([0, 2, 4], pa.int64()).buffers()[1], pa.py_buffer(b"\xffbcd"))
    batch = batch.set_column(batch.schema.get_field_index("text"), "text", texts)
    changes = core(batch, ScoreStem(), setup(ScoreStem(), {"model": str(model)}))
    assert {row: outcome.outcome for row, outcome in changes.outcomes.items()} == {0: "errored"}


def test_damaged_models_are_refused(tmp_path: Path, model: Path) -> None:
    card = json.loads((model / CARD).read_text())

    def broken(change: Callable[[Path], object]) -> Path:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name in (CARD, WEIGHTS):
            (folder / name).write_bytes((model / name).read_bytes())
        change(folder)
        return folder

    for change, message in (
        (lambda folder: (folder / WEIGHTS).write_bytes(b"\1" + (model / WEIGHTS).read_bytes()[1:]), "is damaged"),
        (lambda folder: (folder / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:-2]), "is damaged"),
        (lambda folder: (folder / WEIGHTS).unlink(), "cannot be read"),
        (lambda folder: (folder / CARD).unlink(), f"holds no {CARD}"),
        (lambda folder: (folder / CARD).write_text("[]"), "is not the card of a stem model"),
        (lambda folder: (folder / CARD).write_text(json.dumps({**card, "cuts": [1]})), "is not the card"),
        (lambda folder: (folder / CARD).write_text(json.dumps({**card, "slope": "x"})), "is not the card"),
        (lambda folder: (folder / CARD).write_text(json.dumps({**card, "mean": None})), "is not the card"),
        (lambda folder: (folder / CARD).write_text(json.dumps({**card, "features": 99})), "train the model again"),
    ):
        with pytest.raises(UsageError, match=message):
            setup(ScoreStem(), {"model": str(broken(change))})
    with pytest.raises(UsageError, match="not both"):
        setup(ScoreStem(model=str(model)), {"model": str(model)})
    assert model_files(ScoreStem(model=str(model))) == [str(model / CARD), str(model / WEIGHTS)]


def test_the_packaged_model_knows_a_lesson_from_a_manual() -> None:
    lesson, manual, german, empty = setup(ScoreStem(), {}).score([LESSON, MANUAL, "Der Zug fährt um acht.", ""])
    assert lesson > 2.5
    assert manual < 1
    assert german < 1.5
    assert empty == 0
    assert sum(path.stat().st_size for path in DEFAULT_MODEL.iterdir()) < 300_000


# -- the packaged model's corpus, the sheet, the sample -----------------------------------------------------------


def test_pages_are_plain() -> None:
    from filters.stem.default.corpus import page

    docstring = """Compute the *norm*.

    Parameters
    ----------
    x : array_like
        Given.

    Notes
    -----
    The norm is :math:`\\sqrt{x}`, see :func:`~a.b.norm`, ``code`` and [1]_:

    .. math::

        n = \\sum_i x_i

    :param y: other

    >>> norm(3)
    3
    """
    assert page(docstring) == (
        "Compute the *norm*.\n\nNotes\n\nThe norm is $\\sqrt{x}$, see norm, code and :\n\n\\[ n = \\sum_i x_i \\]"
    )


def test_default_labels_are_of_the_packages_that_are_named() -> None:
    from filters.stem.default.corpus import TEST, TRAIN
    from filters.stem.default.make import LABELS

    with open(LABELS, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["distribution"] for row in rows} == {*TRAIN, *TEST}
    assert not set(TRAIN) & set(TEST)
    assert len({(row["distribution"], row["name"]) for row in rows}) == len(rows)
    assert {row["label"] for row in rows} <= set("012345")


@pytest.fixture(scope="module")
def draw(to_frame: Any) -> Callable[..., tuple[set[str], dict[str, Any]]]:
    """Run sample-stem on rows: the ids that stay, and the statistics."""
    from filters.stem.sample import STAGE

    columns = schema("Document").append(pa.field("_part", pa.int32())).append(pa.field("_row", pa.int64()))

    def run(rows: list[dict[str, Any]], partitions: int = 1, **settings: Any) -> tuple[set[str], dict[str, Any]]:
        full = [{"_part": 0, "_row": i, **{k: v for k, v in row.items() if k != "label"}} for i, row in enumerate(rows)]
        decisions, statistics = STAGE.core(
            to_frame(pa.Table.from_pylist(full, schema=columns), partitions), STAGE.config(**settings), {}
        )
        leaving = {row["_row"]: row["rule"] for row in decisions.collect()}
        return {row["id"] for i, row in enumerate(rows) if i not in leaving}, statistics

    return run


def test_a_sample_is_even_and_the_same_for_any_partitions(draw) -> None:
    rows = [{**row, "text": row["text"] + " " * 200} for row in made("s", 140)]
    rows[3]["text"] = "short"
    first, statistics = draw(rows, per_stratum=6)
    assert {row["source"]: 0 for row in rows}.keys() == {stratum["stratum"] for stratum in statistics["strata"]}
    assert all(stratum["drawn"] == 6 and stratum["documents"] == 20 for stratum in statistics["strata"])
    assert sum(stratum["short"] for stratum in statistics["strata"]) == 1
    assert len(first) == 42
    assert draw(rows, 4, per_stratum=6)[0] == first
    assert "s-3" not in draw(rows, per_stratum=100)[0]
    assert draw(rows, per_stratum=6, seed=1)[0] != first
    assert len(draw(rows, per_stratum=5, by=[])[0]) == 5


def test_a_second_round_is_drawn_by_score(draw) -> None:
    rows = [{**row, "text": "x" * 300} for row in made("r", 60)]
    for number, row in enumerate(rows[:50]):
        row["metadata"] = [("stem_score", "3.40" if number < 5 else "0.02")]
    kept, statistics = draw(rows, per_stratum=5, by=["stem_score"])
    assert {stratum["stratum"]: stratum["drawn"] for stratum in statistics["strata"]} == {"": 5, "0": 5, "3": 5}
    assert {f"r-{n}" for n in range(5)} <= kept


def test_a_sheet_becomes_labels(tmp_path: Path) -> None:
    from filters.stem.sheet import write_sheet

    rows = [{**row, "text": f'{row["text"]}, "x"\n'} for row in ROWS[:3]]
    given: Any = Rowset(rows)
    path = tmp_path / "labels.csv"
    assert write_sheet(given, path) == 3
    assert read_labels(str(path)) == {}
    with open(path, encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row["text"] for row in written] == [row["text"] for row in rows]
    sheet(tmp_path / "filled.csv", [{**row, "label": 3} for row in written])
    assert set(read_labels(str(tmp_path / "filled.csv")).values()) == {3.0}
    with pytest.raises(UsageError, match="may hold labels"):
        write_sheet(given, path)


def test_the_stages_together_give_the_same_bytes_for_any_workers(tmp_path: Path, digest: Callable[[Path], str]) -> None:
    """From a sample to scores, as a user runs them: the labels are those of the made documents."""
    from arcmill.execute import execute
    from ingest.text import STAGE as INGEST
    from pipelines.catalogue import get_stage

    lines = [json.dumps({"text": row["text"], "id": row["id"]}) for row in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    docs, sample = str(tmp_path / "docs"), str(tmp_path / "sample")
    execute(INGEST, INGEST.config.model_validate({"part_bytes": 2048}), {"input": [str(tmp_path / "rows.jsonl")]}, docs)
    stage = get_stage("sample-stem")
    settings = {"per_stratum": 90, "by": [], "min_characters": 10}
    drawn = execute(stage, stage.config.model_validate(settings), {"input": [docs]}, sample).dataset
    assert drawn.rows == 90
    grades = {row["text"]: row["label"] for row in ROWS}
    rows = [row for batch in drawn.batches(columns=["id", "text"]) for row in batch.to_pylist()]
    labels = sheet(tmp_path / "labels.csv", [{"id": row["id"], "label": grades[row["text"]]} for row in rows])
    stage = get_stage("train-stem")
    execute(stage, stage.config.model_validate({"labels": labels}), {"input": [sample]}, str(tmp_path / "model"))
    stage = get_stage("score-stem")
    made = []
    for workers in (1, 2):
        output = tmp_path / f"scored-{workers}"
        inputs = {"input": [docs], "model": [str(tmp_path / "model")]}
        scored = execute(stage, stage.config(), inputs, str(output), workers=workers).dataset
        made.append(digest(output))
        statistics = scored.manifest["statistics"]
        assert (scored.rows, statistics["over the threshold"]) == (180, 60)
    assert made[0] == made[1]
