"""reject-samples: only samples that are well formed, right, well judged, and end in the right state (GLM-4.5, section 3.1)."""

from __future__ import annotations

import json
from collections.abc import Generator
from functools import partial
from typing import Any

from arcmill.config import Field
from arcmill.generation import GenerationConfig, Made, Work, served_name
from arcmill.records import Conversation
from arcmill.stage import Outcome, Stage
from synth.rejection.form import FormRules, check_form, evidence_of
from synth.rejection.tools import check_tools
from synth.verifiers.judged import JudgeRules, rubric_path
from synth.verifiers.own import Checked, files_of, verifiers_field


class RejectSamples(GenerationConfig):
    """Limits of each step. The model is the judge, and is asked for rows of type `judged` alone."""

    guards = GenerationConfig.guards | {"unsafe"}  # where code runs does not decide whether it is right

    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature of the judge; 0 is greedy")
    form: FormRules = Field(
        default_factory=FormRules, description="step 1: limits on the form of reasoning and answers"
    )
    judge: JudgeRules = Field(default_factory=JudgeRules, description="step 3: what the judge is told, and what passes")
    answers: bool = Field(True, description="step 2: verify answers; rows without a verifiable one are errored")
    verifiers: dict[Checked, str] = verifiers_field()
    judged: bool = Field(True, description="step 3: ask the judge about rows of type judged; false drops them")
    unsafe: bool = Field(
        False, description="run generated code without a sandbox where there is none; otherwise the stage refuses"
    )

    def identity(self) -> dict[str, Any]:
        """As of any stage; without verifiers of one's own as it was before there were any."""
        held = super().identity()
        return held if self.verifiers else {key: value for key, value in held.items() if key != "verifiers"}


def core(row: Conversation, config: RejectSamples) -> Generator[Any, list[Any], Any]:
    """The row with its verdict in the evidence, or the first step that it fails."""
    try:
        evidence = evidence_of(row)
    except ValueError as error:
        return Outcome("evidence", "errored", detail=str(error))
    found: Any = check_form(row, evidence, config.form)
    if found is None:
        found = yield from _judgement(row, evidence, config)
    if isinstance(found, Outcome):
        return found
    return check_tools(row, evidence) or found


def _judgement(row: Conversation, evidence: dict[str, Any], config: RejectSamples) -> Generator[Any, list[Any], Any]:
    """Steps 2 and 3: whichever the row's answer type asks for."""
    kind = evidence.get("answer_type")
    if kind is None and (row.tools or "state" in evidence):
        return Made([row], {"by_state": 1})
    if kind == "judged":
        return (yield from _judged(row, evidence, config))
    if not config.answers:
        return Made([row], {"unverified": 1})
    return (yield from _answered(row, evidence, config))


def _answered(row: Conversation, evidence: dict[str, Any], config: RejectSamples) -> Generator[Any, list[Any], Any]:
    from synth.verifiers.own import verify_by

    kind, expected, tests = evidence.get("answer_type"), evidence.get("expected"), evidence.get("tests")
    if kind not in ("math", "choice", "exact", "code") or (expected is None and tests is None):
        return Outcome("no-answer", "errored", detail=f"evidence has no answer to verify by (answer_type {kind!r})")
    prompt = next(message.content or "" for message in row.messages if message.role == "user")
    answer = row.messages[-1].content or ""
    (verdict,) = yield [
        Work(partial(verify_by, config.verifiers, kind, answer, expected, tests, prompt=prompt, unsafe=config.unsafe))
    ]
    found = verdict.evidence()
    if verdict.right is None:
        return Outcome("undecided", detail=json.dumps(found, ensure_ascii=False, sort_keys=True))
    if not verdict.right:
        rule = "wrong-answer" if verdict.observed is not None else "no-final-answer"
        return Outcome(rule, detail=json.dumps(found, ensure_ascii=False, sort_keys=True))
    return Made([_proved(row, evidence, found)], {f"by_{kind}": 1})


def _judged(row: Conversation, evidence: dict[str, Any], config: RejectSamples) -> Generator[Any, list[Any], Any]:
    from synth.verifiers.judged import judge

    if not config.judged:
        return Outcome("judged", detail="the judge was not to be asked (judged: false)")
    prompt = next(message.content or "" for message in row.messages if message.role == "user")
    verdict = yield from judge(
        config, config.judge, row.id, prompt, row.messages[-1].content or "", evidence.get("expected")
    )
    found = verdict.evidence() | {"judge": served_name(config.model)}
    if verdict.right is None:
        return Outcome("undecided", detail=json.dumps(found, ensure_ascii=False, sort_keys=True))
    if not verdict.right:
        return Outcome("low-judgement", detail=json.dumps(found, ensure_ascii=False, sort_keys=True))
    return Made([_proved(row, evidence, found)], {"by_judge": 1})


def _proved(row: Conversation, evidence: dict[str, Any], found: dict[str, Any]) -> Conversation:
    row.evidence = json.dumps({**evidence, **found}, sort_keys=True, ensure_ascii=False)
    return row


STAGE = Stage(
    name="reject-samples",
    version=2,
    help="Keep the samples that are well formed, verified right, well judged, and keep to the tool protocol.",
    example="arcmill reject-samples --input samples --output accepted",
    config=RejectSamples,
    reads={"input": "Conversation"},
    writes="Conversation",
    engine="vllm",
    core=core,
    model_files=lambda config: [rubric_path(config.judge), *files_of(config.verifiers)],
)
