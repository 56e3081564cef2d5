"""Which step of one run stands beside which of the other, and what differs between the two: config, counts, rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from arcmill.dataset import Dataset, describe_drift
from arcmill.errors import UsageError
from pipelines.lineage import Run, Step

RECORDS = ("Document", "Problem", "Conversation", "AgentTask", "Sequence")  # whose rows are compared
MOST_RULES = 10_000


class Named(Protocol):
    """A step as far as it is paired."""

    @property
    def name(self) -> str: ...

    @property
    def stage(self) -> str: ...


Paired = TypeVar("Paired", bound=Named)


def paired(a: Sequence[Paired], b: Sequence[Paired]) -> list[tuple[Paired | None, Paired | None]]:
    """Steps of one name, or else of one stage in the order in which they stand; and those that have no other side."""
    if len(a) == len(b) == 1:  # two datasets, whatever their folders are called
        return [(a[0], b[0])]
    named = {step.name: step for step in b}
    of = {step.name: named[step.name] for step in a if step.name in named}
    taken = {step.name for step in of.values()}
    for step in a:
        if step.name not in of and step.stage:
            like = next((s for s in b if s.stage == step.stage and s.name not in taken), None)
            if like is not None:
                of[step.name] = like
                taken.add(like.name)
    pairs: list[tuple[Paired | None, Paired | None]] = [(step, of.get(step.name)) for step in a]
    return [*pairs, *((None, step) for step in b if step.name not in taken)]


def compared(a: Step | None, b: Step | None) -> dict[str, Any]:
    """One pair: counts, what of their making differs, and the rules that fired."""
    known = a if a is not None else b
    assert known is not None
    told: dict[str, Any] = {
        "a": None if a is None else a.name, "b": None if b is None else b.name, "stage": known.stage,
        "stage_a": None if a is None else a.stage, "stage_b": None if b is None else b.stage,
        "record": known.record, "counts_a": _counts(a), "counts_b": _counts(b),
        "same": a is not None and b is not None and a.fingerprint == b.fingerprint != "",
        "differs": [], "rules": [],
    }  # fmt: skip
    for side, step in (("a", a), ("b", b)):
        if step is not None and step.dataset is None:
            told[f"state_{side}"] = step.state
    if a is not None and b is not None and a.identity and b.identity:
        told["differs"] = describe_drift(a.identity, b.identity)
    fired = [_rules(step.dataset) if step is not None and step.dataset is not None else Counter() for step in (a, b)]
    told["rules"] = [
        {"outcome": key[0], "rule": key[1], "a": fired[0][key], "b": fired[1][key]}
        for key in sorted(fired[0] | fired[1], key=lambda key: (-(fired[0][key] + fired[1][key]), key))
    ]  # fmt: skip
    return told


def _counts(step: Step | None) -> dict[str, int] | None:
    return None if step is None or step.dataset is None else step.dataset.counts


def _rules(dataset: Dataset) -> Counter[tuple[str, str]]:
    """Rows of the ledger by outcome and rule."""
    found: Counter[tuple[str, str]] = Counter()
    for batch in dataset.ledger(["outcome", "rule"]):
        found.update(zip(batch.column("outcome").to_pylist(), batch.column("rule").to_pylist(), strict=True))
        if len(found) > MOST_RULES:
            raise UsageError(f"compare: {dataset.url} has more than {MOST_RULES} rules in its ledger")
    return found


def contents(
    pairs: Sequence[tuple[Step | None, Step | None]], step: str | None, a: Run, b: Run
) -> list[tuple[Step, Step]]:
    """The pairs of which every row is compared: `step` (NAME, or NAME_A:NAME_B), else the last of each record.

    Raises UsageError for a step that is not there, or holds other rows than its counterpart.
    """
    if step is not None:
        first, colon, second = step.partition(":")
        sides = []
        for run, name in ((a, first), (b, second if colon else first)):
            if name not in run.by_name or run.by_name[name].dataset is None:
                raise UsageError(f"compare: {run.url} has no finished step '{name}'; it has {', '.join(run.by_name)}")
            sides.append(run.by_name[name])
        if sides[0].record != sides[1].record or sides[0].record not in RECORDS:
            raise UsageError(
                f"compare: step {sides[0].name} holds {sides[0].record}, {sides[1].name} {sides[1].record}; rows of "
                f"{', '.join(RECORDS)} can be compared, with rows of the same kind"
            )
        return [(sides[0], sides[1])]
    chosen: list[tuple[Step, Step]] = []
    for record in RECORDS:
        last = [[s for s in run.steps if s.record == record and s.dataset is not None] for run in (a, b)]
        both = [(x, y) for x, y in pairs if x is not None and y is not None and x in last[0] and y in last[1]]
        if both:
            chosen.append(both[-1])
        elif last[0] and last[1]:
            chosen.append((last[0][-1], last[1][-1]))
    if not chosen:
        raise UsageError(f"compare: {a.url} and {b.url} hold no rows of the same kind ({', '.join(RECORDS)})")
    return chosen
