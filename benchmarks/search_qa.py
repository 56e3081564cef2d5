"""Search questions with complete proof a second and core, by level; beside the same proofs made with pandas joins.

    arcmill build-graph --input MetaQA/ --output graph
    python benchmarks/search_qa.py --graph graph
    python benchmarks/search_qa.py --synthetic 10000000

Pinned to one core, by processor time, after a warm-up that loads compiled code. Rates count sampling, refused candidates, the proof (one answer,
each clue needed, no shortcut, names), the wording, and its reading back; loading the graph is told apart. The peer proves the
first of these questions (one answer, each clue needed) by merges of pandas frames, one a fact, the smallest first, with
duplicates dropped as soon as a variable is no longer needed; in turns with our prover on the same questions.
--synthetic makes a graph of so many edges in a temporary folder (hubs by a power law), and tells time and peak memory of
loading it, and questions a second on it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arcmill.config import StageConfig
from arcmill.dataset import Dataset
from arcmill.execute import execute
from arcmill.records import Edge, Problem, stable_id
from arcmill.stage import Failure, Stage
from synth.search_qa.make import Maker
from synth.search_qa.prove import Demand, prove
from synth.search_qa.query import Query, Term
from synth.search_qa.solve import planned
from synth.search_qa.stage import SynthSearchQa, splits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", nargs="+", default=[], metavar="DATASET", help="Edge and Node datasets")
    parser.add_argument("--synthetic", type=int, metavar="EDGES", help="instead: a synthetic graph of so many edges")
    parser.add_argument("--questions", type=int, default=1000, help="questions of the mix of levels  [1000]")
    parser.add_argument(
        "--level-questions", type=int, default=300, help="questions of each level alone  [300]; 0: none"
    )
    parser.add_argument("--peer", type=int, default=30, help="questions that the peer proves  [30]; 0: none")
    parser.add_argument(
        "--turns", type=int, default=3, help="turns of the mix, and of peer and ours  [3]; medians are told"
    )
    given = parser.parse_args()
    if not given.graph and not given.synthetic:
        parser.error("--graph or --synthetic")
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    gc.set_threshold(50_000, 20, 20)  # as in the workers of a stage
    if given.synthetic:
        with tempfile.TemporaryDirectory() as folder:
            # Made in another process: its memory is not that of loading.
            subprocess.run([sys.executable, __file__, "--make", str(given.synthetic), folder], check=True)
            measure(given, [Dataset.open(f"{folder}/edges")])
        return
    measure(given, [Dataset.open(path) for path in given.graph])


def measure(given: Any, datasets: Sequence[Dataset]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    config = SynthSearchQa(questions=given.questions, max_edges=1_000_000_000)
    maker = Maker.of(config, [d for d in datasets if d.record == "Edge"], [d for d in datasets if d.record == "Node"])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    graph = maker.graph
    print(f"{graph.edge_count:,} edges, {graph.size:,} nodes loaded in {seconds:.1f} s; peak memory {peak / 2**20:.2f} GiB, "
          f"of which {before / 2**20:.2f} before")  # fmt: skip
    run(maker, SynthSearchQa(questions=20, seed=999), 1)
    graph.bearers("warm")
    rows: list[Problem] = []
    rates = []
    for turn in range(given.turns):
        held, _, rate = run(maker, SynthSearchQa(questions=given.questions, seed=turn), turn)
        rates.append(rate)
        rows = rows or held
    print(f"mix of levels, default settings: {statistics.median(rates):.0f} questions/s/core "
          f"({', '.join(f'{rate:.0f}' for rate in rates)})")  # fmt: skip
    levels = [level for level in maker.levels if given.level_questions]
    print(f"{'level':>6} {'asked':>6} {'made':>6} {'q/s/core':>9} {'candidates':>11}  refused")
    for level in levels:
        held, refused, rate = run(maker, SynthSearchQa(questions=given.level_questions, levels={level: 1.0}), 0)
        told = ", ".join(f"{rule} {number}" for rule, number in refused.most_common(5))
        print(f"{level:6} {given.level_questions:6} {len(held):6} {rate:9.0f} {len(held) + refused.total():11}  {told}")
    evidence = [json.loads(row.evidence or "") for row in rows]
    for key in ("shape", "level"):
        print(f"{key}s: {dict(sorted(Counter(one[key] for one in evidence).items()))}")
    for key in ("hops", "longest"):
        print(f"{key}: {dict(sorted(Counter(one['difficulty'][key] for one in evidence).items()))}")
    if given.peer and rows:
        peer(given, maker, evidence)


def run(maker: Maker, config: SynthSearchQa, turn: int) -> tuple[list[Problem], Counter[str], float]:
    """Questions, refusals by rule, and questions a second of processor time."""
    again = Maker(config, maker.graph)  # what follows from the settings is part of loading
    rows, refused = list[Problem](), Counter[str]()
    started = time.process_time()
    for split in splits(config):
        for item in again.split(int(split), len(splits(config))):
            if isinstance(item, Problem):
                rows.append(item)
            elif isinstance(item, Failure):
                refused[item.outcome.rule] += 1
    return rows, refused, len(rows) / (time.process_time() - started)


# -- the peer --------------------------------------------------------------------------------------------------------


def peer(given: Any, maker: Maker, evidence: list[dict[str, Any]]) -> None:
    """Prove the same questions by pandas merges and by ours, in turns."""
    import pandas as pd

    graph = maker.graph
    subject = np.repeat(np.arange(graph.size), np.diff(graph.out_start))
    frame = pd.DataFrame({"s": subject, "r": graph.out_relation, "o": graph.out_object})
    by_relation = {int(relation): part[["s", "o"]] for relation, part in frame.groupby("r")}
    looked = [one for one in evidence if one["shape"] != "cycle"][: given.peer]
    theirs, ours, same = list[float](), list[float](), 0
    for one in looked:
        query = Query.from_json(one["query"])
        plan, variables = planned(graph, query)
        witness = [int(graph.numbers([Term(*next(iter(one["witness"][term.value].items())))])[0]) for term in variables]
        started = time.process_time()
        found = [len(joined(graph, by_relation, query)), *(len(joined(graph, by_relation, query.without(n)))
                 for n in range(len(query.clues)))]  # fmt: skip
        theirs.append(time.process_time() - started)
        started = time.process_time()
        prove(maker.solver, plan, witness, Demand(), "en", (query, variables))
        ours.append(time.process_time() - started)
        wanted = [1, *one["proof"]["without"]]
        same += all(b == -1 or min(a, 1000) == b for a, b in zip(found, wanted, strict=True))
    print(f"peer, pandas merges: {len(looked) / sum(theirs):.1f} proofs/s, ours {len(looked) / sum(ours):.0f} proofs/s on the same "
          f"{len(looked)} questions (one answer and clues needed; ours with shortcuts and names too); "
          f"figures agree on {same} of {len(looked)}")  # fmt: skip


def joined(graph: Any, by_relation: dict[int, Any], query: Query) -> Any:
    """The distinct answers of a query that is a tree, by merges from its leaves."""
    import pandas as pd

    from synth.graph.literals import bound_values
    from synth.search_qa.query import Bound, Fact

    def values(term: Term, came: Fact | None) -> Any:
        """The nodes that a variable can be, by the clues on this side of it; None: any."""
        held = None
        for clue in query.clues:
            if clue is came or term not in clue.terms:
                continue
            if isinstance(clue, Bound):
                low, high = bound_values(clue.kind, clue.low, clue.high)
                first, last = (
                    (graph.first_number, graph.first_date) if clue.kind == "number" else (graph.first_date, graph.size)
                )
                nodes = np.arange(first, last)
                found = pd.Series(nodes[(graph.low[nodes] >= low) & (graph.high[nodes] <= high)])
            else:
                pairs = pd.concat([by_relation[graph.relation_numbers[name]] for name in clue.relations])
                here, there = ("s", "o") if clue.subject == term else ("o", "s")
                other = clue.object if clue.subject == term else clue.subject
                near = values(other, clue) if other.is_variable else pd.Series([graph.index(other)])
                if near is not None:
                    pairs = pairs.merge(near.rename(there).to_frame(), on=there)
                found = pairs[here].drop_duplicates()
            held = found if held is None else found[found.isin(held)]
        return held

    answers = values(query.answer, None)
    return () if answers is None else answers.drop_duplicates()


# -- a synthetic graph -----------------------------------------------------------------------------------------------


def make(edges: int, folder: str) -> None:
    """Random edges between a fifth as many things; objects by a power law, so that some are hubs."""
    size = max(edges // 5, 10)

    def core(split: str, config: StageConfig) -> Any:
        draw = np.random.default_rng(int(split))
        count = min(100_000, edges - 100_000 * int(split))
        subjects, relations = draw.integers(0, size, count).tolist(), draw.integers(0, 50, count).tolist()
        objects = (size * draw.random(count) ** 3).astype(int).tolist()
        for one, relation, other in zip(subjects, relations, objects, strict=True):
            fact = f"Q{one + 1}", f"P{relation + 1}", f"Q{other + 1}"
            yield Edge(stable_id("edge", *fact, "node"), *fact, "node", "synthetic")

    stage = Stage(
        name="synthetic", version=1, help="", config=StageConfig, writes="Edge", engine="datatrove", core=core,
        splits=lambda config: [str(number) for number in range(-(-edges // 100_000))],
    )  # fmt: skip
    execute(stage, StageConfig(), {}, str(Path(folder) / "edges"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(int(sys.argv[2]), sys.argv[3])
    else:
        main()
