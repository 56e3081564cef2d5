"""Records that are read when they are looked at are what a plain mapping would be; their difference is the state."""

from __future__ import annotations

import json
import random
from typing import Any

from agent_data.environments.data import DataEnvironment
from agent_data.environments.environment import state_hash
from agent_data.environments.records import Records

FIRST: dict[str, Any] = {"a": {"n": 1, "in": [1]}, "b": {"n": 2.0}, "c": {"n": True}}


def made() -> Records:
    import orjson

    return Records({key: orjson.dumps(held) for key, held in FIRST.items()})


def test_it_reads_like_a_mapping() -> None:
    held = made()
    assert list(held) == ["a", "b", "c"] and len(held) == 3 and "a" in held and "z" not in held
    assert held.get("z") is None and held.get("z", 5) == 5 and held.get("b") == {"n": 2.0}
    assert (
        held == FIRST
        and made() == FIRST
        and dict(made().items()) == FIRST
        and list(made().values()) == list(FIRST.values())
    )
    assert made().copy() == FIRST and json.loads(json.dumps(made())) == FIRST
    assert made().pop("a") == FIRST["a"] and made().pop("z", 3) == 3 and made().popitem() == ("c", FIRST["c"])
    assert made().setdefault("a", 1) == FIRST["a"] and made().setdefault("z", 1) == 1


def test_only_what_changed_is_told() -> None:
    held = made()
    assert held.difference() == {"changed": {}, "gone": []}
    assert held["a"]["in"] == [1] and held.difference()["changed"] == {}  # looked at is not changed
    held["a"]["in"].append(2)
    held["d"] = {"n": 4}
    del held["b"]
    assert held.difference() == {"changed": {"a": {"n": 1, "in": [1, 2]}, "d": {"n": 4}}, "gone": ["b"]}
    held["a"]["in"].pop()
    held["a"] = {"in": [1], "n": 1}  # the same in another order
    assert set(held.difference()["changed"]) == {"d"}
    held["c"]["n"] = 1  # 1 is not true
    assert set(held.difference()["changed"]) == {"c", "d"}
    assert made() == FIRST  # an episode of its own


def test_the_same_changes_end_alike_with_and_without_records() -> None:
    """Two episodes end in one state with records read one by one exactly where they do in plain data."""

    def put(data: Any, key: str, number: int) -> int:
        """Put."""
        if number:
            data["held"].setdefault(key, {})["n"] = number
        else:
            data["held"].pop(key, None)
        return number

    plain = DataEnvironment(lambda seed: {"held": FIRST, "other": seed}, [put])
    lazy = DataEnvironment(lambda seed: {"held": FIRST, "other": seed}, [put], records=["held"])
    draw = random.Random(3)
    ends: dict[str, str] = {}
    for _ in range(300):
        pair = [plain.begin(1), lazy.begin(1)]
        for _ in range(draw.randint(0, 3)):
            call = {"key": draw.choice("abz"), "number": draw.choice((0, 1, 2))}
            assert pair[0].call("put", call) == pair[1].call("put", call)  # type: ignore[union-attr]
        one, other = (state_hash(episode.state()) for episode in pair)  # type: ignore[union-attr]
        assert ends.setdefault(one, other) == other
    assert len(set(ends.values())) == len(ends) > 5
    assert state_hash(lazy.begin(1).state()) != state_hash(lazy.begin(2).state())  # type: ignore[union-attr]


def test_lazy_records_are_told_in_full_and_hashed_alike() -> None:
    def load(seed: int) -> dict[str, Any]:
        return {"z": 1, "things": {f"T{n}": {"b": n, "a": [n, 0.5]} for n in range(5)}, "session": {}}

    def look(data: dict[str, Any], key: str) -> Any:
        return data["things"][key]

    def change(data: dict[str, Any], key: str, value: int) -> Any:
        data["session"]["who"] = key
        data["things"].setdefault(key, {})["b"] = value
        return data["things"].pop("T4", None)

    plain = DataEnvironment(load, [look, change], session=("session",)).begin(3)
    lazy = DataEnvironment(load, [look, change], session=("session",), lazy=["things"]).begin(3)
    for name, arguments in [
        ("look", {"key": "T1"}), ("change", {"key": "T2", "value": 7}), ("change", {"key": "new", "value": 2**70}),
        ("change", {"key": "new", "value": 1}), ("look", {"key": "T0"}),
    ]:  # fmt: skip
        assert lazy.call(name, arguments) == plain.call(name, arguments)
        assert lazy.state() == plain.state() and type(lazy.state()["things"]) is dict
        assert (lazy.digest() or state_hash(lazy.state())) == state_hash(plain.state())
    assert lazy.digest() is not None and plain.digest() is None
