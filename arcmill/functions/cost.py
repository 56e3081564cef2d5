"""How much work a schema may make of a value: alternatives within alternatives, level by level, grow without bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from arcmill.functions.walk import IN_PLACE, components, parts, references

_MOST = 1 << 40  # as good as endless


class Cost(NamedTuple):
    """`weight`: how often one place of a value may be looked at; in rings of references it grows by `ring` a level. `scan`: how
    many members of an enum, or required names, one look goes through at most."""

    weight: int
    ring: int
    scan: int

    def of(self, nodes: int, depth: int) -> int:
        """Steps for a value of so many parts, so deep, at worst."""
        grown: int = min(self.ring**depth, _MOST)
        return nodes * self.weight * grown

    def scans(self, nodes: int, depth: int) -> int:
        """Members of lists in the schema that are held against such a value, at worst."""
        return self.of(nodes, depth) * self.scan


def cost(schema: Mapping[str, Any]) -> Cost:
    """The cost of a normal schema that `refuse_endless` let pass."""
    definitions = {f"#/$defs/{name}": one for name, one in schema.get("$defs", {}).items()}
    schemas = {"#": schema, **{name: one for name, one in definitions.items() if isinstance(one, dict)}}
    graph = {name: references(one) for name, one in schemas.items()}
    weights: dict[str, int] = {}
    ring = 1
    for group in components(graph):
        inside = set(group) if len(group) > 1 or group[0] in graph[group[0]] else set()
        weight = 1
        for name in group:
            outside, within = _places(schemas[name], weights, inside)
            weight = max(weight, *outside.values()) if outside else weight
            ring = max(ring, *within.values()) if within else ring
        for name in group:
            weights[name] = min(weight, _MOST)
    return Cost(weights["#"], ring, max(_scan(one) for one in schemas.values()))


def _scan(schema: Mapping[str, Any]) -> int:
    """The longest list that a validator goes through member by member, within one schema."""
    most, waiting = 1, [schema]
    while waiting:
        one = waiting.pop()
        lists = [len(one.get("required", ())), *(len(names) for names in one.get("dependentRequired", {}).values())]
        most = max(most, sum(lists), _values(one.get("enum", [])), _values(one.get("const")))
        waiting.extend(part for _, _, part in parts(one))
    return most


def _values(held: Any) -> int:
    """How many values a value is made of; what is in collections costs the more to compare."""
    found, waiting = 0, [held]
    while waiting:
        one = waiting.pop()
        found += 1
        if isinstance(one, Mapping):
            found += 8
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return found


def _places(
    schema: Mapping[str, Any], weights: Mapping[str, int], inside: set[str]
) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
    """Of each place of a value, how many schemas look at it from here: through what is known, and in the ring."""
    outside: Counter[tuple[str, ...]] = Counter()
    within: Counter[tuple[str, ...]] = Counter()
    waiting: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(schema, ())]
    while waiting:
        one, place = waiting.pop()
        outside[place] += 1
        if (target := one.get("$ref")) in inside:
            within[place] += 1
        elif target is not None:
            outside[place] += weights.get(target, 1)
        for keyword, key, part in parts(one):
            if keyword in IN_PLACE:
                waiting.append((part, place))
            elif keyword in ("items", "prefixItems", "contains", "unevaluatedItems"):
                waiting.append((part, (*place, "[]")))
            else:
                waiting.append((part, (*place, f".{key}" if keyword == "properties" else "{}")))
    return outside, within
