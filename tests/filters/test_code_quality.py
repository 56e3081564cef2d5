from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tiny_stages import store

from arcmill.dataset import Dataset
from arcmill.errors import InputError, UsageError
from arcmill.execute import execute
from arcmill.records import schema
from filters.code.analysis import Analysis
from filters.code.stage import STAGE as FILTER
from filters.code.stage import FilterCode
from filters.code_quality import labels, tree_features
from filters.code_quality.classifier import fit, probability
from filters.code_quality.default import marks
from filters.code_quality.default.corpus import KINDS, Package, Sample, packages, samples
from filters.code_quality.default.measure import evaluate
from filters.code_quality.default.sources import _command, _is_of
from filters.code_quality.features import SIZE, Features, without_tree
from filters.code_quality.habit_features import habit_features
from filters.code_quality.languages import GENERAL, MODELS, model_of
from filters.code_quality.model import CARD, CodeQualityModel
from filters.code_quality.score import DEFAULT_MODEL, STAGE, ScoreCode, core, model_files, setup
from filters.code_quality.shape_features import shape_features
from filters.code_quality.token_features import keyword_hashes
from filters.code_quality.train import STAGE as TRAIN
from filters.code_quality.train import TrainCodeQuality

SMALL = TrainCodeQuality(min_files=10, epochs=5, holdout=0.3)
NAMES = "river mill wheel stone water flour town people wall light".split()


def good(number: int) -> str:
    random = Random(f"good {number}")
    out = ['"""What turns the mill."""\n', "import math\n\n"]
    for _ in range(random.randint(3, 6)):
        name, one, two = random.sample(NAMES, 3)
        out.append(
            f"def {name}_of({one}, {two}):\n    # The {name} needs both.\n    if {one} is None:\n        return {two}\n"
        )
        out.append(f"    return math.sqrt({one} * {random.randint(2, 9)} + {two})\n\n\n")
    return "".join(out)


def bad(number: int) -> str:
    random = Random(f"bad {number}")
    return "\n".join(
        f"_a{n}=[{random.randint(0, 99999)},0x{random.randint(0, 9**9):x},'{'x' * random.randint(9, 60)}']"
        for n in range(40)
    )


def rows(language: str = "python", count: int = 60) -> list[dict[str, Any]]:
    out = []
    for number in range(count):
        for label, text in (("high", good(number)), ("low", bad(number))):
            metadata = {"programming_language": language, "label": label}
            out.append(
                {
                    "id": f"{language}-{label}-{number}",
                    "text": text,
                    "repo": f"p{number % 20}",
                    "path": "a.py",
                    "metadata": metadata,
                }
            )
    return out


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled") / "data"
    store(folder, rows())
    return folder


def trained(labelled: Path, folder: Path, config: TrainCodeQuality = SMALL) -> Dataset:
    return execute(TRAIN, config, {"input": [str(labelled)]}, str(folder)).dataset


@pytest.fixture(scope="module")
def model(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    trained(labelled, folder)
    return folder


def batch_of(texts: list[str], language: str = "python") -> pa.RecordBatch:
    given = [
        {"id": str(i), "text": t, "source": "test", "metadata": [("programming_language", language)]}
        for i, t in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(given, schema=schema("Document"))


def test_training_tells_the_labels_apart(model: Path) -> None:
    statistics = Dataset.open(str(model)).manifest["statistics"]
    assert statistics["documents"] == {"labelled": 120, "unlabelled": 0}
    assert set(statistics["languages"]) == {"python", GENERAL}
    assert statistics["languages"]["python"]["auc"] > 0.95
    found = CodeQualityModel(model, "model")
    assert found.score(bad(1000), "python") < 0.3 < 0.7 < found.score(good(1000), "python")
    assert found.score(bad(1000), "cobol") < 0.3 < 0.7 < found.score(good(1000), "cobol")


def test_training_twice_gives_the_same_bytes(
    labelled: Path, tmp_path: Path, model: Path, digest: Callable[[Path], str]
) -> None:
    trained(labelled, tmp_path / "again")
    assert digest(tmp_path / "again") == digest(model)
    turned = rows()[::-1]
    store(tmp_path / "turned", turned)
    trained(tmp_path / "turned", tmp_path / "other")
    for name in (CARD, "python.npy"):
        assert (tmp_path / "other" / name).read_bytes() == (model / name).read_bytes()


def test_labels_from_a_file_take_the_place_of_metadata(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "id,label\n" + "".join(f"{row['id']},{5 if row['metadata']['label'] == 'low' else 0}\n" for row in rows()[:100])
    )
    config = SMALL.model_copy(update={"labels": str(tmp_path / "labels.csv"), "label_max": 5.0})
    dataset = trained(labelled, tmp_path / "m", config)
    assert dataset.manifest["statistics"]["documents"] == {"labelled": 100, "unlabelled": 20}
    turned = CodeQualityModel(tmp_path / "m", "model")
    assert turned.score(good(1000), "python") < turned.score(bad(1000), "python")  # 5 is good, and the bad ones have it


def test_labels_without_a_difference_give_no_auc(tmp_path: Path) -> None:
    same = [{**row, "text": good(n)} for n, row in enumerate(rows())]
    store(tmp_path / "data", same)
    statistics = trained(tmp_path / "data", tmp_path / "m").manifest["statistics"]
    assert 0.2 < statistics["languages"]["python"]["auc"] < 0.8


def test_too_few_files_are_refused(tmp_path: Path) -> None:
    store(tmp_path / "data", rows(count=5))
    with pytest.raises(InputError, match="too few labelled files"):
        trained(tmp_path / "data", tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.csv", "id,label\na,9\n", "label '9'; expected a number from 0 to 1"),
        ("l.csv", "id,mark\na,1\n", "expected an id and a label"),
        ("l.jsonl", '{"id": "a", "label": "great"}\n', "l.jsonl:1: label 'great'"),
        ("l.jsonl", "nothing\n", "l.jsonl:1: not JSON"),
        ("l.jsonl", "[1]\n", "expected an object, found list"),
    ],
)
def test_bad_labels_are_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        labels.read(str(tmp_path / name), 1.0)
    with pytest.raises(UsageError, match="cannot be read"):
        labels.read(str(tmp_path / "no.csv"), 1.0)


def test_labels_are_numbers_or_tiers(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text('{"id": "a", "label": "medium"}\n\n{"id": "b", "label": 4, "why": "x"}\n')
    assert labels.read(str(tmp_path / "l.jsonl"), 5.0) == {"a": 0.5, "b": 0.8}
    assert [labels.parse(value, 1.0, "x") for value in ("low", "High", "0.25", 1)] == [0, 1, 0.25, 1]


def test_tiers_epochs_and_the_ledger(model: Path) -> None:
    texts = [good(1000), bad(1000), "", good(1001)]
    config = ScoreCode(model=str(model))
    changes = core(batch_of(texts), config, setup(config, {}))
    assert changes.columns["quality_bucket"][1:3] == [0, 0]
    assert all(0 <= score <= 1 for score in changes.columns["quality_score"])
    assert {row: outcome.rule for row, outcome in changes.outcomes.items() if row in (1, 2)} == {
        1: "low-quality",
        2: "low-quality",
    }
    found = setup(config, {}).card.languages["python"]
    assert changes.outcomes[1].threshold == found.low
    assert changes.outcomes[1].score == changes.columns["quality_score"][1]
    moved = ScoreCode(model=str(model), thresholds={"python": (0.0, 0.0)}, epochs=(0.0, 1.0, 3.0))
    changes = core(batch_of(texts), moved, setup(moved, {}))
    assert (changes.columns["quality_bucket"], changes.columns["epochs"], changes.outcomes) == ([2] * 4, [3.0] * 4, {})
    moved = ScoreCode(model=str(model), thresholds={"*": (1.0, 1.0)}, epochs=(0.5, 1.0, 3.0))
    changes = core(batch_of(texts), moved, setup(moved, {}))
    assert (changes.columns["quality_bucket"], changes.columns["epochs"], changes.outcomes) == ([0] * 4, [0.5] * 4, {})


def test_marked_files_go_to_the_bottom(model: Path) -> None:
    said = "# This file was generated by a tool.\n"
    texts = [good(1000), said + good(1000), good(1000), good(1000), said, "x = 1\n"]
    tags = [["test"], None, ["minified"], ["generated", "test"], None, []]
    stale = [("programming_language", "python"), ("code_quality_mark", "text: old")]
    metadata = [stale, stale, stale[:1], stale[:1], None, stale[1:]]
    given = [
        {"id": str(n), "text": text, "source": "", "path": "a.py", "metadata": metadata[n], "tags": tags[n]}
        for n, text in enumerate(texts)
    ]
    batch = pa.RecordBatch.from_pylist(given, schema=schema("Document"))
    config = ScoreCode(model=str(model), default_language="python")
    changes = core(batch, config, setup(config, {}))
    scores = changes.columns["quality_score"]
    assert scores[1:4] == [scores[0] * 0.05] * 3 and scores[0] > 0.5
    assert changes.columns["quality_bucket"][1:4] == [0, 0, 0]
    told = [dict(pairs or ()).get("code_quality_mark") for pairs in changes.columns["metadata"]]
    text = "text: This file was generated by a tool."
    assert told == [None, text, "tag: minified", "tag: generated", text, None]
    assert all(dict(pairs)["programming_language"] == "python" for pairs in changes.columns["metadata"][:4])
    assert changes.columns["metadata"][5] is None
    assert changes.outcomes[2].rule == "low-quality" and changes.outcomes[2].detail == "python/low, tag: minified"
    assert changes.tallies is not None and changes.tallies["marked"] == 4
    alone = ScoreCode(model=str(model), default_language="python", marks=False)
    changes = core(batch, alone, setup(alone, {}))
    assert changes.columns["quality_score"][:4] == [scores[0]] * 4
    assert changes.tallies is not None and "marked" not in changes.tallies


@pytest.mark.parametrize(
    "values",
    [
        {"thresholds": {"go": (0.9, 0.1)}},
        {"thresholds": {"go": (-1, 0.1)}},
        {"epochs": (1, 0, 2)},
        {"epochs": (0, 0, 0)},
    ],
)
def test_mistakes_in_tiers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ScoreCode(**values)


def test_damaged_models_are_refused(model: Path, tmp_path: Path) -> None:
    def broken(change: Callable[[Path], object]) -> Path:
        folder = tmp_path / hashlib.sha256(str(change).encode()).hexdigest()[:8]
        folder.mkdir()
        for path in model.iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
        change(folder)
        return folder

    def edit(folder: Path, **values: object) -> None:
        (folder / CARD).write_text(json.dumps({**json.loads((folder / CARD).read_text()), **values}))

    for change, message in (
        (lambda f: (f / CARD).unlink(), "holds no model.json"),
        (lambda f: (f / CARD).write_text("[]"), "is not the card"),
        (lambda f: edit(f, format=9), "train the model again"),
        (lambda f: edit(f, languages={}), "must hold 'general'"),
        (lambda f: (f / "python.npy").unlink(), "cannot be read"),
        (lambda f: (f / "python.npy").write_bytes((f / "python.npy").read_bytes()[:999]), "cut off or damaged"),
    ):
        with pytest.raises(UsageError, match=message):
            setup(ScoreCode(model=str(broken(change))), {})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"input model: .* holds no model.json"):
        setup(ScoreCode(), {"model": str(tmp_path)})


def test_bad_input_is_scored() -> None:
    model = setup(ScoreCode(), {})
    for text in ("", "\x00" * 999, "a" * 300_000, "(" * 60_000, "a+" * 30_000, "-" * 60_000, "[" * 20_000 + "]" * 20_000, "\ud800x",
                 "def f(:\n" * 99, "\n" * 999, "日本語" * 9999, '"' * 999, "if a:\n" + "".join(" " * n + "if a:\n" for n in range(1, 400))):  # fmt: skip
        for language in ("python", "javascript", "c++", "go", None, "klingon"):
            assert 0 <= model.score(text, language, "x.py") <= 1


def test_trees_too_deep_are_not_read() -> None:
    assert tree_features.expression(b"x = 1\n", "python") is not None
    assert tree_features.expression(b"x = 1\n", "cobol") is None
    for deep in (b"a = " + b"-" * 12_000 + b"1", b"a = " + b"(" * 8000 + b")" * 8000, b"a = " + b"b + " * 4000 + b"b"):
        assert tree_features.expression(deep, "python") is None


def test_trees_are_counted() -> None:
    reader = tree_features.TreeReader()
    kinds, numbers = reader.read(
        b'(module (function_definition name: (identifier) body: (block (ERROR) (MISSING ")"))))'
    )
    assert kinds.sum(axis=1).tolist() == [6, 6]
    assert numbers[2] * 64 == 4  # depth
    assert numbers[1] ** 2 == pytest.approx(2 / 6)  # errors
    assert numbers[8] == pytest.approx(3 / 6)  # leaves


def test_names_and_comments_are_not_read() -> None:
    features = Features()
    one = features.vector("def river(mill):\n    return mill + 1  # five\n", "python", None)
    two = features.vector("def tower(hall):\n    return hall + 1  # four\n", "python", None)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    marked = features.vector("# Code generated. DO NOT EDIT.\ndef river(mill):\n    return mill + 1\n", "python", None)
    plain = features.vector("# Copyright by the ABC of Town\ndef river(mill):\n    return mill + 1\n", "python", None)
    assert np.array_equal(marked[0], plain[0])


def test_a_vector_without_its_tree() -> None:
    features = Features()
    places, values = without_tree(*features.vector(good(1), "python", "a.py"))
    other = features.vector(good(1), "python", "a.py", tree=False)
    assert np.array_equal(places, other[0]) and np.array_equal(values, other[1])
    assert places.max() < SIZE


def test_classifier_learns_and_takes_soft_labels() -> None:
    places, values, ends = np.array([0, 1] * 50, np.int32), np.ones(100, np.float32), np.arange(1, 101)
    targets = np.array([0.2, 0.9] * 50)
    weights = fit(places, values, ends, targets, np.ones(100), np.arange(100), 2, 0.5, 0.0, 200)
    assert probability(places[:1], values[:1], weights) == pytest.approx(0.2, abs=0.05)
    assert probability(places[1:2], values[1:2], weights) == pytest.approx(0.9, abs=0.05)


def test_same_bytes_for_any_workers(model: Path, tmp_path: Path, digest: Callable[[Path], str]) -> None:
    store(tmp_path / "data", [*rows(), *rows("go", 20), {"id": "empty", "text": "", "metadata": {}}])
    seen = set()
    for workers in (1, 2, 4):
        root = tmp_path / str(workers)
        execute(
            FILTER, FilterCode(part_bytes=1024), {"input": [str(tmp_path / "data")]}, str(root / "f"), workers=workers
        )
        execute(
            STAGE, ScoreCode(), {"input": [str(root / "f")], "model": [str(model)]}, str(root / "s"), workers=workers
        )
        seen.add((digest(root / "f"), digest(root / "s")))
    assert len(seen) == 1
    dataset = Dataset.open(str(tmp_path / "1" / "s"))
    assert dataset.counts["in"] == dataset.counts["kept"] + dataset.counts["dropped"]
    rules = {row["rule"] for batch in dataset.ledger() for row in batch.to_pylist()}
    assert rules <= {"low-quality"}


def test_default_models_prefer_hand_written_code() -> None:
    model = setup(ScoreCode(), {})
    assert set(model.card.languages) == {*MODELS, GENERAL}
    assert model.score(bad(1), "python", "a.py") < model.score(Path(labels.__file__).read_text(), "python", "labels.py")
    assert sum(path.stat().st_size for path in DEFAULT_MODEL.iterdir()) < 1_000_000
    assert {Path(file).name for file in model_files(ScoreCode())} == {
        CARD,
        *(f"{name}.npy" for name in (*MODELS, GENERAL)),
    }


def test_languages_find_their_model() -> None:
    assert [model_of(name) for name in ("python", "tsx", "jsx", "c++", "cobol", None)] == [
        "python",
        "typescript",
        "javascript",
        "c++",
        GENERAL,
        GENERAL,
    ]


def test_a_shape_that_stands_again_is_seen_under_other_names() -> None:
    def shares(text: str) -> list[float]:
        found = Analysis(text, "python", None)
        return shape_features(found.data, found.tokens, keyword_hashes()).tolist()

    methods = [f"def {a}({b}):\n    # {a}\n    return call({b}, {n})\n" for a, b, n in ("xy1", "wz2", "gh3", "ij4")]
    assert shares("".join(methods))[0] == pytest.approx(6 / 8)
    assert shares("".join(methods))[2] == pytest.approx(3 / 5)
    assert shares("a = 1\nif b:\n    c()\n") == [0.0] * 6
    assert shares("") == shares("# only\n# comments\n") == shares("x") == [0.0] * 6


def test_default_corpus_labels_by_table_path_and_marks(tmp_path: Path) -> None:
    splits = {package.split for package in packages()}
    assert splits == {"train", "unseen"}
    assert len({package.folder for package in packages()}) == len(packages())
    package = next(package for package in packages("train") if package.name == "flask")
    folder = tmp_path / package.folder
    (folder / "tests").mkdir(parents=True)
    for n in range(30):
        (folder / f"a{n}.py").write_text(good(n))
    (folder / "b.py").write_text("# Code generated by x. DO NOT EDIT.\n" + good(50))
    (folder / "tests" / "c.py").write_text(good(51))
    (folder / "d.py").write_text("x = [" + "1, " * 900 + "]\n")
    (folder / "e.js").write_text(good(52))
    found = list(samples(tmp_path, "train"))
    kinds = {kind: sorted({sample.path for sample in found if sample.kind == kind}) for kind in KINDS}
    assert kinds["generated"] == ["b.py"] and kinds["minified"] == ["d.py"]
    assert len(kinds["hand"]) == 30 and kinds["made"]
    assert found == list(samples(tmp_path, "train"))


@pytest.mark.parametrize(
    ("text", "certain", "perhaps"),
    [
        ("// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n", True, True),
        ("/*\n" + " * terms\n" * 60 + " */\n// Created by cgo -godefs - DO NOT EDIT\npackage a\n", True, True),
        ("#ifndef A_H\n#define A_H\n/* a.h generated by valac 0.56, the Vala compiler, do not modify */\n", True, True),
        ("'use strict';\n/**\n * @generated by enums.py\n */\nlet a;\n", True, True),
        ("# File generated from our OpenAPI spec.\nimport a\n", True, True),
        ("import a\n# Code generated by x. DO NOT EDIT.\n", False, True),  # below the first line of code
        ("// machine-executable object code generated by a source language processor.\nint a;\n", False, True),
        ("/* This file is no longer generated by autoheader. */\nint a;\n", False, True),
        ("//! generated by bindgen, such as these\nfn a() {}\n", False, True),
        ("/* Ours. */\nint a;\n", False, False),
        ("", False, False),
        ("/*" + "*" * 30_000, False, False),
    ],
)
def test_marks_of_generators_at_the_top(text: str, certain: bool, perhaps: bool) -> None:
    assert (marks.generated(text), marks.perhaps_generated(text)) == (certain, perhaps)


def test_habits_of_names_strings_and_numbers() -> None:
    def numbers(text: str) -> list[float]:
        found = Analysis(text, "python", None)
        return habit_features(found.data, found.tokens, found.lines, keyword_hashes()).tolist()[14:]

    fields = numbers("".join(f'the_{name} = field("the-{name.upper()}", {n})\n' for n, name in enumerate(NAMES, 3)))
    assert fields[13] == 1.0  # every string is a name of the file in another style
    assert fields[19] == pytest.approx(9 / 10)  # each number but the first follows the one before
    assert fields[12] == pytest.approx(10 / 11)  # names that begin alike
    other = numbers('river = call("some words", 4)\nstone = call("and more", 9)\n')
    assert (other[13], other[15], other[19]) == (0.0, 1.0, 0.0)
    assert numbers("")[:21] == [0.0] * 21


def test_habits_of_lines() -> None:
    def numbers(text: str) -> list[float]:
        found = Analysis(text, "python", None)
        return habit_features(found.data, found.tokens, found.lines, keyword_hashes()).tolist()[:14]

    rising = numbers("".join(f"name_{letter} = 1\n" for letter in "abcdef"))
    assert (rising[10], rising[11]) == (pytest.approx(5 / 6), 1.0)
    assert numbers("".join(f"name_{letter} = 1\n" for letter in "fedcba"))[11] == 0.0
    assert numbers("a = 1\n\n\nb = 2\n\nc = 3  \n")[1] == pytest.approx(1 / 2)  # one of two gaps is of two lines
    assert numbers("") == numbers("\n\n") == [0.0] * 14


def test_nothing_above_the_first_line_of_code_is_seen() -> None:
    features = Features()
    for top in ("", "# Ours.\n", "# Code generated. DO NOT EDIT.\n\n", "# terms\n" * 400, "# x" + "y" * 3000 + "\n"):
        vector = features.vector(top + "def river(mill):\n    return mill + 1\n", "python", None)
        plain = features.vector("def river(mill):\n    return mill + 1\n", "python", None)
        assert all(np.array_equal(a, b) for a, b in zip(vector, plain, strict=True))


def test_archives_are_known_by_their_names() -> None:
    def package(registry: str, name: str, version: str) -> Package:
        return Package(registry, name, version, "train", None, None)

    assert _is_of("scope-some.name-1.2.0.tgz", package("npm", "@scope/some.name", "1.2.0"))
    assert not _is_of("scope-some-1.2.0.tgz", package("npm", "@scope/some.name", "1.2.0"))
    assert _is_of("google_cloud_kms-3.1.0-py3-none-any.whl", package("pypi", "google-cloud-kms", "3.1.0"))
    assert _is_of("a-dev_1%3a2.0-1_all.deb", package("deb", "a-dev", "1:2.0-1"))
    with pytest.raises(KeyError):
        _command([package("crates", "a", "1")])


def test_what_the_packaged_model_is_measured_by(model: Path) -> None:
    files = [Sample("python", f"p{n}", "a.py", "hand", good(2000 + n)) for n in range(20)]
    files += [Sample("python", "q", "b.py", "generated", bad(2000 + n)) for n in range(20)]
    found = evaluate(CodeQualityModel(model, "model"), iter(files))["python"]
    assert (found["hand, files"], found["hand, packages"], found["generated, packages"]) == (20, 20, 1)
    assert found["generated or minified"] == found["generated"] > 0.95
    assert found["caught by either"] >= max(found["caught by rules"], found["caught by model"]) > 0.9
    assert (found["marked"], found["hand marked"]) == (0, 0)
    assert found["generated or minified, as they come"] == found["generated or minified"]
    said = [Sample("python", "r", "c.py", "generated", "# Generated by a tool.\n" + good(3000 + n)) for n in range(20)]
    found = evaluate(CodeQualityModel(model, "model"), iter(files[:20] + said))["python"]
    assert found["generated or minified"] < 0.7 and found["generated or minified, as they come"] == 1
    assert (found["marked"], found["caught by score-code"], found["hand marked"]) == (1, 1, 0)
    assert evaluate(CodeQualityModel(model, "model"), iter([])) == {}
