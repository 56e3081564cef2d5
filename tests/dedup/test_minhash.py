from __future__ import annotations

import numpy as np
import pytest

import dedup.minhash_plan as plan
from dedup import clusters
from dedup.minhash import STAGE


def words(seed: int, count: int = 400) -> list[str]:
    return [f"w{n}" for n in np.random.default_rng(seed).integers(0, 50_000, count)]


def edited(text: list[str], changes: int, tag: str) -> list[str]:
    """Replace words far apart: each change makes five shingles new."""
    out = list(text)
    for k in range(changes):
        out[10 + k * (len(text) - 20) // max(changes, 1)] = f"{tag}{k}"
    return out


def true_jaccard(one: list[str], other: list[str]) -> float:
    a, b = ({tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in (one, other))
    return len(a & b) / len(a | b)


def doc(id: str, text: list[str] | str, quality: float | None = None, source: str = "web") -> dict:
    return {"id": id, "text": text if isinstance(text, str) else " ".join(text), "quality_score": quality,
            "source": source}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> list[dict]:
    """Twenty originals; the first fifteen have a near copy each (Jaccard about 0.95), some have a second one."""
    rows = []
    for k in range(20):
        rows.append(doc(f"o{k}", words(k), 0.5))
        if k < 15:
            rows.append(doc(f"n{k}", edited(words(k), 2, "x"), 0.4 if k % 2 else 0.6))
        if k % 5 == 0:
            rows.append(doc(f"m{k}", edited(words(k), 3, "y"), None))
    rows += [doc("s1", "Page not found", 0.1), doc("s2", "page NOT found!", 0.3), doc("s3", "page found not"),
             doc("e1", ""), doc("e2", ""), doc("p1", "***"), doc("p2", "???")]  # fmt: skip
    one, other = ("".join(chr(0x4E00 + n) for n in np.random.default_rng(k).integers(0, 3000, 400)) for k in (5, 6))
    rows += [doc("zh-a", one, 0.1), doc("zh-b", one[:200] + "新" + one[201:], 0.2), doc("zh-c", other)]
    return rows


@pytest.fixture(scope="module")
def expected(corpus, frame, merged) -> dict:
    return merged(STAGE, frame(corpus))[0]


def kept(out: dict) -> dict[str, tuple]:
    return {id: (row["into_id"], row["rule"], row["score"], row["threshold"]) for id, row in sorted(out.items())}


def test_the_best_survives_and_the_evidence_is_exact(expected, corpus) -> None:
    into = {id: row["into_id"] for id, row in expected.items()}
    for k in range(15):
        best, worse = (f"o{k}", f"n{k}") if k % 2 else (f"n{k}", f"o{k}")
        assert into[worse] == best
        if k % 5 == 0:
            assert into[f"m{k}"] == best
    assert {id for id in into if id[0] in "onm"} == set(into) - {"s1", "e2", "zh-a"}
    texts = {row["id"]: row["text"].split() for row in corpus}
    for id, row in expected.items():
        if row["rule"] == "minhash" and id != "zh-a":
            assert row["score"] == true_jaccard(texts[id], texts[row["into_id"]])
            assert row["score"] >= row["threshold"] == 0.7


def test_short_documents_are_matched_exactly(expected) -> None:
    short = {id: (row["into_id"], row["score"]) for id, row in expected.items() if row["rule"] == "minhash-short"}
    assert short == {"s1": ("s2", 1.0), "e2": ("e1", 1.0)}


@pytest.mark.parametrize(("partitions", "backwards"), [(2, True), (7, False)])
def test_same_decisions_for_any_partitioning(corpus, expected, frame, merged, partitions, backwards) -> None:
    out, statistics = merged(STAGE, frame(corpus, partitions, backwards))
    assert kept(out) == kept(expected)
    assert (statistics["rows"], statistics["removed"]) == (len(corpus), len(expected))
    assert (statistics["hot_buckets"], statistics["pairs_skipped"]) == (0, 0)


def test_rounds_of_joins_decide_as_one_task_does(frame, merged, monkeypatch) -> None:
    """A chain of ever further copies, and a star, with ranks that cross them."""
    rows = []
    for chain in range(3):
        text = words(chain + 50)
        for step in range(6):
            rows.append(doc(f"c{chain}-{step}", text, [0.5, 0.9, 0.1, 0.8, None, 0.7][(step + chain) % 6]))
            text = edited(text[3:] + text[:3], 6, f"s{step}")
    one, _ = merged(STAGE, frame(rows), min_jaccard=0.6)
    monkeypatch.setattr(plan, "ONE_TASK_PAIRS", -1)
    rounds, _ = merged(STAGE, frame(rows, 3), min_jaccard=0.6)
    assert kept(rounds) == kept(one)
    assert len(one) >= 6


def test_a_chain_does_not_remove_the_unlike(frame, merged) -> None:
    """a ~ b ~ c, a and c unlike: c must not go into a. Where b leads, both go into it."""
    rows = []
    for k, quality in enumerate((0.9, 0.4)):
        a = words(70 + k, 600)
        b = edited(a, 13, "x")
        c = [f"y{i}" if i % 44 == 20 else word for i, word in enumerate(b)]
        assert min(true_jaccard(a, b), true_jaccard(b, c)) > 0.77 > 0.7 > true_jaccard(a, c)
        rows += [doc(f"a{k}", a, quality), doc(f"b{k}", b, 0.5), doc(f"c{k}", c, 0.1)]
    out, statistics = merged(STAGE, frame(rows), bands=60, rows=4)
    assert {id: row["into_id"] for id, row in out.items()} == {"b0": "a0", "a1": "b1", "c1": "b1"}
    assert statistics["verified_pairs"] == 4 < statistics["candidate_pairs"]


def test_candidates_below_the_threshold_stay(frame, merged) -> None:
    """Bands of one row make candidates of everything slightly alike; verification throws them out."""
    a = words(9)
    rows = [doc("a", a), doc("b", a[:200] + words(10, 200)), doc("c", a[:390] + words(11, 10))]
    out, statistics = merged(STAGE, frame(rows), bands=20, rows=1)
    assert statistics["candidate_pairs"] == 3
    assert statistics["verified_pairs"] == 1
    assert set(out) in ({"a"}, {"c"})


def test_planted_pairs_are_found_at_the_promised_rate(frame, merged) -> None:
    """Recall of 14 bands of 8 by Jaccard: 1 - (1 - s^8)^14, over pairs of known s; nothing unlike is merged."""
    rows, promised, texts = [], 0.0, {}
    for k in range(150):
        one = words(1000 + k, 300)
        other = edited(one, 2 + k % 9, "q")
        rows += [doc(f"a{k}", one, 0.9), doc(f"b{k}", other, 0.1)]
        texts[f"b{k}"] = true_jaccard(one, other)
        promised += 1 - (1 - texts[f"b{k}"] ** 8) ** 14 if texts[f"b{k}"] >= 0.7 else 0
    out, _ = merged(STAGE, frame(rows), groupings=1)
    twice, _ = merged(STAGE, frame(rows))
    assert set(out) < set(twice)
    assert all(row["into_id"] == "a" + id[1:] and row["score"] == texts[id] for id, row in out.items())
    sure = {id for id, s in texts.items() if s >= 0.9}
    assert sure <= set(out)
    assert len(sure) > 20
    assert abs(len(out) - promised) < 4 * (150 * 0.25) ** 0.5


def test_chinese_near_copies(expected) -> None:
    assert expected["zh-a"]["into_id"] == "zh-b"
    assert expected["zh-a"]["score"] == pytest.approx(391 / 401)  # five of 396 character 5-grams differ on each side
    assert "zh-c" not in expected


def test_hot_bucket_is_bounded_and_what_was_skipped_is_told(frame, merged) -> None:
    base = words(77)
    rows = [doc(f"t{k:02d}", edited(base, 1, f"k{k}-")) for k in range(40)]
    out, statistics = merged(STAGE, frame(rows), bucket_cap=10, anchors=2)
    assert statistics["hot_buckets"] > 0 < statistics["pairs_skipped"]
    assert len(out) == 39  # all are like the best, which is an anchor everywhere
    assert {row["into_id"] for row in out.values()} == {f"t{min(k for k in range(40) if f't{k:02d}' not in out):02d}"}


def test_what_is_like_a_merged_anchor_is_compared_with_its_survivor(frame, merged, monkeypatch) -> None:
    base = [f"w{n:05d}" for n in np.random.default_rng(78).integers(0, 50_000, 200)]
    rows = []
    for k in range(400):  # all of one length, so ids say who is best, and anchors are others
        text = list(base)
        text[k % 200] = f"k{k:05d}"
        rows.append(doc(f"s{k:03d}", text))
    whole, _ = merged(STAGE, frame(rows), bucket_cap=1000)
    given = {"bucket_cap": 16, "anchors": 2}
    monkeypatch.setattr(clusters, "FOLLOWS", 0)
    alone, statistics = merged(STAGE, frame(rows), **given)
    assert statistics["hot_buckets"] > 0 and len(alone) < len(whole)  # else this test shows nothing
    monkeypatch.undo()
    found, told = merged(STAGE, frame(rows), **given)
    assert {key: row["into_id"] for key, row in found.items()} == {key: row["into_id"] for key, row in whole.items()}
    text_of = {row["id"]: row["text"].split() for row in rows}
    assert all(
        true_jaccard(text_of[key], text_of[row["into_id"]]) == pytest.approx(row["score"]) for key, row in found.items()
    )
    monkeypatch.setattr(plan, "ONE_TASK_PAIRS", -1)
    again, rounds = merged(STAGE, frame(rows, 3, True), **given)
    assert {key: (row["into_id"], row["score"]) for key, row in again.items()} == {
        key: (row["into_id"], row["score"]) for key, row in found.items()
    }
    assert rounds == told


def test_alarm_and_conservation(frame, merged) -> None:
    base = words(3)
    rows = [doc(f"x{k}", edited(base, k % 2, "d"), source="mirror") for k in range(4)]
    rows += [doc(f"y{k}", words(200 + k), source="honest") for k in range(4)]
    out, statistics = merged(STAGE, frame(rows))
    assert statistics["alarms"] == ["mirror"]
    pairs = statistics["alarm_pairs"]
    assert 0 < len(pairs) <= 3
    assert all(
        (p["source"], out[p["id"]]["into_id"], out[p["id"]]["score"]) == ("mirror", p["into_id"], p["score"])
        for p in pairs
    )
    assert statistics["rows"] - statistics["removed"] == 8 - len(out) == 5


def test_no_documents(frame, merged) -> None:
    out, statistics = merged(STAGE, frame([]))
    assert out == {}
    assert (statistics["rows"], statistics["candidate_pairs"]) == (0, 0)
