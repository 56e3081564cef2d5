"""Whether the documents beside the canaries fared as without them, row by row and entry by entry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from arcmill.dataset import Dataset
from pipelines.canaries import CONTROL, FOLDER, PLANTED
from pipelines.canaries.follow import Way

Row = dict[str, Any]


@dataclass
class Traces:
    """A dataset of the shadow: its rows by id, and what its ledger says of those that left."""

    rows: dict[str, Row] = field(default_factory=dict)
    left: dict[str, Row] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str) -> Traces:
        dataset = Dataset.open(path)
        columns = ["id"] if dataset.record != "Document" else None
        return cls(
            {row["id"]: row for batch in dataset.batches(columns) for row in batch.to_pylist()},
            {row["id"]: row for batch in dataset.ledger() for row in batch.to_pylist()},
        )


def compare(
    way: Way, control: Mapping[str, Traces], followed: Mapping[str, Traces], others: set[str],
    canaries: Mapping[str, Row],
) -> tuple[list[Row], list[Row]]:  # fmt: skip
    """Documents whose row or end differs at their first such step, and those that went into their own canary."""
    changed: dict[str, Row] = {}
    displaced: dict[str, Row] = {}
    for step in way.steps:
        without, with_them = control[step.step.name], followed[step.step.name]
        for row_id in sorted(others - changed.keys() - displaced.keys()):
            what = _difference(without, with_them, row_id)
            if what is None:
                continue
            into = str((with_them.left.get(row_id) or {}).get("into_id"))
            own = canaries.get(into, {}).get("original") == row_id
            (displaced if own else changed)[row_id] = {"id": row_id, "step": step.step.name, "what": what}
    return list(changed.values()), list(displaced.values())


def _difference(without: Traces, with_them: Traces, row_id: str) -> str | None:
    was, now = without.left.get(row_id), with_them.left.get(row_id)
    if not _same_end(was, now):
        told = [f"{row['outcome']} by {row['rule']} into {row['into_id']}" if row else "stays" for row in (was, now)]
        return f"{told[0]} without canaries, {told[1]} with them"
    if _digest(without.rows.get(row_id)) != _digest(with_them.rows.get(row_id)):
        return "another row"
    return None


def _same_end(was: Row | None, now: Row | None) -> bool:
    """The same entry of a ledger. Scores may differ in the last digits: a vector depends on those it is batched with."""
    if was is None or now is None:
        return was is now
    scores = was["score"], now["score"]
    alike = scores[0] == scores[1] or (None not in scores and math.isclose(*scores, abs_tol=1e-4))
    return alike and all(was[key] == now[key] for key in was.keys() - {"score"})


def _digest(row: Row | None) -> bytes | None:
    return None if row is None else blake2b(repr(sorted(row.items())).encode("utf-8", "surrogatepass")).digest()


def apart(root: str) -> bool:
    """True where no dataset of the real run was made from anything of the shadow."""
    from pipelines.lineage import DONE, open_run

    marks = set()
    for side in (CONTROL, PLANTED):
        marks |= {step.fingerprint for step in open_run(f"{root}/{FOLDER}/{side}").steps}
    steps = [step for step in open_run(root).steps if step.state == DONE]
    return not any(edge.fingerprint in marks for step in steps for edge in step.inputs)
