from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arcmill.config import validate
from arcmill.errors import InputError, UsageError
from filters.buckets import STAGE, BucketQuality


@pytest.fixture(scope="module")
def decide(to_frame: Any) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Run the core on documents: {id: decision} and the statistics."""
    import pyarrow as pa

    from arcmill.records import schema

    columns = schema("Document").append(pa.field("_part", pa.int32())).append(pa.field("_row", pa.int64()))

    def run(
        rows: list[dict[str, Any]], partitions: int = 1, inputs: dict[str, str] | None = None, **settings: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        full = [{"source": "web", "_part": 0, "_row": i, **row} for i, row in enumerate(rows)]
        df = to_frame(pa.Table.from_pylist(full, schema=columns), partitions)
        decisions, statistics = STAGE.core(df, STAGE.config(**settings), inputs or {})
        found = {rows[row["_row"]]["id"]: row for row in decisions.collect()}
        return found, statistics

    return run


def documents(count: int, language: str | None = "en", seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    scores, sizes = rng.beta(2, 4, count).tolist(), rng.integers(1, 400, count).tolist()
    return [
        {"id": f"{language}-{i}", "text": "abcd" * size, "quality_score": score, "language": language}
        for i, (score, size) in enumerate(zip(scores, sizes, strict=True))
    ]


def reference_bins(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Bins by sorting: 20 times the tokens of lower scores over all tokens. A text of 4 n bytes has n tokens."""
    level = {row["id"]: round(row["quality_score"] * 1e6) for row in rows}
    tokens = {row["id"]: len(row["text"]) // 4 for row in rows}
    total = sum(tokens.values())
    return {
        id: 20 * sum(tokens[other] for other, at in level.items() if at < own) // total for id, own in level.items()
    }


FOLD = [0] * 7 + [1] * 5 + [2] * 6 + [3, 4]


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_buckets_are_exact_token_quantiles_of_each_language(decide, partitions) -> None:
    english, french = documents(300), documents(220, "fr", 1)
    few = documents(30, "xx", 2) + documents(40, None, 3)  # fewer than min_documents together: measured by all
    out, statistics = decide(english + french + few, partitions, min_documents=100)
    for rows in (english, french):
        assert {row["id"]: FOLD[number] for row, number in zip(rows, reference_bins(rows).values(), strict=True)} == {
            row["id"]: out[row["id"]]["quality_bucket"] for row in rows
        }
    everything = reference_bins(english + french + few)
    assert all(out[row["id"]]["quality_bucket"] == FOLD[everything[row["id"]]] for row in few)
    assert sorted(statistics["thresholds"]) == ["en", "fr", "other"]
    sums = {(b["language"], b["bucket"]): (b["documents"], b["tokens"]) for b in statistics["buckets"]}
    assert sum(n for n, _ in sums.values()) == len(out) == 590
    top = [row for row in english if out[row["id"]]["quality_bucket"] == 4]
    assert sums["en", 4] == (len(top), sum(len(row["text"]) // 4 for row in top))


def test_small_languages_share_a_group(decide) -> None:
    rows = documents(60, "xx", 2) + documents(60, "yy", 3) + documents(10, None, 4)
    out, statistics = decide(rows + documents(150), min_documents=100)
    bins = reference_bins(rows)
    assert all(out[id]["quality_bucket"] == FOLD[number] for id, number in bins.items())
    assert sorted(statistics["thresholds"]) == ["en", "other"]


def test_outcomes_and_epochs(decide) -> None:
    rows = documents(300)
    rows += [{"id": f"bad{i}", "text": "x", "quality_score": value} for i, value in enumerate((None, float("nan")))]
    out, statistics = decide(rows)
    assert statistics["epochs"] == [0.0, 1.0, 1.733333, 2.466667, 3.2]
    thresholds = statistics["thresholds"]["en"]
    for row in rows[:300]:
        decision = out[row["id"]]
        level = round(row["quality_score"], 6)
        assert decision["quality_bucket"] == FOLD[bisect_right(thresholds, level)]
        assert decision["epochs"] == statistics["epochs"][decision["quality_bucket"]]
        if decision["quality_bucket"] == 0:
            assert (decision["outcome"], decision["rule"]) == ("dropped", "lowest-bucket")
            assert decision["score"] == row["quality_score"]
            assert decision["threshold"] == thresholds[6] > level
        else:
            assert decision["outcome"] is decision["rule"] is None
    for name in ("bad0", "bad1"):
        assert (out[name]["outcome"], out[name]["rule"], out[name]["score"]) == ("errored", "no-score", None)
    assert len(out) == 302


def test_ties_stay_together(decide) -> None:
    rows = [{"id": f"{i}", "text": "abcd" * 10, "quality_score": (0.2, 0.5, 0.9)[min(i % 40, 2)]} for i in range(100)]
    out, statistics = decide(rows, min_documents=1)
    by_score = {row["quality_score"]: set() for row in rows}
    for row in rows:
        by_score[row["quality_score"]].add(out[row["id"]]["quality_bucket"])
    assert all(len(buckets) == 1 for buckets in by_score.values())
    assert by_score[0.2] == {0}
    edges = statistics["thresholds"]["other"]
    assert edges == sorted(edges)


def test_thresholds_of_an_earlier_crawl(decide, tmp_path) -> None:
    import json

    first = documents(300)
    earlier, statistics = decide(first)
    manifest = {"format_version": 1, "stage": "bucket-quality", "files": [], "counts": {}, "record": "Document",
                "statistics": statistics}  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    again, reused = decide(first[:50], 2, {"thresholds": str(tmp_path)})
    assert {id: row["quality_bucket"] for id, row in again.items()} == {
        row["id"]: earlier[row["id"]]["quality_bucket"] for row in first[:50]
    }
    assert reused["thresholds"] == statistics["thresholds"]
    assert sum(b["documents"] for b in reused["buckets"]) == 50
    manifest["statistics"] = {}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match="made by bucket-quality"):
        decide(first[:1], 1, {"thresholds": str(tmp_path)})


@pytest.mark.parametrize(
    "settings",
    [
        {"buckets": 3, "fold": [5]},
        {"buckets": 3, "fold": [9, 5]},
        {"buckets": 3, "fold": [0, 5]},
        {"buckets": 2, "epochs": [0, 3, 4]},
        {"buckets": 3, "epochs": [0, 3, 1]},
        {"buckets": 2, "epochs": [0, 0]},
        {"buckets": 21},
    ],
)
def test_inconsistent_settings_are_refused(settings) -> None:
    with pytest.raises(UsageError):
        validate(BucketQuality, settings, "bucket-quality")


@pytest.mark.parametrize("buckets", range(2, 21))
def test_default_folds_and_weights(buckets) -> None:
    config = BucketQuality(buckets=buckets)
    fold, weights = config.bin_to_bucket(), config.weights()
    assert fold == sorted(fold)
    assert set(fold) == set(range(buckets))
    assert weights == sorted(weights)
    assert (weights[0], weights[-1], len(weights)) == (0.0, 3.2, buckets)
