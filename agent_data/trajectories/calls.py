"""How a model is asked for its next message, and how that is read: three ways to write calls.

| calls | the request | the calls |
|---|---|---|
| server | /v1/chat/completions with `tools` | `tool_calls`, as the server's parser found them |
| glm45, glm47 | /v1/completions with the dialect's own rendering (arcmill.chat) | the dialect's tags in the text |
| json | /v1/chat/completions; the tools stand in the system message | `<tool_call>{"name": …, "arguments": {…}}</tool_call>` in the text |
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent_data.trajectories.limits import Ended
from arcmill.generation import Choice, Request
from arcmill.records import Message, ToolCall

if TYPE_CHECKING:
    from agent_data.trajectories.stage import SynthTrajectories
    from arcmill.chat import Calls

_BEGIN, _END = "<tool_call>", "</tool_call>"
_TAGS = re.compile(r"</?(?:tool_call|arg_key|arg_value|tool_response)>")
_HOW = """

# Tools

You can call the functions below. A call is one line of JSON between tags, and nothing else stands between them:
<tool_call>{"name": "function_name", "arguments": {"argument": "value"}}</tool_call>
A message may hold several calls, after any text. Results come in the next message between <tool_response> tags.

"""


@dataclass(slots=True)
class Said:
    """The agent's message. `malformed` says why it holds no calls that can be made; the message has the raw text then."""

    message: Message
    malformed: str | None = None


class Server:
    """Calls as the server reads them; in the form of `openai.chat.completions`."""

    def __init__(self, config: SynthTrajectories, tools: Sequence[str]) -> None:
        self.config = config
        self.body: dict[str, Any] = {"tools": [json.loads(tool) for tool in tools]} if tools else {}
        if config.thinking_switch:
            held = config.extra_body.get("chat_template_kwargs", {})
            self.body["chat_template_kwargs"] = {**held, "enable_thinking": config.thinking}
        self._sent: list[dict[str, Any]] = []  # the messages so far in that form

    def request(self, messages: Sequence[Message], tokens: int, *origin: str | int) -> Request:
        for message in messages[len(self._sent) :]:
            self._sent.append(_openai(message))
        return self.config.ask(self._sent, *origin, max_tokens=tokens, **self.body)

    def read(self, choice: Choice, number: int) -> Said:
        text, reasoning = _apart(choice, False)
        calls = [
            ToolCall(f"call_{number + place}", _storable(call.name), _storable(call.arguments or "{}"))
            for place, call in enumerate(choice.tool_calls)
        ]
        said = Message("assistant", text or ("" if not calls else None), reasoning, calls or None)
        wrong = next(filter(None, map(wrong_call, calls)), None)
        if wrong is None and (found := _TAGS.search(text)):
            wrong = f"{found.group()} in the text, which the server could not read as a call"
        return Said(said, wrong)


class Rendered:
    """Calls in one of the two dialects, rendered and read here."""

    def __init__(self, config: SynthTrajectories, tools: Sequence[str], dialect: str) -> None:
        from arcmill.chat.dialect import STOPS

        self.config, self.tools, self.dialect = config, list(tools), dialect
        # vLLM leaves the tags out of the text otherwise, where the tokenizer calls them special.
        self.body = {"stop": [*STOPS, *config.stop], "skip_special_tokens": False}

    def request(self, messages: Sequence[Message], tokens: int, *origin: str | int) -> Request:
        from arcmill.chat import ChatError, render

        try:
            prompt = render(
                messages, self.tools, self.dialect, generation_prompt=True, thinking=None if self.config.thinking else False
            )  # fmt: skip
        except ChatError as error:
            raise Ended("unrenderable", str(error)[:300]) from None
        return self.config.complete(prompt, *origin, max_tokens=tokens, **self.body)

    def read(self, choice: Choice, number: int) -> Said:
        from arcmill.chat import parse_calls

        text, reasoning = _apart(choice, self.dialect == "glm47" and self.config.thinking)
        return _found(parse_calls(text, self.dialect, self.tools), text, reasoning, number)


class Written:
    """Calls as JSON between tags, for any chat model."""

    def __init__(self, config: SynthTrajectories, tools: Sequence[str]) -> None:
        self.config = config
        self._how = _HOW + "\n".join(tools) if tools else ""
        self._sent: list[dict[str, Any]] = []
        self._read = 0

    def request(self, messages: Sequence[Message], tokens: int, *origin: str | int) -> Request:
        for message in messages[self._read :]:
            self._add(message)
        self._read = len(messages)
        return self.config.ask(self._sent, *origin, max_tokens=tokens)

    def _add(self, message: Message) -> None:
        sent = self._sent
        if not sent and self._how:
            policy = f"{message.content}" if message.role == "system" else ""
            sent.append({"role": "system", "content": (policy + self._how).strip()})
            if message.role == "system":
                return
        if message.role == "tool":
            held = f"<tool_response>\n{message.content}\n</tool_response>"
            if sent[-1]["role"] == "user" and sent[-1]["content"].endswith("</tool_response>"):
                sent[-1] = {"role": "user", "content": f"{sent[-1]['content']}\n{held}"}
            else:
                sent.append({"role": "user", "content": held})
            return
        text = message.content or ""
        for call in message.tool_calls or ():
            text += f'\n{_BEGIN}{{"name": {json.dumps(call.name, ensure_ascii=False)}, "arguments": {call.arguments}}}{_END}'
        sent.append({"role": message.role, "content": text.strip()})

    def read(self, choice: Choice, number: int) -> Said:
        from arcmill.chat import parse_json_calls

        text, reasoning = _apart(choice, False)
        return _found(parse_json_calls(text), text, reasoning, number)


Way = Server | Rendered | Written


def way_of(config: SynthTrajectories, tools: Sequence[str]) -> Way:
    """How calls are written, for one trajectory."""
    if config.calls == "server":
        return Server(config, tools)
    return Written(config, tools) if config.calls == "json" else Rendered(config, tools, config.calls)


def _openai(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        made["reasoning_content"] = message.reasoning
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        made["tool_call_id"] = message.tool_call_id
    return made


def _apart(choice: Choice, opened: bool) -> tuple[str, str | None]:
    """(text, reasoning). Ended where the answer was cut off, or its reasoning never ends."""
    from arcmill.chat import split_reasoning

    if choice.reasoning is not None:
        text, reasoning, closed = choice.text.strip(), choice.reasoning.strip() or None, True
    else:
        reasoning, text, closed = split_reasoning(choice.text, opened)
    if choice.finish == "length" and not (_BEGIN in text or choice.tool_calls):
        raise Ended("length", f"an answer was cut off: …{choice.text[-80:]}")
    if not closed:
        raise Ended("open-reasoning", "reasoning that never ends")
    return text, reasoning


def _found(found: Calls, text: str, reasoning: str | None, number: int) -> Said:
    """The message that holds the calls found in a text; the text itself where one is malformed."""
    wrong = next(iter(found.malformed), None)
    if wrong is None and (stray := _TAGS.search(found.text)):
        wrong = f"{stray.group()} outside of a call"
    if wrong is not None:
        return Said(Message("assistant", text, reasoning), wrong)
    calls = [ToolCall(f"call_{number + place}", call.name, call.arguments) for place, call in enumerate(found.calls)]
    if broken := next(filter(None, map(wrong_call, calls)), None):
        return Said(Message("assistant", text, reasoning), broken)
    content = found.text.strip()
    return Said(Message("assistant", content or (None if calls else ""), reasoning, calls or None))


def _storable(text: str) -> str:
    """Without halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def wrong_call(call: ToolCall) -> str | None:
    """What is wrong with a call, so that nobody can make it or keep it."""
    from arcmill.chat import ChatError
    from arcmill.chat.messages import arguments_of

    if not call.name.strip():
        return "a call without a name"
    try:
        held = arguments_of(call)
        if "\\u" in call.arguments or not call.arguments.isascii():
            json.dumps(held, ensure_ascii=False).encode()  # an escaped half of a surrogate pair is text of no encoding
    except ChatError as error:
        return error.detail
    except ValueError as error:
        return f"the arguments of {call.name!r:.60} are no JSON ({error})"
    return None
