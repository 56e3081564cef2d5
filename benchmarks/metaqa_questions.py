"""MetaQA's own questions, answered by the query engine from topic entity and relation path alone.

    arcmill build-graph --input MetaQA/ --output graph --set self_loops=true
    python benchmarks/metaqa_questions.py --metaqa MetaQA/ --graph graph --lines exactly_derivable_lines.json

A question is one query: the path of its type (`movie_to_director_to_movie_to_year`) from the topic to the answer. MetaQA's
answers are those of ways that do not come back to the topic, neither in between nor at the end, so no variable may be the
topic; with "homomorphisms" it may. Dev questions, on the lines that the distributed triples derive exactly (without --lines:
all lines). Exit status 1 where an answer differs. Of each folder, N-hop/, dev.txt and qa_dev_qtype.txt are read.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from pathlib import Path

from arcmill.dataset import Dataset
from synth.graph.store import Graph
from synth.search_qa.query import Fact, Query, Term, variable
from synth.search_qa.solve import Solver, planned

RELATIONS = {
    "director": "directed_by", "writer": "written_by", "actor": "starred_actors", "year": "release_year",
    "language": "in_language", "genre": "has_genre", "tag": "has_tags", "tags": "has_tags",
    "imdbrating": "has_imdb_rating", "imdbvotes": "has_imdb_votes",
}  # fmt: skip
CAP = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metaqa", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--graph", required=True, nargs="+", metavar="DATASET", help="Edge datasets")
    parser.add_argument("--lines", type=Path, metavar="FILE", help="JSON: folder of questions -> line numbers, from 0")
    parser.add_argument("--shown", type=int, default=5, help="differing questions to print, of each table row  [5]")
    given = parser.parse_args()
    graph = Graph.load([Dataset.open(path) for path in given.graph], self_loops=True)
    solver = Solver(graph)
    called: dict[str, list[int]] = defaultdict(list)
    for number in range(graph.size):
        for name in graph.names(number):
            called[name].append(number)
    lines = json.loads(given.lines.read_text("utf-8")) if given.lines else {}
    print(f"{'questions':10} {'asked':>7} {'right':>7} {'homomorphisms right':>20} {'ms each':>8}")
    wrong = 0
    for hops in ("1-hop", "2-hop", "3-hop"):
        asked = (given.metaqa / hops / "dev.txt").read_text("utf-8").splitlines()
        kinds = (given.metaqa / hops / "qa_dev_qtype.txt").read_text("utf-8").splitlines()
        right = plain = 0
        seconds, differing = 0.0, []
        places = lines.get(hops, range(len(asked)))
        for place in places:
            text, _, answers = asked[place].partition("\t")
            topics = called[text[text.index("[") + 1 : text.index("]")]]
            started = time.perf_counter()
            found = set[str]()
            for topic in topics:
                found |= names(graph, solver, kinds[place], topic, True)
            seconds += time.perf_counter() - started
            wanted = set(answers.split("|"))
            right += found == wanted
            plain += set().union(*(names(graph, solver, kinds[place], topic, False) for topic in topics)) == wanted
            if found != wanted:
                differing.append((text, kinds[place], sorted(found - wanted), sorted(wanted - found)))
        wrong += len(differing)
        print(f"{hops:10} {len(places):7} {right:7} {plain:20} {1000 * seconds / max(len(places), 1):8.3f}")
        for text, kind, more, fewer in differing[: given.shown]:
            print(f"    {text} ({kind}): too many {more}, missing {fewer}")
    raise SystemExit(1 if wrong else 0)


def names(graph: Graph, solver: Solver, kind: str, topic: int, strict: bool) -> set[str]:
    """The names of the answers of a path from a topic."""
    steps = kind.split("_to_")
    terms: list[Term] = [graph.term(topic), *(variable(f"v{place}") for place in range(1, len(steps)))]
    facts = []
    for place, (here, there) in enumerate(itertools.pairwise(steps)):
        ends = (terms[place], terms[place + 1]) if here == "movie" else (terms[place + 1], terms[place])
        facts.append(Fact(ends[0], (RELATIONS[there if here == "movie" else here],), ends[1]))
    plan, _ = planned(graph, Query(terms[-1], tuple(facts)))
    return {graph.name(number) for number in solver.answers(plan, CAP, avoid=[topic] if strict else ())}


if __name__ == "__main__":
    main()
