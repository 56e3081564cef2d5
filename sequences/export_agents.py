"""Rows of `export-rl` for agents: each call of a trajectory as a prompt with what is to be called, and tasks with their goal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from arcmill.chat import DIALECTS, ChatError, render, training_rows
from arcmill.chat.dialect import SYSTEM, tools_block
from arcmill.chat.messages import arguments_of, read_tools, tool_text
from arcmill.functions.declared import check_calls, declared
from arcmill.records import AgentTask, Conversation, Message
from sequences.export_check import checked, direct
from sequences.export_prompts import row_number
from sequences.export_rows import message_type, openai_form, tools_list

if TYPE_CHECKING:
    from sequences.export_rl import ExportRl

_TEXT = pa.large_string()
KINDS = ("done", "refuse", "answer")  # of goals (agent_data/goal.py)


def agent_schema(config: ExportRl, as_json: bool = True) -> pa.Schema:
    """The columns of a layout; with `arguments: json` arguments of calls, and tools, are marked, as export-sft marks them."""
    marked = as_json and config.arguments == "json"
    prompt = _TEXT if config.prompt_is_text else pa.list_(message_type(marked))
    about = [
        ("id", pa.string()), ("source", pa.string()), ("verifier", pa.string()), ("dialect", pa.string()),
        ("thinking", pa.bool_()), ("environment", pa.string()), ("seed", pa.int64()), ("task", pa.string()),
        ("steps", pa.string()), ("step", pa.int32()), ("tools", _TEXT), ("tool_selection", pa.list_(pa.string())),
        ("goal", _TEXT),
    ]  # fmt: skip
    row = [("id", pa.string()), *([("step", pa.int32())] if config.rows == "steps" else [])]
    if config.layout == "slime":
        tools = pa.json_(pa.string()) if marked else _TEXT
        metadata = pa.struct([("rm_type", pa.string()), *about])
        return pa.schema([
            *row, (config.prompt_key, prompt), (config.label_key, _TEXT), (config.tool_key, tools),
            (config.metadata_key, metadata),
        ])  # fmt: skip
    reward = pa.struct([("style", pa.string()), ("ground_truth", _TEXT)])
    return pa.schema([
        *row, ("data_source", pa.string()), ("prompt", prompt), ("ability", pa.string()), ("reward_model", reward),
        ("extra_info", pa.struct([("index", pa.int64()), *about])),
    ])  # fmt: skip


def step_rows(conversation: Conversation, config: ExportRl) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """A row for each answer that calls (with `answers` for any), and what to count. Raises ChatError, with the reason, where a trajectory is none of
    these: verified, sound in the dialect, its calls fit the schemas of its tools."""
    evidence = read_object(conversation.evidence, "evidence")
    if evidence.get("verdict") != "right" and not config.unverified:
        raise ChatError("unverified", f"the verdict is {evidence.get('verdict')!r:.40}; judge-trajectories says right")
    thinking = conversation.thinking if config.thinking is None else config.thinking
    messages = direct(conversation.messages) if thinking is False else list(conversation.messages)
    for row in training_rows(Conversation(conversation.id, messages, conversation.source)):
        checked(row.messages, conversation.tools, config.dialect, thinking, row.stop)
    check_calls(messages, conversation.tools)
    refused = _refused(evidence, messages)
    about = {
        "environment": evidence.get("environment"), "seed": evidence.get("seed"), "task": evidence.get("task"),
        "steps": evidence.get("steps"), "thinking": thinking is not False,
    }  # fmt: skip
    rows, left_out = [], 0
    for place, message in enumerate(messages):
        if message.role != "assistant" or not (message.tool_calls or config.answers):
            continue
        if place in refused:
            left_out += 1
            continue
        truth = [{"name": call.name, "arguments": arguments_of(call)} for call in message.tool_calls or ()]
        text = json.dumps(truth, ensure_ascii=False)
        made = _row(
            conversation.id, conversation.source, messages[:place], text, conversation.tools, "calls", config,
            {**about, "step": place},
        )  # fmt: skip
        rows.append({**made, "step": place})
    if not rows:
        raise ChatError("no-calls", "no call that an environment took")
    return rows, {"steps": len(rows), **({"steps_refused": left_out} if left_out else {})}


def _refused(evidence: Mapping[str, Any], messages: Sequence[Message]) -> set[int]:
    """Places of the messages with a call that the environment refused: nothing to be learned from."""
    made = evidence.get("calls")
    if not made:
        return set()
    places = [place for place, message in enumerate(messages) for _ in message.tool_calls or ()]
    if not isinstance(made, list) or len(made) != len(places):
        raise ChatError("bad-evidence", f"the evidence does not tell of the {len(places)} calls of the messages")
    return {place for place, one in zip(places, made, strict=True) if isinstance(one, dict) and one.get("error")}


def task_row(task: AgentTask, config: ExportRl) -> dict[str, Any]:
    """A task with what must hold at its end. Raises ChatError, with the reason, where it cannot be exported."""
    goal = read_object(task.goal, "goal")
    kind = goal.get("kind", "answer" if "answer" in goal else None)
    if kind not in KINDS:
        raise ChatError("no-goal", f"a goal of kind {kind!r:.40}; known: {', '.join(KINDS)}")
    said = task.instruction
    if task.steps == "dialogue":
        if not config.dialogues:
            raise ChatError("dialogue", "a user must take part; dialogues=true exports its first line")
        said = _opening(goal)
    messages = [Message("user", said)]
    if config.system is not None:
        messages.insert(0, Message("system", config.system))
    thinking = config.thinking is not False
    render(messages, task.tools, config.dialect, generation_prompt=True, thinking=thinking)
    declared(task.tools)
    about = {
        "environment": task.environment, "seed": goal.get("seed", 0), "task": task.id, "steps": task.steps,
        "thinking": thinking, "goal": task.goal,
    }  # fmt: skip
    return _row(
        task.id, task.source or task.environment, messages, task.goal or "", task.tools, "environment", config, about
    )


def _opening(goal: Mapping[str, Any]) -> str:
    """The first line of a scripted user: who it is, and the first request."""
    user = goal.get("user")
    requests = user.get("requests") if isinstance(user, Mapping) else None
    first = requests[0].get("text") if isinstance(requests, list) and requests and isinstance(requests[0], dict) else ""
    line = f"{(user.get('introduction') or '') if isinstance(user, Mapping) else ''} {first or ''}".strip()
    if not line:
        raise ChatError("no-goal", "a dialogue whose user has nothing to say")
    return line


def _row(
    row_id: str, source: str, prompt: Sequence[Message], truth: str, tools: Sequence[str] | None, verifier: str,
    config: ExportRl, about: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    thinking = None if about["thinking"] else False
    if config.prompt_is_text:
        said: Any = render(prompt, tools, config.dialect, generation_prompt=True, thinking=thinking)
    else:
        said = [openai_form(message) for message in prompt]
        if tools and config.tools_in_system:
            said.insert(0, openai_form(Message("system", told(tools, config.dialect))))
    listed = tools_list(tools)
    known = {
        "id": row_id, "source": source, "verifier": verifier, "dialect": config.dialect, "goal": None, "step": None,
        "tools": listed, "tool_selection": list(declared(tools)), **about,
    }  # fmt: skip
    if config.layout == "slime":
        named = {"rm_type": config.rewards.get(verifier), **known}  # type: ignore[call-overload]
        return {
            "id": row_id, config.prompt_key: said, config.label_key: truth, config.tool_key: listed,
            config.metadata_key: named,
        }  # fmt: skip
    return {
        "id": row_id,
        "data_source": config.rewards.get(verifier, source),  # type: ignore[call-overload]
        "prompt": said,
        "ability": "tool-use",
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"index": row_number(f"{row_id} {about.get('step', '')}".strip()), **known},
    }


def told(tools: Sequence[str], dialect: str) -> str:
    """The text of a system message that is rendered as the dialect renders these tools."""
    form = DIALECTS[dialect]
    return tools_block([tool_text(tool) for tool in read_tools(tools)], form)[len(SYSTEM + form.nl) :]


def read_object(text: str | None, what: str) -> dict[str, Any]:
    """A JSON object; {} where there is none. ChatError where it is something else."""
    try:
        held = json.loads(text or "{}")
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise ChatError(f"bad-{what}", f"the {what} is not a JSON object")
    return held
