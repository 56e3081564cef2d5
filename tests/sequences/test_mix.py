from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from arcmill.config import validate
from arcmill.errors import UsageError
from sequences.budget import capped_epochs, natural, shares
from sequences.mix import STAGE, Mix

EPOCHS = [None, 1.0, 1.733333, 2.466667, 3.2]


def documents(name: str, count: int, seed: int, weighted: bool = False) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "id": f"{name}{i}", "text": "abcd" * int(size), "source": name, "metadata": [("k", "v"), ("epoch", "old")],
            "quality_bucket": 1 + i % 4 if weighted else None, "epochs": EPOCHS[1 + i % 4] if weighted else None,
        }
        for i, size in enumerate(rng.integers(1, 60, count))
    ]  # fmt: skip


SOURCES = {"web": documents("web", 3000, 0, weighted=True), "code": documents("code", 1500, 1)}
TOKENS = {row["id"]: len(row["text"]) // 4 for rows in SOURCES.values() for row in rows}


@pytest.fixture(scope="module")
def mixed(to_frame: Any) -> Callable[..., tuple[list[Any], list[Any], dict[str, Any]]]:
    """Run the core: output rows in the kernel's order, ledger rows, receipt."""
    import pyarrow as pa

    from arcmill.records import schema

    def run(sources: dict[str, list[dict[str, Any]]], partitions: int = 1, **settings: Any) -> Any:
        frames = {}
        for name, given in sources.items():
            table = pa.Table.from_pylist(given, schema=schema("Document"))
            table = table.append_column("_part", pa.array([0] * len(given), pa.int32()))
            table = table.append_column("_row", pa.array(range(len(given)), pa.int64()))
            frames[name] = to_frame(table, partitions)
        rows, ledger, receipt = STAGE.core(frames, STAGE.config(**settings), {})
        ordered = rows.orderBy("_order", "id", "_copy").collect()
        return ordered, ledger.collect(), receipt

    return run


@pytest.fixture(scope="module")
def asked(mixed) -> Any:
    return mixed(SOURCES, budget_tokens=250_000, weights={"web": 3, "code": 1})


def test_each_source_meets_its_part_of_the_budget(asked) -> None:
    rows, _, receipt = asked
    realised = Counter()
    for row in rows:
        realised[row["metadata"]["mix_source"]] += TOKENS[row["id"]]
    assert realised["web"] == pytest.approx(187_500, rel=0.001)
    assert realised["code"] == pytest.approx(62_500, rel=0.001)
    told = {source["source"]: source for source in receipt["sources"]}
    assert {name: told[name]["tokens"] for name in realised} == dict(realised)
    assert (told["web"]["asked_tokens"], told["code"]["asked_tokens"]) == (187_500, 62_500)
    assert receipt["tokens"] == sum(realised.values())
    assert receipt["occurrences"] == len(rows)


def test_every_document_is_in_the_output_or_in_the_ledger(asked) -> None:
    rows, ledger, _ = asked
    out, left = {row["id"] for row in rows}, [row["id"] for row in ledger]
    assert out.isdisjoint(left)
    assert len(out) + len(left) == 4500
    assert {(row["outcome"], row["rule"]) for row in ledger} <= {("dropped", "budget")}


def test_occurrences_are_numbered_and_their_number_is_near_the_epochs(asked) -> None:
    rows, _, receipt = asked
    by_id: dict[str, list[Any]] = {}
    for row in rows:
        by_id.setdefault(row["id"], []).append(row)
    for found in by_id.values():
        assert sorted(row["_copy"] for row in found) == list(range(len(found)))
        assert all(row["metadata"]["epoch"] == str(row["_copy"]) and row["metadata"]["k"] == "v" for row in found)
        assert {row["epochs"] for row in found} == {float(len(found))}
    web = receipt["sources"][1]
    factor = web["asked_tokens"] / web["natural_tokens"]
    for bucket in web["buckets"]:
        epochs = EPOCHS[bucket["bucket"]] * factor
        assert bucket["tokens"] == pytest.approx(epochs * bucket["available_tokens"], abs=100)
        times = {len(by_id.get(row["id"], ())) for row in SOURCES["web"] if row["quality_bucket"] == bucket["bucket"]}
        assert times <= {int(epochs), int(epochs) + 1}


def test_order_is_shuffled_and_not_by_partition(asked, mixed) -> None:
    rows, ledger, receipt = asked
    again, ledger_again, receipt_again = mixed(SOURCES, 7, budget_tokens=250_000, weights={"web": 3, "code": 1})
    assert [(row["id"], row["_copy"]) for row in again] == [(row["id"], row["_copy"]) for row in rows]
    assert sorted(ledger_again) == sorted(ledger)
    assert receipt_again == receipt
    sources = [row["metadata"]["mix_source"] for row in rows]
    halves = [Counter(half)["code"] / len(half) for half in (sources[: len(rows) // 2], sources[len(rows) // 2 :])]
    assert halves[0] == pytest.approx(halves[1], abs=0.05)
    other, _, _ = mixed(SOURCES, budget_tokens=250_000, weights={"web": 3, "code": 1}, seed=2)
    assert [row["id"] for row in other] != [row["id"] for row in rows]


def test_without_budget_and_weights_the_epochs_of_the_documents_count(mixed) -> None:
    rows, ledger, receipt = mixed({"code": SOURCES["code"][:50]})
    assert Counter(row["id"] for row in rows) == Counter(row["id"] for row in SOURCES["code"][:50])
    assert ledger == []
    assert receipt["tokens"] == receipt["asked_tokens"]


def test_the_cap_holds_and_a_shortfall_is_told(mixed) -> None:
    rows, _, receipt = mixed({"code": SOURCES["code"][:50]}, budget_tokens=10**6, max_epochs=2.0)
    assert set(Counter(row["id"] for row in rows).values()) == {2}
    source = receipt["sources"][0]
    assert source["shortfall_tokens"] == 10**6 - source["tokens"] > 0


def test_weight_of_nothing_and_bad_epochs(mixed) -> None:
    rows = [
        {**row, "epochs": value} for row, value in zip(SOURCES["code"], (0.0, -1.0, float("nan"), 1.0), strict=False)
    ]
    out, ledger, _ = mixed({"a": rows})
    assert [row["id"] for row in out] == ["code3"]
    assert {row["id"]: (row["outcome"], row["rule"]) for row in ledger} == {
        "code0": ("dropped", "budget"), "code1": ("errored", "bad-epochs"), "code2": ("errored", "bad-epochs")
    }  # fmt: skip


def test_a_weight_of_no_input_is_refused(mixed) -> None:
    with pytest.raises(UsageError, match="weights names books; the inputs are a"):
        mixed({"a": SOURCES["code"][:1]}, weights={"books": 1})
    with pytest.raises(UsageError, match="not all 0"):
        validate(Mix, {"weights": {"a": 0}}, "mix")


def test_shares() -> None:
    sources = {"a": {1_000_000: 100}, "b": {2_000_000: 100, 500_000: 200}}
    assert natural(sources["b"]) == 300
    assert shares(sources, None, {}) == {"a": 100, "b": 300}
    assert shares(sources, 1000, {}) == {"a": 250, "b": 750}
    assert shares(sources, 1000, {"a": 3, "b": 1}) == {"a": 750, "b": 250}
    assert shares(sources, None, {"a": 1}) == {"a": 400, "b": 0}


def test_capped_epochs_make_what_was_asked() -> None:
    masses = {0: 50, 1_000_000: 100, 2_000_000: 100, 3_200_000: 100}
    for asked in (0, 10, 300, 620, 900, 1100):
        epochs = capped_epochs(masses, Fraction(asked), 4.0)
        assert sum(epochs[own] * tokens for own, tokens in masses.items()) == asked
        assert epochs[0] == 0
        assert all(value <= 4 for value in epochs.values())
        assert [epochs[own] for own in sorted(masses)] == sorted(epochs.values())
    assert set(capped_epochs(masses, Fraction(10**6), 4.0).values()) == {0, 4}
    assert capped_epochs({1_000_000: 0}, Fraction(5), 4.0) == {1_000_000: 1}  # only empty texts
