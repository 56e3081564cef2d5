"""What a reader states, against what was meant: the query itself is accepted, and each way to spoil a clue is refused."""

from __future__ import annotations

import copy
import random
from collections import Counter
from typing import Any

import pytest
from perfect_reader import stated
from random_queries import hostile_graph, random_query

from synth.search_qa.query import node
from synth.search_qa.wording import isomorphic
from synth.search_qa.wording.claims import claimed, refusal
from synth.search_qa.wording.lexicon import speech
from synth.search_qa.wording.lists import Lists

GRAPH: Any = hostile_graph()


def spoilt(said: dict[str, Any], kind: str, lists: Lists, draw: random.Random) -> dict[str, Any]:
    made = copy.deepcopy(said)
    fact = draw.choice([clue for clue in made["clues"] if "subject" in clue])
    end = draw.choice(["subject", "object"])
    if kind == "lost":
        made["clues"].remove(fact)
    elif kind == "added":
        made["clues"].append({**fact, end: draw.choice([*lists.terms, "?new"])})
    elif kind == "turned":
        fact["subject"], fact["object"] = fact["object"], fact["subject"]
    elif kind == "relation":
        fact["relation"] = [draw.choice(list(lists.relations))]
    else:
        fact[end] = draw.choice([*lists.terms, "?new", "?x", "?a"])
    return made


def test_the_query_is_accepted_and_spoilt_clues_are_refused() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    twins = 0
    for number in range(500):
        draw = random.Random(f"claims {number}")
        query = random_query(draw)
        try:
            lists = Lists.of(str(number), query, speech(GRAPH, draw.choice(["en", "zh"])), 5, 5)
        except ValueError:  # a text and a node of one name: the reader could not tell them apart
            twins += 1
            continue
        said = stated(query, lists)
        assert refusal(query, claimed(said, lists.relations, lists.terms)) is None
        for kind in ("lost", "added", "turned", "relation", "end"):
            changed = spoilt(said, kind, lists, draw)
            if not changed["clues"]:
                continue
            read = claimed(changed, lists.relations, lists.terms)
            found = refusal(query, read)
            if isomorphic(query, read):  # the change came to nothing: a clue said twice, or a relation drawn anew
                seen[kind, "none"] += 1
                assert found is None
            else:
                assert found is not None and found[0] in ("constraint-lost", "constraint-added")
                seen[kind, found[0]] += 1
                assert kind != "added" or found[0] == "constraint-added"
    for kind in ("lost", "turned", "relation", "end"):
        assert seen[kind, "constraint-lost"] > 250 and seen[kind, "none"] < 60, seen
    assert 0 < twins < 100
    assert seen["added", "constraint-added"] > 250


@pytest.mark.parametrize(
    "said",
    [
        {}, {"clues": []}, {"asked": "?x", "clues": "?x"}, {"asked": "Kismet", "clues": [{"subject": "Kismet", "relation": "r", "object": "?x"}]},
        {"asked": "?x", "clues": [{"subject": "?x", "relation": "r"}]}, {"asked": "?x", "clues": [{"subject": "?x", "relation": [], "object": "?y"}] * 65},
        {"asked": "?x", "clues": [{"variable": "?x", "kind": "date"}]}, {"asked": ["?x"], "clues": [{"subject": "?x", "relation": "r", "object": "?y"}]},
        {"asked": "?x", "clues": [{"subject": "?x", "relation": {"r": 1}, "object": "?y"}]},
        {"asked": "?x", "clues": [{"subject": "?x", "relation": [], "object": "?y"}]},
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        claimed(said, {"r": "r"}, {"Kismet": node("1")})
