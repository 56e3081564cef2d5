"""`export-rl`: prompts with what decides whether an answer is right, in the columns of RL frameworks.

| rows | from | a row is | checked by |
|---|---|---|---|
| `problems` | Problem | a problem with its answer or tests, and difficulty | the verifiers of synth |
| `steps` | Conversation | one message of calls of a verified trajectory, with all before it as the prompt | arcmill.functions.reward |
| `tasks` | AgentTask | an agent's task with environment, seed and goal, to be played to its end | agent_data.reward |

| layout | columns |
|---|---|
| `verl` | data_source, prompt list<role, content>, ability, reward_model <style, ground_truth>, extra_info |
| `slime` | prompt, label, metadata; the names are settings, as they are options of slime |

Problems have `id`, and `stage`: the place of the problem's difficulty in `curriculum`, from 1. GLM-4.5 (section 3.3) trains
on moderate problems first, then on extreme ones (pass@8 = 0, pass@512 > 0), with verified answers only; so what has no
answer to check is dropped, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_validator

from arcmill.config import Field, StageConfig
from arcmill.errors import UsageError
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

AnswerType = Literal["math", "choice", "code", "exact", "judged"]
Checked = Literal["math", "choice", "code", "exact", "judged", "calls", "environment"]
RECORDS = {"problems": "Problem", "steps": "Conversation", "tasks": "AgentTask"}
PLACE = "{prompt}"  # in a template: where the problem goes


class ExportRl(StageConfig):
    """The layout of the rows, and which problems, trajectories or tasks go in."""

    rows: Literal["problems", "steps", "tasks"] = Field(
        "problems", description="what the input is read as: problems, the calls of trajectories, or tasks of agents"
    )
    layout: Literal["verl", "slime"] = Field("verl", description="the columns; see docs")
    difficulties: list[str] | None = Field(
        None,
        description="classes of difficulty that are kept, such as [moderate, extreme]; null: all, and unknown ones",
    )
    curriculum: list[str] = Field(
        ["moderate", "extreme"], description="classes in the order of training: column stage is 1 for the first, 2 for "
        "the second, …, null for any other"
    )  # fmt: skip
    judged: bool = Field(False, description="keep problems that only a judge model can score (answer_type judged)")
    answer_types: list[AnswerType] | None = Field(None, description="answer types that are kept; null: all")
    template: str = Field(PLACE, description="what the user says; {prompt} in it is the problem")
    template_file: str | None = Field(None, description="file that holds the template, in its place; UTF-8")
    system: str | None = Field(None, description="text of a system message before the prompt")
    rewards: dict[Checked, str] = Field(
        {}, description="the framework's own name for how an answer type (steps: calls; tasks: environment) is scored: slime's "
        "rm_type (metadata.rm_type), verl's data_source; null: slime's --rm-type, the row's source"
    )  # fmt: skip
    prompt_as: Literal["messages", "text"] | None = Field(
        None, description="slime: prompt as messages (for --apply-chat-template), or as text: the problem, or the rendering of "
        "steps and tasks in the dialect, with tools; null: messages, of steps text"
    )  # fmt: skip
    dialect: Literal["glm45", "glm47"] = Field(
        "glm45",
        description="steps and tasks: chat dialect that they are checked by, and rendered in where prompts are text",
    )
    thinking: bool | None = Field(
        None, description="steps and tasks: whether the answer may reason; null: steps as their trajectory, tasks true"
    )
    unverified: bool = Field(False, description="steps: take trajectories whose evidence has no verdict right, too")
    answers: bool = Field(
        False, description="steps: answers that call nothing, too: right is then any text without a call"
    )
    dialogues: bool = Field(
        False, description="tasks: keep dialogues, with the first line of the user; the script stands in the goal"
    )
    tools_as: Literal["column", "system"] | None = Field(
        None, description="steps and tasks as messages: tools beside the prompt, or as its first system message, rendered as "
        "the dialect's template renders them; null: system for steps of verl, which takes no tools by the row"
    )  # fmt: skip
    arguments: Literal["text", "json"] = Field(
        "text", description="steps and tasks: arguments of calls are JSON texts; json marks them so that the package datasets "
        "(5 and later) reads them as objects, which chat templates such as GLM's need",
    )  # fmt: skip
    prompt_key: str = Field("prompt", min_length=1, description="slime: the column of --input-key")
    label_key: str = Field("label", min_length=1, description="slime: the column of --label-key")
    metadata_key: str = Field("metadata", min_length=1, description="slime: the column of --metadata-key")
    tool_key: str = Field("tools", min_length=1, description="slime: the column of --tool-key, of steps and tasks")

    @field_validator("template")
    @classmethod
    def _has_place(cls, value: str) -> str:
        if PLACE not in value:
            raise ValueError(f"a template holds {PLACE}, where the problem goes")
        return value

    @model_validator(mode="after")
    def _fits(self) -> ExportRl:
        names = (self.prompt_key, self.label_key, self.metadata_key, self.tool_key)
        if len({"id", "stage", "step", *names}) < 7:
            raise ValueError(
                f"prompt_key, label_key, metadata_key and tool_key are names of their own, not {', '.join(names)}"
            )
        if self.layout == "verl" and (self.prompt_as == "text" or names != ("prompt", "label", "metadata", "tools")):
            raise ValueError(
                "prompt_as, prompt_key, label_key, metadata_key and tool_key are of layout slime; verl has fixed names"
            )
        if self.rows != "problems" and (self.template != PLACE or self.template_file is not None):
            raise ValueError(f"a template is for problems; {self.rows} have prompts of their own")
        if self.rows == "steps" and self.system is not None:
            raise ValueError("steps have the system message of their trajectory")
        if self.tools_as == "system" and self.prompt_is_text:
            raise ValueError("tools_as is for prompts as messages; a text holds the tools where the dialect has them")
        if self.template_file is not None and self.template != PLACE:
            raise ValueError("template or template_file, not both")
        if self.system is not None and self.prompt_is_text and self.rows == "problems":
            raise ValueError("a system message needs prompt_as messages")
        return self

    @property
    def prompt_is_text(self) -> bool:
        """Whether a prompt is one text."""
        return self.prompt_as == "text" or (
            self.prompt_as is None and self.layout == "slime" and self.rows == "steps" and self.tools_as is None
        )

    @property
    def tools_in_system(self) -> bool:
        """Whether tools stand in the prompt, as a system message."""
        return self.tools_as == "system" or (self.tools_as is None and self.layout == "verl" and self.rows == "steps")


def layout(config: ExportRl) -> pa.Schema:
    """The columns of the rows."""
    if config.rows != "problems":
        from sequences.export_agents import agent_schema

        return agent_schema(config)
    from sequences.export_prompts import rl_schema

    return rl_schema(config)


def setup(config: ExportRl, inputs: Mapping[str, Any]) -> str:
    """The template. Raises UsageError where its file is none, or the input holds other rows than the config says."""
    from sequences.export_prompts import read_template

    for dataset in inputs.get("input", ()):
        if dataset.record != RECORDS[config.rows]:
            fitting = next(name for name, record in RECORDS.items() if record == dataset.record)
            raise UsageError(
                f"export-rl: {dataset.url} holds {dataset.record} rows, and rows is {config.rows}: --set rows={fitting}"
            )
    return read_template(config)


def core(
    batches: Iterator[pa.RecordBatch], config: ExportRl, template: str
) -> Iterator[pa.RecordBatch | tuple[str, Outcome] | Mapping[str, int]]:
    """Rows of all that can be checked, a ledger entry for each other, counts for the statistics."""
    from collections import Counter

    from arcmill.records import batch_to_rows
    from sequences.export_rows import to_batches

    tallies: Counter[str] = Counter()
    schema = layout(config)
    if config.rows != "problems":
        from sequences.export_agents import agent_schema

        schema = agent_schema(config, as_json=False)
    rows_of = _problem_rows(template) if config.rows == "problems" else _agent_rows
    for batch in batches:
        made: list[dict[str, Any]] = []
        for row in batch_to_rows(RECORDS[config.rows], batch):
            found = rows_of(row, config)
            if isinstance(found, Outcome):
                yield row.id, found
                continue
            made += found[0]
            tallies.update(found[1])
        yield from to_batches(made, schema)
    yield tallies


Found = tuple[list[dict[str, Any]], Mapping[str, int]] | Outcome


def _problem_rows(template: str) -> Callable[[Any, ExportRl], Found]:
    from sequences.export_prompts import left_out, rl_row

    def rows(problem: Any, config: ExportRl) -> Found:
        outcome = left_out(problem, config)
        if outcome is not None:
            return outcome
        counts = {f"difficulty.{problem.difficulty or 'unknown'}": 1, f"answer_type.{problem.answer_type}": 1}
        return [rl_row(problem, config, template)], counts

    return rows


def _agent_rows(row: Any, config: ExportRl) -> Found:
    from arcmill.chat import ChatError
    from sequences.export_agents import step_rows, task_row

    try:
        if config.rows == "steps":
            return step_rows(row, config)
        return [task_row(row, config)], {f"steps.{row.steps}": 1}
    except ChatError as error:
        return Outcome(error.reason, detail=error.detail)


def _files(config: ExportRl) -> list[str]:
    return [config.template_file] if config.template_file else []


STAGE = Stage(
    name="export-rl",
    version=2,
    help="Write problems, calls of trajectories or tasks of agents as RL prompts with their checker, for slime and verl.",
    example="arcmill export-rl --input problems --output rl --set layout=slime --set difficulties=[moderate] "
    "--set rewards.math=dapo",
    config=ExportRl,
    reads={"input": "Problem|Conversation|AgentTask"},
    writes="Export",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
    model_files=_files,
    layout=layout,
)
