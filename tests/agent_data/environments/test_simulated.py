"""Tools that a model answers: the replies are written here."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from agent_data.environments.catalogue import opened
from agent_data.environments.environment import EpisodeLost, Tool
from agent_data.environments.play import Observation, Play, begin
from arcmill.errors import UsageError
from arcmill.generation import Answer, Choice, GenerationConfig, Request, RequestFailed, drive
from arcmill.records import ToolCall

TOOLS = tuple(
    Tool(name, "", {"type": "object", "properties": {"id": {"type": "integer"}}}, writes=name != "get")
    for name in ("get", "drop")
)


def play(seed: int = 3) -> Play:
    environment = opened("simulated", {})
    environment.asks = GenerationConfig()
    made: Play = drive(begin(environment, seed, TOOLS))
    return made


def answered(core: Generator[Any, Any, Any], replies: list[str], asked: list[Request]) -> Any:
    """Run a core with these replies; what it asks goes to `asked`."""
    left = iter(replies)
    try:
        step = next(core)
        while True:
            asked += step
            step = core.send([Answer((Choice(next(left)),)) for _ in step])
    except StopIteration as end:
        return end.value


def call(
    held: Play, name: str, replies: list[str], asked: list[Request] | None = None, **arguments: Any
) -> Observation:
    seen: list[Request] = [] if asked is None else asked
    made: Observation = answered(held.call(ToolCall("c", name, json.dumps(arguments))), replies, seen)
    return made


def test_a_state_is_kept_and_shown() -> None:
    held, asked = play(), list[Request]()
    first = call(
        held, "get", ['Sure: {"result": {"id": 1, "name": "Ida"}, "state": {"people": {"1": "Ida"}}}'], asked, id=1
    )
    assert json.loads(first.text) == {"id": 1, "name": "Ida"}
    assert held.episode.state() == {"people": {"1": "Ida"}}
    assert drive(held.hash()) != held.initial
    gone = call(held, "drop", ['{"result": "dropped", "state": {"people": null}}'], asked, id=1)
    assert gone.text == "dropped" and held.episode.state() == {}
    shown = json.dumps(asked[1].body["messages"], ensure_ascii=False)
    assert "Ida" in shown and "World number 3" in shown
    assert asked[0].body["seed"] != asked[1].body["seed"]


def test_the_same_call_in_the_same_state_is_answered_as_before() -> None:
    held, asked = play(), list[Request]()
    one = call(held, "get", ['{"result": "Ida", "state": {"1": "Ida"}}'], asked, id=1)
    assert call(held, "get", [], asked, id=1) == one and len(asked) == 1
    call(held, "drop", ['{"result": "ok", "state": {"1": "gone"}}'], asked, id=1)
    assert call(held, "get", ['{"result": "nobody"}'], asked, id=1).text == "nobody"


def test_an_error_is_told_and_changes_nothing() -> None:
    held = play()
    refused = call(held, "get", ['{"error": "no such person", "state": {"a": 1}}'], id=9)
    assert refused.error and "no such person" in refused.text
    assert drive(held.hash()) == held.initial


@pytest.mark.parametrize(
    "reply", ["I cannot.", '{"results": 1}', '{"result": 1, "state": [1]}', '{"result": "a', '{"result": NaN}',
              '{"error": 5}', '{"result": ' + "[" * 3000 + "]" * 3000 + "}"],
)  # fmt: skip
def test_malformed_replies_are_asked_again_once_then_the_episode_is_lost(reply: str) -> None:
    held, asked = play(), list[Request]()
    with pytest.raises(EpisodeLost) as lost:
        call(held, "get", [reply, reply], asked, id=1)
    assert lost.value.reason == "simulator-malformed" and len(asked) == 2
    assert asked[0].body["seed"] != asked[1].body["seed"]
    assert call(play(), "get", [reply, '{"result": "well"}'], id=1).text == "well"


def test_a_state_has_bounds() -> None:
    held = play()
    for number in range(2):
        reply = json.dumps({"result": 1, "state": {str(number): "x" * 19_000}})
        call(held, "get", [reply], id=number)
    with pytest.raises(EpisodeLost, match="flood"):
        call(held, "get", [json.dumps({"result": 1, "state": {"3": "x" * 19_000}})], id=3)


def test_a_model_that_does_not_answer_ends_the_episode() -> None:
    core = play().call(ToolCall("c", "get", "{}"))
    next(core)
    with pytest.raises(EpisodeLost, match="no-simulator"):
        core.throw(RequestFailed("request-failed", "gone"))


def test_settings() -> None:
    made = opened("simulated", {"simulated": {"factory": "agent_data.environments.simulated:environment",
                                              "with": {"state": {"a": 1}, "temperature": 0.1}}})  # fmt: skip
    held = drive(begin(made, 0, TOOLS))
    assert held.episode.state() == {"a": 1} and not made.repeatable
    assert made.version != opened("simulated", {}).version
    with pytest.raises(UsageError, match="needs a model"):
        drive(begin(opened("simulated", {}), 0, TOOLS))
    for wrong in ({"state": [1]}, {"temprature": 1}, {"template": "/no/file"}):
        with pytest.raises(UsageError):
            opened(
                "simulated", {"simulated": {"factory": "agent_data.environments.simulated:environment", "with": wrong}}
            )
