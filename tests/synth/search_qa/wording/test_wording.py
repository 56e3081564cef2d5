"""Questions of the templates: what is said is read back as the same query, whatever names it holds."""

from __future__ import annotations

import random

import pytest
from fake_graph import FakeGraph
from random_queries import RELATIONS, hostile_graph, random_query

from synth.search_qa.query import Bound, Fact, Query, Term, node
from synth.search_qa.wording import LANGUAGES, isomorphic, parse, say

X, Y, Z = (Term("variable", name) for name in ("?x", "?y", "?z"))
FILMS = FakeGraph(
    {"1": ["Kismet"], "2": ["Drama", "剧情"], "3": ["Ilse"], "c": ["film"], "d": ["Film"]},
    {"directed_by": "directed_by", "has_genre": "has_genre", "release_year": "release_year", "P31": "instance of",
     "odd": "cause of death"},
    type_relations=["P31"], classes=["c", "d"], labels={("2", "zh"): "剧情"},
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_random_queries_with_hostile_names_come_back(language: str) -> None:
    graph = hostile_graph()
    for number in range(1500):
        query = random_query(random.Random(f"query {number}"))
        text = say(query, graph, language, random.Random(number))
        assert isomorphic(parse(text, graph, language), query), text
