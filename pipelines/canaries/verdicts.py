"""What became of each canary, recall by kind and stage, and whether the other documents fared as without them."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arcmill.dataset import Dataset
from pipelines.canaries import CONTROL, PLANTED
from pipelines.canaries.config import Canaries
from pipelines.canaries.edits import jaccards
from pipelines.canaries.follow import Followed
from pipelines.canaries.kinds import known
from pipelines.canaries.others import Row, Traces, apart, compare
from pipelines.canaries.run import Shadow

if TYPE_CHECKING:
    from pipelines.canaries.follow import Way

CAUGHT, MISSED, OTHERWISE = "caught", "missed", "otherwise"
_QUOTED = 240  # characters of a missed canary, or of the question hidden in it, that the report quotes
_CHANGED = 50  # changed documents that are named
_WHOLE, _GONE = 0.8, 0.5  # share of a question's n-grams from which it is there to be found, below which it is gone
_GRAM = 3  # words in the n-grams that tell whether a question is still in a text


def wilson(hits: int, total: int, z: float = 1.959964) -> tuple[float, float] | None:
    """The 95 % interval of a share (E. B. Wilson 1927); None where there is nothing to divide."""
    if not total:
        return None
    share, square = hits / total, z * z
    middle, spread = share + square / (2 * total), z * math.sqrt(share * (1 - share) / total + square / (4 * total**2))
    low, high = (middle - spread) / (1 + square / total), (middle + spread) / (1 + square / total)
    return round(max(0.0, low), 4), round(min(1.0, high), 4)


def report_of(shadow: Shadow, asked: Canaries) -> dict[str, Any]:
    """The report: the same for the same run, seed and settings."""
    way = shadow.way
    sample, planted = ({e.name: Traces.read(shadow.path(s, e.name)) for e in way.entries} for s in (CONTROL, PLANTED))
    control, followed = (
        {f.step.name: Traces.read(shadow.path(side, f.step.name)) for f in way.steps} for side in (CONTROL, PLANTED)
    )
    before = {f.step.name: _inputs(shadow.source(PLANTED, f)) for f in way.steps}
    others = {row_id for traces in sample.values() for row_id in traces.rows}
    canaries = {
        row_id: {"id": row_id, "entry": name, "text": row["text"], **(known(row) or {})}
        for name, traces in planted.items() for row_id, row in traces.rows.items() if row_id not in others
    }  # fmt: skip
    judged = {f.step.name: _judge(f, canaries, before[f.step.name], followed[f.step.name]) for f in way.steps}
    changed, displaced = compare(way, control, followed, others, canaries)
    gone = {row_id for traces in control.values() for row_id in traces.left}
    return {
        "format": 1,
        "settings": asked.model_dump(mode="json"),
        "run": {e.name: Dataset.open(e.source).fingerprint for e in way.entries}
        | {f.step.name: Dataset.open(f"{shadow.root}/{f.step.name}").fingerprint for f in way.steps},
        "steps": [{"step": f.step.name, "stage": f.stage} for f in way.steps],
        "sample": {"documents": len(others), "survivors": len(others - gone)},
        "planted": dict(sorted(Counter(_kind(c) for c in canaries.values()).items())),
        "recall": _recall(way, canaries, judged, before, followed, asked.missed_samples),
        "left": _departures(way, canaries, followed),
        "others_unchanged": not changed,
        "others_changed_count": len(changed),
        "others_changed": changed[:_CHANGED],
        "originals_displaced": displaced,
        "not_in_the_run": apart(shadow.root),
    }


def _inputs(paths: Sequence[str]) -> dict[str, Row]:
    return {row_id: row for path in paths for row_id, row in Traces.read(path).rows.items()}


def _kind(canary: Mapping[str, Any]) -> str:
    return str(canary.get("kind", "unknown"))


# -- verdicts --------------------------------------------------------------------------------------------------


def targets(kind: str, step: Followed) -> bool:
    """True where catching canaries of that kind is what the step is for (or, for clean ones, what it might do wrongly)."""
    stage = step.stage
    if kind.startswith("benchmark-"):
        return stage == "decontaminate"
    if kind.startswith("pii-"):
        return stage == "filter-web" and _replaces(step, kind.removeprefix("pii-"))
    if kind == "clean":
        return stage.startswith("dedup-") or stage == "decontaminate"
    if kind == "exact-copy":
        return stage.startswith("dedup-")
    return stage.startswith("dedup-") and stage != "dedup-exact" and kind != "template-first"


def _replaces(step: Followed, sort: str) -> bool:
    config = step.step.config.model_dump()
    pii = config.get("pii", {})
    switch = {"email": "emails", "ipv4": "ips", "phone": "phones"}[sort]
    return "pii" in config.get("order", ()) and bool(pii.get("enabled")) and bool(pii.get(switch))


def _judge(step: Followed, canaries: Mapping[str, Row], before: Mapping[str, Row], after: Traces) -> dict[str, str]:
    """caught, missed or otherwise (it could be neither) of each canary that reached a step made for its kind."""
    survivors = {row["into_id"]: row_id for row_id, row in after.left.items() if row["into_id"] in canaries}
    verdicts = {}
    for row_id, canary in canaries.items():
        if row_id in before and targets(_kind(canary), step):
            verdicts[row_id] = _verdict(canary, before[row_id], after, survivors.get(row_id))
    return verdicts


def _verdict(canary: Row, row: Row, after: Traces, merged_into_it: str | None) -> str:
    kind, left, kept = _kind(canary), after.left.get(row["id"]), after.rows.get(row["id"])
    if kind.startswith("pii-"):
        if left is not None or kept is None or canary["value"] not in row["text"]:
            return OTHERWISE
        return MISSED if canary["value"] in kept["text"] else CAUGHT
    if kind.startswith("benchmark-"):
        if held(canary["question"], row["text"]) < _WHOLE:
            return OTHERWISE  # an earlier step took the item out of it, or half of it
        if left is not None:
            return CAUGHT if left["outcome"] == "dropped" else OTHERWISE
        return CAUGHT if kept is None or held(canary["question"], kept["text"]) < _GONE else MISSED
    if left is not None:
        return CAUGHT if left["outcome"] in ("merged", "dropped") else OTHERWISE
    original = canary.get("original")
    return CAUGHT if original is not None and merged_into_it == original else MISSED


def held(question: str, text: str) -> float:
    """The share (0-1) of a question's word n-grams that a text holds, whatever its case and lines."""
    wanted, there = (re.findall(r"\w+", value.casefold()) for value in (question, text))
    size = min(_GRAM, len(wanted))
    if not size:
        return 0.0
    grams = [tuple(wanted[at : at + size]) for at in range(len(wanted) - size + 1)]
    found = {tuple(there[at : at + size]) for at in range(len(there) - size + 1)}
    return sum(gram in found for gram in grams) / len(grams)


def _recall(
    way: Way, canaries: Mapping[str, Row], judged: Mapping[str, Mapping[str, str]],
    before: Mapping[str, Mapping[str, Row]], followed: Mapping[str, Traces], samples: int,
) -> list[Row]:  # fmt: skip
    by_kind: dict[str, list[str]] = defaultdict(list)
    for row_id, canary in canaries.items():
        by_kind[_kind(canary)].append(row_id)
    table: list[Row] = []
    for kind in sorted(by_kind.keys() - {"template-first"}, key=lambda kind: (kind == "clean", kind)):
        ids = sorted(by_kind[kind])
        for step in way.steps:
            if targets(kind, step):
                verdicts = judged[step.step.name]
                likeness = _likeness([i for i in ids if i in verdicts], canaries, before[step.step.name], way.ngram)
                table.append(_line(kind, step, ids, verdicts, likeness, canaries, samples))
        planted = {row_id: canaries[row_id]["jaccard"] for row_id in ids if "jaccard" in canaries[row_id]}
        overall = _overall(ids, way, judged, followed, merging=not kind.startswith(("pii-", "benchmark-")))
        table.append(_line(kind, None, ids, overall, planted, canaries, samples))
    return table


def _overall(
    ids: Sequence[str], way: Way, judged: Mapping[str, Mapping[str, str]], followed: Mapping[str, Traces], merging: bool
) -> dict[str, str]:
    """Over all stages: caught by any; missed where it was still there at the end; otherwise where it left before.

    A copy whose edits a filter took out is merged as an exact one, which is as good.
    """
    verdicts = {}
    for row_id in ids:
        told = {judged[step.step.name][row_id] for step in way.steps if row_id in judged[step.step.name]}
        left = [f.left[row_id] for f in followed.values() if row_id in f.left]
        if CAUGHT in told or (merging and any(row["outcome"] == "merged" for row in left)):
            verdicts[row_id] = CAUGHT
        else:
            verdicts[row_id] = OTHERWISE if left or told == {OTHERWISE} else MISSED
    return verdicts


def _line(
    kind: str, step: Followed | None, ids: Sequence[str], verdicts: Mapping[str, str], likeness: Mapping[str, float],
    canaries: Mapping[str, Row], samples: int,
) -> Row:  # fmt: skip
    counts = Counter(verdicts[row_id] for row_id in ids if row_id in verdicts)
    judged = counts[CAUGHT] + counts[MISSED]
    ordered = sorted(likeness[row_id] for row_id in ids if row_id in likeness)
    missed = [canaries[row_id] for row_id in ids if verdicts.get(row_id) == MISSED][:samples]
    return {
        "kind": kind, "step": step.step.name if step else None, "stage": step.stage if step else None,
        "planted": len(ids), "reached": sum(counts.values()), CAUGHT: counts[CAUGHT], MISSED: counts[MISSED],
        OTHERWISE: counts[OTHERWISE], "recall": round(counts[CAUGHT] / judged, 4) if judged else None,
        "interval": wilson(counts[CAUGHT], judged),
        "jaccard": [ordered[0], ordered[len(ordered) // 2], ordered[-1]] if ordered else None,
        "missed_samples": [
            {key: value for key, value in canary.items() if key not in ("kind", "question", "jaccard")}
            | {"jaccard": likeness.get(canary["id"]), "text": str(canary.get("question", canary["text"]))[:_QUOTED]}
            for canary in missed
        ],
    }  # fmt: skip


def _likeness(
    ids: Sequence[str], canaries: Mapping[str, Row], before: Mapping[str, Row], ngram: int
) -> dict[str, float]:
    """The Jaccard index of canary and original as they reached a step, which earlier ones may have rewritten."""
    measured = [row_id for row_id in ids if "jaccard" in canaries[row_id] and canaries[row_id]["original"] in before]
    pairs = [(before[canaries[row_id]["original"]]["text"], before[row_id]["text"]) for row_id in measured]
    return dict(zip(measured, jaccards(pairs, ngram), strict=True))


def _departures(way: Way, canaries: Mapping[str, Row], followed: Mapping[str, Traces]) -> list[Row]:
    """Every way in which canaries left, by kind, step and rule."""
    table = []
    for step in way.steps:
        left = followed[step.step.name].left
        counts = Counter((_kind(canaries[i]), row["outcome"], row["rule"]) for i, row in left.items() if i in canaries)
        for (kind, outcome, rule), number in sorted(counts.items()):
            table.append({"kind": kind, "step": step.step.name, "outcome": outcome, "rule": rule, "canaries": number})
    return table
