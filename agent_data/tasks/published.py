"""Rows of a file of published tasks to AgentTasks: {instruction, actions: [{name, kwargs}], outputs, user_id?, seed?, id?}."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agent_data.environments.environment import Environment, EpisodeLost
from agent_data.environments.play import begin
from agent_data.goal import Goal
from arcmill.generation import drive
from arcmill.records import AgentTask, ToolCall, stable_id
from arcmill.stage import Failure, Outcome, SourceFile
from arcmill.tables.formats import suffix_of
from arcmill.tables.read import jsonl

if TYPE_CHECKING:
    from agent_data.tasks.collect import CollectTasks


class _Wrong(Exception):
    """A row that becomes no task."""

    def __init__(self, rule: str, detail: str, outcome: str = "errored") -> None:
        super().__init__(detail)
        self.rule, self.outcome = rule, outcome


def tasks(file: SourceFile, config: CollectTasks, environment: Environment) -> Iterator[AgentTask | Failure]:
    """Every row of a file as a task, or as a Failure that says what is wrong with it."""
    mapper = _Rows(file.name, config, environment)
    return jsonl(file, mapper, config.max_line_bytes, whole_too=suffix_of(file.name) == ".json")


class _Rows:
    """A mapper of rows (arcmill.tables.read.Mapper)."""

    text_field, text_column = "instruction", "instruction"

    def __init__(self, file: str, config: CollectTasks, environment: Environment) -> None:
        self.file, self.config, self.environment = file, config, environment
        self.offered = [tool.text() for tool in environment.tools]
        self.same: dict[str, int] = {}

    def require(self, present: Iterable[str]) -> None:
        """Rows are objects: each is looked at by itself."""

    def needed(self, present: Iterable[str]) -> list[str]:
        return list(present)

    def row(self, row: Any, unit: str, number: int) -> AgentTask | Failure:
        try:
            return self._task(row)
        except _Wrong as wrong:
            where = f"{self.file}, {unit} {number}"
            return Failure(where, Outcome(wrong.rule, wrong.outcome, detail=f"{where}: {wrong}"))

    def failure(self, rule: str, unit: str, number: int, detail: str, key: str | None = None) -> Failure:
        where = f"{self.file}, {unit} {number}"
        return Failure(key or where, Outcome(rule, "errored", detail=f"{where}: {detail}"))

    def _task(self, row: Any) -> AgentTask:
        if not isinstance(row, dict):
            raise _Wrong("not-an-object", f"expected an object, found {type(row).__name__}")
        instruction = row.get("instruction")
        if not isinstance(instruction, str) or not instruction.strip():
            raise _Wrong("no-instruction", "no text in `instruction`")
        seed = row.get("seed", self.config.seed)
        if type(seed) is not int or seed < 0:
            raise _Wrong("bad-seed", f"seed is {seed!r:.40}, not a whole number from 0 on")
        goal = self._goal(_calls(row), seed)
        goal.tell = _tell(row.get("outputs"))
        if self.config.steps == "dialogue":
            goal.user = {"introduction": None, "requests": [{"text": instruction, "facts": {}}], "facts": {}}
        if isinstance(user := row.get("user_id"), str):
            goal.more["user_id"] = user
        calls = json.dumps(goal.calls, sort_keys=True, ensure_ascii=False)
        name, version = self.config.environment, self.environment.version
        identity = stable_id("agent-task", name, version, str(seed), instruction, calls)
        # Published sets hold a task twice now and then: both are rows.
        again = self.same[identity] = self.same.get(identity, 0) + 1
        if again > 1:
            identity = stable_id("agent-task-again", identity, str(again))
        return AgentTask(
            identity,
            instruction,
            name,
            self.config.steps,
            self.offered,
            goal.text(),
            None,
            self.config.source or self.file,
        )

    def _goal(self, calls: list[ToolCall], seed: int) -> Goal:
        """The calls, executed. A call that is refused changes nothing: one that only reads is left out, one that writes is a
        mistake of the task, or where the policy is what the task tries."""
        try:
            play = drive(begin(self.environment, seed))
        except EpisodeLost as lost:
            raise _Wrong(lost.reason, str(lost)) from None
        kept, refused = [], []
        try:
            for call in calls:
                tool = self.environment.tool(call.name)
                if tool is None:
                    raise _Wrong("unknown-tool", f"{call.name!r:.80} is no tool of {self.environment.name}")
                if play.over:
                    raise _Wrong("call-after-end", f"{call.name} after a call that ends the episode")
                seen = drive(play.call(call))
                made = {"name": call.name, "arguments": json.loads(call.arguments)}
                if not seen.error:
                    kept.append(made)
                    continue
                if tool.writes and self.config.refused == "dropped":
                    raise _Wrong("gold-refused", f"{call.name} {call.arguments}: {seen.text}"[:480], "dropped")
                refused.append({**made, "said": seen.text[:200]})
            more = {"refused": refused} if refused else {}
            return Goal("done", seed, kept, play.initial, drive(play.hash()), more=more)
        except EpisodeLost as lost:
            raise _Wrong(lost.reason, str(lost)) from None
        finally:
            play.close()


def _calls(row: Mapping[str, Any]) -> list[ToolCall]:
    held = row.get("actions", row.get("calls"))
    if not isinstance(held, list):
        raise _Wrong("no-calls", "no list in `actions`")
    made = []
    for number, call in enumerate(held):
        arguments = call.get("kwargs", call.get("arguments")) if isinstance(call, dict) else None
        if not isinstance(arguments, dict) or not isinstance(call.get("name"), str):
            raise _Wrong("bad-call", f"action {number} is not {{name, kwargs}}: {call!r:.120}")
        made.append(ToolCall(str(number), call["name"], json.dumps(arguments, ensure_ascii=False)))
    return made


def _tell(outputs: Any) -> list[dict[str, Any]]:
    """What the user must be told. Figures may be written with commas between thousands."""
    if outputs is None:
        return []
    if not isinstance(outputs, list):
        raise _Wrong("bad-outputs", f"`outputs` is a {type(outputs).__name__}, not a list")
    made = []
    for output in outputs:
        if isinstance(output, bool) or not isinstance(output, str | int | float) or not str(output).strip():
            raise _Wrong("bad-outputs", f"an output is {output!r:.80}, neither a text nor a number")
        text = str(output).strip()
        whole, point, rest = text.partition(".")
        grouped = [f"{int(whole):,}{point}{rest}"] if whole.isascii() and whole.isdigit() and len(whole) > 3 else []
        made.append({"what": "output", "values": [text, *grouped]})
    return made
