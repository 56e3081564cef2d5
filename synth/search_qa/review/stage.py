"""apply-review: what people decided, brought back to the rows: kept, edited, or gone with the reason in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import field_validator

from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError
from arcmill.stage import Changes, Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from synth.search_qa.review.table import Entry


class ApplyReview(StageConfig):
    """Which file of decisions, and what becomes of rows that nobody decided."""

    # The file counts by what it holds, not by where it lies.
    guards: ClassVar[frozenset[str]] = StageConfig.guards | {"review"}

    review: str = Field(description="the filled-in table: a CSV file, or the JSON that the form saves")
    by: str | None = Field(
        None, pattern=r"\S", description="who decided, for rows that do not say; null: each row must say it"
    )
    at: str | None = Field(None, description="when, for rows that do not say (ISO 8601); null: each row must say it")
    undecided: Literal["drop", "keep"] = Field(
        "drop", description="rows without a decision: drop (rule not-reviewed), or keep them as they are"
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="between the cells of a CSV file")

    @field_validator("at")
    @classmethod
    def _a_time(cls, at: str | None) -> str | None:
        from synth.search_qa.review.table import check_time

        if at is not None:
            try:
                check_time(at, "at")
            except UsageError as error:
                raise ValueError(str(error)) from None
        return at


def setup(config: ApplyReview, inputs: Mapping[str, Any]) -> dict[str, Entry]:
    """The decisions by id, checked against all rows, once a worker. UsageError names the line of what does not fit."""
    from synth.search_qa.review.table import hidden_names, read_evidence, read_review, text_of
    from synth.search_qa.wording.names import named

    entries, _ = read_review(config.review, config.delimiter, config.by, config.at)
    unseen = dict(entries)
    for dataset in inputs["input"]:
        for batch in dataset.batches(["id", "prompt", "answer", "evidence"]):
            for row in batch.to_pylist():
                entry = unseen.pop(row["id"], None)
                if entry is None:
                    continue
                evidence = read_evidence(row["evidence"])
                text = text_of(row["prompt"], evidence)
                if entry.shown is not None and _same(entry.shown) != _same(text):
                    raise UsageError(
                        f"{entry.place}: the text is not the one of row {entry.id} any more; write changes into edited_text, "
                        "with decision edit"
                    )
                if entry.text is not None and (found := named(entry.text, hidden_names(row["answer"], evidence))):
                    raise UsageError(f"{entry.place}: the edited text still names the answer ({found[0]!r})")
    if unseen:
        first = next(iter(unseen.values()))
        more = f", and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        raise UsageError(f"{first.place}: no row {first.id} in the input{more}; was another dataset exported?")
    return entries


def _same(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n"))


def core(batch: pa.RecordBatch, config: ApplyReview, entries: dict[str, Entry]) -> Changes:
    """The rows as they were decided on, with who and when in their evidence."""
    from synth.search_qa.review.table import prompt_of, read_evidence, text_of

    prompts, held = (batch.column(name).to_pylist() for name in ("prompt", "evidence"))
    outcomes: dict[int, Outcome] = {}
    told = {"accept": 0, "edit": 0, "refuse": 0, "undecided": 0}
    for place, identifier in enumerate(batch.column("id").to_pylist()):
        entry = entries.get(identifier)
        told[entry.decision if entry else "undecided"] += 1
        if entry is None:
            if config.undecided == "drop":
                outcomes[place] = Outcome("not-reviewed")
            continue
        if entry.decision == "refuse":
            outcomes[place] = Outcome("refused", detail=f"{entry.by}, {entry.at}: {entry.note or 'no reason given'}")
            continue
        evidence = read_evidence(held[place])
        review: dict[str, Any] = {"decision": entry.decision, "by": entry.by, "at": entry.at}
        if entry.note:
            review["note"] = entry.note
        if entry.text is not None:
            review["edited"] = {"from": text_of(prompts[place], evidence)}
            prompts[place] = prompt_of(entry.text, evidence)
            if evidence.get("kind") == "passage-qa":
                evidence["text"] = entry.text
            elif "wording" in evidence:
                evidence["wording"] = "person"
        held[place] = json.dumps({**evidence, "review": review}, ensure_ascii=False, sort_keys=True)
    return Changes({"prompt": prompts, "evidence": held}, outcomes, {key: n for key, n in told.items() if n})


STAGE = Stage(
    name="apply-review",
    version=1,
    help="Take back a review: keep what people accepted or edited, with who and when; ledger what they refused.",
    example="arcmill review import review.csv --input suggested --output reviewed --by 'A. Name' --at 2026-11-22\n"
    "arcmill apply-review --input suggested --output reviewed --set review=review.csv",
    config=ApplyReview,
    reads={"input": "Problem"},
    writes="Problem",
    engine="datatrove",
    core=core,
    setup=setup,
    model_files=lambda config: {config.review: "review"},
)
