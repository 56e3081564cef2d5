"""The parts of a JSON schema (2020-12), its references, and whether it can be used at all without running away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

# Where a schema holds further ones. IN_PLACE: about the same value; the others: about a part of it.
IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPS = frozenset({"properties", "patternProperties", "dependentSchemas"})
SINGLES = frozenset(
    {"not", "if", "then", "else", "items", "contains", "additionalProperties", "unevaluatedItems", "unevaluatedProperties",
     "propertyNames"}
)  # fmt: skip

MOST_NODES = 20_000  # parts of one schema, its definitions included
DEEPEST = 64  # schemas within schemas
MOST_STEPS = 20_000  # schemas that one value may be held against at its own place


class SchemaError(ValueError):
    """A schema that cannot be used. `rule` is short and stable, for ledgers."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule, self.detail = rule, detail


def parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(keyword, key or number or None, schema) of the schemas right within a schema; booleans are left out."""
    for keyword, value in schema.items():
        if keyword in SINGLES:
            if isinstance(value, dict):
                yield keyword, None, value
        elif keyword in MAPS:
            if isinstance(value, dict):
                yield from ((keyword, key, one) for key, one in value.items() if isinstance(one, dict))
        elif keyword in LISTS and isinstance(value, list):
            yield from ((keyword, number, one) for number, one in enumerate(value) if isinstance(one, dict))


def count(schema: Mapping[str, Any], most: int = MOST_NODES) -> int:
    """How many schemas it holds, itself included, without `$defs`. SchemaError beyond `most`, or where it is too deep."""
    found, level, depth = 0, [schema], 0
    while level:
        found += len(level)
        if found > most:
            raise SchemaError("too-large", f"more than {most} schemas in one")
        if depth > DEEPEST:
            raise SchemaError("too-deep", f"schemas within schemas, {DEEPEST} and more")
        level = [part for one in level for _, _, part in parts(one)]
        depth += 1
    return found


def references(schema: Mapping[str, Any], in_place: bool = False) -> list[str]:
    """The references within a schema, in its order. `in_place`: those alone that are about the value itself."""
    found, waiting = [], [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one.get("$ref"), str):
            found.append(one["$ref"])
        waiting.extend(part for keyword, _, part in reversed(list(parts(one))) if not in_place or keyword in IN_PLACE)
    return found


def components(graph: Mapping[str, list[str]]) -> list[list[str]]:
    """The strongly connected components, each after those that it refers to (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    held: list[str] = []
    on: set[str] = set()
    out: list[list[str]] = []
    for start in graph:
        work = [(start, iter(graph[start]))] if start not in index else []
        while work:
            node, targets = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                held.append(node)
                on.add(node)
            for target in targets:
                if target not in graph:
                    continue
                if target not in index:
                    work.append((target, iter(graph[target])))
                    break
                if target in on:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found: list[str] = []
                    while not found or found[-1] != node:
                        found.append(held.pop())
                        on.discard(found[-1])
                    out.append(found)
    return out


def refuse_endless(schema: Mapping[str, Any]) -> None:
    """SchemaError for a schema with local `$defs` that a validator would never be done with: references in a ring about one
    and the same value, or alternatives within alternatives by the thousand."""
    definitions = {f"#/$defs/{name}": one for name, one in schema.get("$defs", {}).items() if isinstance(one, dict)}
    schemas = {"#": schema, **definitions}
    graph = {name: references(one, in_place=True) for name, one in schemas.items()}
    steps: dict[str, int] = {}
    for group in components(graph):
        name = group[0]
        if len(group) > 1 or name in graph[name]:
            raise SchemaError(
                "endless-reference", f"{' -> '.join(sorted(group))} refer to one another and say nothing else"[:300]
            )
        steps[name] = _own_steps(schemas[name]) + sum(steps.get(target, 1) for target in graph[name])
        if steps[name] > MOST_STEPS:
            raise SchemaError("too-many-alternatives", f"{name}: more than {MOST_STEPS} schemas about one value")


def _own_steps(schema: Mapping[str, Any]) -> int:
    found, waiting = 0, [schema]
    while waiting:
        one = waiting.pop()
        found += 1
        waiting.extend(part for keyword, _, part in parts(one) if keyword in IN_PLACE)
    return found


class Pointers:
    """References within one document. None is ever fetched from elsewhere."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._anchors: dict[str, Any] | None = None

    def key(self, reference: Any) -> str:
        """A reference as its fragment, "#..." . SchemaError where it leads out of the document."""
        if not isinstance(reference, str):
            raise SchemaError("broken-reference", f"{reference!r:.100} is no reference")
        own: Any = self.root.get("$id") if isinstance(self.root, Mapping) else None
        if isinstance(own, str) and own and reference.startswith(own.rstrip("#")):
            reference = reference[len(own.rstrip("#")) :] or "#"
        reference = str(reference)
        if not reference.startswith("#"):
            raise SchemaError("remote-reference", f"{reference:.200} lies outside of the document, and is not fetched")
        return str(reference)

    def at(self, reference: Any) -> Any:
        """What a reference leads to. SchemaError where that is nothing, or lies elsewhere."""
        key = self.key(reference)
        for _ in range(DEEPEST):
            if key == "#":
                return self.root
            if not key.startswith("#/"):
                return self._anchored(key)
            value = self.root
            tokens = [unquote(token).replace("~1", "/").replace("~0", "~") for token in key[2:].split("/")]
            for at, token in enumerate(tokens):
                value, on = self._step(value, token, key)
                if on is not None:  # the way leads over another reference
                    rest = "".join("/" + t.replace("~", "~0").replace("/", "~1") for t in tokens[at:])
                    key = on.rstrip("/") + rest
                    break
            else:
                return value
        raise SchemaError("endless-reference", f"{reference} leads in a ring")

    def resolved(self, value: Any) -> Any:
        """An object, or what its reference leads to, over as many references as it takes."""
        seen = set()
        while isinstance(value, Mapping) and "$ref" in value:
            key = self.key(value["$ref"])
            if key in seen:
                raise SchemaError("endless-reference", f"{key} leads in a ring")
            seen.add(key)
            value = self.at(key)
        return value

    def _step(self, value: Any, token: str, key: str) -> tuple[Any, str | None]:
        if isinstance(value, Mapping):
            if token in value:
                return value[token], None
            if isinstance(value.get("$ref"), str):
                return None, self.key(value["$ref"])
        elif isinstance(value, list) and token.isdecimal() and len(token) < 8 and int(token) < len(value):
            return value[int(token)], None
        raise SchemaError("broken-reference", f"{key:.200} leads to nothing")

    def _anchored(self, key: str) -> Any:
        if self._anchors is None:
            self._anchors = {}
            waiting = [self.root]
            while waiting:
                value = waiting.pop()
                if isinstance(value, Mapping):
                    for name in ("$anchor", "$dynamicAnchor", "$id", "id"):
                        anchor = value.get(name)
                        if isinstance(anchor, str):
                            self._anchors.setdefault("#" + anchor.lstrip("#"), value)
                    waiting.extend(value.values())
                elif isinstance(value, list):
                    waiting.extend(value)
        if key not in self._anchors:
            raise SchemaError("broken-reference", f"{key:.200} leads to nothing")
        return self._anchors[key]
