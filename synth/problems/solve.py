"""solve-arithmetic: the working of arithmetic problems, step by step and exact, as conversations: no model is asked.

What `player: gold` is for agents this is for reasoning: right by construction, so that a recipe for reasoning traces runs from
end to end on any machine. It reads the expression that `make-arithmetic` keeps in the evidence. Its texts are of one make:
they try a pipeline out, and teach a model little.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from arcmill.config import Field, StageConfig
from arcmill.stage import Outcome, Stage

if TYPE_CHECKING:
    import pyarrow as pa


class SolveArithmetic(StageConfig):
    """How much is written down."""

    seed: int = Field(0, ge=0, description="with the problem's id, chooses the wording")
    checks: bool = Field(True, description="also undo steps by the inverse operation, as a check in the reasoning")


def core(batches: Iterator[pa.RecordBatch], config: SolveArithmetic) -> Iterator[pa.RecordBatch | tuple[str, Outcome]]:
    """A conversation a problem, id `solve-arithmetic` of it. Outcome `no-expression` (errored): not of make-arithmetic."""
    from arcmill.records import batch_to_rows, rows_to_batch
    from synth.problems.solve_steps import conversation

    for batch in batches:
        made = []
        for problem in batch_to_rows("Problem", batch):
            found = conversation(problem, config)
            if isinstance(found, Outcome):
                yield problem.id, found
            else:
                made.append(found)
        if made:
            yield rows_to_batch("Conversation", made)


STAGE = Stage(
    name="solve-arithmetic",
    version=1,
    help="Write the working of problems of make-arithmetic, step by step and exact: reasoning without a model.",
    example="arcmill solve-arithmetic --input problems --output traces",
    config=SolveArithmetic,
    reads={"input": "Problem"},
    writes="Conversation",
    engine="datatrove",
    core=core,
    makes=True,
)
