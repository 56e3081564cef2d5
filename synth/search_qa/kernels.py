# mypy: allow-untyped-defs
"""The loops of the solver, compiled. Arguments are those of `solve.Solver`; see there for what they mean.

Three tuples go through all of them:
graph: `starts`, `relations`, `others` (the edges of both directions: those from node n stand at n, those to it at size + n,
each sorted by relation and other node), `low` and `high` (values of literals).
plan: `rows` (a row a fact of the tree: where its relations begin and end in `held`, whether it leads to its variable,
constant, variable below or -1), `spans` (a row a variable: where its rows begin, where those with variables below them do,
where they end; whether it is listed; whether it has bounds, and the nodes among which these are met), `values` (its lowest
and highest value), `held`.
memory: `marks` (a variable v has bit v of a node's mark where all below it holds there, bit 16 + v where it does not; of a
listed variable the first bit alone counts), `touched` (the nodes that have marks), `counters` (how many these are; the budget
that is left), `stack`.
Reference counts are off (`_nrt=False`) in what is called for each node: they took most of the time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LAZY = 4096  # a set of more edges than this is not listed, while the answer has another way to be found
_FIRST, _LAST, _BACKWARDS, _CONSTANT, _CHILD, _FACT = range(6)  # of rows
_ROWS, _BELOW, _END, _LISTED, _BOUNDED, _FROM, _TO = range(7)  # of spans
_VARIABLES = 16


@njit(cache=True, _nrt=False, forceinline=True)
def _first(relations, others, low, high, relation, other):
    """The first edge of [low, high) that is not before (relation, other)."""
    while low < high:
        middle = (low + high) >> 1
        held = relations[middle]
        if held < relation or (held == relation and others[middle] < other):
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, _nrt=False, forceinline=True)
def _linked(graph, node, backwards, held, first, last, other):
    """Whether an edge of one of the relations held[first:last] leads from node to other (to node, where backwards)."""
    starts, relations, others = graph[0], graph[1], graph[2]
    size = (starts.size - 1) // 2
    at = node + size * backwards
    low, high = starts[at], starts[at + 1]
    back = other + size * (1 - backwards)
    if starts[back + 1] - starts[back] < high - low:
        low, high = starts[back], starts[back + 1]
        other = node
    for place in range(first, last):
        found = _first(relations, others, low, high, held[place], other)
        if found < high and relations[found] == held[place] and others[found] == other:
            return True
    return False


@njit(cache=True, _nrt=False, forceinline=True)
def _set(memory, node, bit):
    marks, touched, counters = memory[0], memory[1], memory[2]
    if marks[node] == 0:
        touched[counters[0]] = node
        counters[0] += 1
    marks[node] |= np.uint32(1) << np.uint32(bit)


@njit(cache=True, _nrt=False, forceinline=True)
def _entered(v, node, seed, graph, plan, memory):
    """What is known of variable v at `node` without a look at other variables: 1 it holds, 0 it does not, 2 unknown."""
    rows, spans, values, held = plan
    mark = memory[0][node]
    if (mark >> np.uint32(v)) & np.uint32(1):
        return 1
    if spans[v, _LISTED] == 1 or (mark >> np.uint32(16 + v)) & np.uint32(1):
        return 0
    memory[2][1] -= 1
    good = True
    if spans[v, _BOUNDED]:
        good = (
            spans[v, _FROM] <= node < spans[v, _TO]
            and values[v, 0] <= graph[3][node]
            and graph[4][node] <= values[v, 1]
        )
    for row in range(spans[v, _ROWS], spans[v, _BELOW]):
        if good and row != seed:
            good = _linked(
                graph, node, rows[row, _BACKWARDS], held, rows[row, _FIRST], rows[row, _LAST], rows[row, _CONSTANT]
            )
    left = spans[v, _END] - spans[v, _BELOW]
    if spans[v, _BELOW] <= seed < spans[v, _END]:
        left -= 1
    if good and left > 0:
        return 2
    _set(memory, node, v if good else 16 + v)
    return 1 if good else 0


@njit(cache=True, _nrt=False)
def _holds(v, node, seed, graph, plan, memory):
    """Whether all below variable v holds where it is `node`. The fact of row `seed` is known to hold. Remembered in the marks.

    Depth first, without recursion (compiled recursion cannot be cached): a frame is variable, node, row, and where among the
    row's relations and edges it stands.
    """
    state = _entered(v, node, seed, graph, plan, memory)
    if state < 2:
        return state == 1
    starts, relations, others = graph[0], graph[1], graph[2]
    rows, spans, held = plan[0], plan[1], plan[3]
    counters, stack = memory[2], memory[3]
    size = (starts.size - 1) // 2
    depth = 0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3], stack[0, 4] = v, node, spans[v, _BELOW], -1, -1
    while True:
        v, node, row = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if depth == 0 and row == seed:
            row += 1
            stack[depth, 2] = row
        if row == spans[v, _END]:
            state = 1
        else:
            if stack[depth, 3] < 0:
                stack[depth, 3], stack[depth, 4] = rows[row, _FIRST], -1
            child = rows[row, _CHILD]
            at = node + size * rows[row, _BACKWARDS]
            place, edge = stack[depth, 3], stack[depth, 4]
            state = 0
            while place < rows[row, _LAST]:
                if edge < 0:
                    edge = _first(relations, others, starts[at], starts[at + 1], held[place], -1)
                while edge < starts[at + 1] and relations[edge] == held[place]:
                    counters[1] -= 1
                    if counters[1] < 0:
                        return False
                    state = _entered(child, others[edge], -1, graph, plan, memory)
                    edge += 1
                    if state > 0:
                        break
                if state > 0:
                    break
                place, edge = place + 1, -1
            stack[depth, 3], stack[depth, 4] = place, edge
            if state == 2:
                near = others[edge - 1]
                depth += 1
                stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = (
                    child,
                    near,
                    spans[child, _BELOW],
                    -1,
                )
                continue
            if state == 1:  # the fact holds: on to the next
                stack[depth, 2], stack[depth, 3] = row + 1, -1
                continue
        _set(memory, node, v if state == 1 else 16 + v)  # the frame is decided
        if depth == 0:
            return state == 1
        depth -= 1
        if state == 1:
            stack[depth, 2], stack[depth, 3] = stack[depth, 2] + 1, -1


@njit(cache=True, _nrt=False)
def _closed(node, cycle, graph, plan, memory):
    """Whether the variables on cycles can be assigned, where the answer is `node`, so that all facts that close them hold.

    `cycle` is: `order` (these variables, the answer first), `above` (the row of the fact above each variable), `owner` (the
    variable above it), `closing` (rows of step, both variables, relations), `assigned`, `ways` (of each step: where among the
    relations and edges of the fact above it stands).
    """
    order, above, owner, closing, assigned, ways = cycle
    starts, relations, others = graph[0], graph[1], graph[2]
    rows, held = plan[0], plan[3]
    counters = memory[2]
    size = (starts.size - 1) // 2
    assigned[0] = node
    step = 1
    ways[1, 0] = -1
    while step > 0:
        if step == order.size:
            return True
        v = order[step]
        row = above[v]
        at = assigned[owner[v]] + size * rows[row, _BACKWARDS]
        if ways[step, 0] < 0:
            ways[step, 0], ways[step, 1] = rows[row, _FIRST], -1
        place, edge = ways[step, 0], ways[step, 1]
        found = False
        while place < rows[row, _LAST] and not found:
            if edge < 0:
                edge = _first(relations, others, starts[at], starts[at + 1], held[place], -1)
            while edge < starts[at + 1] and relations[edge] == held[place] and not found:
                near = others[edge]
                edge += 1
                counters[1] -= 1
                if counters[1] < 0:
                    return False
                if _holds(v, near, -1, graph, plan, memory):
                    assigned[v] = near
                    found = True
                    for fact in range(closing.shape[0]):
                        if closing[fact, 0] == step and found:
                            ends = assigned[closing[fact, 1]], assigned[closing[fact, 2]]
                            found = _linked(graph, ends[0], 0, held, closing[fact, 3], closing[fact, 4], ends[1])
            if not found:
                place, edge = place + 1, -1
        ways[step, 0], ways[step, 1] = place, edge
        if found:
            step += 1
            if step < order.size:
                ways[step, 0] = -1
        else:
            step -= 1
    return False


@njit(cache=True, _nrt=False)
def _width(graph, node, backwards, held, first, last):
    """Edges of the relations held[first:last] at a node."""
    starts, relations, others = graph[0], graph[1], graph[2]
    at = node + (starts.size - 1) // 2 * backwards
    total = 0
    for place in range(first, last):
        low = _first(relations, others, starts[at], starts[at + 1], held[place], -1)
        total += _first(relations, others, low, starts[at + 1], held[place] + 1, -1) - low
    return total


@njit(cache=True, _nrt=False)
def _spanned(facts, skip, own, child, above, owner, order):
    """Span a tree from the answer: `own[f]` is the variable above fact f (-1: out of reach, -2: it closes a cycle),
    `child[f]` the variable below it (-1: a constant), `above[v]` the fact above v. Returns how many variables there are."""
    own[:], child[:], above[:], owner[:] = -1, -1, -1, -1
    order[0], total, at = 0, 1, 0
    while at < total:
        v = order[at]
        at += 1
        for fact in range(facts.shape[0]):
            subject, object_ = facts[fact, 0], facts[fact, 1]
            if fact == skip or own[fact] != -1 or (subject != -1 - v and object_ != -1 - v):
                continue
            other = object_ if subject == -1 - v else subject
            if other >= 0:
                own[fact] = v
            elif other == -1 or above[-1 - other] >= 0:
                own[fact] = -2
            else:
                own[fact], child[fact], above[-1 - other], owner[-1 - other] = v, -1 - other, fact, v
                order[total] = -1 - other
                total += 1
    return total


@njit(cache=True)
def _cycles(facts, own, above, owner, order, total, placed):
    """What `_closed` takes as `cycle`. `placed[f]` is the row of fact f."""
    needed = np.zeros(_VARIABLES, np.uint8)
    closings = 0
    for fact in range(facts.shape[0]):
        if own[fact] == -2:
            closings += 1
            needed[0] = 1
            for end in range(2):
                v = -1 - facts[fact, end]
                while not needed[v]:
                    needed[v] = 1
                    v = owner[v]
    assigned = np.empty(needed.sum(), np.int64)
    place = np.full(_VARIABLES, -1, np.int64)
    count = 0
    for at in range(total):
        if needed[order[at]]:
            assigned[count], place[order[at]] = order[at], count
            count += 1
    closing = np.empty((closings, 5), np.int64)
    at = 0
    for fact in range(facts.shape[0]):
        if own[fact] == -2:
            one, other = -1 - facts[fact, 0], -1 - facts[fact, 1]
            closing[at, 0], closing[at, 1], closing[at, 2] = max(place[one], place[other]), one, other
            closing[at, 3], closing[at, 4] = facts[fact, 2], facts[fact, 3]
            at += 1
    rows_above = np.full(_VARIABLES, -1, np.int64)
    for v in range(_VARIABLES):
        if above[v] >= 0:
            rows_above[v] = placed[above[v]]
    return (
        assigned, rows_above, owner, closing, np.empty(_VARIABLES, np.int64), np.empty((_VARIABLES + 1, 2), np.int64),
    )  # fmt: skip


@njit(cache=True)
def _laid_out(facts, bounds, skip, own, child, order, total, placed):
    """Facts by variable: rows, spans and values of `plan`."""
    clues = facts.shape[0]
    rows = np.empty((clues, 6), np.int64)
    spans = np.zeros((_VARIABLES, 7), np.int64)
    values = np.empty((_VARIABLES, 2))
    at = 0
    for place in range(total):
        v = order[place]
        spans[v, _ROWS] = at
        for below in range(2):
            if below:
                spans[v, _BELOW] = at
            for fact in range(clues):
                if own[fact] == v and (child[fact] >= 0) == (below == 1):
                    backwards = facts[fact, 1] == -1 - v
                    rows[at, _FIRST], rows[at, _LAST], rows[at, _BACKWARDS] = facts[fact, 2], facts[fact, 3], backwards
                    rows[at, _CONSTANT] = facts[fact, 0] if backwards else facts[fact, 1]
                    rows[at, _CHILD], rows[at, _FACT] = child[fact], fact
                    placed[fact] = at
                    at += 1
        spans[v, _END] = at
    for place in range(bounds.shape[0]):
        v = -1 - int(bounds[place, 0])
        if place == skip - clues:
            continue
        if not spans[v, _BOUNDED]:
            spans[v, _BOUNDED], spans[v, _FROM], spans[v, _TO] = 1, bounds[place, 3], bounds[place, 4]
            values[v, 0], values[v, 1] = bounds[place, 1], bounds[place, 2]
        else:  # of two kinds: nothing is both
            spans[v, _FROM] = max(spans[v, _FROM], int(bounds[place, 3]))
            spans[v, _TO] = min(spans[v, _TO], int(bounds[place, 4]))
            values[v, 0], values[v, 1] = max(values[v, 0], bounds[place, 1]), min(values[v, 1], bounds[place, 2])
    return rows, spans, values


@njit(cache=True)
def solve(starts, relations, others, low, high, facts, held, bounds, skip, cap, budget, marks, touched, work, found):
    """How many answers (at most cap; they are in `found`), -1 where no clue is left, -2 where the budget is spent."""
    clues = facts.shape[0]
    own, child, placed = np.empty(clues, np.int64), np.empty(clues, np.int64), np.empty(clues, np.int64)
    above, owner, order = (
        np.empty(_VARIABLES, np.int64), np.empty(_VARIABLES, np.int64), np.empty(_VARIABLES, np.int64),
    )  # fmt: skip
    total = _spanned(facts, skip, own, child, above, owner, order)
    if clues == 0 or (own.max() == -1 and own.min() == -1):
        return -1
    rows, spans, values = _laid_out(facts, bounds, skip, own, child, order, total, placed)
    cycle = _cycles(facts, own, above, owner, order, total, placed)
    counters = np.zeros(2, np.int64)
    counters[1] = budget
    graph = (starts, relations, others, low, high)
    plan = (rows, spans, values, held)
    memory = (marks, touched, counters, np.empty((_VARIABLES + 1, 5), np.int64))
    answers = -1
    for turn in range(2):  # large sets are listed only where the answer is not found without them
        answers, work = _listed(
            order[:total], cycle, graph, plan, memory, _LAZY if turn == 0 else 1 << 62, cap, work, found
        )
        for place in range(counters[0]):
            marks[touched[place]] = 0
        counters[0] = 0
        spans[:, _LISTED] = 0
        if answers >= 0 or counters[1] < 0:
            break
    return answers if answers == cap or counters[1] >= 0 else -2


@njit(cache=True)
def _listed(order, cycle, graph, plan, memory, limit, cap, work, found):
    """List the variables from the last to the answer, as long as that takes fewer than `limit` edges each.

    Returns (answers, or -1 where they cannot be listed so; the array in which the lists are).
    """
    starts, relations, others = graph[0], graph[1], graph[2]
    rows, spans, _, held = plan
    marks, counters = memory[0], memory[2]
    size = (starts.size - 1) // 2
    first, last = np.zeros(_VARIABLES, np.int64), np.zeros(_VARIABLES, np.int64)
    top, answers = 0, 0
    for at in range(order.size - 1, -1, -1):
        v = order[at]
        best, cost = -1, limit
        for row in range(spans[v, _ROWS], spans[v, _END]):
            child = rows[row, _CHILD]
            if child < 0:
                price = _width(
                    graph, rows[row, _CONSTANT], 1 - rows[row, _BACKWARDS], held, rows[row, _FIRST], rows[row, _LAST]
                )
            elif spans[child, _LISTED]:
                price = 0
                for place in range(first[child], last[child]):
                    node = work[place] + size * (1 - rows[row, _BACKWARDS])
                    price += starts[node + 1] - starts[node]
            else:
                continue
            if price < cost:
                best, cost = row, price
        if best < 0:
            if v != 0:
                continue
            if limit == _LAZY:
                return -1, work
            for node in range(size):  # nothing but variables: every node is tried
                counters[1] -= 1
                if _holds(0, node, -1, graph, plan, memory) and (
                    cycle[0].size == 0 or _closed(node, cycle, graph, plan, memory)
                ):
                    found[answers] = node
                    answers += 1
                if counters[1] < 0 or answers == cap:
                    break
            return answers, work
        child = rows[best, _CHILD]
        backwards = 1 - rows[best, _BACKWARDS]  # from below: against the way down
        plain = spans[v, _END] - spans[v, _ROWS] == 1 and not spans[v, _BOUNDED]
        if work.size < top + min(cost, size):
            wider = np.empty(2 * (top + min(cost, size)), np.int32)
            wider[:top] = work[:top]
            work = wider
        first[v] = top
        yes, no = np.uint32(1) << np.uint32(v), np.uint32(1) << np.uint32(16 + v)
        for source in range(1 if child < 0 else last[child] - first[child]):
            place = (work[first[child] + source] if child >= 0 else rows[best, _CONSTANT]) + size * backwards
            for relation in range(rows[best, _FIRST], rows[best, _LAST]):
                edge = _first(relations, others, starts[place], starts[place + 1], held[relation], -1)
                while edge < starts[place + 1] and relations[edge] == held[relation] and answers < cap:
                    node = others[edge]
                    edge += 1
                    counters[1] -= 1
                    if marks[node] & (yes | no):
                        continue
                    if counters[1] < 0:
                        return answers, work
                    if plain:
                        _set(memory, node, v)
                    elif not _holds(v, node, best, graph, plan, memory):
                        continue
                    if v != 0:
                        work[top] = node
                        top += 1
                    elif cycle[0].size == 0 or _closed(node, cycle, graph, plan, memory):
                        found[answers] = node
                        answers += 1
        last[v] = top
        spans[v, _LISTED] = 1
    return answers, work


@njit(cache=True)
def distance(starts, others, one, other, below, hub, budget, marks, touched):
    """Edges on the shortest way where there are fewer than `below`, else `below`; -2 where the budget is spent.

    Grown from both ends, the side with fewer edges first. `touched` holds the nodes of both: one side from its beginning,
    the other from its end.
    """
    if one == other:
        return 0
    size = (starts.size - 1) // 2
    # of each side: where its frontier begins and ends, its depth
    begin, end, depth = np.zeros(2, np.int64), np.ones(2, np.int64), np.zeros(2, np.int64)
    touched[0], touched[touched.size - 1] = one, other
    marks[one], marks[other] = 1, 2
    result = below
    while depth[0] + depth[1] < below - 1:
        cost = np.zeros(2, np.int64)
        for side in range(2):
            for place in range(begin[side], end[side]):
                node = touched[place if side == 0 else touched.size - 1 - place]
                cost[side] += starts[node + 1] - starts[node] + starts[size + node + 1] - starts[size + node]
        side = 0 if cost[0] <= cost[1] else 1
        if begin[side] == end[side]:
            break
        budget -= cost[side]
        if budget < 0:
            result = -2
            break
        until = end[side]
        for place in range(begin[side], until):
            node = touched[place if side == 0 else touched.size - 1 - place]
            for way in range(2):
                for edge in range(starts[node + way * size], starts[node + way * size + 1]):
                    near = others[edge]
                    if marks[near] == 2 - side:
                        result = depth[0] + depth[1] + 1
                        break
                    if marks[near] != 0:
                        continue
                    degree = starts[near + 1] - starts[near] + starts[size + near + 1] - starts[size + near]
                    if degree > hub:
                        continue
                    marks[near] = 1 + side
                    touched[end[side] if side == 0 else touched.size - 1 - end[side]] = near
                    end[side] += 1
                if result != below:
                    break
            if result != below:
                break
        if result != below:
            break
        begin[side] = until
        depth[side] += 1
    for place in range(end[0]):
        marks[touched[place]] = 0
    for place in range(end[1]):
        marks[touched[touched.size - 1 - place]] = 0
    return result
