"""The loops of the solver, compiled. Arguments are those of `solve.Solver`; see there for what they mean.

`starts`, `relations`, `others` are the edges of both directions: those from node n stand at n, those to it at size + n, each
sorted by (relation, other node). A variable v has bit v of a node's mark where all below it holds there, bit 16 + v where
it does not; of a variable that is `listed` the first bit alone counts.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import njit

_LAZY = 4096  # a set of more edges than this is not listed, while the answer has another way to be found


@njit(cache=True, _nrt=False)
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


@njit(cache=True, _nrt=False)
def _linked(starts, relations, others, size, node, backwards, held, first, last, other):
    """Whether an edge of one of the relations held[first:last] leads from node to other (to node, where backwards)."""
    at = node + size * backwards
    low, high = starts[at], starts[at + 1]
    back = other + size * (1 - backwards)
    if starts[back + 1] - starts[back] < high - low:
        low, high = starts[back], starts[back + 1]
        node, other = other, node
    for place in range(first, last):
        found = _first(relations, others, low, high, held[place], other)
        if found < high and relations[found] == held[place] and others[found] == other:
            return True
    return False


@njit(cache=True, _nrt=False)
def _set(marks, touched, counters, node, bit):
    if marks[node] == 0:
        touched[counters[0]] = node
        counters[0] += 1
    marks[node] |= np.uint32(1) << np.uint32(bit)


@njit(cache=True, _nrt=False)
def _entered(
    v,
    node,
    seed,
    starts,
    relations,
    others,
    low,
    high,
    facts,
    held,
    bounds,
    own,
    listed,
    tree,
    marks,
    touched,
    counters,
):
    """What is known of variable v at `node` without a look at other variables: 1 it holds, 0 it does not, 2 unknown."""
    mark = marks[node]
    if (mark >> np.uint32(v)) & np.uint32(1):
        return 1
    if listed[v] == 1 or (mark >> np.uint32(16 + v)) & np.uint32(1):
        return 0
    counters[1] -= 1
    size = (starts.size - 1) // 2
    good = True
    for place in range(bounds.shape[0]):
        if bounds[place, 0] == -1 - v:
            good = (
                good
                and bounds[place, 3] <= node < bounds[place, 4]
                and bounds[place, 1] <= low[node]
                and high[node] <= bounds[place, 2]
            )
    below = False
    for fact in range(facts.shape[0]):
        if not good:
            break
        if own[fact] == v and fact != seed:
            if tree[fact] >= 0:
                below = True
                continue
            backwards = 1 if facts[fact, 1] == -1 - v else 0
            constant = facts[fact, 0] if backwards else facts[fact, 1]
            good = _linked(
                starts, relations, others, size, node, backwards, held, facts[fact, 2], facts[fact, 3], constant
            )
    if good and below:
        return 2
    _set(marks, touched, counters, node, v if good else 16 + v)
    return 1 if good else 0


@njit(cache=True, _nrt=False)
def _holds(
    v, node, seed, starts, relations, others, low, high, facts, held, bounds, own, listed, tree, marks, touched, counters,
    stack,
):  # fmt: skip
    """Whether all below variable v holds where it is `node`. Fact `seed` is known to hold. Remembered in the marks.

    Depth first, without recursion (compiled recursion cannot be cached): a frame is variable, node, fact, and where
    among the fact's relations and edges it stands.
    """
    state = _entered(
        v,
        node,
        seed,
        starts,
        relations,
        others,
        low,
        high,
        facts,
        held,
        bounds,
        own,
        listed,
        tree,
        marks,
        touched,
        counters,
    )
    if state < 2:
        return state == 1
    size = (starts.size - 1) // 2
    depth = 0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3], stack[0, 4] = v, node, 0, -1, -1
    while True:
        v, node, fact = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        while fact < facts.shape[0] and (own[fact] != v or tree[fact] < 0 or (depth == 0 and fact == seed)):
            fact += 1
        if fact == facts.shape[0]:
            state = 1
        else:
            if fact != stack[depth, 2] or stack[depth, 3] < 0:
                stack[depth, 2], stack[depth, 3], stack[depth, 4] = fact, facts[fact, 2], -1
            child = tree[fact]
            at = node + (size if facts[fact, 1] == -1 - v else 0)
            state = 0
            place, edge = stack[depth, 3], stack[depth, 4]
            while place < facts[fact, 3]:
                if edge < 0:
                    edge = _first(relations, others, starts[at], starts[at + 1], held[place], -1)
                while edge < starts[at + 1] and relations[edge] == held[place]:
                    counters[1] -= 1
                    if counters[1] < 0:
                        return False
                    state = _entered(
                        child, others[edge], -1, starts, relations, others, low, high, facts, held, bounds, own, listed,
                        tree, marks, touched, counters,
                    )  # fmt: skip
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
                stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = child, near, 0, -1
                continue
            if state == 1:  # the fact holds: on to the next
                stack[depth, 2], stack[depth, 3] = fact + 1, -1
                continue
        while True:  # the frame is decided
            _set(marks, touched, counters, node, v if state == 1 else 16 + v)
            if depth == 0:
                return state == 1
            depth -= 1
            v, node = stack[depth, 0], stack[depth, 1]
            if state == 1:
                stack[depth, 2], stack[depth, 3] = stack[depth, 2] + 1, -1
            break


@njit(cache=True, _nrt=False)
def _assigned(
    order, count, values, starts, relations, others, low, high, facts, held, bounds, own, listed, tree, closing, above,
    marks, touched, counters, stack, ways,
):  # fmt: skip
    """Whether the variables order[1:count] can be assigned so that all facts that close cycles hold.

    `ways` has a row a step: where among the relations and edges of the fact above it stands.
    """
    size = (starts.size - 1) // 2
    step = 1
    ways[1, 0] = -1
    while step > 0:
        if step == count:
            return True
        v = order[step]
        fact = above[v]
        parent = own[fact]
        at = values[parent] + (size if facts[fact, 1] == -1 - parent else 0)
        if ways[step, 0] < 0:
            ways[step, 0], ways[step, 1] = facts[fact, 2], -1
        place, edge = ways[step, 0], ways[step, 1]
        found = False
        while place < facts[fact, 3] and not found:
            if edge < 0:
                edge = _first(relations, others, starts[at], starts[at + 1], held[place], -1)
            while edge < starts[at + 1] and relations[edge] == held[place]:
                node = others[edge]
                edge += 1
                counters[1] -= 1
                if counters[1] < 0:
                    return False
                if not _holds(
                    v, node, -1, starts, relations, others, low, high, facts, held, bounds, own, listed, tree, marks,
                    touched, counters, stack,
                ):  # fmt: skip
                    continue
                values[v] = node
                found = True
                for other in range(facts.shape[0]):
                    if closing[other] == step and found:
                        found = _linked(
                            starts, relations, others, size, values[-1 - facts[other, 0]], 0, held, facts[other, 2],
                            facts[other, 3], values[-1 - facts[other, 1]],
                        )  # fmt: skip
                if found:
                    break
            if not found:
                place, edge = place + 1, -1
        ways[step, 0], ways[step, 1] = place, edge
        if found:
            step += 1
            if step < count:
                ways[step, 0] = -1
        else:
            step -= 1
    return False


@njit(cache=True, _nrt=False)
def _answers(
    node, seed, core, count, values, starts, relations, others, low, high, facts, held, bounds, own, listed, tree, closing,
    above, marks, touched, counters, stack, ways,
):  # fmt: skip
    """Whether a node is an answer. Fact `seed` is known to hold of it."""
    if not _holds(
        0, node, seed, starts, relations, others, low, high, facts, held, bounds, own, listed, tree, marks, touched,
        counters, stack,
    ):  # fmt: skip
        return False
    if count == 0:
        return True
    values[0] = node
    return _assigned(
        core, count, values, starts, relations, others, low, high, facts, held, bounds, own, listed, tree, closing, above,
        marks, touched, counters, stack, ways,
    )  # fmt: skip


@njit(cache=True, _nrt=False)
def _width(starts, relations, others, size, node, backwards, held, first, last):
    """Edges of the relations held[first:last] at a node."""
    at = node + size * backwards
    total = 0
    for place in range(first, last):
        low = _first(relations, others, starts[at], starts[at + 1], held[place], -1)
        total += _first(relations, others, low, starts[at + 1], held[place] + 1, -1) - low
    return total


@njit(cache=True)
def _spanned(facts, skip, own, tree, above, order):
    """Span a tree from the answer: `own[f]` is the variable above fact f (-1: out of reach, -2: it closes a cycle),
    `tree[f]` the variable below it (-1: a constant), `above[v]` the fact above v. Returns how many variables there are."""
    reached = np.zeros(16, np.uint8)
    own[:], tree[:], above[:] = -1, -1, -1
    order[0], reached[0], total, at = 0, 1, 1, 0
    while at < total:
        v = order[at]
        at += 1
        for fact in range(facts.shape[0]):
            if fact == skip or own[fact] != -1:
                continue
            subject, object_ = facts[fact, 0], facts[fact, 1]
            if subject != -1 - v and object_ != -1 - v:
                continue
            other = object_ if subject == -1 - v else subject
            if other >= 0:
                own[fact] = v
            elif reached[-1 - other]:
                own[fact] = -2
            else:
                child = -1 - other
                own[fact], tree[fact], above[child], reached[child] = v, child, fact, 1
                order[total] = child
                total += 1
    return total


@njit(cache=True)
def _cycles(facts, own, above, order, total, core, closing):
    """The variables to be assigned (answer first), and after which step each closing fact is looked at."""
    needed = np.zeros(16, np.uint8)
    for fact in range(facts.shape[0]):
        if own[fact] == -2:
            for end in range(2):
                v = -1 - facts[fact, end]
                while not needed[v]:
                    needed[v] = 1
                    if v == 0:
                        break
                    v = own[above[v]]
    count = 0
    place = np.full(16, -1, np.int64)
    for at in range(total):
        if needed[order[at]] or (at == 0 and needed.any()):
            core[count], place[order[at]] = order[at], count
            count += 1
    for fact in range(facts.shape[0]):
        closing[fact] = -1
        if own[fact] == -2:
            closing[fact] = max(place[-1 - facts[fact, 0]], place[-1 - facts[fact, 1]])
    return count


@njit(cache=True)
def solve(starts, relations, others, low, high, facts, held, bounds, skip, cap, budget, marks, touched, work, found):
    """How many answers (at most cap; they are in `found`), -1 where no clue is left, -2 where the budget is spent."""
    clues = facts.shape[0]
    size = (starts.size - 1) // 2
    own, tree, closing = np.empty(clues, np.int64), np.empty(clues, np.int64), np.empty(clues, np.int64)
    above, order, core, values = (
        np.empty(16, np.int64), np.empty(16, np.int64), np.empty(16, np.int64), np.empty(16, np.int64),
    )  # fmt: skip
    total = _spanned(facts, skip, own, tree, above, order)
    stated = False
    for fact in range(clues):
        stated = stated or own[fact] != -1
    if not stated:
        return -1
    if skip >= clues:
        left = np.empty((bounds.shape[0] - 1, 5), np.float64)
        for place in range(bounds.shape[0]):
            if place != skip - clues:
                left[place - (place > skip - clues)] = bounds[place]
        bounds = left
    count = _cycles(facts, own, above, order, total, core, closing)
    listed = np.zeros(16, np.uint8)
    first, last = np.zeros(16, np.int64), np.zeros(16, np.int64)
    stack, ways = np.empty((17, 5), np.int64), np.empty((17, 2), np.int64)
    counters = np.zeros(2, np.int64)  # nodes touched, budget left
    counters[1] = budget
    answers = 0
    for turn in range(2):  # large sets are listed only where the answer is not found without them
        limit = _LAZY if turn == 0 else np.int64(1) << 62
        top = 0
        for at in range(total - 1, -1, -1):
            v = order[at]
            best, cost = -1, limit
            for fact in range(clues):
                if own[fact] != v:
                    continue
                child = tree[fact]
                backwards = 1 if facts[fact, 0] == -1 - v else 0  # from below: against the way down
                if child < 0:
                    constant = facts[fact, 1] if backwards else facts[fact, 0]
                    price = _width(
                        starts, relations, others, size, constant, backwards, held, facts[fact, 2], facts[fact, 3]
                    )
                elif listed[child]:
                    price = 0
                    for place in range(first[child], last[child]):
                        node = work[place] + size * backwards
                        price += starts[node + 1] - starts[node]
                else:
                    continue
                if price < cost:
                    best, cost = fact, price
            if best < 0 and not (v == 0 and turn == 1):
                continue
            if v == 0 and best < 0:  # nothing but variables: every node is tried
                for node in range(size):
                    if counters[1] < 0 or answers == cap:
                        break
                    counters[1] -= 1
                    if _answers(
                        node, -1, core, count, values, starts, relations, others, low, high, facts, held, bounds, own,
                        listed, tree, closing, above, marks, touched, counters, stack, ways,
                    ):  # fmt: skip
                        found[answers] = node
                        answers += 1
                turn = 2
                break
            child = tree[best]
            backwards = 1 if facts[best, 0] == -1 - v else 0
            sources = 1 if child < 0 else last[child] - first[child]
            if work.size < top + min(cost, size):
                wider = np.empty(2 * (top + min(cost, size)), np.int32)
                wider[:top] = work[:top]
                work = wider
            first[v] = top
            for source in range(sources):
                if child >= 0:
                    below = np.int64(work[first[child] + source])
                else:
                    below = np.int64(facts[best, 1] if backwards else facts[best, 0])
                place = below + size * backwards
                for relation in range(facts[best, 2], facts[best, 3]):
                    edge = _first(relations, others, starts[place], starts[place + 1], held[relation], -1)
                    while edge < starts[place + 1] and relations[edge] == held[relation] and answers < cap:
                        node = others[edge]
                        edge += 1
                        counters[1] -= 1
                        mark = marks[node]
                        known = (mark >> np.uint32(v)) & np.uint32(1) or (mark >> np.uint32(16 + v)) & np.uint32(1)
                        if known or counters[1] < 0:
                            continue
                        if v == 0:
                            if answers < cap and _answers(
                                node, best, core, count, values, starts, relations, others, low, high, facts, held, bounds,
                                own, listed, tree, closing, above, marks, touched, counters, stack, ways,
                            ):  # fmt: skip
                                found[answers] = node
                                answers += 1
                        elif _holds(
                            v, node, best, starts, relations, others, low, high, facts, held, bounds, own, listed, tree,
                            marks, touched, counters, stack,
                        ):  # fmt: skip
                            work[top] = node
                            top += 1
                    if answers == cap:
                        break
                if answers == cap or counters[1] < 0:
                    break
            last[v] = top
            listed[v] = 1
            if counters[1] < 0:
                break
        if listed[0] or turn == 2 or counters[1] < 0:
            break
        _cleared(marks, touched, counters)
        listed[:] = 0
    _cleared(marks, touched, counters)
    return answers if counters[1] >= 0 or answers == cap else -2


@njit(cache=True, _nrt=False)
def _cleared(marks, touched, counters):
    for place in range(counters[0]):
        marks[touched[place]] = 0
    counters[0] = 0


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
