"""Tools that are the same, or nearly, once: the best of them stays, and the ledger says which it is."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from arcmill.functions.walk import parts
from arcmill.records import ToolSpec
from arcmill.stage import Failure, Outcome

_BEST = ("mcp", "python", "openapi", "schema", "simulated")  # what can be run goes first


@dataclass(frozen=True, slots=True)
class _Held:
    spec: ToolSpec
    shape: str  # words of the name, names and types of the parameters
    words: frozenset[str]


def merged(specs: Sequence[ToolSpec], similarity: float) -> Iterator[ToolSpec | Failure]:
    """The tools that stay, in their order, and a Failure (merged) for each other.

    The same function from wherever is one (`duplicate`). Nearly the same (`near-duplicate`) are tools of different sources whose
    parameters have the same names, types and defaults, whose names are of the same words (get_user is not get_users, whatever
    else is said of both), and whose words (name, descriptions) have a Jaccard similarity of at least `similarity`; of one
    source, two functions are meant as two. Each is held against those that stay, never against one that has
    left. `score` is the similarity.
    """
    order = sorted(range(len(specs)), key=lambda at: _rank(specs[at]))
    stays: dict[str, ToolSpec] = {}  # schema -> the tool
    near: dict[str, list[_Held]] = defaultdict(list)  # shape -> tools
    outcomes: dict[int, Outcome] = {}
    for at in order:
        spec = specs[at]
        if (same := stays.get(spec.schema)) is not None:
            outcomes[at] = Outcome("duplicate", "merged", 1.0, into_id=same.id, detail=_detail(spec, same))
            continue
        held = _held(spec)
        best = _nearest(held, near[held.shape], similarity) if similarity < 1 else None
        if best is not None:
            score, other = best
            outcomes[at] = Outcome("near-duplicate", "merged", score, similarity, other.id, _detail(spec, other))
            continue
        stays[spec.schema] = spec
        near[held.shape].append(held)
    names = Counter(spec.name for at, spec in enumerate(specs) if at not in outcomes)
    for at, spec in enumerate(specs):
        if at in outcomes:
            yield Failure(spec.id, outcomes[at])
            continue
        if names[spec.name] > 1:
            spec.lint = [f"name-taken: {names[spec.name]} tools are named {spec.name}"[:300], *(spec.lint or [])]
        yield spec


def _rank(spec: ToolSpec) -> tuple[int, int, int, str, str]:
    return _BEST.index(spec.origin), len(spec.lint or ()), -len(spec.description or ""), spec.source or "", spec.id


def _detail(spec: ToolSpec, other: ToolSpec) -> str:
    return json.dumps(
        {"name": spec.name, "source": spec.source, "into": other.name, "of": other.source}, ensure_ascii=False
    )


def _held(spec: ToolSpec) -> _Held:
    function = json.loads(spec.schema)["function"]
    texts = [function["name"], function.get("description") or ""]
    texts += [str(one.get("description", "")) for one in _within(function["parameters"])]
    shape = json.dumps([sorted(_words(function["name"])), _shape(function["parameters"])], sort_keys=True)
    return _Held(spec, shape, frozenset(_words(" ".join(texts))))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())


def _within(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [schema, *(one for one in schema.get("$defs", {}).values() if isinstance(one, Mapping))]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(part for _, _, part in parts(one))


def _shape(schema: Any) -> Any:
    """A schema without what is only told."""
    if isinstance(schema, list):
        return [_shape(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name in ("description", "title", "examples", "deprecated", "format"):
            continue
        if name in ("properties", "$defs", "patternProperties") and isinstance(value, Mapping):
            out[name] = {key: _shape(one) for key, one in value.items()}
        else:
            out[name] = sorted(value) if name == "required" else _shape(value)
    return out


def _nearest(held: _Held, others: Sequence[_Held], similarity: float) -> tuple[float, ToolSpec] | None:
    best: tuple[float, ToolSpec] | None = None
    needed = ceil(similarity * len(held.words))
    for other in others:
        if other.spec.source == held.spec.source or len(other.words) < needed:
            continue
        shared = len(held.words & other.words)
        score = shared / (len(held.words) + len(other.words) - shared)
        if score >= similarity and (best is None or score > best[0]):
            best = (score, other.spec)
    return best
