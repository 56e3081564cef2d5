"""judge-trajectories: only trajectories that can be played again, end in the goal's state, tell what must be told and keep the policy.

A panel of judge prompts is asked where it is wanted, for what no state can tell. Rows of worlds that cannot be played again
stay only where a panel passes them. How far the panel agrees with itself and with the state stands in the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import model_validator

from agent_data.environments.catalogue import EnvironmentsConfig, Worlds
from agent_data.evidence import read_evidence
from agent_data.goal import read_goal
from agent_data.judges.check import Check
from agent_data.judges.kappa import tallies
from agent_data.judges.panel import MAY, PLACES, ask_panel, rubric_path
from agent_data.judges.verify import WorldFailed, verify
from arcmill.config import Field
from arcmill.generation import GenerationConfig, Made
from arcmill.records import Conversation
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    from arcmill.records import AgentTask


class JudgeTrajectories(EnvironmentsConfig, GenerationConfig):
    """Which checks are asked for. The model is the panel's, and is asked only where there is one."""

    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature of the judges; 0 is greedy")
    panel: int = Field(0, ge=0, le=15, description="judge prompts that are asked about a trajectory; 0: none")
    panel_on: Literal["passed", "all"] = Field(
        "passed", description="ask the panel about trajectories that passed all other checks, or about all that were played to "
        "their end, so that its agreement with the state can be measured"
    )  # fmt: skip
    rubrics: list[str] = Field(
        default_factory=lambda: ["outcome", "conduct", "grounding"], min_length=1,
        description="templates of the judges in turn, with {{task}}, {{trajectory}}, and {{policy}}, {{rubric}} where wanted: files, or "
        "packaged names (outcome, conduct, grounding)",
    )  # fmt: skip
    observation_characters: int = Field(
        4000, ge=100, description="characters of an observation that the judges are shown"
    )
    most_errors: int | None = Field(
        None, ge=0, description="calls that the world may have refused in a trajectory that is kept; null: any number"
    )

    @model_validator(mode="after")
    def _distinct(self) -> JudgeTrajectories:
        """Greedy judges with one rubric would be one judge."""
        if self.panel > len(self.rubrics) and self.temperature == 0:
            raise ValueError(
                f"panel {self.panel} with {len(self.rubrics)} rubrics needs a temperature above 0, or it asks twice the same"
            )
        return self


class Judging(NamedTuple):
    """What is shared by all rows: the tasks, and the environments, opened when a task first names them."""

    worlds: Worlds
    tasks: Mapping[str, AgentTask]


def setup(config: JudgeTrajectories, inputs: Mapping[str, Any]) -> Judging:
    """All tasks by id. UsageError where a rubric cannot be read."""
    from arcmill.records import batch_to_rows
    from arcmill.templates import read_template

    if config.panel:
        for rubric in config.rubrics:
            read_template(rubric_path(rubric), PLACES, MAY)
    tasks: dict[str, AgentTask] = {}
    for dataset in inputs["tasks"]:
        for batch in dataset.batches():
            tasks.update((task.id, task) for task in batch_to_rows("AgentTask", batch))
    return Judging(Worlds(config.environments), tasks)


def core(row: Conversation, config: JudgeTrajectories, state: Judging) -> Generator[Any, list[Any], Any]:
    """The row with its verdicts in the evidence, or the first check that it fails."""
    try:
        evidence = read_evidence(row.evidence)
        if evidence is None:
            return Outcome("no-trajectory", "errored", detail="its evidence is not that of a trajectory")
        task = state.tasks.get(evidence.task)
        if task is None:
            return Outcome("no-task", "errored", detail=f"task {evidence.task} is not among the tasks")
        goal = read_goal(task.goal)
    except ValueError as error:
        return Outcome("evidence", "errored", detail=str(error)[:500])
    environment = state.worlds[task.environment]
    try:
        checks = yield from verify(row, evidence, task, goal, environment, config.most_errors)
    except WorldFailed as failed:
        return Outcome("world-failed", "errored", detail=str(failed)[:500])
    by = {check.name: check for check in checks}
    counted = Counter(
        {
            "trajectories": 1,
            f"ended.{evidence.ended}": 1,
            f"world.{task.environment}": 1,
            f"steps.{task.steps}": 1,
            f"goal.{goal.kind}": 1,
        }
    )
    played = by["ended"].right is True and "state" in by
    truth = all(check.right is not False for check in checks)
    if config.panel and played and (truth or config.panel_on == "all"):
        asked = ask_panel(
            config, config.rubrics, config.panel, config.observation_characters, row, task, goal, environment.policy
        )
        check, votes = yield from asked
        checks.append(check)
        # Only where the world was played again is what the checks say the truth.
        counted.update(tallies(votes, truth if environment.repeatable else None))
    wrong = _count(checks, counted)
    if wrong is None and not environment.repeatable and not config.panel:
        wrong = Check("not-repeatable", False, "its world cannot be played again, and no panel was asked")
    if wrong is not None:
        return Made(_refused(wrong, checks, evidence.ended), counted)
    counted["verified"] += 1
    counted[f"way.{by['arguments'].facts.get('way', 'none')}"] += 1
    evidence.verdict = "right"
    evidence.checks = {check.name: check.evidence() for check in checks}
    evidence.states = {**evidence.states, "goal": by["state"].facts.get("expected")}
    if by["replay"].right is None:
        evidence.verifier = "panel"
    row.evidence = evidence.text()
    return Made([row], counted)


def _count(checks: Sequence[Check], counted: Counter[str]) -> Check | None:
    """The first wrong check; what each check found goes to the sums."""
    wrong = None
    for check in checks:
        told = {True: "right", False: "wrong", None: "unasked"}[check.right]
        counted[f"check.{check.name}.{told}"] += 1
        if check.right is False and wrong is None:
            wrong = check
    return wrong


def _refused(wrong: Check, checks: Sequence[Check], ended: str) -> Outcome:
    """One ledger row: the first check that fails, why, and which others fail too."""
    others = [check.name for check in checks if check.right is False and check is not wrong]
    detail = wrong.why + (f" (also: {', '.join(others)})" if others else "")
    return Outcome(ended if wrong.name == "ended" else wrong.name, detail=detail[:2000])


STAGE = Stage(
    name="judge-trajectories",
    version=1,
    help="Play trajectories again and keep those that end in the goal's state, tell the user, keep the policy, and pass the panel.",
    example="arcmill judge-trajectories --input trajectories --input tasks=tasks --output judged",
    config=JudgeTrajectories,
    reads={"input": "Conversation", "tasks": "AgentTask"},
    writes="Conversation",
    engine="vllm",
    core=core,
    setup=setup,
    model_files=lambda config: [rubric_path(rubric) for rubric in config.rubrics] if config.panel else [],
)
