"""A knowledge graph in DuckDB, read from the Parquet of Edge and Node datasets, for `search_qa_check.py`; and ways through it.

It shares no code with the package: it reads Parquet and JSON alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

NAMING = ("label", "alias", "description", "redirect")
_DATE = re.compile(r"([+-]?\d{1,9})(?:-(\d\d))?(?:-(\d\d))?\Z")


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
