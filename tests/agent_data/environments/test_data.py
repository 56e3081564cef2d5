"""The adapter: plain data and functions as a world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from agent_data.environments.data import DataEnvironment, ends, record, writes
from agent_data.environments.environment import Trace, state_hash
from agent_data.environments.play import Observation, Play, begin
from arcmill.errors import UsageError
from arcmill.generation import drive
from arcmill.records import ToolCall

Data = dict[str, Any]


def load(seed: int) -> Data:
    return {"lamps": {"L1": {"lamp_id": "L1", "on": False, "level": seed}}, "session": {}}


def get_lamp(data: Data, lamp_id: str) -> Data:
    """A lamp.

    Args:
        lamp_id: Which one.
    """
    data["session"]["looked"] = lamp_id
    found: Data = record(data["lamps"], lamp_id, "lamp")
    return found


@writes
def dim(data: Data, lamp_id: str, level: int, mood: Literal["warm", "cold"] = "warm") -> Data:
    """Set the level of a lamp.

    Args:
        lamp_id: Which one.
        level: From 0 to 9.
        mood: The colour.
    """
    found: Data = record(data["lamps"], lamp_id, "lamp")
    found.update(level=level, mood=mood)
    return found


@ends
def leave(data: Data) -> str:
    """Go."""
    return "gone"


def made(**settings: Any) -> DataEnvironment:
    return DataEnvironment(load, [get_lamp, dim, leave], session=("session",), **settings)


def call(play: Play, name: str, **arguments: Any) -> Observation:
    seen: Observation = drive(play.call(ToolCall("c", name, json.dumps(arguments))))
    return seen


def hash_of(play: Play) -> str:
    found: str = drive(play.hash())
    return found


def test_tools_are_made_of_signatures_and_docstrings() -> None:
    tools = made().tools
    assert [(tool.name, tool.writes, tool.ends) for tool in tools] == [
        ("get_lamp", False, False), ("dim", True, False), ("leave", False, True),
    ]  # fmt: skip
    parameters = tools[1].parameters
    assert list(parameters["properties"]) == ["lamp_id", "level", "mood"]  # the data is nobody's to give
    assert parameters["required"] == ["lamp_id", "level"]
    assert parameters["properties"]["mood"]["enum"] == ["warm", "cold"]
    assert parameters["properties"]["level"] == {"type": "integer", "description": "From 0 to 9."}
    assert tools[1].description == "Set the level of a lamp."


def test_episodes_share_nothing_and_seeds_decide_the_state() -> None:
    world = made()
    one, two, other = (drive(begin(world, seed)) for seed in (3, 3, 4))
    assert one.initial == two.initial != other.initial
    assert not call(one, "dim", lamp_id="L1", level=7).error
    assert hash_of(one) != one.initial and hash_of(two) == two.initial == drive(begin(world, 3)).initial


def test_what_a_session_leaves_behind_is_no_state() -> None:
    play = drive(begin(made(), 1))
    call(play, "get_lamp", lamp_id="L1")
    assert play.episode.data["session"] == {"looked": "L1"} and hash_of(play) == play.initial


def test_a_mistake_is_told_and_ends_are_told() -> None:
    play = drive(begin(made(), 1))
    missing = call(play, "get_lamp", lamp_id="L9")
    assert missing.error and json.loads(missing.text) == {"error": "no lamp 'L9'"}
    assert call(play, "dim", lamp_id="L1").error and call(play, "dim", lamp_id="L1", level="high").error
    assert hash_of(play) == play.initial and play.writes == 0
    assert call(play, "leave").ended and play.over


def test_where_nothing_says_what_writes_all_may() -> None:
    world = DataEnvironment(load, [get_lamp, leave])
    assert [tool.writes for tool in world.tools] == [True, True]
    assert [tool.writes for tool in made(writes=("get_lamp",)).tools] == [True, True, False]


class Switch:
    """A tool in tau-bench's form, which tells errors as text."""

    @staticmethod
    def invoke(data: Data, lamp_id: str) -> str:
        if lamp_id not in data["lamps"]:
            return "Error: lamp not found"
        data["lamps"][lamp_id]["on"] = not data["lamps"][lamp_id]["on"]
        return json.dumps(data["lamps"][lamp_id])

    @staticmethod
    def get_info() -> dict[str, Any]:
        parameters = {"type": "object", "properties": {"lamp_id": {"type": "string"}}, "required": ["lamp_id"]}
        return {"type": "function", "function": {"name": "switch", "description": "Switch.", "parameters": parameters}}


def test_classes_of_tau_benchs_form_are_taken_as_they_are() -> None:
    world = DataEnvironment(load, [Switch], errors="Error", writes=("switch",))
    play = drive(begin(world, 0))
    wrong = call(play, "switch", lamp_id="L2")
    assert wrong.error and "lamp not found" in wrong.text
    right = call(play, "switch", lamp_id="L1")
    assert not right.error and json.loads(right.text)["on"] is True


def test_a_version_covers_code_policy_schemas_and_data(tmp_path: Path) -> None:
    code = tmp_path / "world.py"
    code.write_text("x = 1\n")
    versions = {
        made(code=[code]).version, made(code=[code], policy="Be kind.").version, made(code=[code], data_digest="a").version,
        made(code=[code], writes=("get_lamp",)).version, made(code=[code], version="2").version,
    }  # fmt: skip
    before = made(code=[tmp_path]).version
    assert len(versions) == 5 and made(code=[tmp_path]).version == before
    code.write_text("x = 2\n")
    assert made(code=[tmp_path]).version != before
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "world.py").write_text("x = 1\n")
    assert made(code=[moved]).version == before  # where it lies does not count


def test_breaches_of_all_checks_are_told() -> None:
    world = made(breaches=(lambda trace: [f"seed: {trace.seed}"], lambda trace: []))
    assert world.breaches(Trace([], [], 5, False)) == ["seed: 5"]


@pytest.mark.parametrize(
    ("functions", "settings", "said"),
    [
        ([get_lamp, get_lamp], {}, "two tools are named get_lamp"),
        ([get_lamp], {"writes": ("put_lamp",)}, "no tool is named put_lamp"),
        ([get_lamp], {"confirm": ("put_lamp",)}, "no tool is named put_lamp"),
        ([lambda: 1], {}, "first parameter is the data"),
    ],
)
def test_mistakes_of_a_worlds_maker_are_named(functions: list[Any], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        DataEnvironment(load, functions, **settings)


def test_data_that_is_no_json_is_named() -> None:
    with pytest.raises(UsageError, match="no JSON value"):
        DataEnvironment(lambda seed: {"a": {1, 2}}, [get_lamp]).begin(0)


def test_only_so_many_first_states_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_data.environments.data.KEPT", 2)
    asked: list[int] = []

    def counted(seed: int) -> Data:
        asked.append(seed)
        return load(seed)

    world = DataEnvironment(counted, [get_lamp])
    for seed in (1, 2, 1, 3, 1):
        drive(begin(world, seed))
    assert asked == [1, 2, 3, 1]
    one = DataEnvironment(counted, [get_lamp], seeded=False)
    assert {state_hash(one.begin(seed).state()) for seed in (7, 8)} == {state_hash(load(0))}  # type: ignore[union-attr]
    assert asked[4:] == [0]
