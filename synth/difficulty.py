"""estimate-difficulty: how often a model solves each problem, for a curriculum of two stages (GLM-4.5, section 3.2).

A problem is `easy` where all of the first attempts are right, `moderate` where some are, `extreme` where none of them is but
one of many more (pass@8 = 0 and pass@512 > 0 in the report), and `unsolved` where none is. Attempts stop as soon as the class
is clear. A problem without an answer gets the majority's, where there is one, and is marked as such.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from functools import partial
from typing import Any, Literal

from pydantic import model_validator

from arcmill.config import Field
from arcmill.generation import Answer, GenerationConfig, Made, RequestFailed, Work, served_name
from arcmill.records import ANSWER_TYPES, Problem
from arcmill.stage import Outcome, Stage
from arcmill.templates import Template
from synth.reasoning.stage import AnswerType, apart, read_templates, template_path
from synth.verifiers.own import Checked, files_of, verifiers_field

Class = Literal["easy", "moderate", "extreme", "unsolved"]


class EstimateDifficulty(GenerationConfig):
    """How many attempts are made, and which classes stay."""

    guards = GenerationConfig.guards | {"unsafe"}  # where code runs does not decide whether it is right

    attempts: int = Field(8, ge=2, description="first attempts: they tell easy, moderate, and the rest")
    most_attempts: int = Field(512, ge=2, description="attempts at a problem that none of the first ones solved")
    wave: int = Field(32, ge=1, description="further attempts that are asked at once")
    all_attempts: bool = Field(
        False, description="make all first attempts even where the class is clear, for an unbiased pass rate"
    )
    keep: list[Class] = Field(
        ["easy", "moderate", "extreme", "unsolved"],
        min_length=1,
        description="classes that stay; others are dropped with the class as rule",
    )
    templates: dict[AnswerType, str] = Field(
        default_factory=dict, description="answer type -> template file or packaged name, as in synth-reasoning"
    )
    verifiers: dict[Checked, str] = verifiers_field()
    vote_share: float = Field(
        0.5, gt=0, le=1, description="share of the attempts (0-1) that must agree where a problem has no answer"
    )
    unsafe: bool = Field(
        False, description="run generated code without a sandbox where there is none; otherwise the stage refuses"
    )

    @model_validator(mode="after")
    def _in_order(self) -> EstimateDifficulty:
        if self.most_attempts < self.attempts:
            raise ValueError(f"most_attempts {self.most_attempts} is less than attempts {self.attempts}")
        return self

    def identity(self) -> dict[str, Any]:
        """As of any stage; without verifiers of one's own as it was before there were any."""
        held = super().identity()
        return held if self.verifiers else {key: value for key, value in held.items() if key != "verifiers"}


def setup(config: EstimateDifficulty, inputs: Any) -> dict[str, Template]:
    """Templates by answer type."""
    return read_templates(config.templates)


def wilson(passes: int, attempts: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927): unlike the plain one it says something where passes are 0 or all."""
    if attempts == 0:
        return 0.0, 1.0
    rate, square = passes / attempts, z * z
    middle = (rate + square / (2 * attempts)) / (1 + square / attempts)
    half = z * math.sqrt(rate * (1 - rate) / attempts + square / (4 * attempts**2)) / (1 + square / attempts)
    # At the ends the interval ends there, too: floating point would leave 1e-17.
    return (0.0 if passes == 0 else middle - half), (1.0 if passes == attempts else middle + half)


def core(problem: Problem, config: EstimateDifficulty, state: dict[str, Template]) -> Generator[Any, list[Any], Any]:
    """The problem with pass rate, attempts and class, or why it leaves."""
    if problem.answer_type not in state or problem.answer_type == "judged":
        return Outcome("answer-type", detail=f"{problem.answer_type}: no verifier without a judge")
    messages = state[problem.answer_type].messages({"prompt": problem.prompt})
    if problem.answer is None and problem.tests is None:
        return (yield from _vote(problem, config, messages))
    passes = tries = 0
    for wave in _waves(config):
        results = yield from _attempts(problem, config, messages, tries, wave)
        passes += sum(results)
        tries += len(results)
        if tries < config.attempts:
            if 0 < passes < tries and not config.all_attempts:
                break  # it can be neither easy nor extreme any more
        elif passes:
            break
    if passes == 0:
        kind = "unsolved"
    elif tries > config.attempts:
        kind = "extreme"
    else:
        kind = "easy" if passes == tries else "moderate"
    low, high = wilson(passes, tries)
    problem.pass_rate, problem.attempts, problem.difficulty = passes / tries, tries, kind
    problem.evidence = _with(problem.evidence, difficulty={
        "model": served_name(config.model), "passes": passes, "attempts": tries, "wilson_95": [round(low, 6), round(high, 6)],
    })  # fmt: skip
    if kind not in config.keep:
        return Outcome(kind, score=problem.pass_rate, detail=f"{passes} of {tries} attempts were right")
    return Made([problem], {kind: 1})


def _waves(config: EstimateDifficulty) -> list[int]:
    """Sizes: the first attempts in two halves (so that a clear class needs the first alone), then `wave` at a time."""
    if config.all_attempts:
        waves = [config.attempts]
    else:
        first = config.attempts // 2
        waves = [first, config.attempts - first]
    left = config.most_attempts - config.attempts
    return waves + [min(config.wave, left - done) for done in range(0, left, config.wave)]


def _answers(
    problem: Problem, config: EstimateDifficulty, messages: Any, first: int, count: int
) -> Generator[Any, list[Any], list[str]]:
    try:
        answers = yield [config.ask(messages, problem.id, first + number) for number in range(count)]
    except RequestFailed as failed:
        answers = [answer for answer in failed.results if isinstance(answer, Answer)]
        if len(answers) < count:  # a pass rate over the attempts that came by chance would not be one
            raise
    return [apart(answer.choice, None)[1] for answer in answers]


def _attempts(
    problem: Problem, config: EstimateDifficulty, messages: Any, first: int, count: int
) -> Generator[Any, list[Any], list[bool]]:
    from synth.verifiers.own import verify_by

    texts = yield from _answers(problem, config, messages, first, count)
    check = partial(verify_by, config.verifiers, problem.answer_type, prompt=problem.prompt, unsafe=config.unsafe)
    verdicts = yield [Work(check, (text, problem.answer, problem.tests)) for text in texts]
    return [verdict.right is True for verdict in verdicts]


def _vote(problem: Problem, config: EstimateDifficulty, messages: Any) -> Generator[Any, list[Any], Any]:
    from synth.verifiers.own import verify_by
    from synth.verifiers.verify import observe

    if problem.answer_type == "code":
        return Outcome("no-answer", detail="a code problem without tests")
    texts = yield from _answers(problem, config, messages, 0, config.attempts)
    read = yield [Work(observe, (problem.answer_type, text)) for text in texts]
    groups: list[tuple[str, int]] = []
    for text in (text for text in read if text is not None):
        for place, (chosen, votes) in enumerate(groups):
            (verdict,) = yield [Work(verify_by, (config.verifiers, problem.answer_type, text, chosen, None))]
            if text == chosen or verdict.right:
                groups[place] = (chosen, votes + 1)
                break
        else:
            groups.append((text, 1))
    chosen, votes = max(groups, key=lambda group: group[1], default=("", 0))
    share = votes / config.attempts
    if votes < 2 or share < config.vote_share:
        return Outcome(
            "no-majority", score=share, threshold=config.vote_share, detail=f"{len(groups)} different answers"
        )
    low, high = wilson(votes, config.attempts)
    problem.answer, problem.pass_rate, problem.attempts = chosen, share, config.attempts
    problem.difficulty = "easy" if votes == config.attempts else "moderate"
    problem.evidence = _with(problem.evidence, answer_from={
        "majority_of": config.attempts, "votes": votes, "model": served_name(config.model),
        "wilson_95": [round(low, 6), round(high, 6)],
    })  # fmt: skip
    if problem.difficulty not in config.keep:
        return Outcome(problem.difficulty, score=share)
    return Made([problem], {"answered_by_vote": 1, problem.difficulty: 1})


def _with(evidence: str | None, **more: Any) -> str:
    held = json.loads(evidence) if evidence else {}
    return json.dumps({**held, **more}, sort_keys=True, ensure_ascii=False)


STAGE = Stage(
    name="estimate-difficulty",
    version=1,
    help="Measure how often a model solves each problem, in a class for the curriculum.",
    example="arcmill estimate-difficulty --input problems --output rated --set most_attempts=64 --set keep='[moderate, extreme]'",
    config=EstimateDifficulty,
    reads={"input": "Problem"},
    writes="Problem",
    engine="vllm",
    core=core,
    setup=setup,
    model_files=lambda config: [
        *sorted({template_path(config.templates, kind) for kind in ANSWER_TYPES}),
        *files_of(config.verifiers),
    ],
)
