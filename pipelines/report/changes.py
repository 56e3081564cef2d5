"""What changed between two runs, from their figures alone, and which of it is beyond chance.

A share counts as moved where chance explains it with p < 0.001 (two proportions, pooled, normal approximation) and it moved
by a tenth of itself or more (of its smaller side: 98 % to 97 % is a loss of 3 % after one of 2 %) and by a tenth of a point. A
distribution counts as moved from a Kolmogorov-Smirnov distance of 0.05, with p < 0.001. A volume counts from a fifth of
itself, a time from one and a half of itself and 30 seconds. Documents of one site are alike, so chance alone moves shares
more than this test knows: it leaves out what is surely noise, and does not prove a cause.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pipelines.compare.distributions import Distribution, compared
from pipelines.compare.steps import paired
from pipelines.lineage import DONE
from pipelines.report.summary import DocumentFigures, Spread, StepFigures, Summary

Z = 3.29  # p < 0.001, two-sided
RELATIVE, POINTS, FEWEST = 0.1, 0.001, 10
VOLUME, SLOWER, SECONDS, DISTANCE = 0.2, 1.5, 30.0, 0.05
_COLUMNS = {"source": "source", "language": "language", "quality_bucket": "bucket", "license": "licence"}
_STEP = "(step)"


@dataclass(frozen=True)
class Change:
    """One figure of both runs. `kind`: rows, share, tokens, seconds, bytes. None: it is not there in that run."""

    step: str
    what: str
    kind: str
    before: float | None
    after: float | None
    rows_before: int | None = None  # what the share is of
    rows_after: int | None = None
    moved: bool = False
    group: str = "rule"  # step | rule | source | language | bucket | licence | tokens | time
    weight: float = 0.0  # by which those that moved are ordered

    @property
    def how(self) -> str:
        """new, gone, up, down or level."""
        if self.before is None or (self.before == 0 and self.after):
            return "new"
        if self.after is None or (self.after == 0 and self.before):
            return "gone"
        return "level" if self.before == self.after else "up" if self.after > self.before else "down"


@dataclass(frozen=True)
class Setting:
    """Something that decides a step and is not the same: a setting, a version, an input or model from outside."""

    step: str
    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Shift:
    """A distribution of the final documents in both runs (what `compared` tells), with bars to draw."""

    step: str
    name: str
    told: dict[str, Any]
    edges: list[float]
    before: list[int]
    after: list[int]
    moved: bool


@dataclass
class Changes:
    """All of it."""

    earlier: Summary
    figures: list[Change] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    alarms: list[tuple[str, str, bool]] = field(default_factory=list)  # step, source, raised (else it is over)
    same: list[str] = field(default_factory=list)  # steps with equal fingerprints

    @property
    def moved(self) -> list[Change]:
        """What moved beyond chance, the farthest first."""
        return sorted((c for c in self.figures if c.moved), key=lambda c: (-c.weight, c.step, c.group, c.what))

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "since": {"run": self.earlier.run, "ends": self.earlier.ends},
            "moved": [{**asdict(one), "how": one.how} for one in self.moved],
            "settings": [asdict(one) for one in self.settings],
            "distributions": [{"step": s.step, "name": s.name, "moved": s.moved, **s.told} for s in self.shifts],
            "alarms": [{"step": step, "source": source, "raised": raised} for step, source, raised in self.alarms],
            "same": self.same,
            "figures": [{**asdict(one), "how": one.how} for one in self.figures],
        }

    @property
    def marks(self) -> int:
        """How many figures and distributions moved."""
        return len(self.moved) + sum(shift.moved for shift in self.shifts)


def compare(earlier: Summary, now: Summary) -> Changes:
    """The changes from one run to another. Steps with equal fingerprints hold the same bytes and are only named."""
    told = Changes(earlier)
    for before, after in paired(earlier.steps, now.steps):
        if before is None or after is None:
            known = after if before is None else before
            assert known is not None
            x, y = (None if one is None else one.rows for one in (before, after))
            told.figures.append(Change(known.name, _STEP, "rows", x, y, moved=True, group="step", weight=1e6))
        elif before.fingerprint == after.fingerprint and before.fingerprint:
            told.same.append(after.name)
        else:
            told.settings += _settings(before, after)
            if before.state == after.state == DONE:
                told.figures += _figures(before, after)
                told.shifts += _shifts(before, after)
                told.alarms += [(after.name, s, True) for s in after.alarms if s not in before.alarms]
                told.alarms += [(after.name, s, False) for s in before.alarms if s not in after.alarms]
    return told


# -- figures -----------------------------------------------------------------------------------------------------------


def _figures(a: StepFigures, b: StepFigures) -> Iterator[Change]:
    ins = a.counts.get("in", 0), b.counts.get("in", 0)
    if b.starts:
        yield _volume(b.name, "rows read", "rows", *ins)
    if any(ins) and b.record != "Model":
        yield _share(b.name, "kept", a.counts.get("kept", 0), b.counts.get("kept", 0), *ins, group="step")
    if b.documents is not None and a.documents is not None:
        yield _volume(b.name, "documents in the end", "rows", a.documents.rows, b.documents.rows)
        yield from _columns(b.name, a.documents, b.documents)
    named = [{(r.outcome, r.rule): round(r.rows / max(s.ledger_share, 1e-9)) for r in s.rules} for s in (a, b)]
    for outcome, rule in dict.fromkeys((*named[1], *named[0])):
        x, y = (side.get((outcome, rule), 0) for side in named)
        yield _share(b.name, f"{outcome} by {rule}", x, y, *ins, group="rule", floor=0.1 if outcome == "errored" else 1)
    if a.tokens is not None and b.tokens is not None:
        yield _volume(b.name, "tokens", "tokens", a.tokens.tokens, b.tokens.tokens)
        n = (
            a.tokens.segments,
            b.tokens.segments,
        )  # tokens of one document come together, so segments are what is counted
        for what, part in (("padding", "padding"), ("tokens in the loss", "in_loss")):
            yield _part(
                b.name, what, getattr(a.tokens, part), getattr(b.tokens, part), a.tokens.tokens, b.tokens.tokens, n
            )
        sums = [max(sum(side.by_source.values()), 1) for side in (a.tokens, b.tokens)]
        for key in dict.fromkeys((*b.tokens.by_source, *a.tokens.by_source)):
            parts = a.tokens.by_source.get(key, 0), b.tokens.by_source.get(key, 0)
            yield _part(b.name, f"tokens of {key}", *parts, sums[0], sums[1], n)
    if a.seconds is not None and b.seconds is not None:
        slower = b.seconds >= SLOWER * a.seconds and b.seconds - a.seconds >= SECONDS
        yield Change(b.name, "wall time", "seconds", a.seconds, b.seconds, moved=slower, group="time", weight=0.1)


def _columns(step: str, a: DocumentFigures, b: DocumentFigures) -> Iterator[Change]:
    for column, title in _COLUMNS.items():
        sides = a.by.get(column, {}), b.by.get(column, {})
        for key in dict.fromkeys((*sides[1], *sides[0])):
            x, y = (side.get(key, (0, 0))[0] for side in sides)
            yield _share(step, f"{title} {key}", x, y, a.scanned, b.scanned, group=title)


def _volume(step: str, what: str, kind: str, a: int, b: int) -> Change:
    moved = abs(b - a) >= max(VOLUME * max(a, 1), Z * math.sqrt(a + b))
    return Change(step, what, kind, a, b, moved=moved, group="step", weight=1e3 + abs(math.log((b + 1) / (a + 1))))


def _share(step: str, what: str, x: int, y: int, n: int, m: int, group: str, floor: float = 1) -> Change:
    """x of n before, y of m now. `floor`: of the least step in points."""
    moved, z = _beyond(x / n if n else 0.0, y / m if m else 0.0, n, m, floor)
    moved = moved and max(x, y) >= FEWEST
    shares = (x / n if n else None), (y / m if m else None)
    return Change(step, what, "share", *shares, x, y, moved, group, z + (1e2 if group == "step" else 0))


def _part(step: str, what: str, x: int, y: int, n: int, m: int, counted: Sequence[int]) -> Change:
    """As `_share`, where not each of n counts for itself but `counted` of them do."""
    p, q = (x / n if n else 0.0), (y / m if m else 0.0)
    moved, z = _beyond(p, q, *counted)
    return Change(step, what, "share", p, q, x, y, moved, "tokens", z)


def _beyond(p: float, q: float, n: int, m: int, floor: float = 1) -> tuple[bool, float]:
    """Whether two shares of n and m differ beyond chance and by something, and the z of it."""
    if not n or not m:
        return False, 0.0
    pooled = (p * n + q * m) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = abs(q - p) / error if error else 0.0
    base = min(p, 1 - p) or max(p, q)  # of what was not there, or of all, anything is much
    return z >= Z and abs(q - p) >= max(RELATIVE * min(base, 0.5), POINTS * floor), z


# -- settings, distributions -------------------------------------------------------------------------------------------


def _settings(a: StepFigures, b: StepFigures) -> Iterator[Setting]:
    if a.name != b.name:
        yield Setting(b.name, "name of the step", a.name, b.name)
    if a.stage != b.stage:
        yield Setting(b.name, "stage", a.stage, b.stage)
        return
    if a.version != b.version:
        yield Setting(b.name, "version of the stage", a.version, b.version)
    for key in sorted({*a.settings, *b.settings}):
        if a.settings.get(key) != b.settings.get(key):
            yield Setting(b.name, key, a.settings.get(key), b.settings.get(key))
    for key in sorted({*a.outside, *b.outside}):
        if a.outside.get(key) != b.outside.get(key):
            title = key if key.startswith("model ") else "what it reads" if key == "input" else f"input {key}"
            yield Setting(b.name, title, *(side.outside.get(key, "")[:12] or None for side in (a, b)))


_BARS = 32


def _shifts(a: StepFigures, b: StepFigures) -> Iterator[Shift]:
    if a.documents is None or b.documents is None:
        return
    for name in sorted(b.documents.spreads.keys() & a.documents.spreads.keys()):
        one, two = (_distribution(side.documents.spreads[name]) for side in (a, b) if side.documents is not None)
        if one.scores != two.scores:
            continue
        told = compared(name, one, two)
        held = np.flatnonzero(one.bins + two.bins)
        cuts = np.unique(np.linspace(int(held[0]), int(held[-1]) + 1, _BARS + 1).round().astype(int))
        x, y = (np.add.reduceat(side.bins[: cuts[-1]], cuts[:-1]).tolist() for side in (one, two))
        moved = told["ks"] >= DISTANCE and told["ks_p"] < 0.001
        yield Shift(b.name, name, told, one.edges()[cuts].tolist(), x, y, moved)


def _distribution(spread: Spread) -> Distribution:
    made = Distribution(spread.scores)
    for place, count in spread.bins.items():
        if 0 <= place < len(made.bins):
            made.bins[place] = count
    made.count, made.sum = int(made.bins.sum()), spread.sum
    made.least = math.inf if spread.least is None else spread.least
    made.most = -math.inf if spread.most is None else spread.most
    return made
