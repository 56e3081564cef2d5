"""make-search-tasks: questions into tasks for agents, to be done with the tools of one search index (docs/search.md).

The environment is named by the index's fingerprint, so whoever runs a task can tell that it has the same documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from arcmill.config import Field, StageConfig
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from arcmill.search import SearchIndex


class MakeSearchTasks(StageConfig):
    """What the agent is told."""

    instruction: str = Field(
        "{question}", description="what the agent is told; {question} is where the question goes, once"
    )


def setup(config: MakeSearchTasks, inputs: dict[str, Any]) -> SearchIndex:
    """The index of the tasks. UsageError where the instruction has no place for the question."""
    from arcmill.errors import UsageError
    from arcmill.search import SearchIndex

    if config.instruction.count("{question}") != 1:
        raise UsageError(f"setting 'instruction' is {config.instruction!r}: it must hold {{question}} once")
    return SearchIndex.open(inputs["index"])


def core(
    batches: Iterator[pa.RecordBatch], config: MakeSearchTasks, state: SearchIndex
) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    """One task a question. Questions linked to the pages of another index leave as errored."""
    from arcmill.records import AgentTask, batch_to_rows, rows_to_batch, stable_id
    from arcmill.search import TOOLS
    from synth.search_qa.question import names_of

    environment = f"search:{state.fingerprint}"
    tools = [json.dumps(tool, ensure_ascii=False, sort_keys=True) for tool in TOOLS]
    for batch in batches:
        made = []
        for problem in batch_to_rows("Problem", batch):
            try:
                evidence, answers = names_of(problem)
                if evidence.get("index", state.fingerprint) != state.fingerprint:
                    raise ValueError(f"its pages are of another index ({evidence['index'][:12]})")
            except ValueError as error:
                yield problem.id, Outcome("evidence", "errored", detail=str(error))
                continue
            goal = {
                "answer": answers[0], "aliases": list(answers[1:]), "verifier": "exact", "problem": problem.id,
                "pass_rate": problem.pass_rate, "difficulty": problem.difficulty, "evidence": evidence,
            }  # fmt: skip
            made.append(
                AgentTask(
                    stable_id("search-task", problem.id, state.fingerprint),
                    config.instruction.replace("{question}", problem.prompt),
                    environment,
                    "multi",
                    tools,
                    json.dumps(goal, sort_keys=True, ensure_ascii=False),
                    source=problem.source,
                )
            )
        yield rows_to_batch("AgentTask", made)


STAGE = Stage(
    name="make-search-tasks",
    version=1,
    help="Make agent tasks of questions: the tools of a search index, the answer as the goal.",
    example="arcmill make-search-tasks --input questions --input index=index --output tasks",
    config=MakeSearchTasks,
    reads={"input": "Problem", "index": "Model"},
    writes="AgentTask",
    engine="datatrove",
    core=core,
    setup=setup,
    makes=True,
)
