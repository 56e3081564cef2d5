"""The reward of a whole task: played in its world, and judged as judge-trajectories judges, by playing it again from its seed.

    rollout = Rollout(task_of(row), worlds)                # a row of export-rl rows=tasks; worlds: agent_data Worlds
    while not rollout.done:
        rollout.act(answer_to(rollout.messages, rollout.tools))     # the text that a model wrote, or a Message
    float(rollout.verdict().right)

A malformed call ends a task at zero (GLM-4.5, arXiv 2508.06471, section 3.3); a call that a tool refuses does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from agent_data.environments.catalogue import Worlds
from agent_data.environments.environment import EpisodeLost
from agent_data.environments.offered import offered, otherwise
from agent_data.environments.play import begin
from agent_data.evidence import FINISHED, Evidence
from agent_data.goal import read_goal
from agent_data.judges.check import CHECKS
from agent_data.judges.verify import WorldFailed, verify
from arcmill.chat import ChatError, to_message
from arcmill.chat.dialect import OBSERVATION, find_special
from arcmill.chat.messages import AnyMessage, arguments_of
from arcmill.errors import UsageError
from arcmill.functions.declared import declared
from arcmill.functions.reward import Verdict, read_answer, read_list
from arcmill.generation import drive
from arcmill.records import AgentTask, Conversation, Message, stable_id

# Zero for every answer would look like a model that learns nothing.
_OTHER = "in the {!r} that the task was made with: another version, or other data"


def task_of(row: Mapping[str, Any]) -> AgentTask:
    """The task of an exported row (verl's or slime's columns, or extra_info or metadata with the prompt beside it)."""
    about = row.get("extra_info") or row.get("metadata") or row
    said = [message for message in row["prompt"] if message["role"] == "user"] if "prompt" in row else []
    if not said:
        raise ValueError("the row has no prompt with a line of the user; name it `prompt`")
    tools = [json.dumps(tool, ensure_ascii=False) for tool in read_list(about.get("tools"))]
    return AgentTask(
        about["id"], said[-1]["content"], about["environment"], about["steps"], tools or None, about["goal"],
        source=about.get("source"),
    )  # fmt: skip


class Rollout:
    """One task being played: by any model, step by step. `messages` is the conversation so far, the world's policy first."""

    def __init__(
        self, task: AgentTask, worlds: Worlds, *, dialect: str = "glm45", opened: bool = False, characters: int = 20_000,
        player: str = "model:policy",
    ) -> None:  # fmt: skip
        """`dialect`, `opened`: how `act` reads texts (arcmill.functions.reward). Raises UsageError where the world is not known, or
        not the one that the task was made with; ValueError, EpisodeLost."""
        self.task, self.goal = task, read_goal(task.goal)
        self.environment = worlds[task.environment]
        self.dialect, self.opened, self.player, self.characters = dialect, opened, player, characters
        listed = offered(self.environment, task.tools)
        if (tool := otherwise(self.environment, listed, task.tools)) is not None:
            raise UsageError(f"task {task.id}: tool {tool.name!r} is not as {_OTHER.format(task.environment)}")
        self.tools = [tool.schema() for tool in listed]
        self._texts = task.tools if task.tools is not None else [tool.text() for tool in listed]
        self._functions = declared(self._texts)
        self.messages: list[Message] = []
        if self.environment.policy.strip():
            self.messages.append(Message("system", self.environment.policy.strip()))
        if task.steps != "dialogue":
            self.messages.append(Message("user", task.instruction))
        self.ended, self.detail = "", ""
        self._calls: list[dict[str, Any]] = []
        self._states: dict[str, str | None] = {"initial": None, "final": None, "goal": self.goal.state}
        self._play = drive(begin(self.environment, self.goal.seed, listed, characters))
        self._states["initial"] = self._play.initial
        if self.goal.initial not in (None, self._play.initial):
            self._close()
            raise UsageError(f"task {task.id}: the state at the start is not as {_OTHER.format(task.environment)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._close()

    @property
    def done(self) -> bool:
        """Whether it has come to an end."""
        return bool(self.ended)

    def say(self, line: str) -> None:
        """A line of the user, of a dialogue."""
        self.messages.append(Message("user", line))

    def act(self, answer: str | AnyMessage) -> list[Message]:
        """The model's next message; what its calls gave. A message without calls ends a task that is no dialogue."""
        if self.ended:
            raise ValueError(f"the task has ended: {self.ended}")
        try:
            message = self._read(answer)
        except ChatError as error:
            self._end("malformed-call", str(error))
            return []
        self.messages.append(message)
        observed: list[Message] = []
        for call in message.tool_calls or ():
            made: dict[str, Any] = {"name": call.name}
            self._calls.append(made)
            written = self._play.writes
            try:
                result = drive(self._play.call(call))
                if self._play.writes > written:
                    made["state"] = drive(self._play.hash())
            except EpisodeLost as lost:
                self._end(lost.reason, str(lost))
                return observed
            if result.error:
                made["error"] = True
            observed.append(Message("tool", result.text, tool_call_id=call.id))
            self.messages.append(observed[-1])
        if self._play.over:
            self._end("terminal-call")
        elif not message.tool_calls and self.task.steps != "dialogue":
            self._end("answered")
        return observed

    def stop(self, ended: str = "user-stop") -> None:
        """The end from outside: the user's, or a limit by its name (turns, tokens, time)."""
        if not self.ended:
            self._end(ended)

    def row(self) -> Conversation:
        """What was played, as synth-trajectories writes it."""
        evidence = Evidence(
            self.environment.name, self.environment.version, self.goal.seed, self.task.id, self.task.steps, self.player,
            self.ended, detail=self.detail or None, characters=self.characters, calls=self._calls, states=self._states,
        )  # fmt: skip
        thinks = any(message.reasoning for message in self.messages)
        return Conversation(
            stable_id("trajectory", self.task.id, self.player, json.dumps(self._calls, sort_keys=True)), list(self.messages),
            self.task.source or self.environment.name, list(self._texts) or None, thinks, evidence.text(),
        )  # fmt: skip

    def verdict(self) -> Verdict:
        """Right where every check of judge-trajectories that can be had is; else the name of the first that is wrong."""
        if not self.ended:
            raise ValueError("the task has not ended")
        if self.ended not in FINISHED:
            return Verdict(False, self.ended, self.detail)
        row = self.row()
        evidence = Evidence(**json.loads(row.evidence or "{}"))
        try:
            checks = drive(verify(row, evidence, self.task, self.goal, self.environment, None))
        except WorldFailed as failed:
            return Verdict(False, "world-failed", str(failed))
        wrong = sorted((check for check in checks if check.right is False), key=lambda one: CHECKS.index(one.name))
        return Verdict(False, wrong[0].name, wrong[0].why) if wrong else Verdict(True)

    def _read(self, answer: str | AnyMessage) -> Message:
        if isinstance(answer, str):
            message, stop = read_answer(answer, self._functions, self.dialect, self.opened)
            if stop is not None and (stop == OBSERVATION) != bool(message.tool_calls):
                raise ChatError("stop", f"the answer ends in {stop}")
        else:
            message = to_message(answer)
            if message.role != "assistant":
                raise ValueError(f"a message of role {message.role} is no answer")
            if found := find_special(f"{message.content or ''}{message.reasoning or ''}"):
                raise ChatError("special-token", f"the text holds {found}")
        if not (message.content or "").strip() and not message.tool_calls:
            raise ChatError("empty", "neither text nor calls")
        for number, call in enumerate(message.tool_calls or (), len(self._calls)):
            arguments_of(call)
            call.id = f"call_{number}"
        return message

    def _end(self, ended: str, detail: str = "") -> None:
        self.ended, self.detail = ended, detail[:300]
        try:
            self._states["final"] = drive(self._play.hash())
        except EpisodeLost as lost:
            if ended in FINISHED:
                self.ended, self.detail = lost.reason, str(lost)[:300]
        self._close()

    def _close(self) -> None:
        if self._play is not None:
            self._play.close()
            self._play = None


def judge_episode(
    task: AgentTask, messages: Sequence[AnyMessage], worlds: Worlds, ended: str | None = None, **options: Any
) -> Verdict:
    """The verdict on a conversation that some framework has played, by making its calls again from the seed.

    What its tools said there plays no part: the world's own observations take their places. `ended` is why it came to its end,
    where that was not an answer or a terminating call: a limit by its name.
    """
    with Rollout(task, worlds, **options) as rollout:
        asked = task.steps != "dialogue"  # the first line stands already
        for message in map(to_message, messages):
            if rollout.done:
                break
            if message.role == "user":
                if not asked:
                    rollout.say(message.content or "")
                asked = False
            elif message.role == "assistant":
                rollout.act(message)
        rollout.stop(ended or ("user-stop" if task.steps == "dialogue" else "unfinished"))
        return rollout.verdict()
