"""Edges a second and peak memory of `build-graph` on one core, beside pandas, networkx and rdflib.

    python benchmarks/graph_build.py [--edges 1000000] [--rounds 3] [--only NAME …] [--nodes]

Made up: triples in columns, a quarter as many things as edges (a hub among them: things are drawn by a power law), 40
relations, one of them to years, 1 % duplicates, 0.1 % self-loops. Each contender reads the same file in a process of its
own, pinned to one core, all in turns; a time is the best round's, in CPU seconds, from the start of reading to the end of writing. Peak
memory is the process's own (ru_maxrss), less what it holds after its imports.

build-graph   the stage: kinds, duplicates, self-loops, contradictions, statistics, a ledger; edges with ids to Parquet
pandas        read_csv, without self-loops and duplicates, to Parquet: no ids, kinds, ledger, statistics or checks of names
networkx      into a MultiDiGraph, keyed by relation: nothing is written (left out beyond 2,000,000 edges)
rdflib        the same facts as N-Triples into its in-memory store, where it is installed (likewise left out)
build-nodes   with --nodes: nodes of what build-graph wrote
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

SMALL = 2_000_000  # edges up to which stores of Python objects are tried


def make(folder: Path, edges: int) -> None:
    """The triples, as TSV and (small ones) as N-Triples."""
    import numpy as np

    draw = np.random.default_rng(1)
    things = max(edges // 4, 10)
    with (
        open(folder / "g.tsv", "w", encoding="utf-8") as table,
        open(folder / "g.nt", "w", encoding="utf-8") as triples,
    ):
        for first in range(0, edges, 100_000):
            size = min(100_000, edges - first)
            subjects = draw.integers(0, things, size)
            objects = (things * draw.random(size) ** 3).astype(int)
            relations = draw.integers(0, 40, size)
            loops = draw.random(size) < 0.001
            again = draw.random(size) < 0.01
            last = ""
            for place in range(size):
                subject = f"Thing number {subjects[place]}"
                value = subject if loops[place] else f"Thing number {objects[place]}"
                if relations[place] == 0:
                    value = str(1800 + objects[place] % 220)
                line = f"{subject}\trelation {relations[place]}\t{value}\n"
                line = last if again[place] and last else line
                table.write(line)
                last = line
                if edges <= SMALL:
                    ends = [f"<http://x/{quote(part)}>" for part in line.rstrip("\n").split("\t")]
                    triples.write(" ".join(ends) + " .\n")


def build_graph(folder: Path) -> int:
    from arcmill.execute import execute
    from pipelines.catalogue import get_stage

    stage = get_stage("build-graph")
    made = execute(stage, stage.config(), {"input": [str(folder / "g.tsv")]}, str(folder / "graph"), force=True)
    return made.dataset.counts["in"]


def build_nodes(folder: Path) -> int:
    from arcmill.execute import execute
    from pipelines.catalogue import get_stage

    stage = get_stage("build-nodes")
    execute(stage, stage.config(), {"input": [str(folder / "graph")]}, str(folder / "nodes"), force=True)
    return json.loads((folder / "graph" / "manifest.json").read_text())["counts"]["kept"]


def with_pandas(folder: Path) -> int:
    import pandas

    names = ["subject", "relation", "object"]
    frame = pandas.read_csv(folder / "g.tsv", sep="\t", names=names, dtype=str, quoting=3, keep_default_na=False)
    read = len(frame)
    frame = frame[frame["subject"] != frame["object"]].drop_duplicates()
    frame.to_parquet(folder / "pandas.parquet", compression="zstd")
    return read


def with_networkx(folder: Path) -> int:
    import networkx

    graph = networkx.MultiDiGraph()
    read = 0
    with open(folder / "g.tsv", encoding="utf-8") as file:
        for line in file:
            read += 1
            subject, relation, value = line.rstrip("\n").split("\t")
            if subject != value:
                graph.add_edge(subject, value, relation)
    return read


def with_rdflib(folder: Path) -> int:
    import rdflib

    graph = rdflib.Graph()
    graph.parse(str(folder / "g.nt"), format="nt")
    return sum(1 for _ in open(folder / "g.nt", encoding="utf-8"))


CONTENDERS: dict[str, tuple[Callable[[Path], int], str]] = {
    "build-graph": (build_graph, "pipelines.catalogue, arcmill.execute, synth.graph.assemble, arcmill.engines.datatrove, pyarrow.parquet"),
    "pandas": (with_pandas, "pandas, pyarrow.parquet"),
    "networkx": (with_networkx, "networkx"),
    "rdflib": (with_rdflib, "rdflib, rdflib.plugins.parsers.ntriples"),
    "build-nodes": (build_nodes, "pipelines.catalogue, arcmill.execute, synth.graph.node_rows, arcmill.engines.datatrove, pyarrow.parquet"),
}  # fmt: skip


def measure(name: str, folder: Path) -> None:
    """In a process of its own: one run, told as JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run, modules = CONTENDERS[name]
    for module in modules.split(", "):
        __import__(module)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, used = time.perf_counter(), time.process_time()
    edges = run(folder)
    facts = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used, "edges": edges}
    facts["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    print(json.dumps(facts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=1_000_000, help="edges of the made-up graph")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns; the best counts")
    parser.add_argument("--only", nargs="*", default=[], choices=CONTENDERS, help="contenders to run")
    parser.add_argument("--nodes", action="store_true", help="measure build-nodes too")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    names = options.only or [name for name in CONTENDERS if name != "build-nodes" or options.nodes]
    if options.edges > SMALL:
        names = [name for name in names if name not in ("networkx", "rdflib")]
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), options.edges)
        for _ in range(options.rounds):
            for name in names:
                command = [sys.executable, __file__, "--measure", name, folder]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    print(f"{name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                    continue
                facts = json.loads(done.stdout.splitlines()[-1])
                if name not in best or facts["cpu"] < best[name]["cpu"]:
                    best[name] = facts
    print(f"{options.edges:,} edges; CPU seconds on one core")
    for name, facts in best.items():
        rate = facts["edges"] / facts["cpu"]
        told = f"{facts['cpu']:8.1f} s  {rate:12,.0f} edges/s  {facts['memory'] / 1e6:10,.0f} MB"
        print(f"{name:12} {told}  {facts['memory'] / facts['edges']:6.0f} bytes an edge")


if __name__ == "__main__":
    main()
