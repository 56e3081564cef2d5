from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest

from arcmill.config import validate
from arcmill.errors import UsageError
from sequences import curriculum
from sequences.budget import capped_epochs, natural, shares
from sequences.mix import STAGE, Mix, TrainingStageName

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
        assert bucket["tokens"] == pytest.approx(epochs * bucket["available_tokens"], rel=0.001)
        assert bucket["tokens"] == pytest.approx(bucket["asked_tokens"], rel=0.001)
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


def counted(rows: list[dict[str, Any]], by: str = "0123456789abcdef", factor: int = 3) -> list[dict[str, Any]]:
    """Rows whose tokens were counted, and are not what their bytes say."""
    return [{**row, "metadata": [("tokens", str(len(row["text"]) // 4 * factor)), ("tokens_by", by)]} for row in rows]


def tokens_of(rows: list[Any], factor: int = 1) -> Counter[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["metadata"]["mix_source"]] += TOKENS[row["id"]] * factor
    return sums


def test_counted_tokens_are_the_measure(mixed) -> None:
    rows, _, receipt = mixed(
        {"web": counted(SOURCES["web"]), "code": SOURCES["code"]}, budget_tokens=100_000, weights={"web": 1, "code": 1}
    )
    assert tokens_of(rows, 3)["web"] == pytest.approx(50_000, rel=0.001)
    assert tokens_of(rows)["code"] == pytest.approx(50_000, rel=0.001)
    assert [source["tokens_by"] for source in receipt["sources"]] == ["bytes / 4", "0123456789abcdef"]
    half = [*counted(SOURCES["code"][:50]), *SOURCES["code"][50:100]]
    with pytest.raises(UsageError, match="input a: 50 of 100 documents have metadata 'tokens'"):
        mixed({"a": half})
    two = [*counted(SOURCES["code"][:50]), *counted(SOURCES["code"][50:100], "f" * 16)]
    with pytest.raises(UsageError, match="counted by different tokenizers"):
        mixed({"a": two})
    with pytest.raises(UsageError, match="a by 0123456789abcdef, b by ffffffffffffffff"):
        mixed({"a": counted(SOURCES["code"][:50]), "b": counted(SOURCES["web"][:50], "f" * 16)})


@pytest.mark.parametrize("budget", [777, 5_003, 40_001])
def test_few_and_long_documents_meet_the_budget_too(mixed, budget: int) -> None:
    rng = np.random.default_rng(3)
    sizes = {
        "few": rng.integers(20, 400, 30),  # to the documents' sizes a budget of 777 / 2 is small
        "long": np.concatenate([rng.integers(1, 50, 400), rng.integers(4_000, 20_000, 12)]),
    }
    sources = {
        name: [{"id": f"{name}{i}", "text": "abcd" * int(n), "source": name} for i, n in enumerate(found)]
        for name, found in sizes.items()
    }
    rows, _, receipt = mixed(sources, budget_tokens=budget, weights={"few": 1, "long": 1}, max_epochs=20)
    again, _, _ = mixed(sources, 3, budget_tokens=budget, weights={"few": 1, "long": 1}, max_epochs=20)
    assert [(row["id"], row["_copy"]) for row in again] == [(row["id"], row["_copy"]) for row in rows]
    realised: Counter[str] = Counter()
    for row in rows:
        realised[row["metadata"]["mix_source"]] += len(row["text"]) // 4
    for source in receipt["sources"]:
        assert source["tokens"] == realised[source["source"]]
        assert abs(source["tokens"] - budget / 2) <= max(1, 0.001 * budget / 2), source
        assert source["missed"] is None
    assert abs(receipt["error_percent"]) <= max(0.1, 200 / budget)


def test_what_cannot_be_met_is_told_with_the_reason(mixed) -> None:
    huge = [{"id": f"h{i}", "text": "abcd" * 1000, "source": "h"} for i in range(4)]
    _, _, receipt = mixed(
        {"h": huge, "none": [], "capped": SOURCES["code"][:20]},
        budget_tokens=5_500,
        weights={"h": 5, "none": 1, "capped": 5},
    )
    told = {source["source"]: source for source in receipt["sources"]}
    assert told["h"]["tokens"] in (2000, 3000)
    assert "4 of 1,000 tokens on average allow no sum that is nearer" in told["h"]["missed"]
    assert told["none"]["missed"] == "there are no documents"
    assert "cap of 4 epochs" in told["capped"]["missed"]
    assert told["capped"]["error_percent"] < -0.1


def test_weights_by_source_and_bucket_with_a_cap_of_its_own(mixed) -> None:
    rows, _, receipt = mixed(SOURCES, epochs={"web": {"1": 0, "4": 2.5}, "code": 3}, source_max_epochs={"web": 2})
    code, web = receipt["sources"]
    assert (code["epochs"], code["repeats"][3]["documents"]) == (3, 1500)
    found = {bucket["bucket"]: bucket for bucket in web["buckets"]}
    assert (found[1]["tokens"], found[1]["asked_epochs"]) == (0, 0)
    assert found[2]["epochs"] == pytest.approx(1.7333, abs=0.01)
    assert found[4]["epochs"] == 2  # the cap of the source, below its weight
    times = Counter(row["id"] for row in rows)
    assert {times[row["id"]] for row in SOURCES["code"]} == {3}
    assert {times[row["id"]] for row in SOURCES["web"] if row["quality_bucket"] == 1} == {0}
    plain = [{**row, "quality_bucket": None} for row in SOURCES["code"][:40]]
    _, _, receipt = mixed({"a": plain}, epochs={"a": {"none": 2}})
    assert receipt["sources"][0]["epochs"] == 2


def test_long_documents_are_up_sampled(mixed) -> None:
    _, _, receipt = mixed({"code": SOURCES["code"]}, budget_tokens=30_000, long_tokens=50, long_factor=3)
    source = receipt["sources"][0]
    long = source["long_documents"]
    assert long["available_documents"] == sum(TOKENS[row["id"]] >= 50 for row in SOURCES["code"])
    short = (source["tokens"] - long["tokens"]) / (source["available_tokens"] - long["available_tokens"])
    assert long["epochs"] / short == pytest.approx(3, rel=0.01)
    assert source["tokens"] == pytest.approx(30_000, rel=0.001)


def test_repeats_are_counted_by_document(asked) -> None:
    rows, _, receipt = asked
    times = Counter(row["id"] for row in rows)
    histogram = Counter(min(times[row["id"]], 4) for found in SOURCES.values() for row in found)
    tokens: Counter[int] = Counter()
    for found in SOURCES.values():
        for row in found:
            tokens[min(times[row["id"]], 4)] += TOKENS[row["id"]]
    assert [(one["documents"], one["tokens"]) for one in receipt["repeats"]] == [
        (histogram[n], tokens[n]) for n in range(5)
    ]
    assert receipt["repeats"][4]["times"] == "4+"
    assert receipt["unique_tokens"] == sum(tokens.values()) - tokens[0]
    assert receipt["repeated_tokens"] == receipt["tokens"] - receipt["unique_tokens"]


def test_a_stage_of_training_gets_its_share(mixed) -> None:
    config = validate(
        Mix, {"training_stage": "pretrain_code_stem", "training_tokens": 2_310_000, "budget_tokens": 5}, "mix"
    )
    assert config.tokens_asked == 700_000
    shares = [curriculum.share(name) for name in curriculum.STAGES]
    assert sum(shares) == 1
    assert curriculum.budget("midtrain_long_agent_128k", 23_100) == 100
    assert set(curriculum.STAGES) == set(get_args(TrainingStageName))
    _, _, receipt = mixed({"code": SOURCES["code"]}, training_stage="midtrain_repo_32k", training_tokens=231_000)
    assert (receipt["budget_tokens"], receipt["training_stage"]) == (5_000, "midtrain_repo_32k")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"training_tokens": 5}, "training_tokens needs a training_stage"),
        ({"training_tokens": 5, "training_stage": "sft"}, "sft has none: set budget_tokens"),
        ({"epochs": {"a": {"best": 2}}}, "'best' is no bucket"),
        ({"epochs": {"a": -1}}, "weights are 0 to 1000000, not -1"),
        ({"long_factor": 2}, "long_factor needs long_tokens"),
        ({"source_max_epochs": {"a": 0}}, "source_max_epochs needs caps above 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        validate(Mix, settings, "mix")


def test_settings_of_no_input_are_refused(mixed) -> None:
    assert validate(Mix, {"epochs": {"a": {0: 1, None: 2}}}, "mix").epochs == {"a": {"0": 1.0, "none": 2.0}}
    with pytest.raises(UsageError, match="epochs names b; the inputs are a"):
        mixed({"a": SOURCES["code"][:1]}, epochs={"b": 1})
    with pytest.raises(UsageError, match="source_max_epochs names b"):
        mixed({"a": SOURCES["code"][:1]}, source_max_epochs={"b": 1})


@pytest.mark.parametrize("count", [3, 30])
def test_what_a_bucket_of_a_few_huge_documents_misses_the_others_make_up(mixed, count: int) -> None:
    """Whether it is the smaller bucket or the larger."""
    huge = [{"id": f"h{i}", "text": "abcd" * 4_000, "source": "a", "quality_bucket": 4} for i in range(count)]
    small = [{**row, "quality_bucket": 1, "epochs": 1.0} for row in SOURCES["code"]]
    _, _, receipt = mixed({"a": [*huge, *small]}, budget_tokens=26_000)
    source = receipt["sources"][0]
    assert source["buckets"][1]["tokens"] % 4_000 == 0
    assert abs(source["buckets"][1]["tokens"] - source["buckets"][1]["asked_tokens"]) > 500
    assert source["tokens"] == pytest.approx(26_000, rel=0.001)
