"""Answers of formal queries, many at once, in DuckDB: steps of all queries that can be taken at one time are one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search_qa_graph import Graph
from search_qa_plan import NotATree, Plan, Planner, Query, facts_of, key_of, loosened, plan_of

_FEW = 1500  # candidates that are tried before all of them, where a query names no constant
_BATCH = 1500  # queries solved together


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
    plans: dict[int, Plan] = {}
    cut_at: dict[int, str] = {}
    first = 1
    for number, query in queries:
        try:
            plans[number], first, cut = plan_of(graph, query, first)
        except NotATree:
            values = direct(graph, query)
            yield number, len(values), min(values, default=None), False
            continue
        if cut is not None:
            cut_at[number] = cut
    values_of: dict[int, list[int]] = {}
    short: set[int] = set()
    if cut_at:
        loose: dict[int, Plan] = {}
        loose_first = 1
        by = dict(queries)
        for number, cut in cut_at.items():
            planner = Planner(graph, loosened(by[number], cut), loose_first, None, cut)
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
    graph: Graph, plans: list[Plan], cuts: dict[int, list[int]], few: int | None, numbers: Sequence[int] = ()
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
