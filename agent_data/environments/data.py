"""A world made of plain data and Python functions over it, as tau-bench's are: one adapter for a user's own worlds and ours.

    @writes
    def cancel_order(data: dict[str, Any], order_id: str) -> dict[str, Any]:
        '''Cancel an order.

        Args:
            order_id: The order, such as W-1002.
        '''
        order = record(data["orders"], order_id, "order")
        ...

    def environment() -> DataEnvironment:
        return DataEnvironment(load, [get_order, cancel_order], policy=POLICY)

The first parameter of a function is the data; the others, their annotations and the docstring make the tool's schema. Classes
of tau-bench's form, with `get_info()` and `invoke(data, ...)`, are taken as they are. See docs/environments.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_data.environments.environment import Environment, Episode, Tool, ToolError, Trace, canonical, state_hash
from agent_data.environments.hints import Hints
from agent_data.environments.records import Records
from agent_data.environments.tooling import ends as ends
from agent_data.environments.tooling import tool_of
from agent_data.environments.tooling import writes as writes
from arcmill.errors import UsageError

Function = Callable[..., Any]
KEPT = 64  # seeds whose first states are kept, as bytes


def record(records: Mapping[str, Any], key: str, what: str) -> Any:
    """A record by its id; ToolError where there is none."""
    if key not in records:
        raise ToolError(f"no {what} {key!r:.80}")
    return records[key]


class DataEnvironment(Environment):
    """See the module. `version` is the one given, with a digest of the code, the policy, the schemas and `data_digest`."""

    def __init__(
        self,
        # seed -> the first state, a JSON value; called once a seed, and copied for each episode
        load: Callable[[int], Any],
        functions: Sequence[Function | type],
        *,
        policy: str = "",
        version: str = "1",
        hints: Hints | None = None,
        breaches: Sequence[Callable[[Trace], list[str]]] = (),
        # tools that the policy wants the user's yes for, in a dialogue
        confirm: Collection[str] = (),
        # tools that may change the data or end the episode, beside those decorated with @writes and @ends
        writes: Collection[str] = (),
        ends: Collection[str] = (),
        # whether `load` gives another state for another seed
        seeded: bool = True,
        # keys of large data: mappings of ids to records, which are copied only where a call looks at them
        records: Collection[str] = (),
        # keys as of `records`, where the state is still told in full: for data of some 100 KB, of which a call looks at little
        lazy: Collection[str] = (),
        # keys of the data that are no part of the state, such as who has been identified
        session: Collection[str] = (),
        # a text that begins so is a refusal, as "Error" in tau-bench's tools
        errors: str | None = None,
        # files and folders of the world's code; None: the modules that define `load` and the functions
        code: Sequence[Path | str] | None = None,
        # digest of what `load` reads from files
        data_digest: str = "",
    ) -> None:
        self._load, self._hints, self._breaches, self._errors = load, hints, tuple(breaches), errors
        self._first: dict[int, First] = {}
        self._records, self._lazy = frozenset(records), frozenset(lazy)
        if records and lazy:
            raise UsageError("records or lazy, not both")
        self._session, self._seeded = frozenset(session), seeded
        self.policy, self.confirm = policy, frozenset(confirm)
        self._functions: dict[str, Function] = {}
        # Where nothing says which tools write, any may: a world is judged wrongly by a write that nobody looked at.
        unsaid = not writes and not any(getattr(function, "writes", False) for function in functions)
        tools = []
        for function in functions:
            tool, called = _tool(function)
            if tool.name in self._functions:
                raise UsageError(f"two tools are named {tool.name}")
            self._functions[tool.name] = called
            may_write = unsaid or tool.writes or tool.name in writes
            tools.append(replace(tool, writes=may_write, ends=tool.ends or tool.name in ends))
        if unknown := sorted({*writes, *ends, *confirm} - self._functions.keys()):
            raise UsageError(f"no tool is named {', '.join(unknown)}; there are: {', '.join(self._functions)}")
        self.tools = tuple(tools)
        self.version = f"{version}-{self._digest(functions, code, data_digest)}"

    def begin(self, seed: int, tools: Sequence[Tool] | None = None) -> Episode:
        import orjson

        first = self._state(seed if self._seeded else 0)
        data = orjson.loads(first.plain)
        for key, held in first.records.items():
            data[key] = Records(held)
        told = first.digest if self._records else None
        return DataEpisode(data, self._functions, self._errors, self._session, told, first.sorted)

    def breaches(self, trace: Trace) -> list[str]:
        return [found for check in self._breaches for found in check(trace)]

    def hints(self) -> Hints | None:
        return self._hints

    def _state(self, seed: int) -> First:
        """The first state, as text: an episode reads it anew, which is several times faster than copying objects."""
        import orjson

        if seed not in self._first:
            made = self._load(seed)
            try:  # the order of keys is kept, since agents read it
                records = {
                    key: {name: orjson.dumps(held) for name, held in made[key].items()}
                    for key in sorted(self._records | self._lazy)
                }
                # The keys keep their order, in which a state is written for agents and for people.
                plain = {key: None if key in records else held for key, held in made.items()} if records else made
                ordered = {
                    key: {name: orjson.Fragment(canonical(held)) for name, held in made[key].items()}
                    for key in self._lazy
                }
                first = First(orjson.dumps(plain), records, state_hash(made) if self._records else "", ordered)
            except (TypeError, KeyError, AttributeError) as error:
                raise UsageError(
                    f"environment {self.name}: the data of seed {seed} is no JSON value, or lacks its records ({error})"
                ) from None
            if len(self._first) >= KEPT:
                del self._first[next(iter(self._first))]
            self._first[seed] = first
        return self._first[seed]

    def _digest(self, functions: Sequence[Any], code: Sequence[Path | str] | None, data_digest: str) -> str:
        digest = sha256(
            canonical([self.policy, data_digest, [[tool.schema(), tool.writes, tool.ends] for tool in self.tools]])
        )
        for path in _files(code) if code is not None else _modules([self._load, *functions]):
            content = path.read_bytes()
            digest.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class First:
    """A first state: what is read for each episode, the records that are read one by one, and the hash of it all."""

    plain: bytes
    records: Mapping[str, Mapping[str, bytes]]
    digest: str
    sorted: Mapping[str, Mapping[str, Any]]  # of lazy keys: the records as `canonical` writes them


@dataclass(slots=True)
class DataEpisode(Episode):
    """An episode over its own copy of the data."""

    data: Any
    functions: Mapping[str, Function]  # tool -> function(data, **arguments)
    errors: str | None = None
    session: frozenset[str] = frozenset()
    first: str | None = None  # hash of the first state, where the state is told as what differs from it
    sorted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of lazy keys: the first records, as bytes

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        given = self.functions[name](self.data, **arguments)
        if self.errors and isinstance(given, str) and given.startswith(self.errors):
            raise ToolError(given)
        return given

    def state(self) -> Any:
        if not self.session and self.first is None and not self.sorted:
            return self.data
        state = {key: value for key, value in self.data.items() if key not in self.session}
        for key in self.sorted:
            if isinstance(value := state.get(key), Records):
                state[key] = value.copy()
        if self.first is not None:
            state = {key: value.difference() if isinstance(value, Records) else value for key, value in state.items()}
            state["first"] = self.first
        return state

    def digest(self) -> str | None:
        if not self.sorted:
            return None
        import orjson

        state = {key: value for key, value in self.data.items() if key not in self.session}
        for key, first in self.sorted.items():
            if isinstance(value := state.get(key), Records):
                state[key] = value.written(first)
        try:
            return sha256(orjson.dumps(state, option=orjson.OPT_SORT_KEYS)).hexdigest()
        except TypeError:  # what orjson cannot write, `canonical` may
            return None


def _tool(function: Any) -> tuple[Tool, Function]:
    """The tool that a function or a tool class is, and what is called."""
    if hasattr(function, "get_info") and hasattr(function, "invoke"):
        told = function.get_info()
        told = told.get("function", told)
        writes, ends = bool(getattr(function, "writes", False)), bool(getattr(function, "ends", False))
        name, description = str(told["name"]), str(told.get("description", ""))
        return Tool(name, description, dict(told["parameters"]), writes, ends), function.invoke
    try:
        made = tool_of(function)
        if not inspect.signature(function).parameters:
            raise ValueError(f"{made.name}: a tool's first parameter is the data")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return made, function


def _modules(functions: Sequence[Any]) -> list[Path]:
    """The files that define the functions, where they are known (not those of a console)."""
    found = set()
    for function in functions:
        try:
            found.add(inspect.getfile(inspect.unwrap(function)))
        except (OSError, TypeError):
            continue
    return sorted((Path(name) for name in found if Path(name).is_file()), key=lambda path: path.name)


def _files(code: Sequence[Path | str]) -> list[Path]:
    """Files, and the .py, .md and .json files of folders, in an order that does not depend on where they lie."""
    found: list[Path] = []
    for place in map(Path, code):
        if place.is_dir():
            found += sorted(path for path in place.rglob("*") if path.suffix in (".py", ".md", ".json"))
        else:
            found.append(place)
    return found
