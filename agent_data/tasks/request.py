"""One thing that a user asks for: a call with all its arguments, each with where it comes from, and the words of the asking."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent_data.tasks.check import said
from agent_data.tasks.execute import Call
from agent_data.tasks.flow import Found, Reach
from agent_data.tasks.invent import invented
from agent_data.tasks.views import View, key, leaves, singular

if TYPE_CHECKING:
    from agent_data.environments.environment import Tool
    from agent_data.environments.hints import Hints

PLACE = re.compile(r"\{(\w+)\}")


class Refused(Exception):
    """A candidate that does not become a task: `rule` for the ledger."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule, self.detail = rule, detail


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an argument comes from: `user` (it stands in the request), `person` (by heart), or `call` (found)."""

    kind: str
    found: Found | None = None
    by: Mapping[str, Any] = field(default_factory=dict)  # of what was found: the values that the user told it by


@dataclass(slots=True)
class Request:
    """See each field."""

    tool: str
    kind: str  # write | tell
    arguments: dict[str, Any]
    origins: dict[str, Origin]  # by the path of the argument's scalar, such as order_id or item_ids.0
    phrase: str  # "cancel order W12, because it is late", or "what order W12 cost"
    given: dict[str, Any]  # what stands in the phrase, by the parameter that it is for
    read: int | None = None  # of `tell`: the call of the reach that gives it
    told: str | None = None  # of `tell`: the field, with dots
    spoken: dict[str, str] = field(default_factory=dict)  # parameter -> how the phrase names it

    @property
    def call(self) -> Call:
        return Call(self.tool, self.arguments)

    def subject(self) -> dict[str, Any]:
        """What the call is about: its arguments that are plain values."""
        return {name: value for name, value in self.arguments.items() if isinstance(value, str | int | float)}

    def reads(self) -> list[int]:
        """The calls of the reach that it takes from."""
        own = [self.read] if self.read is not None else []
        return [*own, *(origin.found.read for origin in self.origins.values() if origin.found is not None)]


@dataclass(slots=True)
class Filler:
    """Fills the arguments of calls from what a person reaches, makes up, or knows by heart."""

    reach: Reach
    hints: Hints | None
    state: Any
    draw: random.Random
    described: float  # share of found values that the user describes where they could, instead of naming them

    def write(self, tool: Tool, template: str) -> Request:
        """A request to change something. Raises Refused."""
        properties = tool.parameters.get("properties", {})
        places = PLACE.findall(template)
        required = list(tool.parameters.get("required", []))
        made = _Made({}, {}, {}, {}, [])
        for name in [*required, *(one for one in places if one not in required)]:
            if name in made.arguments:
                continue
            if name not in properties:
                raise Refused("no-value", f"{tool.name} has no parameter {name}, which {template!r} names")
            if name in places:
                self._spoken(tool, name, properties[name], made, template)
            else:
                self._silent(tool, name, made)
        return Request(
            tool.name,
            "write",
            made.arguments,
            made.origins,
            phrased(template, made.spoken),
            made.given,
            spoken=made.spoken,
        )

    def tell(self, tool: Tool, field_: str, template: str) -> Request:
        """A request to be told something that a reading call gives. Raises Refused."""
        known = [
            number
            for number, read in enumerate(self.reach.reads)
            if read.call.name == tool.name and _at(read.observation, field_) not in (None, "", [], {})
        ]
        if not known:
            raise Refused("nothing-to-tell", f"{tool.name} gave no {field_}")
        number = self.draw.choice(known)
        read = self.reach.reads[number]
        places = PLACE.findall(template)
        made = _Made({}, {}, {}, {}, [])
        for name, value in read.call.arguments.items():
            source = read.sources.get(name)
            if name in places:
                self._chosen(tool, name, value, source, made, template)
            elif source is None:
                person = self.reach.person
                if person is None or person.facts.get(name) != value:
                    raise Refused("not-asked", f"{tool.name}.{name} stands in no text")
                made.put(name, value, Origin("person"))
            else:
                alike = {key(found.seen.value) for found in self.reach.values(name)}
                if len(alike) > 1:
                    raise Refused("ambiguous", f"{tool.name}.{name} may be any of {len(alike)}")
                made.put(name, value, Origin("call", source))
        if lost := [name for name in places if name not in made.arguments]:
            raise Refused("no-value", f"{tool.name} was not called with {lost[0]}")
        phrase = phrased(template, made.spoken)
        return Request(
            tool.name, "tell", made.arguments, made.origins, phrase, made.given, number, field_, spoken=made.spoken
        )

    # -- one argument ----------------------------------------------------------------------------------------------

    def _spoken(self, tool: Tool, name: str, schema: Mapping[str, Any], made: _Made, template: str) -> None:
        """An argument that the phrase names."""
        hinted = self.hints and (self.hints.values.get(f"{tool.name}.{name}") or self.hints.values.get(name))
        person = self.reach.person
        if hinted:
            value = hinted(self.state, self.draw)
            if value is None:
                raise Refused("no-value", f"{tool.name}.{name}")
            self._given(tool, name, value, Origin("user"), made)
        elif "enum" in schema:
            self._given(tool, name, self.draw.choice(list(schema["enum"])), Origin("user"), made)
        elif schema.get("type") == "array" and self.reach.values(singular(name)):
            self._several(tool, name, schema, made, template)
        elif (found := self._candidates(tool, name, made)) and self._own(found, made):
            value = self._anew(tool, name, schema, {key(one.seen.value) for one in found})
            self._given(tool, name, value, Origin("user"), made)
        elif found:
            chosen = self.draw.choice(found)
            self._chosen(tool, name, chosen.seen.value, chosen, made, template)
        elif person is not None and name in person.facts:
            self._given(tool, name, person.facts[name], Origin("person"), made)
        elif self.hints is None:
            self._given(tool, name, invented(schema, name, self.draw), Origin("user"), made)
        else:
            raise Refused("no-value", f"{tool.name}.{name}: nothing gives one")

    def _own(self, found: list[Found], made: _Made) -> bool:
        """Whether values stand in the record that the request is about (the floor of the lift that is sent), which without
        hints is what it is likely to be about to change."""
        if self.hints is not None or self.draw.random() < 0.3:
            return False
        about = [(anchor.seen.names, key(anchor.seen.value)) for anchor in made.anchors]
        return bool(about) and all(
            any(value in one.seen.view.get(name, ()) for names, value in about for name in names) for one in found
        )

    def _anew(self, tool: Tool, name: str, schema: Mapping[str, Any], held: set[Any]) -> Any:
        """Another value than those: one that was found elsewhere, or one that is made up. Raises Impossible."""
        others = {
            key(one.seen.value): one.seen.value
            for one in self.reach.values(name)
            if key(one.seen.value) not in held and self.reach.fits(tool, name, one.seen.value)
        }
        if others and self.draw.random() < 0.7:
            return self.draw.choice(list(others.values()))
        return invented(schema, name, self.draw)

    def _silent(self, tool: Tool, name: str, made: _Made) -> None:
        """An argument that the phrase does not name: the person's own, or the only one that there is."""
        person = self.reach.person
        if person is not None and name in person.facts:
            made.put(name, person.facts[name], Origin("person"))
            return
        hinted = self.hints and self.hints.values.get(f"{tool.name}.{name}")
        if hinted and isinstance(value := hinted(self.state, self.draw), bool):
            made.put(name, value, Origin("schema"))  # the words of the phrase say it: "put a flag on"
            return
        found = self._candidates(tool, name, made)
        different = {key(one.seen.value) for one in found}
        if len(different) != 1:
            raise Refused(
                "ambiguous" if different else "no-value", f"{tool.name}.{name} may be any of {len(different)}"
            )
        made.put(name, found[0].seen.value, Origin("call", found[0]))

    def _several(self, tool: Tool, name: str, schema: Mapping[str, Any], made: _Made, template: str) -> None:
        """A list: one or two values of its kind."""
        one = singular(name)
        found = self._candidates(tool, one, made, schema.get("items", {}))
        first: dict[Any, Found] = {}
        for candidate in found:
            first.setdefault(candidate.seen.value, candidate)
        most = min(len(first), 2, schema.get("maxItems", 2))
        least = max(1, schema.get("minItems", 1))
        if most < least:
            raise Refused("no-value", f"{tool.name}.{name}")
        chosen = self.draw.sample(list(first.values()), self.draw.choice(range(least, most + 1)))
        values, phrases, given = [], [], []
        for number, candidate in enumerate(chosen):
            same = self._records(one, candidate.seen.value)
            told = [(each, *way) for each in same if (way := self._described(one, each, template))]
            if not told and not self._speakable(one, template):
                raise Refused(
                    "not-described", f"{tool.name}.{name}: nobody knows {candidate.seen.value!r:.60} by heart"
                )
            record, words, by = told[0] if told else (candidate, "", {})
            values.append(candidate.seen.value)
            if by:
                phrases.append(words)
                given += list(by.values())
                made.origins[f"{name}.{number}"] = Origin("call", record, by)
            else:
                phrases.append(said(candidate.seen.value))
                given.append(candidate.seen.value)
                made.origins[f"{name}.{number}"] = Origin("user")
        made.arguments[name], made.given[name], made.spoken[name] = values, given, said(phrases)
        made.anchors += chosen

    def _chosen(self, tool: Tool, name: str, value: Any, source: Found | None, made: _Made, template: str) -> None:
        """A value that was found: described by what else its record holds, or named as it is."""
        if source is not None:
            made.anchors.append(source)
            # A value may stand in several records; any of them may be what the user remembers.
            records = [
                found for found in self.reach.values(name) if found.seen.own and key(found.seen.value) == key(value)
            ]
            self.draw.shuffle(records)
            for record in records[:6]:
                if told := self._described(name, record, template):
                    words, by = told
                    made.put(name, value, Origin("call", record, by))
                    made.given[name], made.spoken[name] = list(by.values()), words
                    return
            if not self._speakable(name, template):
                raise Refused("not-described", f"{tool.name}.{name}: nobody knows {value!r:.60} by heart")
        self._given(tool, name, value, Origin("user"), made)

    def _given(self, tool: Tool, name: str, value: Any, origin: Origin, made: _Made) -> None:
        if not self.reach.fits(tool, name, value):
            raise Refused("no-value", f"{tool.name}.{name}: {value!r:.80} does not fit its schema")
        made.put(name, value, origin)
        made.given[name], made.spoken[name] = value, said(value)

    def _records(self, name: str, value: Any) -> list[Found]:
        """The records of a value, those first that take the fewest calls and are about it."""
        found = [one for one in self.reach.values(name) if one.seen.own and key(one.seen.value) == key(value)]
        found.sort(key=lambda one: (one.seen.path.count("."), one.read))
        return sorted(found[:12], key=lambda one: len(self.reach.needs([one.read])))[:6]

    def _speakable(self, name: str, template: str) -> bool:
        """Whether a user may name a value as it is: an order's number, in `order {order_id}`, but no id that has words for it."""
        if not (self.hints and self.hints.described.get(name)):
            return True
        return re.search(rf"{re.escape(name.removesuffix('_id'))}s? \{{{name}s?\}}", template) is not None

    def _described(self, name: str, found: Found, template: str) -> tuple[str, dict[str, Any]] | None:
        """Words by which exactly this value is meant, and the values in them; None where it is named, or nothing tells it."""
        templates = list(self.hints.described.get(name, ())) if self.hints else []
        if not templates or (self._speakable(name, template) and self.draw.random() >= self.described):
            return None
        self.draw.shuffle(templates)
        kind = self.reach.values(name)
        if any(self.reach.reads[one.read].call.name in self.reach.cut for one in kind):
            return None  # there may be others that nobody has looked at
        for way in templates:
            by = {}
            for place in PLACE.findall(way):
                held = sorted((one for one in found.seen.view.get(place, ()) if not isinstance(one, tuple)), key=str)
                if not held:
                    break
                by[place] = self.draw.choice(held)
            else:
                fits = self.reach.fitting(name, by)
                own = key(found.seen.value)
                if by and fits == {own} and own not in by.values():
                    return PLACE.sub(_putter(by), way), by
        return None

    def _candidates(self, tool: Tool, name: str, made: _Made, schema: Mapping[str, Any] | None = None) -> list[Found]:
        """Values that a parameter may take beside those that were chosen: of the same record, where records say so."""
        from arcmill.functions.check import checker

        found = self.reach.values(name)
        if schema is None:
            found = [one for one in found if self.reach.fits(tool, name, one.seen.value)]
        else:
            fits = checker(schema)
            found = [one for one in found if not fits(one.seen.value)]  # type: ignore[arg-type]
        for anchor in made.anchors:
            found = _together(anchor, found, name)
            agree = [_agreement(anchor, one) for one in found]
            most = max(agree, default=0)
            found = [one for one, score in zip(found, agree, strict=True) if score == most]
        return found


@dataclass(slots=True)
class _Made:
    """The arguments of one call, as far as they are chosen."""

    arguments: dict[str, Any]
    origins: dict[str, Origin]
    given: dict[str, Any]
    spoken: dict[str, str]
    anchors: list[Found]

    def put(self, name: str, value: Any, origin: Origin) -> None:
        self.arguments[name] = value
        for path, _ in leaves(value, name):
            self.origins[path] = origin


def _together(anchor: Found, others: list[Found], name: str) -> list[Found]:
    """Those values that may stand in one call with another: neither is in a record of something else of the other's kind."""
    first = anchor.seen
    own = key(first.value)
    made = []
    for other in others:
        second = other.seen
        if first.names & second.names:
            if own != key(second.value):
                made.append(other)
        # A new item is not among those of the order: only what a parameter names itself must be.
        elif _within(own, first.names, second.view) and (
            name not in second.names or _within(key(second.value), second.names, first.view)
        ):
            made.append(other)
    return made


def _within(value: Any, names: frozenset[str], view: View) -> bool:
    """Whether a record is of a value, as far as it says whose it is."""
    held = [view[one] for one in names if one in view]
    return not held or any(value in values for values in held)


def _agreement(anchor: Found, other: Found) -> int:
    """In how many ids of further things two records agree: a variant of the same product."""
    first, second = anchor.seen, other.seen
    count = 0
    for name in first.view.ids:
        if name in second.view and name not in first.names and name not in second.names:
            count += not first.view[name].isdisjoint(second.view[name])
    return count


def _putter(values: Mapping[str, Any]) -> Callable[[re.Match[str]], str]:
    return lambda match: said(values[match[1]])


def phrased(template: str, spoken: Mapping[str, str]) -> str:
    """A template with its values. `order {order_id}` with "the order of May 3" does not say `order` twice."""
    text = template
    for name, words in spoken.items():
        noun = words.split()[1] if words.startswith(("the ", "my ")) and len(words.split()) > 1 else None
        if noun:
            twice = re.compile(rf"\b(?:(?:the|my|our|an?) )?{re.escape(noun)}s? \{{{name}\}}", re.IGNORECASE)
            text = twice.sub(f"{{{name}}}", text)
            text = re.sub(rf"\b(?:the|my) \{{{name}\}}", f"{{{name}}}", text)
            # "product {product_id}" with "the kettle": the name is enough.
            text = re.sub(rf"\b{re.escape(name.removesuffix('_id'))} \{{{name}\}}", f"{{{name}}}", text)
    return PLACE.sub(lambda match: spoken.get(match[1], match[0]), text)


def _at(value: Any, path: str) -> Any:
    """What stands in a value at a path of keys; None where nothing does, or it would be one of several."""
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value
