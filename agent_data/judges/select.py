"""select-trajectories: of the trajectories that were judged right, at most n a task, and no two alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from arcmill.config import Field, StageConfig
from arcmill.stage import Stage

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    Batches = Iterator[pa.RecordBatch]

_DECISION = (
    "_part int, _row long, outcome string, rule string, score double, threshold double, into_id string, detail string, "
    "task string, distance double"
)


class SelectTrajectories(StageConfig):
    """How many of each task stay, and how unlike they must be."""

    most: int = Field(4, ge=1, le=1024, description="trajectories of one task that stay")
    min_distance: float = Field(
        0.1, ge=0, le=1, description="distance (0-1) below which two trajectories of a task are alike: mean of edit distance of "
        "calls and Jaccard distances of arguments and of words; the cheaper one stays"
    )  # fmt: skip
    unjudged: bool = Field(
        False, description="also take rows that no judge has seen; otherwise they leave (rule not-judged)"
    )


def core(df: DataFrame, config: SelectTrajectories, inputs: dict[str, Any]) -> tuple[DataFrame, Any]:
    """Decisions and statistics. Only ids and sketches of the rows are shuffled."""
    from pyspark.sql import functions as F

    from arcmill.engines.frames import keep, sorted_map

    described = df.select("_part", "_row", "id", "messages", "evidence").mapInArrow(
        _described, "_part int, _row long, id string, task string, state string, features string"
    )
    partitions = int(df.sparkSession.conf.get("spark.sql.shuffle.partitions") or 8)
    order: Any = [("id", "ascending"), ("_part", "ascending"), ("_row", "ascending")]
    decided = keep(sorted_map(described, "task", order, _Choice(config), _DECISION, partitions))

    def statistics() -> dict[str, Any]:
        kept = decided.where(F.col("outcome").isNull())
        told = kept.groupBy("task").agg(F.count(F.lit(1)).alias("rows")).agg(
            F.count(F.lit(1)).alias("tasks"), F.sum((F.col("rows") > 1).cast("int")).alias("several"), F.max("rows").alias("most"),
        ).first()  # fmt: skip
        away = kept.where("distance is not null").agg(F.avg("distance").alias("mean")).first()
        assert told is not None and away is not None  # an aggregate without keys has one row
        mean = away["mean"]
        return {
            "tasks": told["tasks"] or 0, "tasks_with_several": told["several"] or 0, "most_of_a_task": told["most"] or 0,
            "mean_distance": None if mean is None else round(mean, 6),
        }  # fmt: skip

    return decided.where(F.col("outcome").isNotNull()).drop("task", "distance"), statistics


def _described(batches: Batches) -> Batches:
    """What is compared of each row; `state` says why one cannot be."""
    import pyarrow as pa

    from agent_data.evidence import read_evidence
    from agent_data.judges.diverse import features

    for batch in batches:
        tasks, states, made = [], [], []
        for messages, text in zip(
            batch.column("messages").to_pylist(), batch.column("evidence").to_pylist(), strict=True
        ):
            try:
                evidence = read_evidence(text)
            except ValueError as error:
                evidence = None
                states.append(f"evidence {error}"[:200])
            else:
                states.append("evidence none of a trajectory" if evidence is None else evidence.verdict)
            tasks.append("" if evidence is None else evidence.task)
            refused = sum(bool(call.get("error")) for call in evidence.calls) if evidence is not None else 0
            made.append("" if evidence is None else features(messages, refused).text())
        yield pa.RecordBatch.from_arrays(
            [
                batch.column("_part").cast(pa.int32()), batch.column("_row").cast(pa.int64()), batch.column("id").cast(pa.string()),
                pa.array(tasks, pa.string()), pa.array(states, pa.string()), pa.array(made, pa.string()),
            ],
            names=["_part", "_row", "id", "task", "state", "features"],
        )  # fmt: skip


class _Choice:
    """Decides task by task over rows that come sorted by task. An object, so that it can travel to worker processes."""

    def __init__(self, config: SelectTrajectories) -> None:
        self.most, self.least, self.unjudged = config.most, config.min_distance, config.unjudged

    def __call__(self, batches: Batches) -> Batches:
        from itertools import groupby

        import pyarrow as pa

        schema = pa.schema([
            ("_part", pa.int32()), ("_row", pa.int64()), ("outcome", pa.string()), ("rule", pa.string()), ("score", pa.float64()),
            ("threshold", pa.float64()), ("into_id", pa.string()), ("detail", pa.string()), ("task", pa.string()), ("distance", pa.float64()),
        ])  # fmt: skip
        rows = (row for batch in batches for row in batch.to_pylist())
        for _, held in groupby(rows, key=lambda row: row["task"]):
            yield pa.RecordBatch.from_pylist(self._decide(list(held)), schema)

    def _decide(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        from agent_data.judges.diverse import choose, read_features

        decisions: list[dict[str, Any]] = []
        candidates: list[dict[str, Any]] = []
        for row in rows:
            place = {"_part": row["_part"], "_row": row["_row"], "task": row["task"]}
            if row["state"].startswith("evidence "):
                decisions.append({**place, "outcome": "errored", "rule": "evidence", "detail": row["state"][9:]})
            elif row["state"] != "right" and not self.unjudged:
                decisions.append({**place, "outcome": "dropped", "rule": "not-judged", "detail": row["state"]})
            else:
                candidates.append(row)
        held = [read_features(row["features"]) for row in candidates]
        chosen, nearest = choose(held, self.most, self.least)
        for at, row in enumerate(candidates):
            survivor, away = nearest[at]
            place = {"_part": row["_part"], "_row": row["_row"], "task": row["task"]}
            if at in chosen:
                decisions.append({**place, "distance": _among(at, chosen, held)})
            elif away < self.least:
                into = candidates[survivor]["id"]
                alike = {
                    "outcome": "merged",
                    "rule": "alike",
                    "score": 1 - away,
                    "threshold": 1 - self.least,
                    "into_id": into,
                }
                decisions.append({**place, **alike})
            else:
                decisions.append({**place, "outcome": "dropped", "rule": "enough", "score": away, "threshold": None})
        return decisions


def _among(at: int, chosen: list[int], held: list[Any]) -> float | None:
    """The distance to the nearest other one that stays."""
    from agent_data.judges.diverse import distance

    return min((distance(held[at], held[other]) for other in chosen if other != at), default=None)


STAGE = Stage(
    name="select-trajectories",
    version=1,
    help="Keep at most n trajectories of each task, judged right and unlike one another.",
    example="arcmill select-trajectories --input judged --output selected --set most=2",
    config=SelectTrajectories,
    reads={"input": "Conversation"},
    writes="Conversation",
    engine="spark",
    core=core,
)
