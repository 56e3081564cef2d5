"""At most n a task, no two alike, the same whatever the engine and the order of the rows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from given_rows import dataset_of
from tiny_library import FIND, LOANS, PAY, RENEW, goal_of, task_of, trajectory

from agent_data.evidence import read_evidence
from agent_data.judges.diverse import Features, choose, distance, features, read_features
from agent_data.judges.select import SelectTrajectories
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.records import Conversation
from pipelines.catalogue import get_stage

STAGE = get_stage("select-trajectories")
GOAL = goal_of([FIND, RENEW, PAY], 0)
TASK = task_of(GOAL, "Renew L1 by 14 days and pay 3.")
SHORT: list[Any] = [(FIND,), (RENEW,), (PAY,), "It is renewed and paid."]
SAME: list[Any] = [(FIND,), (RENEW,), (PAY,), "It is renewed and paid, as you wished."]
OTHER: list[Any] = [
    (PAY,),
    (FIND,),
    (LOANS,),
    (RENEW,),
    "First I took the payment, then I looked all loans up and renewed one.",
]
LONG: list[Any] = [
    (FIND,),
    (LOANS,),
    (LOANS,),
    (FIND,),
    (RENEW,),
    (PAY,),
    "All of this took some looking, and now everything is in order.",
]


def judged(row: Conversation, verdict: str = "right") -> Conversation:
    evidence = read_evidence(row.evidence)
    assert evidence is not None
    evidence.verdict = verdict
    row.evidence = evidence.text()
    return row


def rows() -> list[Conversation]:
    ways = [
        judged(trajectory(TASK, 0, way, sample=number)) for number, way in enumerate([SHORT, SAME, OTHER, LONG, SHORT])
    ]
    second = task_of(GOAL, "Pay 3 and renew L1.")
    return [
        *ways,
        judged(trajectory(second, 0, SHORT)),
        judged(trajectory(second, 0, LONG, sample=1), "unjudged"),
        Conversation("odd", [], "t", evidence="{}"),
    ]


def run(folder: Path, given: list[Conversation], master: str, parts: int = 1, **config: Any) -> Dataset:
    source = dataset_of("Conversation", given, str(folder / "rows"), parts)
    made = SelectTrajectories(max_error_rate=1, **config)
    return execute(
        STAGE, made, {"input": [source]}, str(folder / "selected"), settings={"spark.master": master}
    ).dataset


def kept(dataset: Dataset) -> set[str]:
    return {row["id"] for batch in dataset.batches() for row in batch.to_pylist()}


def test_the_unlike_stay_and_the_rest_is_told(tmp_path: Path, spark_master: str) -> None:
    given = rows()
    found = run(tmp_path / "a", given, spark_master, most=2, min_distance=0.2)
    ledger = {row["id"]: row for batch in found.ledger() for row in batch.to_pylist()}
    names = [row.id for row in given]
    assert kept(found) == {names[0], names[2], names[5]} or kept(found) == {names[4], names[2], names[5]}
    assert ledger[names[1]]["rule"] == "alike" and ledger[names[1]]["into_id"] in (names[0], names[4])
    assert ledger[names[1]]["score"] > ledger[names[1]]["threshold"] == pytest.approx(0.8)
    assert (
        ledger[names[3]]["rule"] == "enough"
        and ledger[names[6]]["rule"] == "not-judged"
        and ledger["odd"]["outcome"] == "errored"
    )
    assert found.manifest["statistics"]["tasks"] == 2 and found.manifest["statistics"]["most_of_a_task"] == 2
    turned = run(tmp_path / "b", given[::-1], spark_master, parts=3, most=2, min_distance=0.2)
    assert kept(turned) == kept(found)
    everything = run(tmp_path / "c", given, spark_master, most=9, min_distance=0, unjudged=True)
    assert len(kept(everything)) == 7


def test_empty_input(tmp_path: Path, spark_master: str) -> None:
    found = run(tmp_path, [], spark_master)
    assert found.rows == 0 and found.manifest["statistics"]["tasks"] == 0


def test_distances_are_what_they_say() -> None:
    def of(way: list[Any]) -> Features:
        return features([asdict(message) for message in trajectory(TASK, 0, way).messages], 0)

    short, other = of(SHORT), of(OTHER)
    assert distance(short, short) == 0 and distance(short, other) == distance(other, short)
    # find renew pay / pay find loans renew: edits 3 of 4; calls 3 of 4 alike; of the words nothing but what every reasoning begins with.
    edits, calls = 3 / 4, 1 / 4
    words = 3 * distance(short, other) - edits - calls
    assert 0.7 < words <= 1
    assert read_features(short.text()) == short
    assert distance(of(["Hello there."]), of(["Hello there."])) == 0 and distance(of(["a b c"]), short) == 1


def test_each_choice_is_the_farthest_from_those_before() -> None:
    def at(*names: str, cost: int = 0) -> Features:
        return Features(names, frozenset(), frozenset(), (cost, len(names), 0))

    candidates = [at("a", "b", "c", cost=1), at("a", "b", "c"), at("x", "y", "z"), at("a", "b", "z")]
    chosen, nearest = choose(candidates, 3, 0.1)
    assert chosen == [1, 2, 3]  # the cheapest first, then the one that has nothing in common with it
    assert nearest[0] == (1, 0.0)
    assert choose(candidates, 9, 0.5)[0] == [1, 2] and choose([], 3, 0.1) == ([], [])
