"""Two runs or datasets compared: the steps, then every row of what they end in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arcmill.dataset import Dataset
from pipelines.compare import steps as by_step
from pipelines.compare.distributions import Distribution
from pipelines.compare.distributions import compared as told_of
from pipelines.compare.overlap import Overlap
from pipelines.compare.rows import Side
from pipelines.lineage import Step, open_run

MOST_KEYS = 20  # of a column that are told


def compare(a: str, b: str, step: str | None = None, samples: int = 3, seed: int = 0) -> dict[str, Any]:
    """What differs between two runs (or datasets): `steps`, and in `contents` the rows of what they end in.

    `step`: compare the rows of this step instead (NAME, or NAME_A:NAME_B). `samples`: rows of each side that the other has
    not, drawn by `seed`. Memory does not grow with the datasets. Raises UsageError, InputError.
    """
    runs = open_run(a), open_run(b)
    pairs = by_step.paired(runs[0].steps, runs[1].steps)
    return {
        "a": a, "b": b,
        "steps": [by_step.compared(x, y) for x, y in pairs],
        "contents": [_contents(x, y, samples, seed) for x, y in by_step.contents(pairs, step, *runs)],
    }  # fmt: skip


def _contents(a: Step, b: Step, samples: int, seed: int) -> dict[str, Any]:
    assert a.dataset is not None
    assert b.dataset is not None
    told: dict[str, Any] = {"a": a.name, "b": b.name, "record": a.record, "same": a.fingerprint == b.fingerprint}
    sides = Side(a.dataset), Side(b.dataset)
    with Overlap(_rows(a.dataset) + _rows(b.dataset)) as overlap:
        for number, side in enumerate(sides):
            side.read(overlap, number)
        told["overlap"], drawn = overlap.told(samples, seed)
    told["rows"] = [side.rows for side in sides]
    told["tokens"] = [round(side.tokens) for side in sides]
    told["tokens_by"] = [dict(sorted(side.tokens_by.items())) for side in sides]
    if sides[0].extra or sides[1].extra:
        told["packing"] = {name: [side.extra[name] for side in sides] for name in sides[0].extra | sides[1].extra}
    names = dict.fromkeys((*sides[0].distributions, *sides[1].distributions))
    both = ((name, [_of(side.distributions, name, sides) for side in sides]) for name in names)
    told["distributions"] = [told_of(name, *held) for name, held in both if held[0].count or held[1].count]
    told["mix"] = {
        name: _mix(*sides, name) for name in dict.fromkeys((*sides[0].mix, *sides[1].mix)) if _says(*sides, name)
    }
    told["only_in"] = {"a": sides[0].sample(drawn[0]), "b": sides[1].sample(drawn[1])}
    return told


def _rows(dataset: Dataset) -> int:
    return dataset.counts["in"] if dataset.record == "Sequence" else dataset.rows


def _of(held: Mapping[str, Distribution], name: str, sides: tuple[Side, Side]) -> Distribution:
    """A side's distribution; an empty one of the same kind where only the other has it."""
    if name in held:
        return held[name]
    return Distribution(next(side.distributions[name].scores for side in sides if name in side.distributions))


def _says(a: Side, b: Side, name: str) -> bool:
    """Whether a column tells anything: not where all rows of both sides have none."""
    return {*a.mix.get(name, ()), *b.mix.get(name, ())} != {"(none)"}


def _mix(a: Side, b: Side, name: str) -> list[dict[str, Any]]:
    """The values of a column: rows and tokens of both sides, the heaviest first; what is not told one by one together."""
    held: list[Any] = [(side.mix.get(name, {}), side.count.get(name, {}), max(side.tokens, 1e-9)) for side in (a, b)]
    keys = sorted(
        {*held[0][0], *held[1][0]}, key=lambda key: (-sum(mix.get(key, 0) / all_ for mix, _, all_ in held), key)
    )
    told = []
    for key in keys[:MOST_KEYS]:
        told.append({"value": key, **_sides(held, [key])})
    if keys[MOST_KEYS:]:
        told.append({"value": f"({len(keys) - MOST_KEYS} more)", **_sides(held, keys[MOST_KEYS:])})
    return told


def _sides(held: Any, keys: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for side, (mix, count, total) in zip("ab", held, strict=True):
        tokens = sum(mix.get(key, 0) for key in keys)
        told |= {
            f"rows_{side}": sum(count.get(key, 0) for key in keys), f"tokens_{side}": round(tokens),
            f"share_{side}": tokens / total,
        }  # fmt: skip
    return told
