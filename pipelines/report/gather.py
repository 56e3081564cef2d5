"""Everything the page tells, read from manifests, metrics, ledgers and parts; all reading is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arcmill.dataset import COUNTS, METRICS
from arcmill.errors import InputError, UsageError
from arcmill.storage import read_json
from pipelines.lineage import DAMAGED, DONE, Run, Step
from pipelines.report.departures import Departures, fill_texts, read_departures
from pipelines.report.holdings import DocumentHoldings, SequenceHoldings, read_documents, read_sequences
from pipelines.report.reading import column_bytes

STEPS = 120  # steps of a run that are read and shown
_RULES_WITH_TEXT = 40
_FEW = 100  # rows, below which a large loss says little


@dataclass
class StepFacts:
    """What is known about one step."""

    step: Step
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    rows: int = 0
    stored_bytes: int = 0
    text_bytes: int | None = None  # of the text column, uncompressed; about
    metrics: Mapping[str, Any] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)
    departures: Departures | None = None
    documents: DocumentHoldings | None = None  # of final document datasets only
    sequences: SequenceHoldings | None = None
    main: bool = True  # its rows end in the run's product; False beside the way, such as training a classifier

    @property
    def left(self) -> int:
        return self.counts["dropped"] + self.counts["merged"] + self.counts["errored"]


@dataclass
class Finding:
    """Something a person should look at."""

    step: str
    text: str
    severe: bool = False


@dataclass
class Facts:
    """The whole run."""

    run: Run
    steps: list[StepFacts]
    warnings: list[Finding]
    left_out: int = 0
    canaries: Mapping[str, Any] | None = None  # the report of the shadow run

    def of(self, step: Step) -> StepFacts | None:
        return next((facts for facts in self.steps if facts.step.name == step.name), None)


def gather(run: Run, texts: bool = True) -> Facts:
    """Read a run. What is damaged or missing becomes a warning, never an error. `texts`: those of samples too."""
    shown = run.steps[:STEPS]
    steps = [_step(step) for step in shown]
    facts = Facts(run, steps, [], len(run.steps) - len(shown))
    finals = final_documents(run)
    main = {step.name for end in _ends(run, finals) for step in _document_ancestors(run, end)}
    for found in steps:
        found.main = found.step.name in main
        if found.step.dataset is None:
            continue
        if found.step in finals:
            found.documents = read_documents(found.step.dataset)
        if found.step.record == "Sequence":
            found.sequences = read_sequences(found.step.dataset)
    departures = {f.step.name: f.departures for f in steps if f.departures is not None and f.departures.rules}
    if texts:
        fill_texts(run, departures, _RULES_WITH_TEXT)
    for found in steps:
        facts.warnings += _warnings(found)
    if errored := [found for found in steps if found.counts["errored"]]:
        rows = sum(found.counts["errored"] for found in errored)
        facts.warnings.append(
            Finding(
                "",
                f"{rows:,} row{'' if rows == 1 else 's'} errored, in {', '.join(f.step.name for f in errored[:6])}"
                f"{' and other steps' if len(errored) > 6 else ''}; the reasons are below.",
            )
        )
    if never := run.never_begun:
        listed = ", ".join(name for name, _ in never[:8]) + (f" and {len(never) - 8} more" if len(never) > 8 else "")
        some = f"{len(never)} step{'' if len(never) == 1 else 's'} of the recipe never began: {listed}"
        facts.warnings.append(Finding("", f"{some}. The run was broken off, or only a part of it was asked for."))
    facts.warnings += _read_canaries(facts)
    if facts.left_out:
        facts.warnings.append(Finding("", f"{facts.left_out} more steps are not shown: a page has room for {STEPS}."))
    return facts


def _read_canaries(facts: Facts) -> list[Finding]:
    from pipelines.canaries.run import read_report

    try:
        facts.canaries = report = read_report(facts.run.url)
    except InputError as error:
        return [Finding("", f"{error}.")]
    if report is None:
        return []
    found = []
    if report.get("others_unchanged") is not True:
        found.append(Finding("", "canaries changed what became of other documents of their sample; see below."))
    if report.get("not_in_the_run") is not True:
        found.append(Finding("", "a dataset of this run was made from one that holds canaries.", severe=True))
    made = report["run"] if isinstance(report.get("run"), Mapping) else {}
    old = [
        step.step.name
        for step in facts.steps
        if made.get(step.step.name, step.step.fingerprint) != step.step.fingerprint
    ]
    if old:
        found.append(
            Finding("", f"the canaries are of an earlier state of {', '.join(old[:6])}; run the recipe again.")
        )
    return found


def final_documents(run: Run) -> list[Step]:
    """Documents that no other step turns into documents: what is packed, or what a run ends with."""
    documents = [step for step in run.steps if step.state == DONE and step.record == "Document"]
    ends = [s for s in documents if not any(c.state == DONE and c.record == "Document" for c in run.consumers(s))]

    def only_for_models(step: Step) -> bool:
        consumers = [other for other in run.consumers(step) if other.state == DONE]
        return bool(consumers) and all(other.record == "Model" for other in consumers)

    return [step for step in ends if not only_for_models(step)] or ends


def _ends(run: Run, finals: list[Step]) -> list[Step]:
    made = [s for s in run.steps if s.record not in ("Model", "Document", None) and not run.consumers(s)]
    return [*finals, *made] or list(run.steps)


def _document_ancestors(run: Run, end: Step) -> list[Step]:
    """The way of the rows: ancestors that are not reached through a model."""
    names = {end.name}
    for step in reversed(run.steps):
        if step.name in names and step.record != "Model":
            names.update(source.name for source in run.sources(step) if source.record != "Model")
    return [step for step in run.steps if step.name in names]


def _step(step: Step) -> StepFacts:
    facts = StepFacts(step)
    dataset = step.dataset
    if dataset is None:
        return facts
    facts.counts |= {name: int(number) for name, number in dataset.counts.items() if name in COUNTS}
    facts.rows = dataset.rows
    facts.stored_bytes = sum(int(file["bytes"]) for file in dataset.manifest["files"])
    if isinstance(dataset.manifest.get("statistics"), Mapping):
        facts.statistics = dataset.manifest["statistics"]
    if dataset.record == "Document":
        facts.text_bytes = column_bytes(dataset, "text")
    try:
        metrics = read_json(dataset.filesystem, dataset.file(METRICS))
        facts.metrics = metrics if isinstance(metrics, Mapping) else {}
    except (OSError, InputError):
        pass  # times are not part of a dataset; the page says where there are none
    facts.departures = read_departures(dataset)
    return facts


def _tries(step: Step) -> bool:
    """Whether its ledger holds tries of its own making, of which most fail, and not rows that it was given."""
    from pipelines.catalogue import get_stage

    try:
        return get_stage(step.stage).splits is not None and any(edge.step is not None for edge in step.inputs)
    except (UsageError, ImportError):  # made by another version of arcmill
        return False


def _warnings(facts: StepFacts) -> list[Finding]:
    step, found = facts.step, []

    def warn(text: str, severe: bool = False) -> None:
        found.append(Finding(step.name, text, severe))

    if step.state == DAMAGED:
        warn(f"cannot be read: {step.problem}", severe=True)
    elif step.state != DONE:
        warn(f"unfinished: {step.problem}. {step.tasks} task{' is' if step.tasks == 1 else 's are'} done.")
    for edge in step.inputs:
        if edge.step is None and edge.record not in ("Files", None) and edge.input != "environment":
            warn(
                f"its input '{edge.input}' ({edge.record}, fingerprint {edge.fingerprint[:12]}) is not in this run: "
                "deleted since, or kept elsewhere."
            )
    alarms = facts.statistics.get("alarms")
    if isinstance(alarms, list):
        losses = {
            str(entry.get("source")): entry
            for entry in facts.statistics.get("sources", [])
            if isinstance(entry, Mapping)
        }
        for name in alarms[:20]:
            entry = losses.get(str(name), {})
            told = ""
            if isinstance(entry.get("share"), (int, float)):
                told = f" lost {100 * entry['share']:.1f} % of its documents to merging"
                if isinstance(entry.get("removed"), int) and isinstance(entry.get("rows"), int):
                    told += f" ({entry['removed']:,} of {entry['rows']:,})"
            warn(
                f"source '{name}'{told or ' lost more than its share'}. Read some of its pairs, below, before training on it."
            )
        if len(alarms) > 20:
            warn(f"{len(alarms) - 20} more sources lost more than their share.")
    skipped = facts.statistics.get("pairs_skipped")
    if isinstance(skipped, int) and skipped:
        hot = facts.statistics.get("hot_buckets", 0)
        warn(
            f"{skipped:,} candidate pairs in {hot:,} crowded bands were not compared, other than with the best of each "
            "band. Raise `bucket_cap` to compare them."
        )
    if step.state == DONE and facts.counts["in"] and not facts.rows and step.record != "Model":
        warn("nothing came out: every row left.", severe=True)
    elif (
        facts.main and not _tries(step) and facts.counts["in"] >= _FEW and 2 * facts.counts["kept"] < facts.counts["in"]
    ):
        most = facts.departures.rules[0] if facts.departures is not None and facts.departures.rules else None
        by = f"; {most.rows:,} rows went by {most.rule}" if most is not None else ""
        warn(f"kept only {100 * facts.counts['kept'] / facts.counts['in']:.1f} % of its input{by}. Was that meant?")
    for held in (facts.departures, facts.documents, facts.sequences):
        for note in held.notes if held is not None else ():
            warn(note + ".", severe=True)
    ledger = facts.departures
    if ledger is not None and not ledger.partial and not ledger.notes:
        for outcome in ("dropped", "merged", "errored"):
            if ledger.rows(outcome) != facts.counts[outcome]:
                warn(
                    f"the ledger holds {ledger.rows(outcome):,} {outcome} rows, the manifest says "
                    f"{facts.counts[outcome]:,}; run arcmill verify.",
                    severe=True,
                )
    return found
