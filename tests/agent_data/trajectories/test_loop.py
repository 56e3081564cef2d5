"""The loop with a model that a test writes: the ways to call, every way to fail, and what a row says of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from planned_model import Model, played
from tiny_world import ENVIRONMENTS, move_task

from agent_data.evidence import Evidence, read_evidence
from agent_data.goal import read_goal
from agent_data.trajectories.stage import SynthTrajectories, core, setup
from arcmill.chat import parse, render
from arcmill.generation import Choice, RequestFailed
from arcmill.records import AgentTask, Conversation, ToolCall

TASK = move_task(2)
LOOK, MOVE = (read_goal(TASK.goal).calls[place] for place in (0, 1))
TOLD = read_goal(TASK.goal).tell[0]["values"][0]


def play(model: Model, task: AgentTask = TASK, **settings: Any) -> tuple[Conversation, Evidence]:
    config = SynthTrajectories.model_validate({"environments": ENVIRONMENTS, **settings})
    (row,) = played(core(task, config, setup(config, {})), model).rows
    evidence = read_evidence(row.evidence)
    assert evidence is not None
    return row, evidence


def server_call(*calls: Mapping[str, Any]) -> Choice:
    made = tuple(
        ToolCall(f"chatcmpl-{place}", call["name"], json.dumps(call["arguments"])) for place, call in enumerate(calls)
    )
    return Choice("", "I think so.", made, "tool_calls")


def tagged(call: Mapping[str, Any], newline: str) -> Choice:
    pairs = "".join(
        f"<arg_key>{key}</arg_key>{newline}<arg_value>{value}</arg_value>{newline}"
        for key, value in call["arguments"].items()
    )
    return Choice(f"<tool_call>{call['name']}{newline}{pairs}</tool_call>", finish="stop")


def in_json(call: Mapping[str, Any]) -> Choice:
    return Choice(f"Let me see.\n<tool_call>{json.dumps(call)}</tool_call>", finish="stop")


def in_turn(*choices: Choice) -> Model:
    """One answer after the other; the last one for ever."""
    left = list(choices)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("calls", "written"),
    [("server", server_call), ("json", in_json), ("glm45", lambda call: tagged(call, "\n"))],
)  # fmt: skip
def test_every_way_to_call_reaches_the_goal(calls: str, written: Callable[..., Choice]) -> None:
    asked: list[Mapping[str, Any]] = []
    answers = in_turn(written(LOOK), written(MOVE), Choice(f"There are {TOLD} things now.", finish="stop"))

    def model(body: Mapping[str, Any]) -> Choice | RequestFailed:
        asked.append(json.loads(json.dumps(body)))
        return answers(body)

    row, evidence = play(model, calls=calls)
    assert evidence.ended == "answered"
    assert evidence.states["final"] == evidence.states["goal"]
    assert [call.id for message in row.messages for call in message.tool_calls or ()] == ["call_0", "call_1"]
    assert [message.tool_call_id for message in row.messages if message.role == "tool"] == ["call_0", "call_1"]
    assert row.usage == {"prompt_tokens": 30, "completion_tokens": 15}
    text = render(row.messages, row.tools, "glm45")
    assert [m.tool_calls for m in parse(text, "glm45").messages] == [m.tool_calls for m in row.messages]
    assert row.tools == TASK.tools
    last = asked[-1]
    if calls == "server":
        assert last["tools"] == [json.loads(tool) for tool in TASK.tools or ()]
        assert last["messages"][2]["tool_calls"][0]["function"]["name"] == "look"
        assert last["messages"][2]["reasoning_content"] == "I think so."
        assert last["messages"][3]["role"] == "tool"
        assert row.thinking is True
    elif calls == "json":
        assert "You look after boxes" in last["messages"][0]["content"]
        assert all(tool in last["messages"][0]["content"] for tool in TASK.tools or ())
        look = {"name": "look", "arguments": LOOK["arguments"]}
        assert last["messages"][2]["content"] == f"Let me see.\n<tool_call>{json.dumps(look)}</tool_call>"
        assert last["messages"][3] == {
            "role": "user",
            "content": f"<tool_response>\n{row.messages[3].content}\n</tool_response>",
        }
        assert "tools" not in last
    else:
        assert last["prompt"].startswith("[gMASK]<sop><|system|>") and "<|observation|>" in last["stop"]
        assert last["prompt"].endswith("<|assistant|>") and "\n<tool_response>\n" in last["prompt"]
    assert len({body["seed"] for body in asked}) == len(asked)


def test_glm47_answers_go_on_inside_the_reasoning() -> None:
    answers = in_turn(
        Choice("first</think>" + tagged(LOOK, "").text), Choice("then</think>" + tagged(MOVE, "").text),
        Choice(f"so</think>There are {TOLD} now."),
    )  # fmt: skip
    row, evidence = play(answers, calls="glm47")
    assert evidence.ended == "answered" and evidence.states["final"] == evidence.states["goal"]
    assert [message.reasoning for message in row.messages if message.role == "assistant"] == ["first", "then", "so"]
    _, evidence = play(in_turn(Choice(f"There are {TOLD} now.")), calls="glm47")
    assert evidence.ended == "open-reasoning"
    row, evidence = play(
        in_turn(Choice(tagged(LOOK, "").text), Choice(tagged(MOVE, "").text), Choice("Done.")),
        calls="glm47",
        thinking=False,
    )
    assert evidence.ended == "answered" and row.thinking is False


HALF = '<tool_call>{"name": "look", "argu'


@pytest.mark.parametrize(
    ("calls", "choice"),
    [
        ("server", Choice("", None, (ToolCall("x", "look", '{"box": "B'),), "length")),
        ("server", Choice("", None, (ToolCall("x", "look", "[1]"),), "tool_calls")),
        ("server", Choice("", None, (ToolCall("x", " ", "{}"),), "tool_calls")),
        ("server", Choice("", None, (ToolCall("x", "look", '{"box": "B1", "box": "B2"}'),), "tool_calls")),
        ("json", Choice('<tool_call>{"name": "look", "arguments": {"box": "B1", "box": "B2"}}</tool_call>')),
        ("server", Choice("<tool_call>look\n<arg_key>box</arg_key>", finish="length")),
        ("json", Choice(HALF, finish="length")),
        ("json", Choice('<tool_call>{"name": "look", "arguments": "B1"}</tool_call>')),
        ("json", Choice('<tool_call>{"arguments": {}}</tool_call>')),
        ("json", Choice('<tool_call>{"name": "look", "arguments": {"box": NaN}}</tool_call>')),
        ("json", Choice('<tool_call>{"name": "boxes", "arguments": {}}</tool_call> and so on')),
        ("json", Choice('{"name": "boxes", "arguments": {}}</tool_call>')),
        ("json", Choice("<tool_call>" + "[" * 100_000 + "</tool_call>")),
        ("glm45", Choice("<tool_call>look\n<arg_key>box</arg_key>\n<arg_va", finish="length")),
        ("glm45", Choice("<tool_call>look</tool_call>")),
        ("glm45", Choice("<tool_call>look\n<arg_key>box</arg_key>\nB1\n</tool_call>")),
        ("glm47", Choice("</think><tool_call>look<arg_key>box</arg_key><arg_value>B1</tool_call>")),
        ("glm45", Choice("I call</tool_call> it")),
    ],
)  # fmt: skip
def test_a_malformed_call_ends_it_and_is_kept(calls: str, choice: Choice) -> None:
    row, evidence = play(in_turn(choice), calls=calls)
    assert evidence.ended == "malformed-call" and evidence.detail and len(evidence.detail) <= 300
    last = row.messages[-1]
    assert last.role == "assistant" and (last.tool_calls or last.content)
    assert evidence.calls == [] and evidence.states["final"] == evidence.states["initial"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"name": "fly", "arguments": {}}, "no tool named 'fly'"),
        ({"name": "look", "arguments": {"box": 3}}, "is not of type"),
        ({"name": "look", "arguments": {}}, "required"),
        ({"name": "look", "arguments": {"box": "B9"}}, "there is no box B9"),
    ],
)
def test_mistakes_are_told_to_the_agent_who_may_mend_them(call: dict[str, Any], says: str) -> None:
    row, evidence = play(in_turn(server_call(call), server_call(LOOK, MOVE), Choice(f"{TOLD} now.")))
    assert says in (row.messages[3].content or "") and evidence.calls[0]["error"] is True
    assert evidence.ended == "answered" and evidence.states["final"] == evidence.states["goal"]


@pytest.mark.parametrize(
    ("choice", "settings", "end"),
    [
        (server_call(LOOK), {"turns": 5}, "turns"),
        (server_call(LOOK), {"calls": 7}, "calls"),
        (server_call(*[LOOK] * 17), {}, "calls"),
        (server_call(LOOK), {"tokens": 23}, "tokens"),
        (server_call(LOOK), {"seconds": 1.2}, "time"),
        (Choice(""), {}, "empty"),
        (Choice("It is"), {}, "answered"),
        (Choice("It is", finish="length"), {}, "length"),
        (Choice("<think>on and on", finish="length"), {}, "length"),
        (Choice("<think>on and on"), {}, "open-reasoning"),
        (Choice("<|user|>\nAnd now?"), {}, "special-token"),
    ],
)
def test_what_goes_on_too_long_or_says_nothing(choice: Choice, settings: dict[str, Any], end: str) -> None:
    row, evidence = play(in_turn(choice), limits=settings)
    assert evidence.ended == end
    limits = {"turns": 5, "calls": 80, **settings}
    assert sum(message.role == "assistant" for message in row.messages) <= max(limits["turns"], 8)
    assert len(evidence.calls) <= limits["calls"]


def test_the_tokens_that_are_left_bound_the_answer() -> None:
    asked: list[int] = []

    def model(body: Mapping[str, Any]) -> Choice:
        asked.append(body["max_tokens"])
        return server_call(LOOK)

    play(model, limits={"tokens": 12}, max_tokens=10)
    assert asked == [10, 7, 2]


def test_calls_after_the_end_are_not_made() -> None:
    row, evidence = play(in_turn(server_call({"name": "give_up", "arguments": {"reason": "no"}}, MOVE)))
    assert evidence.ended == "terminal-call" and evidence.states["final"] == evidence.states["initial"]
    assert "the episode is over" in (row.messages[-1].content or "")


@pytest.mark.parametrize(
    ("said", "end"),
    [("This model's maximum context length is 2048 tokens", "context"), ("top_k must be less than 5", "rejected")],
)
def test_a_request_that_the_server_refuses_ends_its_trajectory(said: str, end: str) -> None:
    def model(body: Mapping[str, Any]) -> Choice | RequestFailed:
        if len(body["messages"]) > 3:
            return RequestFailed("request-rejected", f"400: {said}")
        return server_call(LOOK)

    row, evidence = play(model)
    assert evidence.ended == end and said in (evidence.detail or "")
    assert row.messages[-1].role == "tool"


def test_a_server_that_has_failed_for_good_is_no_end_of_a_trajectory() -> None:
    def model(body: Mapping[str, Any]) -> Choice | RequestFailed:
        return RequestFailed("request-failed", "after 8 tries")

    with pytest.raises(RequestFailed):
        play(model)


def test_a_failure_of_the_server_costs_its_own_sample_only() -> None:
    config = SynthTrajectories(environments=ENVIRONMENTS, samples=3)
    seeds: list[int] = []

    def model(body: Mapping[str, Any]) -> Choice | RequestFailed:
        seeds.append(body["seed"])
        return RequestFailed("request-failed", "gone") if len(seeds) == 2 else Choice("It is done.")

    made = played(core(TASK, config, setup(config, {})), model)
    assert len(made.rows) == 2 and made.tallies["samples_failed"] == 1 and made.tallies["ended_answered"] == 2
    assert len({row.id for row in made.rows}) == 2
    evidence = [read_evidence(row.evidence) for row in made.rows]
    assert [held.sample for held in evidence if held] == [0, 2]


@pytest.mark.parametrize("arguments", ['{"box": "\\ud800"}', '{"box": NaN}', '{"box": -Infinity}'])
@pytest.mark.parametrize("calls", ["server", "json", "glm45"])
def test_arguments_that_no_file_or_json_can_hold_are_malformed(calls: str, arguments: str) -> None:
    value = arguments[len('{"box": ') : -1]
    written = {
        "server": Choice("", None, (ToolCall("x", "look", arguments),), "tool_calls"),
        "json": Choice(f'<tool_call>{{"name": "look", "arguments": {arguments}}}</tool_call>', finish="stop"),
        "glm45": Choice(
            f"<tool_call>look\n<arg_key>box</arg_key>\n<arg_value>[{value}]</arg_value>\n</tool_call>", finish="stop"
        ),
    }
    row, evidence = play(in_turn(written[calls]), calls=calls, limits={"turns": 2})
    if calls != "glm45":  # whose parser keeps as text what is no JSON
        assert evidence.ended == "malformed-call" and not evidence.calls
    for message in row.messages:
        assert json.dumps(
            [message.content, *(call.arguments for call in message.tool_calls or ())], ensure_ascii=False
        ).encode()
