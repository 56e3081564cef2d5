"""concat-repo: how many imports find their target earlier, beside other orders; and how fast imports are read.

    python benchmarks/concat_repo.py --trees TREES/go TREES/rust … --peer PYTHON

Repositories are the folders in each `--trees` folder (unpacked sdists, npm packages, Debian source packages), and the
installed distributions named by `--distributions`, which any machine has. Orders: random; by path; data-prep-kit's
`repo_level_order`, which a Python of its own runs (`--peer`: pip install --no-deps data-prep-toolkit-transforms
emerge-viz, and what those import); its rule of order on our graph, reimplemented here; ours. The imports are ours for all;
`grimp`, where it is installed, is a second opinion on which imports a Python package has.

Speed: reading imports beside a plain loop of tree-sitter (parse, and the same query) over the same files, in turns, on
one core. Processor time.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx

from arcmill.syntax import parse, parser
from sequences.repository.contexts import contexts, ordered, shares
from sequences.repository.extract import facts
from sequences.repository.graph import Graph, build
from sequences.repository.languages import FAMILIES, MANIFESTS, File, family, grammar_of
from sequences.repository.order import components
from sequences.repository.roles import is_test
from sequences.repository.stage import ConcatRepo

TURN = 100  # files that one side reads before it is the other's turn
DEFAULT = "click,networkx,numpy,sympy,pydantic,pip,datatrove,spacy,requests,rich,attrs,pandas,fsspec,yaml,torch"
PEER = """
import importlib.util, json, logging, sys, time, types
# The package's own __init__ imports a Ray runtime, which the order does not need.
package = types.ModuleType("dpk_repo_level_order")
package.__path__ = list(importlib.util.find_spec("dpk_repo_level_order").submodule_search_locations)
sys.modules["dpk_repo_level_order"] = package
logging.disable(logging.CRITICAL)
import pandas
from dpk_repo_level_order.internal.sorting.semantic_ordering.sort_by_semantic_dep import sort_sem
rows = json.load(sys.stdin)
started = time.process_time()
found = sort_sem(pandas.DataFrame(rows), logging.getLogger("peer"))
json.dump([found["new_title"].tolist(), time.process_time() - started], open(sys.argv[1], "w"))
"""


class Repository(NamedTuple):
    label: str
    name: str
    texts: dict[str, str]  # path: text


def read_tree(label: str, root: Path, largest: int) -> Repository:
    texts = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        known = grammar_of(name, None) is not None or path.name in MANIFESTS
        if known and path.is_file() and not path.is_symlink() and path.stat().st_size <= largest:
            data = path.read_bytes()
            if b"\0" not in data:
                texts[name] = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return Repository(label, root.name, texts)


def installed(globs: Sequence[str], largest: int) -> Iterator[Repository]:
    for item in sorted(distributions(), key=lambda item: item.metadata["Name"].lower()):
        name = item.metadata["Name"].lower()
        if not any(fnmatch.fnmatch(name, glob) for glob in globs):
            continue
        texts = {}
        for file in item.files or ():
            path = Path(str(item.locate_file(file)))
            inside = ".." not in file.parts and grammar_of(file.as_posix(), None) is not None
            if inside and path.is_file() and path.stat().st_size <= largest:
                texts[file.as_posix()] = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
        if texts:
            yield Repository("python (installed)", name, texts)


def planned(repository: Repository) -> tuple[list[File], Graph]:
    files = []
    for path in sorted(repository.texts):
        text = repository.texts[path]
        found = facts(path, None, text, 1 << 20)
        tokens = round(len(text.encode()) / 3.5)
        files.append(File(path, found.family, found.imports, found.declares, tokens, is_test(path), path))
    return files, build(files, repository.name)


def circles(graph: Graph) -> dict[int, int]:
    return {node: number for number, unit in enumerate(components(graph)) for node in unit}


def peers_rule(files: Sequence[File], graph: Graph) -> list[int]:
    """data-prep-kit's rule: circles lose an import each until none is left; then the connected pieces, the largest first."""
    found = nx.DiGraph()
    found.add_nodes_from(range(len(files)))
    for node in range(graph.files):
        found.add_edges_from((target, node) for target in graph.imported(node))
    while True:
        try:
            edge = nx.find_cycle(found, orientation="original")[0]
        except nx.NetworkXNoCycle:
            break
        found.remove_edge(edge[0], edge[1])
    pieces = sorted((sorted(piece) for piece in nx.weakly_connected_components(found)), key=lambda p: (-len(p), p))
    alone = [node for piece in pieces if len(piece) == 1 for node in piece]
    rest = [node for p in pieces if len(p) > 1 for node in nx.lexicographical_topological_sort(found.subgraph(p))]
    return rest + alone


def peers_order(python: str, repository: Repository, files: Sequence[File], scratch: Path) -> tuple[list[int], float]:
    rows = [
        {"new_title": file.path, "contents": repository.texts[file.path], "ext": "." + file.path.rpartition(".")[2],
         "language": {"tsx": "typescript"}.get(file.family or "", file.family or "none"), "repo_name": f"a/{repository.name}"}
        for file in files
    ]  # fmt: skip
    answer = scratch / "order.json"
    subprocess.run(
        [python, "-c", PEER, str(answer)], input=json.dumps(rows).encode(), check=True, capture_output=True, timeout=900
    )  # fmt: skip
    order, seconds = json.loads(answer.read_text())
    numbers = {file.path: number for number, file in enumerate(files)}
    return [numbers[path] for path in order], seconds


def orders(repository: Repository, options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    files, graph = planned(repository)
    circle = circles(graph)
    count = len(files)
    by_chance = list(range(count))
    random.Random(0).shuffle(by_chance)
    budget = ConcatRepo(budget_tokens=options.budget)
    started = time.process_time()
    made = contexts(repository.name, files, [], budget)
    seconds = time.process_time() - started
    numbers = {file.path: number for number, file in enumerate(files)}
    cut = [numbers[piece.path] for context in made.made for piece in context.pieces if isinstance(piece, File)]
    runs, _ = ordered(files, graph, [file.tokens for file in files], 1 << 60)
    found = {
        "random": by_chance, "path": list(range(count)), "ours": [node for run in runs for node in run], "ours, cut": cut,
    }  # fmt: skip
    if count <= options.peer_files:
        found["its rule, our graph"] = peers_rule(files, graph)
    took = None
    if options.peer and 1 < count <= options.peer_files:
        try:
            found["data-prep-kit"], took = peers_order(options.peer, repository, files, scratch)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"  data-prep-kit failed on {repository.name}: {str(error)[-200:]}", file=sys.stderr)
    result: dict[str, Any] = {"files": count, "seconds": seconds, "peer_seconds": took, "contexts": len(made.made)}
    for name, order in found.items():
        result[name] = shares(graph, {node: place for place, node in enumerate(order)}, circle)
    result["circles"] = max((list(circle.values()).count(unit) for unit in set(circle.values())), default=0)
    return result


def speed(repositories: Sequence[Repository], seconds_cap: float) -> dict[str, tuple[int, float, float]]:
    """Grammar -> files, processor seconds of the plain loop, and of `facts`."""
    from tree_sitter import Query, QueryCursor

    by_grammar: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for repository in repositories:
        for path, text in repository.texts.items():
            grammar = grammar_of(path, None)
            if grammar and path.rpartition("/")[2] not in MANIFESTS:
                by_grammar[grammar].append((path, text))
    found = {}
    for grammar, pairs in sorted(by_grammar.items()):
        random.Random(0).shuffle(pairs)
        loaded = parser(grammar)
        assert loaded is not None and loaded.language is not None
        query = QueryCursor(Query(loaded.language, family(FAMILIES[grammar])._QUERY))
        facts(*pairs[0][:1], None, pairs[0][1], 1 << 20)
        plain = ours = 0.0
        done = 0
        for start in range(0, len(pairs), TURN):
            turn = pairs[start : start + TURN]
            for side in ((0, 1), (1, 0))[start // TURN % 2]:
                began = time.process_time()
                for path, text in turn:
                    if side:
                        facts(path, None, text, 1 << 20)
                    else:
                        tree = parse(text.encode("utf-8"), grammar)
                        assert tree is not None
                        query.captures(tree.root_node)
                spent = time.process_time() - began
                plain, ours = plain + spent * (not side), ours + spent * side
            done += len(turn)
            if plain + ours > seconds_cap:
                break
        found[grammar] = (done, plain, ours)
    return found


def second_opinion(repositories: Sequence[Repository]) -> None:
    """Our imports of Python packages beside grimp's."""
    try:
        import grimp
    except ImportError:
        print("\ngrimp is not installed: no second opinion on the imports of Python packages")
        return
    print(
        "\n| package | imports by grimp | also ours | ours | also grimp's | by grimp outside circles | target first |"
    )
    print("|---|---|---|---|---|---|---|")
    totals = [0, 0, 0, 0, 0]
    for repository in repositories:
        if repository.label != "python (installed)":
            continue
        files, graph = planned(repository)
        for top in sorted({path.split("/")[0] for path in repository.texts if path.endswith("/__init__.py")}):
            if f"{top}/__init__.py" not in repository.texts:
                continue
            try:
                theirs = grimp.build_graph(top, cache_dir=None)
            except Exception as error:  # such as a file that is no Python
                print(f"  grimp failed on {top}: {error}", file=sys.stderr)
                continue
            modules = {
                file.path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): n
                for n, file in enumerate(files) if file.path.startswith(f"{top}/") and file.path.endswith(".py")
            }  # fmt: skip
            one = {
                (modules[m], modules[i]) for m in theirs.modules if m in modules
                for i in theirs.find_modules_directly_imported_by(m) if i in modules and i != m
            }  # fmt: skip
            held = set(modules.values())
            other = {(m, i) for m in held for i in graph.imported(m) if i in held}
            both = len(one & other)
            runs, _ = ordered(files, graph, [file.tokens for file in files], 1 << 60)
            place = {node: number for number, node in enumerate(node for run in runs for node in run)}
            apart = nx.DiGraph(sorted(one))
            circle = {node: n for n, nodes in enumerate(nx.strongly_connected_components(apart)) for node in nodes}
            outside = [(m, i) for m, i in one if circle[m] != circle[i]]
            first = sum(place[i] < place[m] for m, i in outside)
            found = [len(one), both, len(other), len(outside), first]
            totals = [total + more for total, more in zip(totals, found, strict=True)]
            print(_opinion(top, found))
    print(_opinion("all", totals))


def _opinion(name: str, found: Sequence[int]) -> str:
    one, both, other, outside, first = found
    shares = [f"{part / whole:.4f}" if whole else "" for part, whole in ((both, one), (both, other), (first, outside))]
    return f"| {name} | {one} | {shares[0]} | {other} | {shares[1]} | {outside} | {shares[2]} |"


def main() -> None:
    options = arguments()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    repositories = list(installed(options.distributions.split(","), options.largest))
    for tree in options.trees:
        repositories += [
            read_tree(tree.name, root, options.largest) for root in sorted(tree.iterdir()) if root.is_dir()
        ]
    print("| repositories | files/s plain tree-sitter | files/s imports read | ratio | files |\n|---|---|---|---|---|")
    for grammar, (count, plain, ours) in speed(repositories, options.seconds).items():
        print(f"| {grammar} | {count / plain:.0f} | {count / ours:.0f} | {plain / ours:.2f} | {count} |", flush=True)
    columns = ("random", "path", "data-prep-kit", "its rule, our graph", "ours", "ours, cut")
    print(
        "\nShare of imports between files of a repository, circles left out, whose target comes first (in brackets: all).\n"
    )
    print(f"| | files | imports | in circles | {' | '.join(columns)} | planned, files/s | data-prep-kit, files/s |")
    print("|" + "---|" * (len(columns) + 6))
    totals: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for repository in repositories:
        with tempfile.TemporaryDirectory() as scratch:  # for the peer's answer
            result = orders(repository, options, Path(scratch))
        totals[repository.label].append(result)
        print(row(repository.name, [result], columns), flush=True)
    for label, results in totals.items():
        print(row(f"**{label}**", results, columns))
    print(row("**all**", [result for results in totals.values() for result in results], columns))
    second_opinion(repositories)


def row(name: str, results: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    files = sum(result["files"] for result in results)
    whole = [sum(result["ours"][n] for result in results) for n in range(4)]
    cells = []
    for column in columns:
        known = [result[column] for result in results if column in result]
        imports, first, inside, inside_first = (sum(one[n] for one in known) for n in range(4))
        outside = imports - inside
        part = "" if len(known) == len(results) else f" of {len(known)}"
        cells.append(f"{(first - inside_first) / outside:.3f} ({first / imports:.3f}){part}" if outside else "")
    ours = sum(result["seconds"] for result in results)
    asked = [result for result in results if result["peer_seconds"] is not None]
    theirs = sum(result["peer_seconds"] for result in asked)
    rate = f"{sum(result['files'] for result in asked) / theirs:.0f}" if theirs else ""
    return (
        f"| {name} | {files} | {whole[0]} | {whole[2]} | {' | '.join(cells)} | {files / max(ours, 1e-9):.0f} | {rate} |"
    )


def arguments() -> argparse.Namespace:
    parsed = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsed.add_argument("--trees", nargs="*", type=Path, default=[], help="folders of repositories; labelled by name")
    parsed.add_argument("--distributions", default=DEFAULT, help="globs of installed distributions, with commas")
    parsed.add_argument("--peer", help="Python that has data-prep-kit's package")
    parsed.add_argument("--peer-files", type=int, default=300, help="largest repository that the peer gets; files")
    parsed.add_argument("--budget", type=int, default=32_000, help="tokens of a context")
    parsed.add_argument("--largest", type=int, default=1 << 20, help="largest file; bytes")
    parsed.add_argument("--seconds", type=float, default=20.0, help="processor seconds a grammar, for the speed")
    parsed.add_argument("--core", type=int, help="core to stay on")
    return parsed.parse_args()


if __name__ == "__main__":
    main()
