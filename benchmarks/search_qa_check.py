"""Search questions checked by a solver that shares no code with their generator: joins in DuckDB over the Parquet itself.

    python benchmarks/search_qa_check.py --questions runs/search_qa/questions --edges runs/search_qa/graph \\
        --nodes runs/search_qa/nodes

Of each row of evidence {"kind": "search-qa"} it checks: exactly one answer, the recorded one; without each clue more than
one, as many as are recorded; no way from a constant to the answer that is shorter than the query's own; no name of the
answer or of a hidden thing in the text; names of constants that stand in the text belong to one thing; the language; the
answer's text; the witness and its edges. Every row that fails is named; exit status 1 where one does.
Needs DuckDB (`pip install duckdb`). About 2 GB for a graph of a million edges.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

CHECKS = {
    "evidence": "evidence can be read",
    "unique": "one answer, the recorded one",
    "necessary": "every clue necessary, counts as recorded",
    "shortcut": "no shorter way to the answer",
    "names": "no hidden name in the text",
    "anchors": "names of constants mean one thing",
    "language": "worded in its language",
    "answer": "the answer's text names it",
    "witness": "the witness holds, edge by edge",
}


@dataclass
class Question:
    """A row, and what was found wrong with it."""

    id: str
    text: str
    answer: str | None
    evidence: dict[str, Any]
    faults: list[tuple[str, str]]

    @property
    def query(self) -> dict[str, Any]:
        query: dict[str, Any] = self.evidence["query"]
        return query


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", required=True, nargs="+", metavar="DATASET", help="Problem datasets")
    parser.add_argument(
        "--edges", required=True, nargs="+", metavar="DATASET", help="Edge datasets they were made from"
    )
    parser.add_argument(
        "--nodes", nargs="+", default=[], metavar="DATASET", help="Node datasets, where some were given"
    )
    parser.add_argument("--limit", type=int, help="check so many questions, the first by id")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of DuckDB  [all cores]")
    parser.add_argument("--memory", default="6GB", help="of DuckDB, at most  [6GB]; what is more goes to disk")
    parser.add_argument("--shown", type=int, default=50, help="failing rows to name, of each check  [50]; 0: all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    for dataset in (*given.questions, *given.edges, *given.nodes):
        if not (Path(dataset) / "manifest.json").is_file():
            parser.error(f"{dataset}: holds no manifest.json; name the folder of a finished dataset")
    found = check(given.questions, given.edges, given.nodes, given.limit, given.threads, given.memory)
    print(json.dumps(found, indent=1, ensure_ascii=False) if given.json else render(found, given.shown))
    raise SystemExit(0 if found["ok"] else 1)


def check(
    questions: Sequence[str], edges: Sequence[str], nodes: Sequence[str] = (), limit: int | None = None,
    threads: int = 2, memory: str = "6GB",
) -> dict[str, Any]:  # fmt: skip
    """{"ok", "questions", "skipped", "seconds", "checks": {check: failed}, "faults": [{"id", "check", "detail"}]}."""
    from search_qa_graph import Graph

    started = time.perf_counter()
    graph = Graph(edges, nodes, threads, memory)
    loaded = time.perf_counter()
    rows, others = read(graph, questions, limit)
    sound = [row for row in rows if not row.faults]
    for one in (_unique, _necessary, _shortcuts, _texts, _witnesses):
        one(graph, sound)
    failed = Counter(name for row in rows for name in {name for name, _ in row.faults})
    return {
        "ok": not failed and bool(rows), "questions": len(rows), "other_rows": others,
        "edges": graph.db.execute("SELECT count(*) FROM adj").fetchone()[0] // 2,
        "seconds": {"load": round(loaded - started, 1), "check": round(time.perf_counter() - loaded, 1)},
        "checks": {name: failed[name] for name in CHECKS},
        "faults": [{"id": row.id, "check": name, "detail": detail} for row in rows for name, detail in row.faults],
    }  # fmt: skip


def render(found: dict[str, Any], shown: int) -> str:
    """A table, and the rows that fail."""
    rows, seconds = found["questions"], found["seconds"]
    lines = [
        f"{rows:,} questions over {found['edges']:,} edges; loaded in {seconds['load']} s, checked in {seconds['check']} s",
        f"{'check':<10} {'held':>8} {'failed':>8}  share",
    ]
    for name, failed in found["checks"].items():
        held = rows - failed - (found["checks"]["evidence"] if name != "evidence" else 0)
        share = f"{100 * held / rows:.2f} %" if rows else "–"
        lines.append(f"{name:<10} {held:>8,} {failed:>8,}  {share:>9}  {CHECKS[name]}")
    if found["other_rows"]:
        lines.append(f"{found['other_rows']:,} rows are no search questions and were passed over")
    told: Counter[str] = Counter()
    for fault in found["faults"]:
        told[fault["check"]] += 1
        if not shown or told[fault["check"]] <= shown:
            lines.append(f"FAILED {fault['id']}  {fault['check']}: {fault['detail']}")
    lines += [f"FAILED {n - shown} more rows by {name}" for name, n in told.items() if shown and n > shown]
    if not rows:
        lines.append("FAILED there is no search question to check")
    return "\n".join(lines)


# -- rows ------------------------------------------------------------------------------------------------------


def read(graph: Any, datasets: Sequence[str], limit: int | None) -> tuple[list[Question], int]:
    """The questions in the order of their ids, and how many rows are none."""
    from search_qa_graph import parts

    files = [file for dataset in datasets for file in parts(dataset)]
    if not files:
        return [], 0
    statement = "SELECT id, prompt, answer, evidence FROM read_parquet(?) ORDER BY id"
    rows, others, seen = [], 0, set[str]()
    for row_id, text, answer, held in graph.db.execute(statement, [files]).fetchall():
        try:
            evidence = json.loads(held or "{}")
        except ValueError:
            evidence = None
        if isinstance(evidence, dict) and evidence.get("kind") != "search-qa":
            others += 1
            continue
        if limit is not None and len(rows) >= limit:
            break
        row = Question(row_id, text, answer, evidence or {}, [])
        if wrong := "is no JSON object" if evidence is None else _malformed(graph, evidence):
            row.faults.append(("evidence", wrong))
        if row_id in seen:
            row.faults.append(("evidence", "another row has this id"))
        seen.add(row_id)
        rows.append(row)
    return rows, others


def _malformed(graph: Any, evidence: dict[str, Any]) -> str | None:
    from search_qa_plan import facts_of, variables

    try:
        query, proof = evidence["query"], evidence["proof"]
        if not (isinstance(query["answer"], str) and query["clues"]):
            return "the query has no answer or no clues"
        if len(proof["without"]) != len(query["clues"]):
            return f"{len(proof['without'])} counts are recorded for {len(query['clues'])} clues"
        for clue in query["clues"]:
            if "variable" in clue:
                graph.interval(clue["kind"], clue["low"], clue["high"])
                continue
            for end in (clue["subject"], clue["object"]):
                if not isinstance(end, str):
                    ((kind, value),) = end.items()
                    if graph.term(end) is None:
                        return f"the graph has no edge of {kind} {value}"
            if not clue["relations"] or not set(clue["relations"]) <= graph.relations.keys():
                return f"the graph has no relation {', '.join(sorted(set(clue['relations']) - graph.relations.keys()))}"
        stated = set().union(*(variables(fact) for fact in facts_of(query)))
        if loose := ({query["answer"]} | set().union(*(variables(clue) for clue in query["clues"]))) - stated:
            return f"no fact names {', '.join(sorted(loose))}"
        if set(evidence["witness"]) != stated:
            return "the witness does not name the query's variables"
        if graph.term(evidence["answer"]) is None or None in map(graph.term, evidence["witness"].values()):
            return "the graph has no edge of the answer, or of a value of the witness"
        int(proof["cap"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


# -- proof -----------------------------------------------------------------------------------------------------


def _unique(graph: Any, rows: list[Question]) -> None:
    from search_qa_solver import count

    for row, (answers, first) in zip(rows, count(graph, [row.query for row in rows], 2), strict=True):
        recorded = graph.term(row.evidence["answer"])
        if answers != 1:
            row.faults.append(("unique", f"{answers} answers"))
        elif first != recorded:
            row.faults.append(("unique", f"the answer is {told(graph, first)}, {told(graph, recorded)} is recorded"))
        if row.evidence["proof"].get("answers") != 1:
            row.faults.append(("unique", f"{row.evidence['proof'].get('answers')} answers are recorded"))


def _necessary(graph: Any, rows: list[Question]) -> None:
    from search_qa_plan import facts_of, without
    from search_qa_solver import count

    asked: list[tuple[Question, int]] = [(row, place) for row in rows for place in range(len(row.query["clues"]))]
    queries = [without(row.query, place) for row, place in asked]
    enough = max((int(row.evidence["proof"]["cap"]) for row in rows), default=1000)
    for (row, place), query, (answers, _) in zip(asked, queries, count(graph, queries, enough), strict=True):
        recorded, cap = row.evidence["proof"]["without"][place], int(row.evidence["proof"]["cap"])
        if not facts_of(query):
            if recorded != -1:
                row.faults.append(
                    ("necessary", f"without clue {place} nothing is asked, {recorded} answers are recorded")
                )
        elif answers < 2:
            row.faults.append(("necessary", f"without clue {place} there is still one answer"))
        elif min(answers, cap) != recorded:
            row.faults.append(
                ("necessary", f"without clue {place} there are {answers} answers, {recorded} are recorded")
            )


def _shortcuts(graph: Any, rows: list[Question]) -> None:
    """Ways from each constant that is two facts or more away; a single edge counts whatever `hub_degree` is."""
    from search_qa_graph import distances

    wanted: dict[tuple[int, int | None], list[tuple[Question, int, int]]] = defaultdict(list)
    for row in rows:
        proof = row.evidence["proof"]
        hub = proof.get("hub_degree", row.evidence.get("hub_degree"))
        answer = graph.term(row.evidence["answer"])
        for constant, far in anchors(row.query).items():
            if far >= 2:
                wanted[far, hub].append((row, graph.term(dict([constant])), answer))
    for (far, hub), asked in sorted(wanted.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        found = distances(graph, [(anchor, answer) for _, anchor, answer in asked], far, hub)
        for row, anchor, answer in asked:
            shortest = found.get((anchor, answer))
            if shortest is not None:
                detail = f"{told(graph, anchor)} is {far} facts from the answer in the query, {shortest} in the graph"
                row.faults.append(("shortcut", detail))


def anchors(query: dict[str, Any]) -> dict[tuple[str, str], int]:
    """How many facts each constant is from the answer, by the shortest way in the query."""
    from search_qa_plan import facts_of

    far: dict[Any, int] = {query["answer"]: 0}
    edges = [[_vertex(fact["subject"]), _vertex(fact["object"])] for fact in facts_of(query)]
    distance = 0
    while any(far.get(end) == distance for ends in edges for end in ends):
        for ends in edges:
            if any(far.get(end) == distance for end in ends):
                for end in ends:
                    far.setdefault(end, distance + 1)
        distance += 1
    return {vertex: n for vertex, n in far.items() if isinstance(vertex, tuple)}


def _vertex(end: Any) -> Any:
    return end if isinstance(end, str) else next(iter(end.items()))


# -- texts -----------------------------------------------------------------------------------------------------


def _texts(graph: Any, rows: list[Question]) -> None:
    from search_qa_names import fold, foreign, names_of, stands

    owners: dict[str, set[str]] = defaultdict(set)
    for node, names in graph.names.items():
        for name in names:
            owners[fold(name)].add(node)
    for row in rows:
        query, evidence = row.query, row.evidence
        bounded = {clue["variable"] for clue in query["clues"] if "variable" in clue}
        for name, value in sorted(evidence["witness"].items()):
            if name in bounded and "node" not in value:
                continue  # the end of a range may be the value itself
            standing = [one for one in names_of(graph, value) if stands(one, row.text)]
            if standing:
                hidden = "the answer" if name == query["answer"] else name
                row.faults.append(("names", f"{standing[0]!r}, a name of {hidden}, stands in the text"))
        shown: list[str] = []
        for constant in anchors(query):
            if constant[0] == "node":
                standing = [one for one in names_of(graph, dict([constant])) if stands(one, row.text)]
                shown += standing
                carriers = [owners[fold(one)] - {graph.whole.get(constant[1], constant[1])} for one in standing]
                if standing and all(carriers):
                    other = sorted(carriers[0])[0]
                    row.faults.append(("anchors", f"{standing[0]!r} is a name of {other}, too"))
            elif constant[0] == "text":
                shown.append(constant[1])
        language = evidence.get("language")
        if wrong := foreign(row.text, str(language), shown):
            row.faults.append(("language", wrong))
        if row.answer not in names_of(graph, evidence["answer"]):
            row.faults.append(("answer", f"{row.answer!r} is no name of {told(graph, graph.term(evidence['answer']))}"))


# -- witness ---------------------------------------------------------------------------------------------------


def _witnesses(graph: Any, rows: list[Question]) -> None:
    from search_qa_plan import facts_of

    ids = {name for row in rows for name in row.evidence.get("edges", ())}
    graph.want(sorted(ids))
    edges: dict[str, set[tuple[int, str, int]]] = defaultdict(set)
    for name, s, p, kind, o in graph.db.execute(
        "SELECT e.id, e.s, e.p, e.kind, e.o FROM edge e JOIN wanted w ON w.id = e.id"
    ).fetchall():
        edges[name].add((graph.terms["node", s], p, graph.terms[kind, o]))
    bounds: set[tuple[int, str, int, int]] = set()
    for row in rows:
        evidence, query = row.evidence, row.query
        witness = {name: graph.term(value) for name, value in evidence["witness"].items()}
        fault = None
        if witness[query["answer"]] != graph.term(evidence["answer"]):
            fault = "the witness of what is asked for is not the answer"
        elif len(set(witness.values())) < len(witness):
            fault = "two variables have one witness"
        facts, named = facts_of(query), evidence.get("edges", [])
        if len(named) != len(facts):
            fault = fault or f"{len(named)} edges are named for {len(facts)} facts"
        for place, (fact, name) in enumerate(zip(facts, named, strict=False)):
            s, o = (
                witness[end] if isinstance(end, str) else graph.term(end) for end in (fact["subject"], fact["object"])
            )
            if not any(edge == (s, p, o) for edge in edges.get(name, ()) for p in fact["relations"] if edge[1] == p):
                fault = fault or f"edge {name} does not bear out fact {place}"
        for clue in query["clues"]:
            if "variable" in clue:
                bounds.add(
                    (witness[clue["variable"]], clue["kind"], *graph.interval(clue["kind"], clue["low"], clue["high"]))
                )
        if fault:
            row.faults.append(("witness", fault))
    values = {(x, kind): (lo, hi) for x, kind, lo, hi in graph.db.execute("SELECT x, kind, lo, hi FROM val").fetchall()}
    outside = {b for b in bounds if (v := values.get(b[:2])) is None or v[0] < b[2] or v[1] > b[3]}
    for row in rows if outside else ():
        for clue in row.query["clues"]:
            if "variable" in clue:
                value = graph.term(row.evidence["witness"][clue["variable"]])
                if (value, clue["kind"], *graph.interval(clue["kind"], clue["low"], clue["high"])) in outside:
                    row.faults.append(
                        ("witness", f"{told(graph, value)} is not within {clue['low']} to {clue['high']}")
                    )


def told(graph: Any, term: int | None) -> str:
    """A term, to be read."""
    if term is None:
        return "nothing"
    kind, value = graph.db.execute("SELECT kind, value FROM term WHERE x = ?", [term]).fetchone()
    names = sorted(graph.names.get(value, ())) if kind == "node" else []
    return f"{kind} {value}" + (f" ({names[0]})" if names and names[0] != value else "")


if __name__ == "__main__":
    main()
