"""The figures of a run, small enough to keep when its data is gone: what `--json` prints, and what two runs are compared by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from arcmill.errors import InputError

if TYPE_CHECKING:
    from pipelines.report.gather import Facts, StepFacts
    from pipelines.report.holdings import DocumentHoldings

MOST_BYTES = 64 << 20
_KEYS, _RULES = 1_000, 1_000  # of a column, of a step; the rest together
NONE, OTHERS = "(none)", "(others)"


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RuleFigures(_Figures):
    """Rows that left a step by one rule, and their scores."""

    outcome: str
    rule: str
    rows: int
    low: float | None = None
    median: float | None = None
    high: float | None = None
    threshold: tuple[float, float] | None = None


class Spread(_Figures):
    """A distribution in the bins of `pipelines.compare.distributions`, empty ones left out."""

    scores: bool
    count: int
    sum: float
    least: float | None
    most: float | None
    bins: dict[int, int]


class DocumentFigures(_Figures):
    """Final documents: `by` column and value their (rows, characters), of the rows that were scanned."""

    rows: int
    scanned: int
    characters: int
    by: dict[str, dict[str, tuple[int, int]]]
    spreads: dict[str, Spread]


class TokenFigures(_Figures):
    """Sequences, in tokens."""

    rows: int
    scanned: int
    tokens: int
    in_loss: int
    padding: int
    segments: int
    by_source: dict[str, int]


class StepFigures(_Figures):
    """One step: what it was made from, and what became of its rows."""

    name: str
    stage: str
    version: str
    record: str | None
    state: str
    fingerprint: str
    main: bool
    starts: bool
    counts: dict[str, int]
    rows: int
    text_bytes: int | None
    stored_bytes: int
    seconds: float | None
    peak_memory_bytes: int | None
    settings: dict[str, Any]
    outside: dict[str, str]  # inputs and model files from outside the run -> fingerprint
    rules: list[RuleFigures]
    ledger_share: float  # of the ledger that was read, 0-1
    alarms: list[str]
    documents: DocumentFigures | None
    tokens: TokenFigures | None


class FindingFigures(_Figures):
    """What the page lists as worth a look."""

    step: str
    text: str
    severe: bool


class Summary(_Figures):
    """A run."""

    format: Literal[1] = 1
    run: str
    steps: list[StepFigures]
    findings: list[FindingFigures]

    @property
    def ends(self) -> list[str]:
        """Fingerprints of the last steps."""
        return [step.fingerprint[:12] for step in self.steps[-1:] if step.fingerprint]


def summarize(facts: Facts) -> Summary:
    """The figures of a run that was gathered."""
    from pipelines.report.funnel import starts

    first = {found.step.name for found in starts(facts)}
    return Summary(
        run=facts.run.name, steps=[_step(found, found.step.name in first) for found in facts.steps],
        findings=[FindingFigures(step=f.step, text=f.text, severe=f.severe) for f in facts.warnings],
    )  # fmt: skip


def read_summary(path: str) -> Summary:
    """What `arcmill report --json` printed. InputError where it is not that."""
    from arcmill.storage import locate

    filesystem, place = locate(path)
    try:
        if filesystem.size(place) > MOST_BYTES:
            raise InputError(f"{path}: holds more than {MOST_BYTES >> 20} MiB, and is not what report --json prints")
        return Summary.model_validate_json(filesystem.cat_file(place))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValidationError, ValueError) as error:
        raise InputError(f"{path}: is not what report --json prints ({_first(error)})") from None


def _first(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in found['loc']) or 'the file'}: {found['msg']}"[:200]
    return "no JSON"


# -- one step ----------------------------------------------------------------------------------------------------------


def _step(found: StepFacts, starts: bool) -> StepFigures:
    step, ledger = found.step, found.departures
    outside = {edge.input: edge.fingerprint for edge in step.inputs if edge.step is None}
    models = step.identity.get("models")
    outside |= {f"model {k}": str(v) for k, v in models.items()} if isinstance(models, Mapping) else {}
    alarms = found.statistics.get("alarms")
    config = step.identity.get("config")
    return StepFigures(
        name=step.name, stage=step.stage, version=str(step.identity.get("stage_version", "")), record=step.record,
        state=step.state, fingerprint=step.fingerprint, main=found.main, starts=starts, counts=found.counts,
        rows=found.rows, text_bytes=found.text_bytes, stored_bytes=found.stored_bytes,
        seconds=_number(found.metrics.get("seconds")), peak_memory_bytes=_whole(found.metrics.get("peak_memory_bytes")),
        settings=dict(flat(config)) if isinstance(config, Mapping) else {}, outside=outside,
        rules=_rules(found), ledger_share=ledger.scanned / ledger.total if ledger is not None and ledger.total else 1.0,
        alarms=[str(name) for name in alarms[:_KEYS]] if isinstance(alarms, list) else [],
        documents=_documents(found.documents) if found.documents is not None else None, tokens=_tokens(found),
    )  # fmt: skip


def _rules(found: StepFacts) -> list[RuleFigures]:
    rules = found.departures.rules if found.departures is not None else []
    made = [
        RuleFigures(
            outcome=rule.outcome, rule=rule.rule, rows=rule.rows, low=_number(rule.low), median=_number(rule.median),
            high=_number(rule.high), threshold=rule.thresholds,
        )
        for rule in rules[:_RULES]
    ]  # fmt: skip
    for outcome in ("dropped", "merged", "errored"):
        if rest := sum(rule.rows for rule in rules[_RULES:] if rule.outcome == outcome):
            made.append(RuleFigures(outcome=outcome, rule=OTHERS, rows=rest))
    return made


def _documents(held: DocumentHoldings) -> DocumentFigures:
    by: dict[str, dict[str, tuple[int, int]]] = {}
    for column, shares in held.by.items():
        ordered = sorted(shares.items(), key=lambda item: (-item[1].rows, str(item[0])))
        named = {NONE if key is None else str(key): (one.rows, one.characters) for key, one in ordered[:_KEYS]}
        if rest := [one for _, one in ordered[_KEYS:]]:
            named[OTHERS] = (sum(one.rows for one in rest), sum(one.characters for one in rest))
        if named.keys() - {NONE}:
            by[column] = named
    spreads = {
        name: Spread(
            scores=one.scores, count=one.count, sum=one.sum, least=_number(one.least), most=_number(one.most),
            bins={place: int(one.bins[place]) for place in one.bins.nonzero()[0].tolist()},
        )
        for name, one in held.distributions.items() if one.count
    }  # fmt: skip
    return DocumentFigures(rows=held.rows, scanned=held.scanned, characters=held.characters, by=by, spreads=spreads)


def _tokens(found: StepFacts) -> TokenFigures | None:
    held = found.sequences
    if held is None:
        return None
    sources = list(held.total(0).items())
    named = {NONE if key is None else str(key): tokens for key, tokens in sources[:_KEYS]}
    if rest := sum(tokens for _, tokens in sources[_KEYS:]):
        named[OTHERS] = rest
    return TokenFigures(
        rows=held.rows, scanned=held.scanned, tokens=held.tokens, in_loss=held.loss_tokens, padding=held.padding,
        segments=held.segments, by_source=named,
    )  # fmt: skip


def flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Settings with dots for nested ones, in order."""
    found: list[tuple[str, Any]] = []
    for key, inner in sorted(value.items()):
        if isinstance(inner, Mapping) and inner and len(prefix) < 200:
            found += flat(inner, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", inner))
    return found


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
