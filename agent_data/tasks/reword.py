"""reword-tasks: the words of tasks by a language model, kept only where another request, which sees nothing but the new words and
the tools, reads the same requests with the same values out of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from arcmill.config import Field
from arcmill.generation import EMBEDDED, GenerationConfig, Made, served_name
from arcmill.records import AgentTask
from arcmill.replies import json_objects
from arcmill.stage import Outcome, Stage
from arcmill.templates import Template, read_template

if TYPE_CHECKING:
    from agent_data.goal import Goal

TEMPLATES = Path(__file__).parent / "templates"
_LINES = {
    "type": "object", "additionalProperties": False, "required": ["lines"],
    "properties": {"lines": {"type": "array", "items": {"type": "string"}}},
}  # fmt: skip
_REQUESTS = {
    "type": "object", "additionalProperties": False, "required": ["requests"],
    "properties": {"requests": {"type": "array", "items": {
        "type": "object", "additionalProperties": False, "required": ["tool", "values"],
        "properties": {
            "tool": {"type": ["string", "null"]}, "values": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }}},
}  # fmt: skip
_MARKED = re.compile(r"[\w@.+'’:/-]*\d[\w@.+'’:/-]*|\S+@\S+")  # what holds a digit, and addresses


class RewordTasks(GenerationConfig):
    """How tasks are reworded, and what becomes of those whose new words were refused."""

    template: str | None = Field(
        None, description="file of the request to reword, with {{lines}} and {{values}}; null: the packaged one"
    )
    read_template: str | None = Field(
        None, description="file of the request to read back, with {{text}} and {{tools}}; null: the packaged one"
    )
    structured: bool | None = Field(
        None, description="ask the server to hold replies to the JSON schemas; null: yes, but not the embedded model, whose "
        "server cannot"
    )  # fmt: skip
    tries: int = Field(2, ge=1, le=20, description="rewordings asked for, until one is not refused")
    on_refusal: Literal["keep", "drop"] = Field(
        "keep", description="a task none of whose rewordings will do: keep (in the template's words, with the reason in its goal) "
        "or drop (a ledger row)"
    )  # fmt: skip


@dataclass
class State:
    """The two requests."""

    reword: Template
    read: Template


def template_paths(config: RewordTasks) -> list[str]:
    """The files of the requests."""
    return [config.template or str(TEMPLATES / "reword.txt"), config.read_template or str(TEMPLATES / "read.txt")]


def setup(config: RewordTasks, inputs: Mapping[str, Any]) -> State:
    """The templates."""
    reword, read = template_paths(config)
    return State(
        read_template(reword, frozenset({"lines", "values"})), read_template(read, frozenset({"text", "tools"}))
    )


def core(task: AgentTask, config: RewordTasks, state: State) -> Generator[Any, list[Any], Made | Outcome]:
    """The task in other words, or as it was with the reason, or why it leaves."""
    from agent_data.goal import read_goal

    try:
        goal = read_goal(task.goal)
        old = _lines(goal)
    except (ValueError, TypeError, KeyError) as error:
        return Outcome("not-a-task", "errored", detail=str(error)[:300])
    if goal.kind == "answer" or not old:
        return Made([task], {"left": 1})
    wanted, secret = _values(goal, old)
    structured = config.model != EMBEDDED if config.structured is None else config.structured
    asked = state.reword.messages({"lines": _json(old), "values": _json(wanted)})
    refused = ("not-parsed", "")
    for attempt in range(config.tries):
        body = _schema("lines", _LINES) if structured else {}
        (answer,) = yield [config.ask(asked, task.id, "reword", attempt, **body)]
        new = _reply(answer.text, "lines", len(old))
        if new is None or not all(isinstance(line, str) and line.strip() for line in new):
            refused = ("not-parsed", f"the reply holds no list of {len(old)} lines")
            continue
        new = [" ".join(line.split()) for line in new]
        if (wrong := _compared(old, new, goal, wanted, secret)) is not None:
            refused = wrong
            continue
        tools = _json([_told(tool) for tool in task.tools or []])
        texts = [" ".join(new)]
        if not _says_what(goal):  # nothing says what was asked: the old words are read too
            texts.append(" ".join(old))
        body = _schema("requests", _REQUESTS) if structured else {}
        answers = yield [
            config.ask(
                state.read.messages({"text": text, "tools": tools}),
                task.id,
                "read",
                attempt,
                place,
                **{"temperature": 0.0, **body},
            )
            for place, text in enumerate(texts)
        ]
        read = [_requests(answer.text) for answer in answers]
        if any(one is None for one in read):
            refused = ("not-parsed", "the reader's reply holds no requests")
            continue
        differs = _read_back(goal, read[0] or [], read[1] if len(read) > 1 else None)
        if differs is None:
            return _made(task, goal, new, {"template": task.instruction, "read": read[0], "attempt": attempt}, config)
        refused = differs
    if config.on_refusal == "drop":
        return Outcome(refused[0], detail=refused[1][:300])
    goal.more["reworded"] = {"refused": refused[0], "detail": refused[1][:300], "model": served_name(config.model)}
    task.goal = goal.text()
    return Made([task], {f"refused.{refused[0]}": 1})


def _says_what(goal: Goal) -> bool:
    """Whether the goal tells the tool of each request; one that a world made whole tells the words and values alone."""
    requests = (goal.blueprint or {}).get("requests")
    return requests is not None and (goal.kind == "refuse" or all("tool" in request for request in requests))


def _lines(goal: Goal) -> list[str]:
    held = goal.more.get("lines")
    if held is None:
        return []
    if not isinstance(held, list) or not all(isinstance(line, str) for line in held):
        raise ValueError("its lines are no list of texts")
    return held


def _values(goal: Goal, lines: Sequence[str]) -> tuple[list[str], list[Any]]:
    """What must stand in the new words, as it is written in the old ones, and what must not stand there."""
    from agent_data.tasks.check import forms, normal
    from agent_data.tasks.views import leaves

    given: list[Any] = []
    hidden: list[Any] = [text for told in goal.tell for text in told.get("values", ())]
    blueprint = goal.blueprint or {}
    for call, origins in zip(goal.calls, blueprint.get("origins", ()), strict=False):
        for path, value in leaves(call["arguments"]):
            origin = origins.get(path) or origins.get(path.split(".")[0]) or {}
            (given if origin.get("from") in ("user", "person") else hidden).append(value)
    given += [value for request in blueprint.get("requests", ()) for _, value in leaves(request.get("given", {}))]
    text = normal(" ".join(lines))
    written: list[str] = []
    for value in given:
        written += [form for form in forms(value) if normal(form) in text][:1]
    written += [found.strip(".,:;!?'’") for line in lines for found in _MARKED.findall(line)]
    return list(dict.fromkeys(written)), hidden


def _compared(
    old: Sequence[str], new: Sequence[str], goal: Goal, wanted: Sequence[str], secret: Sequence[Any]
) -> tuple[str, str] | None:
    """What is wrong with the new words by themselves: each line keeps its own values, and none is added."""
    from agent_data.tasks.check import normal, revealed, stands

    for before, after in zip(old, new, strict=True):
        for value in wanted:
            if stands(value, before) and not stands(value, after):
                return "value-lost", f"{value!r:.80} does not stand in {after!r:.120}"
    text, template = " ".join(new), " ".join(old)
    if found := revealed(secret, text):
        return "gives-away", f"{found[0]!r:.80} stands in the text"
    for tool in {call["name"] for call in goal.calls if "_" in call["name"]}:
        if stands(tool, text):
            return "gives-away", f"{tool} stands in the text"
    for word in (found.strip(".,:;!?'’") for found in _MARKED.findall(text)):
        if normal(word) not in normal(template):
            return "value-added", f"{word!r:.80} does not stand in the template"
    return None


def _read_back(goal: Goal, read: list[Any], before: list[Any] | None) -> tuple[str, str] | None:
    """How what was read differs from what the task asks for."""
    from agent_data.tasks.check import stands
    from agent_data.tasks.views import leaves

    why = (goal.refuse or {}).get("why")
    if why == "no-tool":
        if any(request["tool"] is not None for request in read):
            return "tool-fits", f"the reader names {read[0]['tool']!r:.60}"
        return None if len(read) == 1 else ("request-added" if read else "request-lost", f"{len(read)} requests")
    if before is not None:
        one, other = Counter(str(r["tool"]) for r in before), Counter(str(r["tool"]) for r in read)
        if one == other:
            return None
        return (
            "request-lost" if one - other else "request-added",
            f"{sorted(one.elements())} became {sorted(other.elements())}",
        )
    left = list(read)
    expected = (goal.blueprint or {}).get("requests", [])
    writes = {request["tool"] for request in expected if request["kind"] == "write"}
    for request in expected:
        given = [(name, [held for _, held in leaves(value)]) for name, value in request["given"].items()]

        def same(item: Any, request: Any = request, given: Any = given) -> bool:
            # Of a write each value in its own part: whom to forward to is not whose mail it is. What is told may be
            # read of another tool, whose parameters have other names.
            if request["kind"] == "write":
                return item["tool"] == request["tool"] and all(
                    stands(value, item["values"].get(name, "")) for name, values in given for value in values
                )
            text = " ; ".join(item["values"].values())
            return item["tool"] not in writes and all(stands(value, text) for _, values in given for value in values)

        found = next((item for item in left if same(item)), None)
        if found is None:
            return "request-lost", f"not read: {request['text']!r:.160}"
        left.remove(found)
    return ("request-added", f"read besides: {left[0]}"[:200]) if left else None


def _made(task: AgentTask, goal: Goal, new: list[str], record: dict[str, Any], config: RewordTasks) -> Made:
    goal.wording = "model"
    goal.more["reworded"] = {**record, "model": served_name(config.model)}
    old = _lines(goal)
    goal.more["lines"] = new
    task.instruction = " ".join(new)
    if goal.user is not None:
        asked = goal.user["requests"]
        spoken = new[len(new) - len(asked) :]
        for request, line in zip(asked, spoken, strict=True):
            request["text"] = line
        if goal.user.get("introduction") and len(old) > len(asked):
            goal.user["introduction"] = new[0]
    task.goal = goal.text()
    return Made([task], {"reworded": 1})


def _reply(text: str, name: str, count: int) -> list[Any] | None:
    for held in json_objects(text):
        if isinstance(held.get(name), list) and len(held[name]) == count:
            return list(held[name])
    return None


def _requests(text: str) -> list[Any] | None:
    for held in json_objects(text):
        found = held.get("requests")
        if isinstance(found, list) and all(
            isinstance(one, dict)
            and (one.get("tool") is None or isinstance(one["tool"], str))
            and isinstance(one.get("values"), dict)
            for one in found
        ):
            return [
                {
                    "tool": one.get("tool"),
                    "values": {name: value if isinstance(value, str) else _json(value) for name, value in one["values"].items()},
                }
                for one in found
            ]  # fmt: skip
    return None


def _told(tool: str) -> dict[str, Any]:
    """A tool as the reader sees it: name, description, names of the parameters."""
    function = json.loads(tool).get("function", {})
    parameters = function.get("parameters", {}).get("properties", {})
    return {"name": function.get("name"), "description": function.get("description"), "parameters": list(parameters)}


def _schema(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


STAGE = Stage(
    name="reword-tasks",
    version=1,
    help="Put tasks in natural words by a language model, and refuse what no longer asks for the same.",
    example="arcmill reword-tasks --input tasks --output reworded --set model=zai-org/GLM-4.5-Air",
    config=RewordTasks,
    reads={"input": "AgentTask"},
    writes="AgentTask",
    engine="vllm",
    core=core,
    setup=setup,
    model_files=template_paths,
)
