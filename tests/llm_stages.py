"""Small generation stages for tests of the engine: real declarations."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from arcmill.config import Field, StageConfig
from arcmill.execute import execute
from arcmill.generation import Answer, GenerationConfig, Made, RequestFailed, Work
from arcmill.records import Conversation, Message, Problem, stable_id
from arcmill.stage import Stage


class ProblemsConfig(StageConfig):
    rows: int = Field(100, description="problems")
    word: str = Field("", description="a word in every tenth prompt")


def problems(split: str, config: ProblemsConfig) -> Any:
    for number in range(config.rows):
        extra = config.word if number % 10 == 0 else ""
        yield Problem(
            stable_id("p", str(number)), f"What is {number} + {number}? {extra}", "math", "tiny", str(2 * number)
        )


PROBLEMS = Stage(
    name="problems", version=1, help="Make problems.", config=ProblemsConfig, writes="Problem", engine="datatrove",
    core=problems, splits=lambda config: ["all"],
)  # fmt: skip


class AskConfig(GenerationConfig):
    model: str = Field("planned", description="the model")
    samples: int = Field(2, description="answers a problem")
    minimum: int = Field(0, description="samples that a problem must have")


def ask(problem: Problem, config: AskConfig) -> Generator[Any, list[Any], Any]:
    messages = [{"role": "user", "content": problem.prompt}]
    try:
        answers = yield [config.ask(messages, problem.id, sample) for sample in range(config.samples)]
    except RequestFailed as failed:
        answers = [answer for answer in failed.results if isinstance(answer, Answer)]
        if len(answers) < max(config.minimum, 1):
            raise
    follow = yield [config.ask([*messages, {"role": "user", "content": answers[0].text}], problem.id, "again")]
    checked = yield [Work(len, (follow[0].text,))]
    rows = [
        Conversation(
            stable_id(problem.id, str(sample)), [Message("user", problem.prompt), Message("assistant", answer.text)],
            problem.source, evidence=json.dumps({"length": checked[0]}),
        )
        for sample, answer in enumerate(answers)
    ]  # fmt: skip
    return Made(rows, {"samples": len(rows)})


ASK = Stage(
    name="ask", version=1, help="Ask a model.", config=AskConfig, reads={"input": "Problem"}, writes="Conversation",
    engine="vllm", core=ask, makes=True,
)  # fmt: skip


class BranchConfig(GenerationConfig):
    model: str = Field("planned", description="the model")
    turns: list[int] = Field([1, 3, 0, 2], description="requests of each branch, one after the other")
    fails: int | None = Field(None, description="the branch that raises after its first request")
    open: int | None = Field(None, description="rows under way at once, at most")


def branch(problem: Problem, config: BranchConfig, number: int) -> Generator[Any, list[Any], str]:
    said = []
    for turn in range(config.turns[number]):
        (answer,) = yield [
            config.ask([{"role": "user", "content": f"{problem.prompt} {said}"}], problem.id, number, turn)
        ]
        if config.fails == number:
            raise ValueError(f"branch {number} of {problem.id}")
        said.append(answer.text)
    lengths = yield [Work(len, (text,)) for text in said]
    return f"{number}: {lengths} {said}"


LIVE = {"now": 0, "most": 0}


def branches(problem: Problem, config: BranchConfig) -> Generator[Any, list[Any], Any]:
    LIVE["now"] += 1
    LIVE["most"] = max(LIVE["most"], LIVE["now"])
    try:
        texts = yield [branch(problem, config, number) for number in range(len(config.turns))]
    except ValueError as error:
        texts = [f"caught {error}"]
    LIVE["now"] -= 1
    told = [Message("user", problem.prompt), Message("assistant", "\n".join(texts))]
    return [Conversation(stable_id(problem.id, "branches"), told, problem.source)]


BRANCHES = Stage(
    name="branches", version=1, help="Ask in branches.", config=BranchConfig, reads={"input": "Problem"},
    writes="Conversation", engine="vllm", core=branches, makes=True, open_rows=lambda config: config.open,
)  # fmt: skip


def main() -> None:
    """`python llm_stages.py INPUT OUTPUT URL`: the stage as a process that a test can kill."""
    source, output, url = sys.argv[1:4]
    settings = {"llm.endpoint": url, "llm.timeout": 1.5, "llm.drain": 5, "llm.concurrency": 16}
    execute(ASK, AskConfig(max_error_rate=0), {"input": [source]}, output, settings=settings)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import llm_stages

    llm_stages.main()
