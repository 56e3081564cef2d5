"""Answers of formal queries over a knowledge graph, many at once, in DuckDB: for `search_qa_check.py`.

It shares no code with the package: it reads Parquet and JSON alone. A query that is a tree is solved by semi-joins from its
constants towards what is asked for, a query with a circle as one tree for each value of a variable on the circle. Steps
of all queries that can be taken at one time are one SQL statement.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

NAMING = ("label", "alias", "description", "redirect")
_DATE = re.compile(r"([+-]?\d{1,9})(?:-(\d\d))?(?:-(\d\d))?\Z")
_FEW = 4000  # candidates that are tried before all of them, where a query names no constant
_BATCH = 1500  # queries solved together
Query = dict[str, Any]


def parts(dataset: str) -> list[str]:
    """The Parquet files of rows that a dataset's manifest lists."""
    folder = Path(dataset)
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    return [str(folder / file["path"]) for file in listed if "/" not in file["path"] and file["rows"]]


class Graph:
    """Terms and edges as integers in DuckDB. `adj` holds each edge both ways: rd is 2 * relation, + 1 against its direction."""

    def __init__(self, edges: Sequence[str], nodes: Sequence[str], threads: int, memory: str) -> None:
        import duckdb

        self.db = duckdb.connect(":memory:", config={"threads": threads, "memory_limit": memory})
        self.db.execute("SET preserve_insertion_order = false")
        run = self.db.execute
        edge_files = [file for dataset in edges for file in parts(dataset)]
        node_files = [file for dataset in nodes for file in parts(dataset)]
        columns = "id, subject, relation, object, kind"
        if edge_files:
            run(f"CREATE TABLE raw AS SELECT {columns} FROM read_parquet(?)", [edge_files])
        else:
            run("CREATE TABLE raw (id VARCHAR, subject VARCHAR, relation VARCHAR, object VARCHAR, kind VARCHAR)")
        if node_files:
            run("CREATE TABLE node AS SELECT id, name, labels, aliases, members FROM read_parquet(?)", [node_files])
        else:
            run(
                "CREATE TABLE node (id VARCHAR, name VARCHAR, labels MAP(VARCHAR, VARCHAR), aliases VARCHAR[], members VARCHAR[])"
            )
        self._stand_for()
        naming = ", ".join(f"'{name}'" for name in NAMING)
        run(
            "CREATE TABLE edge AS SELECT r.id, coalesce(s.whole, r.subject) AS s, coalesce(p.whole, r.relation) AS p, r.kind,"
            " CASE WHEN r.kind = 'node' THEN coalesce(o.whole, r.object) ELSE r.object END AS o"
            " FROM raw r LEFT JOIN whole s ON s.part = r.subject LEFT JOIN whole o ON o.part = r.object"
            " LEFT JOIN whole p ON p.part = r.relation"
            f" WHERE r.relation NOT IN ({naming})"
        )
        # An edge of a thing to itself says nothing of others, and is no edge of the graph.
        run("DELETE FROM edge WHERE kind = 'node' AND s = o")
        run(
            "CREATE TABLE term AS SELECT (row_number() OVER (ORDER BY kind, value))::INT AS x, kind, value FROM"
            " (SELECT 'node' AS kind, s AS value FROM edge UNION SELECT kind, o FROM edge)"
        )
        run(
            "CREATE TABLE relation AS SELECT (row_number() OVER (ORDER BY p))::INT AS p, p AS name FROM (SELECT DISTINCT p FROM edge)"
        )
        run(
            "CREATE TABLE adj AS WITH whole_edge AS (SELECT DISTINCT r.p, s.x AS s, o.x AS o FROM edge e"
            " JOIN relation r ON r.name = e.p JOIN term s ON s.kind = 'node' AND s.value = e.s"
            " JOIN term o ON o.kind = e.kind AND o.value = e.o)"
            " SELECT 2 * p AS rd, s AS a, o AS b FROM whole_edge UNION ALL SELECT 2 * p + 1, o, s FROM whole_edge ORDER BY 1, 2"
        )
        run("CREATE TABLE deg AS SELECT rd, a, count(*) AS n FROM adj GROUP BY ALL")
        run(
            "CREATE TABLE ends AS SELECT rd, a, row_number() OVER (PARTITION BY rd ORDER BY hash(a), a) AS place FROM deg"
        )
        run("CREATE TABLE near AS SELECT DISTINCT a, b FROM adj WHERE a <> b ORDER BY a")
        # An edge counts once for each of its ends, as it does for whoever walks over it.
        run("CREATE TABLE degree AS SELECT a, count(*) AS n FROM adj GROUP BY a")
        self.terms: dict[tuple[str, str], int] = {
            (kind, value): x for x, kind, value in run("SELECT x, kind, value FROM term").fetchall()
        }
        self.relations: dict[str, int] = dict(run("SELECT name, p FROM relation").fetchall())
        self._values()
        self._names()

    def _stand_for(self) -> None:
        """`whole`: the id in whose place others are read, by redirects and by members, followed to the end."""
        to: dict[str, str] = {}
        for part, whole in self.db.execute(
            "SELECT subject, object FROM raw WHERE relation = 'redirect' ORDER BY ALL"
        ).fetchall():
            to.setdefault(part, whole)
        members = self.db.execute("SELECT unnest(members), id FROM node ORDER BY ALL").fetchall()
        to.update({part: whole for part, whole in members if part != whole})
        self.whole: dict[str, str] = {}
        for part in to:
            seen, end = {part}, to[part]
            while end in to and end not in seen:
                seen.add(end)
                end = to[end]
            self.whole[part] = end
        self.db.execute("CREATE TABLE whole (part VARCHAR, whole VARCHAR)")
        self.fill("whole", ["part", "whole"], list(self.whole.items()))

    def fill(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        import pyarrow as pa

        if rows:
            held = pa.table(dict(zip(columns, (pa.array(column) for column in zip(*rows, strict=True)), strict=True)))
            self.db.register("given", held)
            self.db.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM given")
            self.db.unregister("given")

    def want(self, ids: Sequence[str]) -> None:
        """A table `wanted` of ids, to join with."""
        self.db.execute("CREATE OR REPLACE TABLE wanted (id VARCHAR)")
        self.fill("wanted", ["id"], [(name,) for name in ids])

    def _values(self) -> None:
        """`val`: a number's place in the order of all numbers; the first and the last day that a date may mean."""
        numbers: dict[int, Decimal] = {}
        days: list[tuple[int, str, int, int]] = []
        for (kind, value), x in self.terms.items():
            if kind == "number" and (number := as_number(value)) is not None:
                numbers[x] = number
            elif kind == "date" and (span := as_days(value)) is not None:
                days.append((x, "date", *span))
        self.numbers = sorted(set(numbers.values()))
        place = {number: at for at, number in enumerate(self.numbers)}
        self.db.execute("CREATE TABLE val (x INT, kind VARCHAR, lo BIGINT, hi BIGINT)")
        rows = [(x, "number", place[number], place[number]) for x, number in numbers.items()]
        self.fill("val", ["x", "kind", "lo", "hi"], [*rows, *days])

    def _names(self) -> None:
        """Every name of a node, of all its members: labels and aliases of edges and of nodes."""
        self.names: dict[str, set[str]] = defaultdict(set)
        said = "SELECT subject, object FROM raw WHERE relation IN ('label', 'alias') AND kind = 'text'"
        listed = (
            "SELECT id, name FROM node UNION SELECT id, unnest(map_values(labels)) FROM node"
            " UNION SELECT id, unnest(aliases) FROM node"
        )
        for statement in (said, listed):
            for node, name in self.db.execute(statement).fetchall():
                if name:
                    self.names[self.whole.get(node, node)].add(name)

    def term(self, constant: dict[str, str]) -> int | None:
        """The number of a constant; None where the graph has no edge of it."""
        ((kind, value),) = constant.items()
        return self.terms.get((kind, self.whole.get(value, value) if kind == "node" else value))

    def interval(self, kind: str, low: str | None, high: str | None) -> tuple[int, int]:
        """The values of `val` that a bound lets through, both ends included."""
        from bisect import bisect_left, bisect_right

        if kind == "number":
            ends = [None if text is None else as_number(text) for text in (low, high)]
            if (low is not None and ends[0] is None) or (high is not None and ends[1] is None):
                raise ValueError(f"a bound of numbers has the end {low!r} or {high!r}")
            first = 0 if ends[0] is None else bisect_left(self.numbers, ends[0])
            last = len(self.numbers) if ends[1] is None else bisect_right(self.numbers, ends[1]) - 1
            return first, last
        spans = [None if text is None else as_days(text) for text in (low, high)]
        if (low is not None and spans[0] is None) or (high is not None and spans[1] is None):
            raise ValueError(f"a bound of dates has the end {low!r} or {high!r}")
        return -(1 << 60) if spans[0] is None else spans[0][0], (1 << 60) if spans[1] is None else spans[1][1]


def as_number(text: str) -> Decimal | None:
    """A decimal number, or None."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def as_days(text: str) -> tuple[int, int] | None:
    """The first and the last day of a date that is written as a year, a month or a day; year * 10,000 + month * 100 + day."""
    found = _DATE.match(text.strip())
    if not found:
        return None
    year, month, day = int(found[1]), found[2], found[3]
    first = year * 10_000 + int(month or 1) * 100 + int(day or 1)
    return first, year * 10_000 + int(month or 12) * 100 + int(day or 31)


# -- queries ---------------------------------------------------------------------------------------------------


def facts_of(query: Query) -> list[dict[str, Any]]:
    """The clues of a query that are edges."""
    return [clue for clue in query["clues"] if "variable" not in clue]


def without(query: Query, number: int) -> Query:
    """The query that lacks a clue, and all that then hangs on nothing."""
    left = [clue for place, clue in enumerate(query["clues"]) if place != number]
    reached = {query["answer"]}
    for _ in left:
        for clue in left:
            held = variables(clue)
            if reached & held:
                reached |= held
    return {"answer": query["answer"], "clues": [clue for clue in left if reached & variables(clue)]}


def variables(clue: dict[str, Any]) -> set[str]:
    """The names of the variables in a clue."""
    ends = [clue["variable"]] if "variable" in clue else [clue["subject"], clue["object"]]
    return {end for end in ends if isinstance(end, str)}


def key_of(query: Query) -> str:
    """The same for queries that differ in nothing but the names of their variables, in the order of their clues."""
    names: dict[str, str] = {query["answer"]: "?"}

    def told(end: Any) -> Any:
        return names.setdefault(end, f"?{len(names)}") if isinstance(end, str) else end

    made = []
    for clue in query["clues"]:
        if "variable" in clue:
            made.append([told(clue["variable"]), clue["kind"], clue["low"], clue["high"]])
        else:
            made.append([told(clue["subject"]), sorted(clue["relations"]), told(clue["object"])])
    return json.dumps(made, sort_keys=True)


class NotATree(Exception):
    """More circles than one variable lies on: such a query is solved by a plain join."""


@dataclass
class _Plan:
    """What is done for one query: slots are sets of (value of the variable on the circle, value)."""

    steps: list[tuple[Any, ...]] = field(default_factory=list)  # (level, new, source, previous, rds)
    bases: list[tuple[int, int]] = field(default_factory=list)  # (slot, constant)
    cuts: list[int] = field(default_factory=list)  # slots that hold the value of the variable on the circle
    alls: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # slots that hold every subject of a relation
    bounds: list[tuple[int, str, int, int]] = field(default_factory=list)
    level: dict[int, int] = field(default_factory=dict)
    root: int = -1


class _Planner:
    """Turns a query into steps. A vertex is a variable, or one place of a constant or of the variable that is cut."""

    def __init__(self, graph: Graph, query: Query, first: int, cut: str | None, root: str) -> None:
        self.graph, self.plan, self.next = graph, _Plan(), first
        self.bound: dict[Any, list[tuple[str, int, int]]] = defaultdict(list)
        for clue in query["clues"]:
            if "variable" in clue:
                span = graph.interval(clue["kind"], clue["low"], clue["high"])
                self.bound[clue["variable"]].append((clue["kind"], *span))
        self.around: dict[Any, list[tuple[Any, tuple[int, ...]]]] = defaultdict(list)
        self.constant: dict[Any, int] = {}
        self.cut: set[Any] = set() if cut is None else {cut}
        self.known = True
        joined = _Joined()
        facts = sorted(
            facts_of(query), key=lambda fact: cut is not None and cut in variables(fact)
        )  # those of the cut last
        for number, fact in enumerate(facts):
            ends: list[Any] = []
            for side in ("subject", "object"):
                end = fact[side]
                if isinstance(end, dict):
                    place = (number, side)
                    term = graph.term(end)
                    self.known &= term is not None
                    self.constant[place] = term or 0
                    end = place
                ends.append(end)
            a, b = ends
            if not joined.join(a, b):
                if cut is None or cut not in (a, b):
                    raise NotATree
                place = (number, "cut")  # one more place of the variable on the circle
                self.cut.add(place)
                a, b = (place, b) if a == cut else (a, place)
                joined.join(a, b)
            codes = [graph.relations[name] for name in fact["relations"] if name in graph.relations]
            self.known &= bool(codes)
            self.around[a].append((b, tuple(2 * code for code in codes)))
            self.around[b].append((a, tuple(2 * code + 1 for code in codes)))
        self.root = root
        self.told: dict[Any, bool] = {}
        self._mark(root, None)

    def _mark(self, vertex: Any, parent: Any) -> bool:
        """Whether a constant (or the cut) stands at or below a vertex."""
        below = [self._mark(other, vertex) for other, _ in self.around[vertex] if other != parent]
        self.told[vertex] = vertex in self.constant or vertex in self.cut or any(below)
        return self.told[vertex]

    def build(self) -> _Plan:
        """The steps. An unknown constant or relation leaves the root without a base, so without answers."""
        if not self.known:
            self.plan.root = self._slot(0)
            return self.plan
        if not self.told[self.root]:
            start = self._slot(0, self.root)
            self.plan.alls.append((start, self.around[self.root][0][1]))
            self.plan.root = self._below(self.root, None, start)
        else:
            self.plan.root = self._up(self.root, None)
        return self.plan

    def _slot(self, level: int, vertex: Any = None) -> int:
        slot, self.next = self.next, self.next + 1
        self.plan.level[slot] = level
        self.plan.bounds += [(slot, *span) for span in self.bound.get(vertex, ())]
        return slot

    def _step(self, source: int, rds: tuple[int, ...], previous: int | None, vertex: Any) -> int:
        level = 1 + max(self.plan.level[source], self.plan.level[previous] if previous is not None else 0)
        new = self._slot(level, vertex if previous is None else None)
        self.plan.steps.append((level, new, source, previous, rds))
        return new

    def _up(self, vertex: Any, parent: Any) -> int:
        current: int | None = None
        if vertex in self.constant:
            current = self._slot(0, vertex)
            self.plan.bases.append((current, self.constant[vertex]))
        elif vertex in self.cut:
            current = self._slot(0, vertex)
            self.plan.cuts.append(current)
        for other, rds in self.around[vertex]:
            if other != parent and self.told[other]:
                current = self._step(self._up(other, vertex), tuple(rd ^ 1 for rd in rds), current, vertex)
        assert current is not None
        return self._below(vertex, parent, current)

    def _below(self, vertex: Any, parent: Any, current: int) -> int:
        """What is left of a vertex's values where those below it that no constant holds must have some value, too."""
        for other, rds in self.around[vertex]:
            if other != parent and not self.told[other]:
                reached = self._below(other, vertex, self._step(current, rds, None, other))
                current = self._step(reached, tuple(rd ^ 1 for rd in rds), current, vertex)
        return current


class _Joined:
    """Which vertices are connected already."""

    def __init__(self) -> None:
        self.parent: dict[Any, Any] = {}

    def _end(self, vertex: Any) -> Any:
        while self.parent.setdefault(vertex, vertex) != vertex:
            vertex = self.parent[vertex]
        return vertex

    def join(self, a: Any, b: Any) -> bool:
        """False where they were connected before."""
        a, b = self._end(a), self._end(b)
        self.parent[a] = b
        return bool(a != b)


def _cuts(query: Query) -> list[str | None]:
    """Variables to cut a query at, the nearest to a constant first; [None] for a tree."""
    between = [fact for fact in facts_of(query) if len(variables(fact)) == 2 or not _constants(fact)]
    joined = _Joined()
    if all(joined.join(fact["subject"], fact["object"]) for fact in between):
        return [None]
    far = {name: 0 for fact in facts_of(query) if _constants(fact) for name in variables(fact)}
    for distance in range(1, len(between) + 1):
        for fact in between:
            if any(far.get(name, distance) < distance for name in variables(fact)):
                for name in variables(fact):
                    far.setdefault(name, distance)
    names = sorted(set().union(*(variables(fact) for fact in between)))
    return sorted(names, key=lambda name: (far.get(name, 99), name))


def _constants(fact: dict[str, Any]) -> bool:
    return isinstance(fact["subject"], dict) or isinstance(fact["object"], dict)


def _loosened(query: Query, cut: str) -> Query:
    """A tree of the query's clues that spans it: what it lets through for the cut holds all that the query does."""
    joined, clues = _Joined(), []
    for clue in query["clues"]:
        ends = sorted(variables(clue))
        if "variable" in clue or _constants(clue) or (len(ends) == 2 and joined.join(*ends)):
            clues.append(clue)
    return {"answer": cut, "clues": clues}


def _plan(graph: Graph, query: Query, first: int) -> tuple[_Plan, int, str | None]:
    for cut in _cuts(query):
        if cut is not None and not any(cut in variables(fact) for fact in facts_of(_loosened(query, cut))):
            continue  # nothing but an edge to itself says what it may be
        try:
            planner = _Planner(graph, query, first, cut, query["answer"])
        except NotATree:
            continue
        return planner.build(), planner.next, cut
    raise NotATree


# -- solving ---------------------------------------------------------------------------------------------------


def count(graph: Graph, queries: Sequence[Query], enough: int) -> list[tuple[int, int | None]]:
    """Of each query how many answers it has, and the lowest of them; a count of `enough` or more may be too low.

    Queries that are the same are solved once. -1 where no fact is left.
    """
    different: dict[str, int] = {}
    chosen: list[Query] = []
    places = []
    for query in queries:
        key = key_of(query)
        if key not in different:
            different[key] = len(chosen)
            chosen.append(query)
        places.append(different[key])
    found: list[tuple[int, int | None]] = [(-1, None)] * len(chosen)
    todo = [number for number, query in enumerate(chosen) if facts_of(query)]
    for batch in _batches(todo, _BATCH):
        again = []
        for number, answers, lowest, cut_short in _solve(graph, [(n, chosen[n]) for n in batch], _FEW):
            found[number] = (answers, lowest)
            if cut_short and answers < enough:
                again.append(number)
        for few in _batches(again, 50):
            for number, answers, lowest, _ in _solve(graph, [(n, chosen[n]) for n in few], None):
                found[number] = (answers, lowest)
    return [found[place] for place in places]


def _batches(values: Sequence[int], length: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), length):
        yield values[start : start + length]


def _solve(
    graph: Graph, queries: list[tuple[int, Query]], few: int | None
) -> Iterator[tuple[int, int, int | None, bool]]:
    """(number, answers, the lowest of them, whether only some candidates were tried)."""
    plans: dict[int, _Plan] = {}
    cut_at: dict[int, str] = {}
    first = 1
    for number, query in queries:
        try:
            plans[number], first, cut = _plan(graph, query, first)
        except NotATree:
            values = direct(graph, query)
            yield number, len(values), min(values, default=None), False
            continue
        if cut is not None:
            cut_at[number] = cut
    values_of: dict[int, list[int]] = {}
    short: set[int] = set()
    if cut_at:
        loose: dict[int, _Plan] = {}
        loose_first = 1
        by = dict(queries)
        for number, cut in cut_at.items():
            planner = _Planner(graph, _loosened(by[number], cut), loose_first, None, cut)
            loose[number], loose_first = planner.build(), planner.next
        _execute(graph, list(loose.values()), {}, None)
        roots = {plan.root: number for number, plan in loose.items()}
        told = "SELECT slot, list(x ORDER BY hash(x), x) FROM (SELECT DISTINCT slot, x FROM dom WHERE slot IN (SELECT unnest(?))) GROUP BY slot"
        for slot, values in graph.db.execute(told, [list(roots)]).fetchall():
            number = roots[slot]
            values_of[number] = values if few is None else values[:few]
            if few is not None and len(values) > few:
                short.add(number)
    cuts = {slot: values_of.get(number, []) for number, plan in plans.items() for slot in plan.cuts}
    short |= _execute(graph, list(plans.values()), cuts, few, list(plans))
    roots = {plan.root: number for number, plan in plans.items()}
    told = "SELECT slot, count(DISTINCT x), min(x) FROM dom WHERE slot IN (SELECT unnest(?)) GROUP BY slot"
    answers = {slot: (n, x) for slot, n, x in graph.db.execute(told, [list(roots)]).fetchall()}
    for slot, number in roots.items():
        yield number, *answers.get(slot, (0, None)), number in short


def _execute(
    graph: Graph, plans: list[_Plan], cuts: dict[int, list[int]], few: int | None, numbers: Sequence[int] = ()
) -> set[int]:
    """Fill `dom` (slot, cut, x) with the sets of all slots. Returns the numbers of plans whose candidates were cut short."""
    run = graph.db.execute
    for table in ("dom", "step", "bound", "start", "new"):
        run(f"DROP TABLE IF EXISTS {table}")
    run("CREATE TABLE dom (slot INT, cut INT, x INT)")
    run("CREATE TABLE step (level INT, slot INT, source INT, previous INT, rd INT)")
    run("CREATE TABLE bound (slot INT, kind VARCHAR, lo BIGINT, hi BIGINT)")
    run("CREATE TABLE start (slot INT, rd INT)")
    graph.fill("bound", ["slot", "kind", "lo", "hi"], [bound for plan in plans for bound in plan.bounds])
    steps = [(*step[:4], rd) for plan in plans for step in plan.steps for rd in sorted(set(step[4]))]
    graph.fill(
        "step", ["level", "slot", "source", "previous", "rd"], [tuple(-1 if v is None else v for v in s) for s in steps]
    )
    graph.fill("start", ["slot", "rd"], [(slot, rd) for plan in plans for slot, rds in plan.alls for rd in rds])
    run("CREATE TABLE new (slot INT, cut INT, x INT)")
    graph.fill("new", ["slot", "cut", "x"], [(slot, 0, x) for plan in plans for slot, x in plan.bases])
    graph.fill("new", ["slot", "cut", "x"], [(slot, x, x) for slot, values in cuts.items() for x in values])
    limit = "" if few is None else f" WHERE e.place <= {few}"
    run(f"INSERT INTO new SELECT DISTINCT s.slot, 0, e.a FROM start s JOIN ends e USING (rd){limit}")
    _keep(graph)
    short = set()
    if few is not None and numbers:
        large = {rd for (rd,) in run("SELECT DISTINCT rd FROM ends WHERE place > ?", [few]).fetchall()}
        short = {n for n, plan in zip(numbers, plans, strict=True) if any(large & set(rds) for _, rds in plan.alls)}
    for level in range(1, max((step[0] for step in steps), default=0) + 1):
        run(f"CREATE OR REPLACE TEMP TABLE now AS SELECT slot, source, previous, rd FROM step WHERE level = {level}")
        run(
            "CREATE OR REPLACE TABLE new AS SELECT DISTINCT n.slot, d.cut, a.b AS x FROM now n JOIN dom d ON d.slot = n.source"
            " JOIN adj a ON a.rd = n.rd AND a.a = d.x WHERE n.previous < 0"
        )
        # The cheaper way round: from where the fewer edges leave.
        run(
            "CREATE OR REPLACE TEMP TABLE cost AS SELECT n.slot, n.rd,"
            " (SELECT coalesce(sum(g.n), 0) FROM dom d JOIN deg g ON g.a = d.x AND g.rd = n.rd WHERE d.slot = n.source) AS there,"
            " (SELECT coalesce(sum(g.n), 0) FROM dom d JOIN deg g ON g.a = d.x AND g.rd = xor(n.rd, 1) WHERE d.slot = n.previous) AS back"
            " FROM now n WHERE n.previous >= 0"
        )
        # A set of no cut (0) is met by every cut of its query.
        met = "(p.cut = d.cut OR p.cut = 0 OR d.cut = 0)"
        run(
            "INSERT INTO new SELECT DISTINCT n.slot, greatest(d.cut, p.cut), a.b FROM now n JOIN cost c ON c.slot = n.slot AND c.rd = n.rd"
            " AND c.there <= c.back JOIN dom d ON d.slot = n.source JOIN adj a ON a.rd = n.rd AND a.a = d.x"
            f" JOIN dom p ON p.slot = n.previous AND p.x = a.b AND {met}"
        )
        run(
            "INSERT INTO new SELECT DISTINCT n.slot, greatest(d.cut, p.cut), p.x FROM now n JOIN cost c ON c.slot = n.slot AND c.rd = n.rd"
            " AND c.there > c.back JOIN dom p ON p.slot = n.previous JOIN adj a ON a.rd = xor(n.rd, 1) AND a.a = p.x"
            f" JOIN dom d ON d.slot = n.source AND d.x = a.b AND {met}"
        )
        _keep(graph)
    return short


def _keep(graph: Graph) -> None:
    """Take up what is new, as far as the bounds let it through. Relations of one clue may give the same value twice."""
    graph.db.execute(
        "INSERT INTO dom SELECT DISTINCT n.slot, n.cut, n.x FROM new n WHERE NOT EXISTS (SELECT 1 FROM bound b WHERE b.slot = n.slot"
        " AND NOT EXISTS (SELECT 1 FROM val v WHERE v.x = n.x AND v.kind = b.kind AND v.lo >= b.lo AND v.hi <= b.hi))"
    )


def direct(graph: Graph, query: Query) -> set[int]:
    """The answers by one plain join over all clues: slow, and simple enough to check the rest by."""
    tables, wheres, names, given = [], [], dict[str, str](), list[int]()
    for number, fact in enumerate(facts_of(query)):
        codes = [graph.relations.get(name, -1) for name in fact["relations"]]
        tables.append(
            f"(SELECT DISTINCT a, b FROM adj WHERE rd IN ({', '.join(str(2 * code) for code in codes)})) t{number}"
        )
        for side, column in (("subject", "a"), ("object", "b")):
            end, place = fact[side], f"t{number}.{column}"
            if isinstance(end, dict):
                wheres.append(f"{place} = ?")
                given.append(graph.term(end) or 0)
            elif end in names:
                wheres.append(f"{place} = {names[end]}")
            else:
                names[end] = place
    for clue in query["clues"]:
        if "variable" in clue:
            low, high = graph.interval(clue["kind"], clue["low"], clue["high"])
            span = f"v.kind = '{'date' if clue['kind'] == 'date' else 'number'}' AND v.lo >= {low} AND v.hi <= {high}"
            wheres.append(f"EXISTS (SELECT 1 FROM val v WHERE v.x = {names[clue['variable']]} AND {span})")
    where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
    statement = f"SELECT DISTINCT {names[query['answer']]} FROM {', '.join(tables)}{where}"
    return {x for (x,) in graph.db.execute(statement, given).fetchall()}


# -- ways --------------------------------------------------------------------------------------------------------


def distances(
    graph: Graph, pairs: Iterable[tuple[int, int]], below: int, hub_degree: int | None
) -> dict[tuple[int, int], int]:
    """Of pairs of terms the shortest ways that are shorter than `below` edges, whatever their relations and directions.

    Both ends grow in turns, the one with fewer edges first. Terms with more than `hub_degree` edges are not passed through.
    """
    run = graph.db.execute
    hubs = "" if hub_degree is None else f" AND f.x NOT IN (SELECT a FROM degree WHERE n > {hub_degree})"
    found: dict[tuple[int, int], int] = {}
    every = sorted(set(pairs))
    found.update({pair: 0 for pair in every if pair[0] == pair[1]})
    apart = [pair for pair in every if pair[0] != pair[1]]
    for start in range(0, len(apart), 1000):
        batch = apart[start : start + 1000]
        run("CREATE OR REPLACE TEMP TABLE seen (pair INT, side INT, x INT, far INT)")
        graph.fill(
            "seen", ["pair", "side", "x", "far"], [(n, s, pair[s], 0) for n, pair in enumerate(batch) for s in (0, 1)]
        )
        run("CREATE OR REPLACE TEMP TABLE radius AS SELECT pair, side, 0 AS r FROM seen")
        alive = set(range(len(batch)))
        for length in range(1, below):
            run("CREATE OR REPLACE TEMP TABLE alive AS SELECT unnest(?::INT[]) AS pair", [sorted(alive)])
            # What may be gone on from: the outermost ring, without hubs (the ends themselves may be hubs).
            run(
                "CREATE OR REPLACE TEMP TABLE front AS SELECT f.pair, f.side, f.x FROM seen f JOIN radius USING (pair, side)"
                f" JOIN alive USING (pair) WHERE f.far = r AND (f.far = 0 OR (true{hubs}))"
            )
            run(
                "CREATE OR REPLACE TEMP TABLE turn AS SELECT pair, arg_min(side, (n, side)) AS side FROM"
                " (SELECT r.pair, r.side, coalesce(sum(d.n), 0) AS n FROM radius r JOIN alive USING (pair)"
                " LEFT JOIN front f ON f.pair = r.pair AND f.side = r.side LEFT JOIN degree d ON d.a = f.x GROUP BY ALL) GROUP BY pair"
            )
            run("UPDATE radius SET r = r + 1 FROM turn t WHERE radius.pair = t.pair AND radius.side = t.side")
            run(
                "CREATE OR REPLACE TEMP TABLE ring AS SELECT DISTINCT f.pair, f.side, n.b AS x FROM front f JOIN turn USING (pair, side)"
                " JOIN near n ON n.a = f.x ANTI JOIN seen s ON s.pair = f.pair AND s.side = f.side AND s.x = n.b"
            )
            met = (
                "SELECT DISTINCT f.pair FROM ring f JOIN seen s ON s.pair = f.pair AND s.side <> f.side AND s.x = f.x"
                f" WHERE s.far = 0 OR (true{hubs})"
            )
            for (number,) in run(met).fetchall():
                found[batch[number]] = length
                alive.discard(number)
            run("INSERT INTO seen SELECT f.pair, f.side, f.x, r.r FROM ring f JOIN radius r USING (pair, side)")
            if not alive:
                break
    return found
