"""A panel of judge prompts, for what no state can tell: several rubrics, one question, pass or fail by the majority.

Judges see what the user asked, the policy and the trajectory, never the goal: so their agreement with what the state says
can be measured (agent_data.judges.kappa). Each record of the trajectory is one line of JSON, which no text can break out of.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from agent_data.goal import Goal
from agent_data.judges.check import Check
from agent_data.judges.kappa import majority
from arcmill.generation import GenerationConfig
from arcmill.records import AgentTask, Conversation, Message
from arcmill.replies import json_objects
from arcmill.templates import read_template

RUBRICS = Path(__file__).parent / "rubrics"
PLACES = frozenset({"task", "trajectory"})
MAY = frozenset({"policy", "rubric"})


def rubric_path(rubric: str) -> str:
    """The file of a rubric: a packaged name, or a path."""
    packaged = RUBRICS / f"{rubric}.txt"
    return str(packaged) if packaged.is_file() else rubric


def ask_panel(
    config: GenerationConfig, rubrics: Sequence[str], judges: int, characters: int, row: Conversation, task: AgentTask, goal: Goal,
    policy: str,
) -> Generator[Any, list[Any], tuple[Check, list[bool | None]]]:  # fmt: skip
    """Ask all judges at once. Returns the check, and the votes in the order of the judges: None where one cannot be read."""
    values = {
        "task": asked_for(task, goal), "policy": policy or "(none)", "rubric": task.rubric or "(nothing)",
        "trajectory": trajectory_text(row.messages, characters),
    }  # fmt: skip
    asked = []
    for number in range(judges):
        template = read_template(rubric_path(rubrics[number % len(rubrics)]), PLACES, MAY)
        asked.append(config.ask(template.messages(values), row.id, "panel", number))
    answers = yield asked
    read = [_read(answer.text) for answer in answers]
    votes = [vote for vote, _ in read]
    told = [
        {"rubric": Path(rubrics[number % len(rubrics)]).stem, "vote": {True: "pass", False: "fail", None: "unread"}[vote],
         **({"reason": reason} if reason else {})}
        for number, (vote, reason) in enumerate(read)
    ]  # fmt: skip
    passed = majority(votes)
    why = ""
    if not passed:
        why = f"{sum(vote is True for vote in votes)} of {judges} judges pass it"
        why += "".join(
            f"; {one['rubric']}: {one['reason']}" for one in told if one["vote"] == "fail" and "reason" in one
        )
    return Check("panel", passed, why[:1000], {"votes": told}), votes


def asked_for(task: AgentTask, goal: Goal) -> str:
    """What the user wants: the instruction, and of a dialogue also what the user was to say in its course."""
    lines = [task.instruction]
    requests = (goal.user or {}).get("requests")
    for request in requests if isinstance(requests, list) else ():
        text = request.get("text") if isinstance(request, dict) else None
        if text and text not in task.instruction:
            lines.append(f"- {text}")
    return "\n".join(lines)


def trajectory_text(messages: Sequence[Message], characters: int) -> str:
    """One record a line; an observation is cut after so many characters. The system message, which is the policy, is left out."""
    lines = []
    for number, message in enumerate(messages):
        if message.role == "system":
            continue
        record: dict[str, Any] = {"record": number, "from": "observation" if message.role == "tool" else message.role}
        text = message.content or ""
        if message.role == "tool" and len(text) > characters:
            text = f"{text[:characters]} [{len(text) - characters} more characters]"
        if text:
            record["text"] = text
        if message.tool_calls:
            record["calls"] = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
        lines.append(json.dumps(record, ensure_ascii=False))
    return "\n".join(lines)


def _read(reply: str) -> tuple[bool | None, str]:
    """The verdict of the last JSON object of a reply that has one."""
    for found in json_objects(reply):
        if found.get("verdict") in ("pass", "fail"):
            return found["verdict"] == "pass", str(found.get("reason") or "")[:300]
    return None, ""
