"""Who speaks for the user in a dialogue: a model with a script, checked line by line, or the script itself."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_data.trajectories.limits import Ended, Spent
from agent_data.trajectories.lines import STOP, fault
from agent_data.trajectories.script import Script, in_words
from arcmill.generation import Answer, served_name
from arcmill.records import Message
from arcmill.templates import Template, read_template

if TYPE_CHECKING:
    from agent_data.trajectories.stage import SynthTrajectories

TEMPLATE = Path(__file__).parent / "user.txt"
PLACES = frozenset({"introduction", "requests", "facts", "instruction", "stop"})
_LEAVE = re.compile(r"\(yes/no\)|\bconfirm|\bproceed\b|\bgo ahead\b|\bis that (?:right|correct)\b", re.IGNORECASE)


def user_template(path: str | None) -> Template:
    """The simulator's template: the packaged one, or a file of the user's own."""
    return read_template(path or str(TEMPLATE), frozenset({"stop", "requests"}), PLACES)


class ModelUser:
    """A model that plays the user. A line that cannot be sent is asked for again, with the reason."""

    def __init__(
        self, config: SynthTrajectories, script: Script, template: Template, origin: Sequence[str | int]
    ) -> None:
        self.config, self.script, self.origin = config, script, tuple(origin)
        held = config.simulator
        self.model = held.model or config.model
        self.name = f"model:{served_name(self.model)}"
        self.start = template.messages({
            "introduction": script.introduction or "(nothing)", "instruction": script.instruction, "stop": STOP,
            "requests": "\n".join(f"{place}. {request.text}" for place, request in enumerate(script.requests, 1)),
            "facts": "\n".join(f"- {in_words(name)}: {value}" for name, value in script.facts.items()) or "- (nothing more)",
        })  # fmt: skip
        self.lines = 0

    def next(self, messages: Sequence[Message], spent: Spent) -> Generator[Any, Any, str | None]:
        """The user's next line; None where the user is done. Ended where there is no line that can be sent."""
        held = self.config.simulator
        if self.lines >= held.turns:
            raise Ended("user-endless", f"the user has not stopped after {self.lines} lines")
        self.lines += 1
        asked: list[dict[str, Any]] = [*self.start]
        for message in messages:  # seen from the other side; calls and results are the agent's own
            if message.role == "user":
                asked.append({"role": "assistant", "content": message.content})
            elif message.role == "assistant" and message.content and not message.tool_calls:
                asked.append({"role": "user", "content": message.content})
        wrong = None
        for attempt in range(held.tries):
            spent.time()
            answer: Answer
            (answer,) = yield [
                self.config.ask(
                    asked, *self.origin, "user", self.lines, attempt, model=served_name(self.model),
                    temperature=held.temperature, max_tokens=held.max_tokens,
                )
            ]  # fmt: skip
            spent.answer(answer)
            reply = _without_reasoning(answer)
            wrong = fault(reply, self.script, messages)
            if wrong is None:
                return None if STOP in reply else reply.strip()
            asked += [
                {"role": "assistant", "content": reply},
                {
                    "role": "user",
                    "content": f"(This cannot be sent. {wrong.why} Write the customer's next line again.)",
                },
            ]
        assert wrong is not None
        raise Ended(f"user-{wrong.rule}", f"after {held.tries} tries: {wrong.why}")


def _without_reasoning(answer: Answer) -> str:
    from arcmill.chat import split_reasoning

    if answer.choice.reasoning is not None:
        return answer.text
    return split_reasoning(answer.text)[1]


class ScriptedUser:
    """The script said line by line, without a model: who it is, each request, what is asked for, yes where leave is asked."""

    name = "scripted"

    def __init__(self, script: Script, turns: int) -> None:
        self.script, self.turns = script, turns
        self.asked = 0  # requests said
        self.lines = 0

    def next(self, messages: Sequence[Message], spent: Spent) -> Generator[Any, Any, str | None]:
        """As of a ModelUser."""
        yield from ()
        script, said = self.script, [message.content or "" for message in messages if message.role == "user"]
        if self.lines >= self.turns:
            raise Ended("user-endless", f"the user has not stopped after {self.lines} lines")
        self.lines += 1
        if not said:
            return " ".join(filter(None, [script.introduction, self._request()]))
        heard = messages[-1].content or ""
        if "?" in heard:
            words = set(re.findall(r"\w+", heard.casefold()))
            wanted = [name for name in script.unsaid(said) if words & set(in_words(name).split())]
            if wanted:
                return " ".join(f"My {in_words(name)} is {script.facts[name]}." for name in wanted)
            if _LEAVE.search(heard):
                return "Yes, please go ahead."
        return self._request() if self.asked < len(script.requests) else None

    def _request(self) -> str:
        self.asked += 1
        return " ".join(self.script.requests[self.asked - 1].text.split())
