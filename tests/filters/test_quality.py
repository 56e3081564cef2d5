from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from arcmill.errors import EngineError, InputError, UsageError
from arcmill.records import schema
from filters.quality.calibration import Calibration, fit, roc_auc
from filters.quality.model import CARD, Card, QualityModel
from filters.quality.preparation import WINDOW, WINDOWS, prepare
from filters.quality.score import DEFAULT_MODEL, ScoreQuality, core, model_files, setup
from filters.quality.train import TrainQuality
from filters.quality.train import core as train

PROSE = (
    "The old mill stood beside the river for two centuries before the town decided to restore it. Its wheel no longer "
    "turned, but the walls were sound, and the people who lived nearby remembered how it had once ground their flour."
)
SPAM = "BUY cheap watches online!!! FREE shipping | click here | best price $19.99 | order now | limited offer!!!"


def synthetic(seed: str, words: str, count: int) -> list[str]:
    random = Random(seed)
    return [" ".join(random.choices(words.split(), k=random.randint(8, 40))) for _ in range(count)]


GOOD = synthetic("good", "river mill wheel stone water flour town people remember old century slowly wall light", 400)
BAD = synthetic("bad", "buy cheap click order now free offer price shipping discount deal online light old", 400)
SMALL = TrainQuality(epochs=3, hash_bucket=1024, features=1000, min_count=1, holdout=0.2)


class Texts:
    """Stands in for a dataset."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        assert columns == ["text"]
        for start in range(0, len(self.texts), 100):
            yield pa.RecordBatch.from_pydict({"text": pa.array(self.texts[start : start + 100], pa.large_string())})


def trained(folder: Path, config: TrainQuality = SMALL, **inputs: list[str]) -> dict[str, Any]:
    folder.mkdir()
    given = {"positive": GOOD, "negative": BAD, **inputs}
    return train({name: Texts(texts) for name, texts in given.items()}, config, folder)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quality") / "model"
    trained(folder)
    return folder


def batch_of(texts: list[str]) -> pa.RecordBatch:
    rows = [{"id": str(i), "text": text, "source": "test"} for i, text in enumerate(texts)]
    return pa.RecordBatch.from_pylist(rows, schema=schema("Document"))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_training_tells_the_labels_apart(tmp_path: Path) -> None:
    statistics = trained(tmp_path / "m", positive_validation=GOOD[:50], negative_validation=BAD[:50])
    assert statistics["held_out"]["auc"] > 0.95
    assert statistics["validation"]["positive"] == 50
    counts = statistics["documents"]
    assert sum(counts["positive"].values()) == 400
    assert 40 < counts["negative"]["held_out"] < 120
    good, bad = QualityModel(tmp_path / "m", "model").score_texts(["the old mill by the river", "buy now cheap offer"])
    assert bad < 0.2 < 0.8 < good


def test_labels_without_a_difference_give_no_auc(tmp_path: Path) -> None:
    same = synthetic("one", "river mill wheel stone water flour town people", 800)
    statistics = trained(tmp_path / "m", positive=same[::2], negative=same[1::2])
    assert 0.3 < statistics["held_out"]["auc"] < 0.7


@pytest.mark.parametrize("quantize", [True, False])
def test_training_twice_gives_the_same_bytes(tmp_path: Path, quantize: bool) -> None:
    config = SMALL.model_copy(update={"quantize": quantize})
    assert trained(tmp_path / "a", config) == trained(tmp_path / "b", config, positive=GOOD[::-1], negative=BAD[::-1])
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a").keys() == {CARD, "model.ftz" if quantize else "model.bin"}


def test_copies_of_a_text_are_held_out_together(tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"holdout": 0.5})
    once = trained(tmp_path / "a", config)["documents"]["positive"]
    thrice = trained(tmp_path / "b", config, positive=GOOD * 3)["documents"]["positive"]
    assert thrice == {name: 3 * count for name, count in once.items()}


def test_too_few_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"input negative: \d+ documents"):
        trained(tmp_path / "m", negative=BAD[:20] + [""] * 100)


def test_label_marks_within_a_text_are_words(tmp_path: Path) -> None:
    statistics = trained(tmp_path / "m", negative=[f"__label__positive {text}" for text in BAD])
    assert statistics["held_out"]["auc"] > 0.95


def test_complaints_of_fasttext_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filters.quality.training._shuffle", lambda folder, lines: lines.write_text(""))
    with pytest.raises(EngineError, match=r"train-quality: fastText: .*"):
        trained(tmp_path / "m")


def test_platt_scaling_recovers_the_curve() -> None:
    random = np.random.default_rng(0)
    raw = random.uniform(0.001, 0.999, 20_000)
    truth = 1 / (1 + np.exp(-(0.5 * np.log(raw / (1 - raw)) + 0.3)))
    positive = random.uniform(size=raw.size) < truth
    found = fit(raw, positive)
    shift = math.log(positive.mean() / (1 - positive.mean()))  # both labels weigh the same in the fit
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.offset == pytest.approx(0.3 - shift, abs=0.05)


def test_calibration_keeps_the_order_and_survives_separable_labels() -> None:
    raw = np.array([0.0, 0.0, 0.1, 0.9, 1.0, 1.0])
    found = fit(raw, raw > 0.5)
    scores = found(raw)
    assert np.all(np.diff(scores) >= 0)
    assert np.all((scores > 0) & (scores < 1))
    turned = fit(raw, raw < 0.5)(raw)
    assert np.all(np.diff(turned) >= 0)  # never turns the ranking round
    with pytest.raises(ValueError, match="both labels"):
        fit(raw, raw > 2)


def test_auc_counts_pairs() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.8, 0.4])
    positive = np.array([False, True, False, True, False])
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[positive] for n in scores[~positive]]
    assert roc_auc(scores, positive) == pytest.approx(sum(pairs) / len(pairs))


def test_prepare_is_one_bounded_line() -> None:
    assert prepare("Hello,\nWORLD 1987\t(yes)\x00!").split() == ["hello", ",", "world", "0000", "(", "yes", ")", "!"]
    assert "\n" not in prepare("a\nb\r\nc")
    assert prepare("日本語のTEST É").split() == ["日", "本", "語", "の", "test", "é"]
    assert prepare(" \n\x00 ") == ""
    assert len(prepare("abcd " * 1_000_000)) <= WINDOW * WINDOWS + 2


def test_scores_are_written_and_ensembled(model: Path) -> None:
    texts = [PROSE, SPAM, "", "mill river stone"]
    alone = setup(ScoreQuality(models=[str(model)]), {})[0].score_texts(texts)
    default = setup(ScoreQuality(), {})[0].score_texts(texts)
    both: dict[str, list[float]] = {}
    for ensemble in ("max", "mean"):
        config = ScoreQuality(models=[str(DEFAULT_MODEL)], ensemble=ensemble)
        both[ensemble] = core(batch_of(texts), config, setup(config, {"model": str(model)})).columns["quality_score"]
    assert both["max"] == [max(pair) for pair in zip(alone, default, strict=True)]
    assert both["mean"] == pytest.approx([sum(pair) / 2 for pair in zip(alone, default, strict=True)])
    assert alone[2] == default[2] == 0.0
    assert alone != default


def test_low_scores_leave_only_when_asked() -> None:
    batch = batch_of([PROSE, SPAM])
    config = ScoreQuality()
    assert core(batch, config, setup(config, {})).outcomes == {}
    config = ScoreQuality(min_score=0.1)
    changes = core(batch, config, setup(config, {}))
    ((row, outcome),) = changes.outcomes.items()
    assert (row, outcome.rule, outcome.threshold) == (1, "quality-score", 0.1)
    assert outcome.score == changes.columns["quality_score"][1]


def test_scores_do_not_depend_on_the_batch() -> None:
    model = QualityModel(DEFAULT_MODEL, "model")
    texts = [PROSE, SPAM, "", "x\x00y", "\ud800", PROSE * 30, "中文" * 10]
    together = model.score_texts([text.encode("utf-8", "replace").decode() for text in texts])
    assert together == [model.score_texts([text.encode("utf-8", "replace").decode()])[0] for text in texts]
    assert all(0 <= score <= 1 for score in together)


def test_default_model_prefers_prose() -> None:
    model = QualityModel(DEFAULT_MODEL, "model")
    shuffled = PROSE.split()
    Random(1).shuffle(shuffled)
    prose, *others = model.score_texts([PROSE, SPAM, " ".join(shuffled), "Home | About | Log in | Search | Share"])
    assert prose > 2 * max(others)
    assert sum(path.stat().st_size for path in DEFAULT_MODEL.iterdir()) < 1_000_000


def test_bare_fasttext_file_needs_its_label(model: Path) -> None:
    file = str(model / "model.ftz")
    with pytest.raises(UsageError, match="set positive_label"):
        setup(ScoreQuality(models=[file]), {})
    with pytest.raises(UsageError, match="no label 'hq'; its labels: negative, positive"):
        setup(ScoreQuality(models=[file], positive_label="hq"), {})
    (bare,) = setup(ScoreQuality(models=[file], positive_label="positive"), {})
    good, bad = bare.score_texts(["the old mill by the river", "buy now cheap offer"])
    assert bad < good


def test_folders_that_hold_no_model_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"models: .*holds no model.json"):
        setup(ScoreQuality(models=[str(tmp_path)]), {})
    with pytest.raises(UsageError, match="models: '/no/such' does not exist"):
        model_files(ScoreQuality(models=["/no/such"]))
    (tmp_path / CARD).write_text("[]")
    with pytest.raises(UsageError, match="is not the card of a quality model"):
        setup(ScoreQuality(models=[str(tmp_path)]), {})
    Card("x", "model.ftz", "positive", 1.0, 0.0, preparation=99).write(tmp_path)
    with pytest.raises(UsageError, match="train the model again"):
        setup(ScoreQuality(models=[str(tmp_path)]), {})
    Card("x", "../model.ftz", "positive", 1.0, 0.0).write(tmp_path)
    with pytest.raises(UsageError, match="expected a file beside it"):
        setup(ScoreQuality(models=[str(tmp_path)]), {})
    Card("x", "model.ftz", "positive", 1.0, 0.0).write(tmp_path)
    (tmp_path / "model.ftz").write_bytes((model / "model.ftz").read_bytes()[:5000])
    with pytest.raises(UsageError, match=r"input model: .*cut off or damaged"):
        setup(ScoreQuality(), {"model": str(tmp_path)})


def test_card_and_model_decide_the_fingerprint(model: Path) -> None:
    assert model_files(ScoreQuality(models=[str(model)])) == [str(model / CARD), str(model / "model.ftz")]
    assert [Path(file).name for file in model_files(ScoreQuality())] == [CARD, "model.ftz"]
    card = json.loads((model / CARD).read_text())
    assert Calibration(card["slope"], card["offset"]) != Calibration()
