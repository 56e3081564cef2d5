"""Questions in words: how many a second are said, parsed back and compared on one core, and how many come back the same.

Random trees of facts are drawn from a graph that build-graph wrote (no proof is asked for: only the words are measured), said
in English and Chinese, parsed back, and compared. `say` parses what it says, too, so its time holds one parse and comparison.
Then names are looked for in the texts, beside the plain way: one compiled pattern with word borders for each name.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arcmill.dataset import Dataset
from synth.search_qa.query import Bound, Clue, Fact, Query, Term
from synth.search_qa.wording import LANGUAGES, isomorphic, named, parse, say

if TYPE_CHECKING:
    from synth.graph.store import Graph


def drawn(graph: Graph, draw: random.Random, facts: int) -> Query | None:
    """A tree of facts about a node of the graph, one in ten with two relations, bounds on what has a year."""
    answer = draw.randrange(graph.first_literal)
    held, used, clues = {answer: Term("variable", "?x")}, {answer}, list[Clue]()
    for _ in range(facts):
        at = draw.choice(list(held))
        near = [
            (int(graph.edge_relations[edge]), int(graph.edge_others[edge]), start == at)
            for start in (at, graph.size + at)
            for edge in range(int(graph.starts[start]), int(graph.starts[start + 1]))
        ]
        if not near:
            continue
        relation, other, forward = draw.choice(near)
        if other in used or (graph.is_literal(other) and not forward):
            continue
        used.add(other)
        term = Term("variable", f"?v{len(held)}") if draw.random() < 0.5 else graph.term(other)
        relations = sorted(
            {graph.relations[relation], *([draw.choice(graph.relations)] if draw.random() < 0.1 else ())}
        )
        ends = (held[at], term) if forward else (term, held[at])
        clues.append(Fact(ends[0], tuple(relations), ends[1]))
        if term.is_variable:
            held[other] = term
            value = graph.term(other)
            if value.kind == "date" and value.value[:4].isdigit():
                year = int(value.value[:4])
                clues.append(Bound(term, "date", str(year - draw.randrange(9)), str(year + draw.randrange(9))))
    return Query(held[answer], tuple(clues)) if clues else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", required=True, help="a dataset of build-graph")
    parser.add_argument("--nodes", help="a dataset of build-nodes")
    parser.add_argument("--queries", type=int, default=5000, help="queries that are drawn")
    parser.add_argument("--samples", type=int, default=0, help="questions that are printed, of each language")
    arguments = parser.parse_args()
    from synth.graph.store import Graph

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    nodes = [Dataset.open(arguments.nodes)] if arguments.nodes else []
    graph = Graph.load([Dataset.open(arguments.edges)], nodes)
    queries = [
        query
        for number in range(arguments.queries)
        if (query := drawn(graph, draw := random.Random(f"query {number}"), draw.randrange(2, 8))) is not None
    ]
    texts: list[str] = []
    for language in LANGUAGES:
        said: list[tuple[Query, str]] = []
        refused, start = 0, time.perf_counter()
        for number, query in enumerate(queries):
            try:
                said.append((query, say(query, graph, language, random.Random(number))))
            except ValueError:  # a node without a name of its own
                refused += 1
        middle = time.perf_counter()
        read = [parse(text, graph, language) for _, text in said]
        end = time.perf_counter()
        same = sum(isomorphic(query, back) for (query, _), back in zip(said, read, strict=True))
        last = time.perf_counter()
        print(
            f"{language}: {len(queries) / (middle - start):,.0f} said/s, {len(said) / (end - middle):,.0f} parsed/s, "
            f"{len(said) / (last - end):,.0f} compared/s; {same} of {len(said)} came back the same, {refused} not said"
        )
        for _, text in said[: arguments.samples]:
            print(f"  {text}")
        texts += [text for _, text in said]
    draw = random.Random(0)
    names = [[graph.name(draw.randrange(graph.first_literal)) for _ in range(50)] for _ in texts]
    start = time.perf_counter()
    for text, fifty in zip(texts, names, strict=True):
        named(text, fifty)
    middle = time.perf_counter()
    for text, fifty in zip(texts, names, strict=True):
        folded = text.casefold()
        for name in fifty:
            re.search(rf"\b{re.escape(name.casefold())}\b", folded)
    end = time.perf_counter()
    print(
        f"50 names in a text: {(middle - start) / len(texts) * 1000:.3f} ms; a pattern a name: {(end - middle) / len(texts) * 1000:.3f} ms"
    )


if __name__ == "__main__":
    main()
