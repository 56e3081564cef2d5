"""Values of every arm and differences between arms, with intervals, from what the jobs measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from pipelines.ablate.config import Ablate
from pipelines.ablate.intervals import Interval, Numbers, interval, within_a_share
from pipelines.ablate.spans import METRICS, Measure

ALL = "all"  # the mean over held-out sets
FORMAT = 1
SHARE = "share right"
FEW = 20  # documents, of which a bootstrap tells too little


def results(plan: Mapping[str, Any], measured: Sequence[Mapping[str, Any]], config: Ablate) -> dict[str, Any]:
    """All that an ablation found, as plain data."""
    names = [arm.name for arm in plan["arms"]]
    tops, belows = _matrices(plan, measured, names)
    groups = sorted(
        belows, key=lambda group: (list(METRICS).index(group[1]), [s.name for s in plan["sets"]].index(group[0]))
    )
    rows: list[dict[str, Any]] = []
    for metric in dict.fromkeys(metric for _, metric in groups):
        sets = [group[0] for group in groups if group[1] == metric]
        asked = [([name], name) for name in sets] + ([(sets, ALL)] if len(sets) > 1 else [])
        rows += [_row(metric, of, told, names, tops, belows, config) for of, told in asked]
    return {
        "format": FORMAT, "settings": config.model_dump(mode="json"),
        "decoder": {
            "parameters": _parameters(plan["shape"]), "layers": plan["shape"].layers, "width": plan["shape"].width,
            "vocabulary": plan["vocabulary"].size, "context": plan["shape"].context, "device": plan["device"],
            "precision": plan["places"][0].job["precision"], "steps": plan["steps"], "tokenizer": plan["vocabulary"].digest,
        },
        "tokens": plan["trained_tokens"],
        "arms": [_arm(arm, plan["facts"][arm.name], plan, measured) for arm in plan["arms"]],
        "heldout": [
            {"name": each.name, "fingerprints": each.fingerprints, **plan["held"][each.name]} for each in plan["sets"]
        ],
        "metrics": {name: METRICS[name]._asdict() for name in dict.fromkeys(row["metric"] for row in rows)},
        "results": rows,
    }  # fmt: skip


def _arm(
    arm: Any, facts: Mapping[str, Any], plan: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    own = [each for place, each in zip(plan["places"], measured, strict=True) if place.arm == arm.name]
    told = {key: facts[key] for key in ("record", "rows", "documents", "errored", "empty", "tokens", "bytes")}
    return {
        "name": arm.name, "fingerprints": arm.fingerprints, **told,
        "epochs": round(plan["trained_tokens"] / facts["tokens"], 4),
        "training_loss": [each["curve"][-1][1] for each in own], "seconds": [each["seconds"] for each in own],
    }  # fmt: skip


def _parameters(shape: Any) -> int:
    from pipelines.ablate.model import Decoder

    return Decoder(shape).parameters_count


Group = tuple[str, str]  # held-out set, metric


def _matrices(
    plan: Mapping[str, Any], measured: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> tuple[dict[Group, dict[str, Numbers]], dict[Group, Numbers]]:
    """Sums by unit: numerators[set, metric][arm][seed, unit], denominators[set, metric][unit]."""
    measures: list[Measure] = plan["items"].measures
    places: dict[Group, dict[str, int]] = defaultdict(dict)
    for measure in measures:
        units = places[measure.set, measure.metric]
        units.setdefault(measure.unit, len(units))
    seeds = sorted({place.seed for place in plan["places"]})
    belows = {group: np.zeros(len(units)) for group, units in places.items()}
    tops = {group: {name: np.zeros((len(seeds), len(units))) for name in names} for group, units in places.items()}
    for number, measure in enumerate(measures):
        group = (measure.set, measure.metric)
        unit = places[group][measure.unit]
        belows[group][unit] += measure.below
        for place, each in zip(plan["places"], measured, strict=True):
            tops[group][place.arm][seeds.index(place.seed), unit] += each["values"][number]
    return tops, belows


def _row(
    metric: str, sets: Sequence[str], told: str, names: Sequence[str], tops: Mapping[Group, Mapping[str, Numbers]],
    belows: Mapping[Group, Numbers], config: Ablate,
) -> dict[str, Any]:  # fmt: skip
    """One metric on one set (or the mean over all): every arm, and the differences that were asked for."""
    below = [belows[name, metric] for name in sets]

    share = METRICS[metric].unit == SHARE
    units = min(map(len, below))

    def found(arm: str, less: str | None = None) -> Interval:
        parts = []
        for name, under in zip(sets, below, strict=True):
            top = tops[name, metric][arm] - (tops[name, metric][less] if less is not None else 0.0)
            parts.append((top, under))
        made = interval(parts, config.confidence, config.resamples)
        return within_a_share(made, units, config.confidence, difference=less is not None) if share else made

    pairs = list(combinations(names, 2))
    if config.baseline is not None:
        pairs = [(name, config.baseline) for name in names if name != config.baseline]
    return {
        "metric": metric, "heldout": told, "documents": sum(map(len, below)),
        "few": any(len(each) < FEW for each in below),
        "arms": {name: _told(found(name)) for name in names},
        "differences": [_difference(metric, one, other, found(one, other)) for one, other in pairs],
    }  # fmt: skip


def _told(found: Interval) -> dict[str, Any]:
    low, high = (None if bound is None else _short(bound) for bound in (found.low, found.high))
    return {"value": _short(found.value), "low": low, "high": high, "seeds": [_short(each) for each in found.seeds]}


def _short(number: float) -> float:
    return round(number, 6)


def _difference(metric: str, one: str, other: str, found: Interval) -> dict[str, Any]:
    """`one` less `other`; the better arm is named only where the interval leaves 0 out."""
    better = None
    if found.excludes_zero:
        better = one if (found.value > 0) == METRICS[metric].more_is_better else other
    return {"of": one, "less": other, **_told(found), "better": better}
