"""The gold player: it replays a task's blueprint without a model, and says so in the evidence.

A positive control. Where it does not reach its goal, the task, the world or a check of ours is wrong. In a dialogue it hears
all that the user wants, reads, asks for leave, writes, and tells what must be told.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any

from agent_data.environments.environment import Tool
from agent_data.goal import Goal
from agent_data.reading import reading_calls
from agent_data.trajectories.limits import Ended, Spent
from agent_data.trajectories.script import Script, in_words, plain
from arcmill.records import Message, ToolCall

HEARS = 20  # messages of the user before it goes on with what it has


class GoldPlayer:
    """One trajectory's player. `next` is its message after those so far."""

    name = "gold"

    def __init__(self, goal: Goal, tools: Sequence[Tool], script: Script | None, question: str | None = None) -> None:
        """`question`: what a task without a blueprint asks; its pages are searched for and read before it is answered."""
        self.goal, self.script = goal, script
        self.tools = {tool.name: tool for tool in tools}
        self.calls = goal.calls or reading_calls(goal, self.tools, question)
        self.made = 0  # calls so far
        self.asked: set[str] = set()  # facts that it has asked for
        self.leave: bool = script is None  # whether the user has agreed to what is to be written
        self.told = False
        self.refused: str | None = None

    def next(self, messages: Sequence[Message], spent: Spent) -> Generator[Any, Any, Message]:
        """The next message. Ended("gold-refused") where the world refuses a call of the blueprint."""
        yield from ()
        if self.refused is not None:
            raise Ended("gold-refused", self.refused[:300])
        spent.turn()
        if self.told:
            return Message("assistant", "You are welcome.")
        if self.script is not None and (said := self._hear(messages)) is not None:
            return Message("assistant", said)
        if self.made < len(self.calls):
            return self._call()
        self.told = True
        return Message("assistant", self._end())

    def _hear(self, messages: Sequence[Message]) -> str | None:
        """What it still has to ask the user before it goes on."""
        assert self.script is not None
        lines = [message.content or "" for message in messages if message.role == "user"]
        if self.made == 0 and len(lines) < HEARS:
            if not self.script.covered(lines):
                return "I have noted that. What else can I do for you?"
            wanted = [name for name in self.script.unsaid(lines) if name not in self.asked]
            if wanted:
                self.asked.update(wanted)
                return f"Could you please tell me your {' and your '.join(map(in_words, wanted))}?"
        if not self.leave and self._writes_now():
            self.leave = True
            return f"I am about to do this: {'; '.join(self._writes())}. Do you confirm (yes/no)?"
        return None

    def _writes_now(self) -> bool:
        if self.made >= len(self.calls):
            return False
        tool = self.tools.get(self.calls[self.made]["name"])
        return tool is not None and tool.writes

    def _writes(self) -> list[str]:
        made = []
        for call in self.calls[self.made :]:
            tool = self.tools.get(call["name"])
            if tool is not None and tool.writes:
                held = ", ".join(f"{in_words(name)} {plain(value)}" for name, value in call["arguments"].items())
                made.append(f"{in_words(call['name'])} ({held})" if held else in_words(call["name"]))
        return made

    def _call(self) -> Message:
        call = self.calls[self.made]
        tool = self.tools.get(call["name"])
        ends = tool is not None and tool.ends
        made = ToolCall(f"call_{self.made}", call["name"], json.dumps(call.get("arguments", {}), ensure_ascii=False))
        self.made += 1
        return Message(
            "assistant", self._end() if ends and (self.goal.tell or self.goal.refuse) else None, None, [made]
        )

    def _end(self) -> str:
        goal = self.goal
        if goal.kind == "refuse":
            rule = (goal.refuse or {}).get("rule")
            return f"I am sorry, I cannot do that{f': {rule}' if rule else ': none of my tools can'}."
        if goal.kind == "answer":
            return str(goal.answer)
        told = " ".join(f"{_sentence(tell['what'])}: {tell['values'][0]}." for tell in goal.tell if tell.get("values"))
        return f"It is done. {told}".strip()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
