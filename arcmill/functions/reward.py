"""The reward of one step of function calling: 1 only if format, every name and every argument are right (GLM-4.5, arXiv
2508.06471, section 3.3). What an answer holds is read as servers read it; arguments are compared by what their schema says.

    verdict = judge_calls(answer, ground_truth, tools)      # any framework: answer is the text that the model wrote
    compute_score(data_source, solution_str, ground_truth, extra_info)      # verl: custom_reward_function
    await custom_rm(args, sample)                                           # slime: --custom-rm-path
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from arcmill.chat.answer import parse_calls, split_reasoning
from arcmill.chat.dialect import CALL, OBSERVATION, STOPS, UNCALL, ChatError, find_special
from arcmill.chat.json_calls import parse_json_calls
from arcmill.chat.messages import arguments_of
from arcmill.errors import UsageError
from arcmill.functions.compare import compare_calls
from arcmill.functions.declared import Declared, check_call, declared
from arcmill.records import Message, ToolCall

FORMATS = (
    "glm45",
    "glm47",
    "json",
)  # json: <tool_call>{"name": …, "arguments": {…}}</tool_call>, as Hermes and Qwen write
Tools = str | Sequence[str | Mapping[str, Any]] | None
_OUTSIDE = re.compile(f"{re.escape(CALL)}.*?{re.escape(UNCALL)}", re.DOTALL)


class Verdict(NamedTuple):
    """Whether an answer is right; `reason` is short and stable: stop, reasoning, special-token, malformed, no-call,
    unexpected-call, unknown-tool, call-schema, calls, empty; "" where it is right."""

    right: bool
    reason: str = ""
    detail: str = ""


def judge_calls(
    answer: str, expected: str | Sequence[Any], tools: Tools, dialect: str = "glm45", *, opened: bool = False,
    ordered: bool = False, loose: bool = False,
) -> Verdict:  # fmt: skip
    """Whether an answer makes exactly the `expected` calls ([{name, arguments}], or their JSON text; none: a text is wanted).

    `opened`: the prompt ended in <think>. Calls of one answer are made side by side, so their order is free unless `ordered`.
    `loose` is that of `compare`. Never raises for what a model wrote; ValueError or ChatError for a broken row.
    """
    if dialect not in FORMATS:
        raise UsageError(f"dialect {dialect!r}: none of {', '.join(FORMATS)}")
    functions = _from_text(tools) if isinstance(tools, str) else declared(read_list(tools))
    wanted = [_expected(call, functions) for call in read_list(expected)]
    try:
        message, stop = read_answer(answer, functions, dialect, opened)
        if stop is not None and (stop == OBSERVATION) != bool(wanted):
            return Verdict(False, "stop", f"the answer ends in {stop}")
        given = [(call.name, check_call(call, functions)) for call in message.tool_calls or ()]
    except ChatError as error:
        return Verdict(False, error.reason, error.detail)
    if not wanted:
        if given:
            return Verdict(False, "unexpected-call", f"calls {given[0][0]!r:.60}")
        return Verdict(True) if message.content else Verdict(False, "empty", "neither text nor calls")
    if not given:
        return Verdict(False, "no-call", (message.content or "")[:80])
    parameters = {name: function.parameters for name, function in functions.items()}
    apart = compare_calls(wanted, given, parameters, ordered=ordered, loose=loose)
    return Verdict(False, "calls", "; ".join(map(str, apart[:3]))[:300]) if apart else Verdict(True)


def judge_step(answer: str, ground_truth: str, about: Mapping[str, Any], **options: Any) -> Verdict:
    """The same of a row of export-rl: `about` is its extra_info (verl) or metadata (slime)."""
    dialect = about.get("dialect") or "glm45"
    opened = dialect == "glm47" and about.get("thinking") is not False
    return judge_calls(answer, ground_truth, about.get("tools"), dialect, opened=opened, **options)


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None, **_: Any
) -> float:
    """verl: `custom_reward_function.path=…/arcmill/functions/reward.py` and `.name=compute_score`."""
    return float(judge_step(solution_str, ground_truth, extra_info or {}).right)


async def custom_rm(args: Any, sample: Any, **_: Any) -> float:
    """slime: `--custom-rm-path arcmill.functions.reward.custom_rm`."""
    return float(judge_step(sample.response, sample.label, sample.metadata or {}).right)


def read_list(value: str | Sequence[Any] | None) -> list[Any]:
    """A list, or the JSON text of one. ValueError for anything else."""
    held = json.loads(value) if isinstance(value, str) else value
    if held is None:
        return []
    if isinstance(held, Mapping) or not isinstance(held, Sequence):
        raise ValueError(f"a list was expected, not {held!r:.60}")
    return list(held)


@lru_cache(maxsize=1024)
def _from_text(tools: str) -> dict[str, Declared]:
    return declared(read_list(tools))


def _expected(call: Any, functions: Mapping[str, Declared]) -> tuple[str, dict[str, Any]]:
    made = call if isinstance(call, ToolCall) else _tool_call(call)
    if made.name not in functions:
        raise ValueError(f"ground truth calls {made.name!r:.60}, which is no tool of the row")
    return made.name, arguments_of(made)


def _tool_call(held: Any) -> ToolCall:
    """A call of {name, arguments}; ChatError (malformed) where it is none."""
    call = held.get("function", held) if isinstance(held, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
        raise ChatError("malformed", f"no call with a name: {held!r:.80}")
    arguments = call.get("arguments", {})
    return ToolCall("", call["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))


def read_answer(
    answer: str, functions: Mapping[str, Declared], dialect: str, opened: bool = False
) -> tuple[Message, str | None]:
    """What a model wrote as a message, and the stop token that it ended in, where that stands there. Raises ChatError, with the
    reason, for whatever is no sound format: half a call, text after one, reasoning that never ends, a control token in a text."""
    text, stop = _without_stop(answer)
    reasoning, text, closed = split_reasoning(text, opened)
    if not closed:
        raise ChatError("reasoning", "the reasoning is never closed")
    begin = text.find(CALL)
    before = text if begin < 0 else text[:begin]
    if found := find_special(f"{before}\n{reasoning or ''}"):
        raise ChatError("special-token", f"the text holds {found}")
    calls = _calls(text, begin, functions, dialect) if begin >= 0 else []
    return Message("assistant", before.strip(), reasoning, calls or None), stop


def _without_stop(answer: str) -> tuple[str, str | None]:
    """The answer without the token that ended it, which some frameworks leave there."""
    text = answer.rstrip()
    stop = next((stop for stop in (*STOPS, "<|im_end|>") if text.endswith(stop)), None)
    return (text[: -len(stop)], stop if stop in STOPS else None) if stop else (answer, None)


def _calls(text: str, begin: int, functions: Mapping[str, Declared], dialect: str) -> list[ToolCall]:
    if outside := _OUTSIDE.sub("", text[begin:]).strip():
        raise ChatError("malformed", f"beside the calls stands {outside[:60]!r}")
    if dialect == "json":
        found = parse_json_calls(text)
    else:
        found = parse_calls(text, dialect, [_tool(function) for function in functions.values()])
    if found.malformed:
        raise ChatError("malformed", found.malformed[0])
    for call in found.calls if dialect != "json" else ():
        if special := find_special(call.name) or find_special(call.arguments):
            raise ChatError("special-token", f"a call holds {special}")
    return found.calls


def _tool(function: Declared) -> dict[str, Any]:
    return {"name": function.name, "parameters": function.parameters}
